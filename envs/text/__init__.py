"""Worlds that are played by commands in words: what a language model can act in, and rewards for text are tried on."""
