"""Which distance foretells regret: rank correlations over random worlds, everything in them exact.

    python -m benchmarks.regret [--mdps 1500] [--seed 0]

A world has 8 states, 3 actions, discount 0.9 and episodes that start in any state. In "dense" worlds T(s, a) is drawn
uniformly from all distributions over the states, in "sparse" ones over two states drawn at random, the others being
impossible. A pair of rewards is R and cos(x) R + sin(x) R', with R and R' of independent normal numbers for each
(s, a, s') and x uniform in [0, pi], so that regrets cover [0, 1] from the same reward to the opposite one; the pairs
with x <= pi / 2, from the same to an unrelated one, are looked at by themselves too. Scaling or shaping the rewards
would change no number.

The regret of R_b under R_a is what its optimal policy loses there, as a share of what can be lost:
(max J_a - J_a(optimal for b)) / (max J_a - min J_a). A pair's is the mean of both directions (Skalse et al. 2024,
section 5). Intervals: 95 %, 2,000 bootstrap samples of the pairs, the same ones for all distances.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import rankdata

from reward_designers.distances import tabular

STATES, ACTIONS, DISCOUNT = 8, 3, 0.9
SUCCESSORS = {"dense": STATES, "sparse": 2}
RESAMPLES = 2000
BINS = (0.1, 0.3, 0.5, 0.7, 0.9)


def draw_worlds(count: int, successors: int, angle: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Transition probabilities and pairs of rewards, each ``(count, STATES, ACTIONS, STATES)``."""
    shape = (count, STATES, ACTIONS, STATES)
    weights = rng.exponential(size=shape)  # normalized: uniform on the simplex
    weights[rng.random(shape).argsort(axis=-1) >= successors] = 0
    first, other = rng.normal(size=(2, *shape))
    second = np.cos(angle)[:, None, None, None] * first + np.sin(angle)[:, None, None, None] * other
    return weights / weights.sum(axis=-1, keepdims=True), first, second


