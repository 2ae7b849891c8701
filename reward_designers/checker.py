"""The laws that every reward keeps, and `check_reward`, which finds out whether one does.

A reward that breaks one of them trains all the same, on something else than its author meant: one that divides by the
batch's maximum, remembers the last call or writes into the observations gives numbers that look right. So the laws are
checked before a second of training is spent, on rewards that people write, that language models write, and that ship.

    report = check_reward(reward, random_batch({"obs": (4,)}, action_shape=(2,)))
    print(report)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reward_designers.base import RewardFn, Transition, as_reward
from reward_designers.errors import unknown_name
from reward_designers.laws import BASIC, LAWS, Check


@dataclass(frozen=True)
class CheckReport:
    """Which laws were checked.

    Attributes:
        reward: The reward's name.
        passed: Laws that hold on the batch.
        skipped: Laws that were not checked, with the reason.
    """

    reward: str
    passed: list[str]
    skipped: dict[str, str]

    def __str__(self) -> str:
        lines = [f"reward {self.reward!r} keeps {len(self.passed)} laws: {', '.join(self.passed)}"]
        lines += [f"  not checked: {law} ({reason})" for law, reason in self.skipped.items()]
        return "\n".join(lines)


def check_reward(
    reward: RewardFn | Callable[..., Any] | str, batch: Transition, *, skip: Collection[str] = (), rtol: float = 1e-4
) -> CheckReport:
    """Check a reward against all `LAWS` on a batch of transitions.

    Args:
        reward: What `as_reward` takes. It stays as it was; `update` is tried on a copy.
        batch: At least 8 transitions ``(n, ...)``, or a rollout ``(T, num_envs, ...)``, with the state arrays that the
            reward reads (or the sources of its encoders). Real transitions find more than random numbers. Arrays that
            it does not declare are kept from it.
        skip: Names of laws not to check; the `BASIC` ones always are.
        rtol: Tolerance where batches of different sizes are compared, in which matrix products round differently; in
            units of the largest magnitude that the component has in the batch.

    Returns:
        The laws checked, and those skipped with the reason.

    Raises:
        RewardCheckError: The first law found broken, with the component, rows and values.
        ValueError: The batch is too small or lacks what the reward reads, or ``skip`` names no law.
    """
    for law in skip:
        if law not in LAWS or law in BASIC:
            raise ValueError(unknown_name("law to skip", law, [name for name in LAWS if name not in BASIC]))
    reward = as_reward(reward)
    outcome = Check(reward, batch, rtol).run(frozenset(skip))
    skipped = {law: reason for law, reason in outcome.items() if reason is not None}
    return CheckReport(reward.name, [law for law in outcome if law not in skipped], skipped)


def random_batch(
    inputs: Mapping[str, tuple[int, ...]],
    n: int = 16,
    action_shape: tuple[int, ...] = (),
    *,
    dtypes: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Transition:
    """Transitions of random numbers for `check_reward`, where none from an environment are at hand.

    Args:
        inputs: State arrays by name, with their shapes without the batch dimension.
        n: Number of transitions.
        action_shape: Shape of one action.
        dtypes: Of state arrays, and of ``action``; float64 by default. Floats are normally distributed, integers
            uniform in [0, 127], or [0, 255] for uint8.
        seed: Of the random numbers.
    """
    rng = np.random.default_rng(seed)

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        dtype = np.dtype((dtypes or {}).get(name, np.float64))
        if dtype.kind == "f":
            return rng.standard_normal((n, *shape)).astype(dtype)
        return rng.integers(0, {"b": 2, "u": 256}.get(dtype.kind, 128), (n, *shape)).astype(dtype)

    ended = rng.random(n) < 0.3
    terminated = ended & (rng.random(n) < 0.5)
    return Transition(
        state={name: draw(name, shape) for name, shape in inputs.items()},
        action=draw("action", action_shape),
        next_state={name: draw(name, shape) for name, shape in inputs.items()},
        terminated=terminated,
        truncated=ended & ~terminated,
    )
