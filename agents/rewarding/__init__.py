"""From options to rewards: a module for each family of them."""