def returns(transition: np.ndarray, reward: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """The state values ``(n, STATES)`` of deterministic policies ``(n, STATES)`` for rewards of (s, a)."""
    world, state = np.ogrid[: len(policy), :STATES]
    step = np.eye(STATES) - DISCOUNT * transition[world, state, policy]
    return np.linalg.solve(step, reward[world, state, policy][..., None])[..., 0]


def best_policy(transition: np.ndarray, reward: np.ndarray) -> np.ndarray:
    """An optimal policy of each world, ``(n, STATES)``, by policy iteration for rewards ``(n, STATES, ACTIONS)``."""
    policy = reward.argmax(axis=-1)
    while True:
        values = returns(transition, reward, policy)
        gains = reward + DISCOUNT * np.einsum("nsat,nt->nsa", transition, values)
        kept = np.take_along_axis(gains, policy[..., None], axis=-1)[..., 0]
        better = gains.max(axis=-1) > kept + 1e-12 * np.abs(kept)
        if not better.any():
            return policy
        policy = np.where(better, gains.argmax(axis=-1), policy)


def normalized_regret(transition: np.ndarray, reward_a: np.ndarray, reward_b: np.ndarray) -> np.ndarray:
    """What is lost under each reward by acting for the other, ``(n,)`` in [0, 1]: the mean of both directions."""
    expected = [np.einsum("nsat,nsat->nsa", transition, reward) for reward in (reward_a, reward_b)]
    best = [best_policy(transition, reward) for reward in expected]
    losses = []
    for own, own_best, other_best in zip(expected, best, best[::-1], strict=True):
        worst = best_policy(transition, -own)
        high, got, low = (returns(transition, own, policy).mean(axis=-1) for policy in (own_best, other_best, worst))
        losses.append((high - got) / (high - low))
    return np.mean(losses, axis=0)


def distances(transition: np.ndarray) -> dict[str, Callable[..., float]]:
    """The functions that are compared, for one world."""
    states, actions = np.full(STATES, 1 / STATES), np.full(ACTIONS, 1 / ACTIONS)
    possible = transition / transition.sum()
    epic = partial(tabular.epic, discount=DISCOUNT, state_dist=states, action_dist=actions)
    dard = partial(tabular.dard, discount=DISCOUNT, transition=transition, action_dist=actions)
    starc = partial(tabular.starc, discount=DISCOUNT, transition=transition)
    return {
        "STARC, value": partial(starc, canonicalization="value"),
        "STARC, minimal": partial(starc, canonicalization="minimal"),
        "STARC, value_potential": partial(starc, canonicalization="value_potential"),
        "STARC, value_potential, possible transitions": partial(
            starc, canonicalization="value_potential", coverage=possible
        ),
        "DARD": dard,
        "DARD, possible transitions": partial(dard, coverage=possible),
        "EPIC": epic,
        "EPIC, possible transitions": partial(epic, coverage=possible),
    }


def correlations(values: np.ndarray, regret: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Spearman's rho with ``regret`` of each row of ``values``: ``(1 + RESAMPLES, rows)``, that of all pairs first."""
    rows = np.vstack([values, regret])
    found = []
    for i in range(1 + RESAMPLES):
        chosen = rng.integers(len(regret), size=len(regret)) if i else slice(None)
        found.append(np.corrcoef(rankdata(rows[:, chosen], axis=1))[-1, :-1])
    return np.array(found)


def cells(rho: np.ndarray, reference: int) -> list[str]:
    """For each distance its correlation and its lead over that of the reference, with intervals, as table cells."""
    lead = rho - rho[:, [reference]]
    (low, high), (least, most) = (np.quantile(x[1:], [0.025, 0.975], axis=0) for x in (rho, lead))
    return [
        f"{rho[0, i]:.3f} [{low[i]:.3f}, {high[i]:.3f}] | "
        + ("" if i == reference else f"{lead[0, i]:+.3f} [{least[i]:+.3f}, {most[i]:+.3f}]")
        for i in range(rho.shape[1])
    ]


def regret_by_distance(values: np.ndarray, regret: np.ndarray) -> list[str]:
    """Median and 80 % range of the regrets at distances within 0.05 of each of `BINS`, as table cells."""
    found = []
    for middle in BINS:
        here = regret[np.abs(values - middle) <= 0.05]
        found.append(
            "{1:.2f} [{0:.2f}, {2:.2f}]".format(*np.quantile(here, [0.1, 0.5, 0.9])) if len(here) else "no pair"
        )
    return found


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mdps", type=int, default=1500, help="random worlds of each kind")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for kind, successors in SUCCESSORS.items():
        rng = np.random.default_rng((args.seed, successors))
        angle = rng.uniform(0, np.pi, args.mdps)
        worlds = draw_worlds(args.mdps, successors, angle, rng)
        regret = normalized_regret(*worlds)
        values: dict[str, list[float]] = {}
        for transition, reward_a, reward_b in zip(*worlds, strict=True):
            for name, distance in distances(transition).items():
                values.setdefault(name, []).append(distance(reward_a, reward_b))
        table, half = np.array(list(values.values())), angle <= np.pi / 2
        reference = list(values).index("EPIC")
        columns = [cells(correlations(table[:, s], regret[s], rng), reference) for s in (angle < np.inf, half)]
        quantiles = ", ".join(f"{q:.2f}" for q in np.quantile(regret, [0.1, 0.5, 0.9]))
        print(f"\n{args.mdps} {kind} worlds; regret at the quantiles .1, .5, .9: {quantiles}\n")
        print(f"| distance | same to opposite | ahead of EPIC | same to unrelated ({half.sum()}) | ahead of EPIC |")
        print("|---|---|---|---|---|")
        for name, *row in zip(values, *columns, strict=True):
            print(f"| {name} | {' | '.join(row)} |")
        print(f"\n| regret at a distance of | {' | '.join(map(str, BINS))} |\n|---|{'---|' * len(BINS)}")
        value = table[list(values).index("STARC, value")]
        for name, row in (("EPIC", table[reference]), ("STARC, value, halved", value / 2)):
            print(f"| {name} | {' | '.join(regret_by_distance(row, regret))} |")


if __name__ == "__main__":
    main()
