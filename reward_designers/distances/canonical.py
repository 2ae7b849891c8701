"""Rewards on samples with everything taken out that potential shaping can add (EPIC's canonicalisation).

Gleave et al. 2021 (arXiv 2006.13900, definition 4.1), with S, S' ~ D_S and A ~ D_A:

    C(R)(s, a, s') = R(s, a, s') + gamma m(s') - m(s) - gamma E[m(S)]        m(x) = E[R(x, A, S')]

The mean runs over N_M joint draws (a_j, s'_j), the same for every x. The last term is one number, to which a
correlation is blind, so the N_M^2 evaluations that it takes are not made. The 2 N_V N_M for m(s) and m(s') remain,
unless the reward's structure saves them:

- Sums and multiples of rewards are canonicalised term by term, for all of this is linear.
- A reward that does not read the state has the same m everywhere, which drops out as well: C(R) = R.
- Where R(x, a, s') = f(x) + g(a, s'), m is f plus a number: C(R) = R + gamma f(s') - f(s). Rewards of the state alone
  are of this kind by declaration. Others (a velocity (x' - x) / dt, shaping) are found by probing; see `is_separable`.
- Else m is a mean over a grid of distinct states by distinct draws, distinct in what the reward reads: a reward of
  state and action with few actions costs N_V times their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from reward_designers.base import RewardFn, State, Transition
from reward_designers.distances.distance import UnsupportedRewardError, round_off
from reward_designers.distances.samples import Samples, distinct
from reward_designers.distances.terms import weighted_terms
from reward_designers.errors import RewardError
from reward_designers.evaluation import call, evaluate_rows

Structure = Literal["auto", "general"]

ROWS = 8192
"""Most transitions in one call of a reward: about what stays in a core's cache."""
PROBES = 2**17
"""Pairs of a state and a draw at which separability is tested."""


@dataclass(frozen=True, eq=False)
class Canonical:
    """A canonicalised reward on N_V transitions, up to a constant.

    Attributes:
        values: ``(N_V,)`` float64.
        shifts: ``(groups, N_V)`` float32, how far each group of draws pulls `values` from what all draws say, summed
            over the group's draws: with the draws of some groups K alone, ``shifts[K].sum(0) / draws in K`` is added
            to `values`. None if nothing depends on the draws.
        round_off: Standard deviations up to this are noise of the arithmetic.
    """

    values: np.ndarray
    shifts: np.ndarray | None
    round_off: float

    @classmethod
    def weighted_sum(cls, terms: Iterable[tuple[float, Canonical]]) -> Canonical:
        """That of a reward with these terms (at least one) and weights: all of it is linear."""
        first, *others = (term.scaled(weight) for weight, term in terms)
        for other in others:
            first = first.plus(other)
        return first

    def scaled(self, scale: float) -> Canonical:
        """That of the reward times a number."""
        if scale == 1:
            return self
        shifts = None if self.shifts is None else np.float32(scale) * self.shifts
        return Canonical(scale * self.values, shifts, abs(scale) * self.round_off)

    def plus(self, other: Canonical) -> Canonical:
        """That of the sum of two rewards."""
        shifts = self.shifts if other.shifts is None else other.shifts
        if self.shifts is not None and other.shifts is not None:
            shifts = self.shifts + other.shifts
        return Canonical(self.values + other.values, shifts, self.round_off + other.round_off)


