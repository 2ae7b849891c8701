"""The search for reward programs as a command: propose, check, train, reflect, select; `agents.design` runs it."""
