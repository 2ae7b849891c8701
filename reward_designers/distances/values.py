"""Value functions fitted to transitions: linear in features of the state, with the least squared errors in time.

    V(s) = w . phi(s)    with the smallest    E[(R + gamma V(s') - V(s))^2]

That is Bellman residual minimization (Schweitzer and Seidmann 1985, Baird 1995). Temporal differences (LSTD) would give
the value of the policy that made the transitions, if these were many and drawn from where it ends up; on a few thousand
steps of CartPole its system is nearly singular, and what it gives is anything. A least-squares problem has a solution
for any transitions, linear in R, and finds a potential that is linear in the features exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reward_designers.base import State
from reward_designers.errors import unknown_name

FOURIER = 128
"""Random Fourier features, beside linear and quadratic ones."""
MOST = 256
"""Features in all, and one in 16 transitions at most."""
NUMBERS = 128
"""Numbers of a state that V is a function of, unless its arrays are chosen."""
RIDGE = 1e-7
"""Ridge on the weights of whitened features: enough for those that do not change along the transitions."""


class StateFeatures:
    """Features phi(s): 1, the state's numbers, their products (or squares), cosines of random projections; whitened.

    Args:
        state: Named arrays ``(n, ...)`` that say what states there are: features are scaled to them.
        names: Which of the arrays to use; by default all arrays of numbers, smallest first, up to `NUMBERS` in all.
        seed: Of the random projections.

    Raises:
        ValueError: An array is missing, or has more numbers than features can be made of.
    """

    def __init__(self, state: State, names: Sequence[str] | None, seed: int):
        self.names = _small(state) if names is None else tuple(names)
        x = self._numbers(state)
        spread = x.std(0)
        self._kept = spread > 1e-9 * (1 + np.abs(x).max(0))
        self._mean, self._scale = x.mean(0)[self._kept], spread[self._kept]
        d = len(self._mean)
        if d > MOST:
            raise ValueError(
                f"{', '.join(self.names)} have {d} numbers, of which no value function can be fitted (at most {MOST}): "
                "choose other arrays with features="
            )
        rng = np.random.default_rng(seed)
        self._projection = rng.normal(size=(d, FOURIER)) / np.sqrt(max(d, 1))
        self._phase = rng.uniform(0, 2 * np.pi, FOURIER)
        self._most = min(MOST, max(1, len(x) // 16))
        raw = self._raw(x)
        self._center = raw.mean(0)
        _, sizes, directions = np.linalg.svd(raw - self._center, full_matrices=False)
        independent = sizes > 1e-6 * sizes.max(initial=0)
        self._whiten = directions[independent].T / sizes[independent] * np.sqrt(len(x))

    def __call__(self, state: State) -> np.ndarray:
        """Features ``(n, features)`` of other states; the first is 1."""
        made = (self._raw(self._numbers(state)) - self._center) @ self._whiten
        return np.concatenate([np.ones((len(made), 1)), made], axis=1)

    def _numbers(self, state: State) -> np.ndarray:
        columns = []
        for name in self.names:
            if name not in state:
                missing = unknown_name("state array", name, state)
                raise ValueError(f"a value function is to be fitted to {', '.join(self.names)} (features=): {missing}")
            array = np.asarray(state[name])
            if array.dtype.kind not in "biuf":
                raise ValueError(f"a value function cannot be fitted to {name}, which holds {array.dtype}")
            columns.append(array.reshape(len(array), -1).astype(np.float64))
        return np.concatenate(columns, axis=1)

    def _raw(self, x: np.ndarray) -> np.ndarray:
        z = np.clip((x[:, self._kept] - self._mean) / self._scale, -10, 10)
        waves = np.cos(z @ self._projection + self._phase)
        i, j = np.triu_indices(z.shape[1])
        if z.shape[1] + FOURIER + len(i) > self._most:
            i = j = np.arange(z.shape[1])
        return np.concatenate([z, z[:, i] * z[:, j], waves], axis=1)[:, : self._most]


def _small(state: State) -> tuple[str, ...]:
    arrays = {name: np.asarray(array) for name, array in state.items()}
    sizes = {name: array[:1].size for name, array in arrays.items() if array.dtype.kind in "biuf"}
    chosen: list[str] = []
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        if sum(sizes[other] for other in chosen) + sizes[name] <= NUMBERS:
            chosen.append(name)
    if not chosen:
        raise ValueError(
            f"a value function needs a state of at most {NUMBERS} numbers, but there are only "
            f"{', '.join(state) or 'none'}; record the observation or the simulator's state with the transitions, or "
            "choose arrays with features="
        )
    return tuple(chosen)


class Values:
    """Value functions of several rewards; transitions can be left out again at little cost.

    Args:
        before: ``(n, features)`` of s; the first feature is 1.
        after: ``(n, features)`` of s', zeros where s' is terminal.
        rewards: ``(n, rewards)``.
        discount: gamma, less than 1.
    """

    def __init__(self, before: np.ndarray, after: np.ndarray, rewards: np.ndarray, discount: float):
        self.change, self.rewards = before - discount * after, rewards
        self._gram, self._target = self._equations(np.ones(len(before), bool))

    def weights(self, without: np.ndarray | None = None) -> np.ndarray:
        """``(features, rewards)``, fitted without the transitions in the mask ``without`` ``(n,)``."""
        n, gram, target = len(self.change), self._gram, self._target
        if without is not None:
            n -= int(np.count_nonzero(without))
            less = self._equations(without)
            gram, target = gram - less[0], target - less[1]
        ridge = RIDGE * (np.arange(len(gram)) > 0)  # none on the first, so that constant rewards have exact values
        return np.linalg.solve(gram / n + np.diag(ridge), target / n)

    def errors(self, weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """R + gamma V(s') - V(s) of the transitions in a mask, ``(rows, rewards)``."""
        return self.rewards[rows] - self.change[rows] @ weights

    def _equations(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        change = self.change[rows]
        return change.T @ change, change.T @ self.rewards[rows]