class Canonicalizer:
    """Canonicalises rewards on the same samples; terms that several of them share are evaluated once.

    Args:
        samples: Transitions and draws.
        discount: gamma, in [0, 1].
        structure: ``auto``, or ``general`` to take the mean over every draw for every state, whatever a reward
            declares or turns out to be: exact, and slow.
        memory_mb: Bound on what one evaluation of a reward works on.
    """

    def __init__(self, samples: Samples, discount: float, structure: Structure = "auto", memory_mb: float = 64.0):
        if not 0 <= discount <= 1:
            raise ValueError(f"discount must be in [0, 1], got {discount}")
        if structure not in ("auto", "general"):
            raise ValueError(f"structure must be 'auto' or 'general', got {structure!r}")
        if not memory_mb > 0:
            raise ValueError(f"memory_mb must be positive, got {memory_mb}")
        self.samples, self.discount, self.structure, self.memory_mb = samples, float(discount), structure, memory_mb
        self._done: dict[int, tuple[RewardFn, Canonical]] = {}  # with the reward, so that its id stays taken

    def __call__(self, reward: RewardFn) -> Canonical:
        """The canonicalised reward.

        Raises:
            UnsupportedRewardError: It is not Markov.
            RewardError: It failed on a combination of states and actions, or reads an array that is not there.
        """
        require_markov(reward, "EPIC")
        if id(reward) not in self._done:
            self._done[id(reward)] = reward, self._canonicalize(reward)
        return self._done[id(reward)][1]

    def _canonicalize(self, reward: RewardFn) -> Canonical:
        terms = weighted_terms(reward)
        if self.structure == "general" or terms[0][1] is reward:
            return self._leaf(reward)
        return Canonical.weighted_sum((weight, self(term)) for weight, term in terms)

    def _leaf(self, reward: RewardFn) -> Canonical:
        samples, reads = self.samples, reward.reads if self.structure == "auto" else RewardFn.reads
        state = samples.state.of(reward, "state" in reads)
        after = samples.after.of(reward, "state" in reads or "next_state" in reads)
        evaluator = Evaluator(reward, self.memory_mb)
        own, magnitude = evaluator.rows(
            state, samples.action, after if "next_state" in reads else {}, samples.transitions
        )
        if "state" not in reads:
            return Canonical(own, None, evaluator.round_off(magnitude))
        n, gamma = samples.transitions, self.discount
        both = {name: np.concatenate([state[name], after[name]]) for name in state}
        action = samples.mean_action if "action" in reads else samples.mean_action[:1]
        drawn = samples.drawn.of(reward, "next_state" in reads)
        grid = Grid(evaluator, both, action, drawn, (2 * n, len(samples.mean_action) if reads - {"state"} else 1))
        means = None if self.structure == "general" else separable_part(grid)
        row, shifts = np.arange(2 * n), None
        if means is None:
            rows, row = distinct(list(both.values()), 2 * n)
            columns, column = distinct([*([action] if "action" in reads else []), *drawn.values()], grid.columns)
            means, pulls = grid.part(rows, columns).means(column, samples.mean_group, samples.groups)
            shifts = np.float32(gamma) * pulls[:, row[n:]]
            shifts -= pulls[:, row[:n]]
        before, later = means[row[:n]], means[row[n:]]
        # Terms, not all that the grid holds: one huge value among thousands adds little noise to their mean.
        noise = evaluator.round_off(max(magnitude, float(np.abs(means).max())))
        return Canonical(own + (gamma * later - before), shifts, noise)


def require_markov(reward: RewardFn, method: str) -> None:
    """Refuse a reward whose value is no function of one transition.

    Raises:
        UnsupportedRewardError: It is not Markov.
    """
    if not reward.markov:
        raise UnsupportedRewardError(
            f"{method} recombines states and actions, but reward {reward.name!r} is not Markov: what it pays depends "
            "on the episode so far. Compare it by the correlation of episode returns instead (`erc`)"
        )


class Evaluator:
    """Evaluates a reward where nothing ends: flags are False; knows how precise its values are."""

    def __init__(self, reward: RewardFn, memory_mb: float):
        self.reward = reward
        self.memory = memory_mb * 2**20
        self._dtype: np.dtype | None = None

    def round_off(self, magnitude: float) -> float:
        """See `distance.round_off`."""
        return round_off(magnitude, self._dtype or np.float64)

    def limit(self, state: State, action: np.ndarray, next_state: State) -> int:
        """How many transitions of such arrays to evaluate at a time; a reward makes a few arrays of its own of each."""
        size = sum(array.nbytes / max(len(array), 1) for array in (action, *state.values(), *next_state.values()))
        return max(1, min(ROWS, int(self.memory / (4 * (size + 64)))))

    def components(self, state: State, action: np.ndarray, next_state: State, n: int) -> np.ndarray:
        """The components of n transitions, ``(components, n)`` float64, in one call."""
        t = Transition(state, action, next_state, *np.zeros((2, n), bool))
        if self._dtype is None:
            kinds = [np.asarray(values).dtype for values in call(self.reward, t[:8]).values()]
            self._dtype = max((kind for kind in kinds if kind.kind == "f"), key=_eps, default=np.dtype(np.float64))
        try:
            return evaluate_rows(self.reward, t)[1]
        except RewardError as error:
            error.add_note("distances combine states, actions and next states that need not occur together")
            raise

    def rows(self, state: State, action: np.ndarray, next_state: State, n: int) -> tuple[np.ndarray, float]:
        """The reward of n transitions, in calls of bounded size, and the largest sum of absolute components."""
        limit, values, magnitude = self.limit(state, action, next_state), np.empty(n), 0.0
        for start in range(0, n, limit):
            part = slice(start, start + limit)
            found = self.components(_take(state, part), action[part], _take(next_state, part), min(limit, n - start))
            values[part] = found.sum(0)
            magnitude = max(magnitude, float(np.abs(found).sum(0).max()))
        return values, magnitude


