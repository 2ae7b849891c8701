"""Names of the exact distances, and what they are compared with."""

from __future__ import annotations

EXACT = 1e-9
PEARSON = ["epic", "dard"]
STARC = ["value", "value_potential", "minimal"]
LARGEST = dict.fromkeys(PEARSON, 1.0) | dict.fromkeys(STARC, 2.0)
