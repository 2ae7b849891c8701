"""How far two rewards are apart: EPIC, DARD, STARC and measures of returns, with intervals.

`tabular` has the exact distances of rewards given as arrays.
"""

from reward_designers.distances import tabular
from reward_designers.distances.coverage import Coverage, CoverageError, concatenate, mixture
from reward_designers.distances.dard import dard, dard_matrix
from reward_designers.distances.distance import DegenerateRewardError, Distance, UnsupportedRewardError
from reward_designers.distances.epic import epic, epic_from_samples, epic_matrix
from reward_designers.distances.matrix import DistanceMatrix
from reward_designers.distances.rankings import kendall_tau, trajectory_alignment
from reward_designers.distances.returns import episode_returns, erc, spearman, step_rewards, trajectory_pearson
from reward_designers.distances.simulator import Simulator
from reward_designers.distances.starc import starc, starc_matrix

__all__ = [
    "Coverage",
    "CoverageError",
    "DegenerateRewardError",
    "Distance",
    "DistanceMatrix",
    "Simulator",
    "UnsupportedRewardError",
    "concatenate",
    "dard",
    "dard_matrix",
    "epic",
    "epic_from_samples",
    "epic_matrix",
    "episode_returns",
    "erc",
    "kendall_tau",
    "mixture",
    "spearman",
    "starc",
    "starc_matrix",
    "step_rewards",
    "tabular",
    "trajectory_alignment",
    "trajectory_pearson",
]
