"""Language models as agents in worlds of words: `python -m agents.evaluate env=ALFWorld agent=react`."""