class Grid:
    """The values R(x_i, a_j, s'_j) of a reward for states by draws.

    Args:
        evaluator: Of the reward.
        states: Named arrays of the x, ``(rows, ...)``.
        action: ``(columns, ...)``, or ``(1, ...)`` if the reward does not read it.
        next_state: Named arrays ``(columns, ...)``; empty if the reward does not read them.
        shape: Number of states and of draws.
    """

    def __init__(
        self, evaluator: Evaluator, states: State, action: np.ndarray, next_state: State, shape: tuple[int, int]
    ):
        self.evaluator, self.states, self.action, self.next_state = evaluator, states, action, next_state
        self.rows, self.columns = shape
        self.limit = evaluator.limit(states, action, next_state)

    def part(self, rows: np.ndarray, columns: np.ndarray) -> Grid:
        """The grid of some of the states and draws, by ascending indices without repetition."""
        states, action, next_state = self.states, self.action, self.next_state
        if len(rows) < self.rows:
            states = _take(states, rows)
        if len(columns) < self.columns:
            next_state = _take(next_state, columns)
            action = action if len(action) == 1 else action[columns]
        return Grid(self.evaluator, states, action, next_state, (len(rows), len(columns)))

    def at(self, i: Any, j: Any, n: int) -> np.ndarray:
        """The components of n cells, ``(components, n)``; i and j are index arrays, slices, or one number for all."""
        return self.evaluator.components(
            {name: _pick(array, i, n) for name, array in self.states.items()},
            _pick(self.action, 0 if len(self.action) == 1 else j, n),
            {name: _pick(array, j, n) for name, array in self.next_state.items()},
            n,
        )

    def along(self, i: Any, j: Any, n: int) -> np.ndarray:
        """Values and sums of absolute components of n cells, ``(2, n)``; i and j are index arrays or numbers."""
        found = np.empty((2, n))
        for start in range(0, n, self.limit):
            stop = min(start + self.limit, n)
            a, b = (index if isinstance(index, int) else index[start:stop] for index in (i, j))
            components = self.at(a, b, stop - start)
            found[:, start:stop] = components.sum(0), np.abs(components).sum(0)
        return found

    def blocks(self, width: int) -> Iterator[tuple[slice, np.ndarray]]:
        """All values, as ``(k, columns)`` for k states at a time.

        With many draws a call takes one state, repeated without a copy, and the draws' own arrays. With few, it takes
        several states and the draws once for each. ``width`` is how many numbers the caller makes of a state.
        """
        height = max(1, self.limit // self.columns)
        if height < 8:  # the copies for several states would cost more than the calls that they save
            tall = max(1, 2**18 // width)  # kept until there are enough to reduce at once
            for top in range(0, self.rows, tall):
                values = np.empty((min(tall, self.rows - top), self.columns))
                for row in range(len(values)):
                    for start in range(0, self.columns, self.limit):
                        stop = min(start + self.limit, self.columns)
                        values[row, start:stop] = self.at(top + row, slice(start, stop), stop - start).sum(0)
                yield slice(top, top + len(values)), values
            return
        tiled = np.tile(np.arange(self.columns), height)
        action = self.action if len(self.action) == 1 else self.action[tiled]
        wide = Grid(self.evaluator, self.states, action, _take(self.next_state, tiled), (self.rows, len(tiled)))
        for top in range(0, self.rows, height):
            k = min(height, self.rows - top)
            i = np.repeat(np.arange(top, top + k), self.columns)
            yield slice(top, top + k), wide.at(i, slice(0, len(i)), len(i)).sum(0).reshape(k, self.columns)

    def means(self, column: np.ndarray, group: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
        """The mean of each row over draws, and what each group of draws says against it.

        Args:
            column: ``(N_M,)``, the column of each draw.
            group: ``(N_M,)``, the group of each draw; where they ascend, distinct draws need no reordering.
            groups: Number of groups; some may be empty.

        Returns:
            ``(rows,)`` float64, the means, and ``(groups, rows)`` float32, the sum over the group of the differences
            from the mean.
        """
        # One cell for each column that occurs in a group, with how often it does: draws that are all distinct need
        # no reordering, and few distinct ones make few cells.
        cells, counts = np.unique(group * self.columns + column, return_counts=True)
        order = cells % self.columns
        plain = len(cells) == len(column) == self.columns and bool((order == np.arange(self.columns)).all())
        filled, starts = np.unique(cells // self.columns, return_index=True)
        sizes = np.bincount(group, minlength=groups)
        means, pulls = np.empty(self.rows), np.zeros((groups, self.rows), np.float32)
        for rows, values in self.blocks(max(self.columns, len(cells))):
            weighted = values if plain else values[:, order] * counts
            by_group = np.add.reduceat(weighted, starts, axis=1)
            means[rows] = by_group.sum(1) / len(column)
            pulls[filled, rows] = (by_group - sizes[filled] * means[rows, None]).T
        return means, pulls


def separable_part(grid: Grid) -> np.ndarray | None:
    """F at every state of the grid, if R(x, c) = f(x) + g(c) as far as probing can tell; else None.

    With one cell (x0, c0) as origin, R(x, c) = R(x, c0) + R(x0, c) - R(x0, c0) has to hold to round-off at every cell
    probed: `PROBES` of them, at random, but so that all states and all draws take part alike. A grid of no more cells
    than that is not probed, for its mean is as cheap.

    What may be missed: a reward that breaks the equation in a share p of all cells passes with probability
    (1 - p)^PROBES, which is .2 % for p = 5e-5. If it does pass, its mean over draws is wrong by at most p times the
    size of the break on average over states, so that a reward clipped in one cell of 100,000 is off by 1e-5 of what
    is cut off. Breaks below round-off are no larger than what arithmetic leaves. `structure="general"` is exact.
    """
    if grid.columns == 1:
        return grid.along(np.arange(grid.rows), 0, grid.rows)[0]
    if grid.rows * grid.columns <= PROBES:
        return None
    rng = np.random.default_rng(0)
    i, j = (np.resize(rng.permutation(size), PROBES) for size in (grid.rows, grid.columns))
    j = rng.permutation(j)
    few = slice(0, 256)  # enough to see that most rewards are not
    if not _adds_up(grid, i[few], j[few], grid.along(i[few], 0, 256), grid.along(0, j[few], 256)):
        return None
    f, g = grid.along(np.arange(grid.rows), 0, grid.rows), grid.along(0, np.arange(grid.columns), grid.columns)
    return f[0] if _adds_up(grid, i, j, f[:, i], g[:, j]) else None


def _adds_up(grid: Grid, i: np.ndarray, j: np.ndarray, f: np.ndarray, g: np.ndarray) -> bool:
    """Whether cells are the sum of their margins, to the round-off of what is added there or typically is."""
    cells, origin = grid.along(i, j, len(i)), grid.along(0, 0, 1)
    sizes = np.maximum(cells[1] + f[1] + g[1] + origin[1], np.median(cells[1]))
    return bool((np.abs(cells[0] - f[0] - g[0] + origin[0]) <= grid.evaluator.round_off(1.0) * sizes).all())


def _take(arrays: State, rows: Any) -> dict[str, np.ndarray]:
    return {name: array[rows] for name, array in arrays.items()}


def _pick(array: np.ndarray, index: Any, n: int) -> np.ndarray:
    return np.broadcast_to(array[index], (n, *array.shape[1:])) if isinstance(index, int) else array[index]


def _eps(dtype: np.dtype) -> float:
    return float(np.finfo(dtype).eps)
