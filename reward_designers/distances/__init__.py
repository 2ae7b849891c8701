"""How far two rewards are apart: EPIC, DARD, STARC and measures of returns, with intervals.

`tabular` has the exact distances of rewards given as arrays.
"""

from reward_designers.distances.coverage import Coverage
from reward_designers.distances.distance import DegenerateRewardError, Distance, UnsupportedRewardError

__all__ = ["Coverage", "DegenerateRewardError", "Distance", "UnsupportedRewardError"]
