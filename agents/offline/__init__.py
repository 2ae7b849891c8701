"""Preferences between captions, asked for once and before anything is trained: the parts of `agents.motif`."""
