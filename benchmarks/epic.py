"""EPIC on samples: CPU time and memory beside a direct evaluation of every term; how often its intervals hold.

    python -m benchmarks.epic                       # N_V = N_M = 4096; two minutes
    python -m benchmarks.epic --n 32768             # half an hour
    python -m benchmarks.epic --only coverage       # or speed, matrix, vlm

The direct way is that of the reference implementation, written here from its description: distinct states, each
repeated for all draws in batches of 256 MB by its own reckoning, (N_M + 2 N_V) N_M + N_V terms for each reward. It
ends with canonicalised rewards; ours with the distances of all pairs, with intervals, from all and from half of the
samples. Each run is a process of its own with one thread. Memory is the peak of the process, and how much of that came
after libraries and samples were loaded. Above 8192 the direct way does an eighth of the states; its time is multiplied.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from reward_designers.base import Components, RewardFn, Transition, reward_fn
from reward_designers.distances import epic, epic_from_samples, epic_matrix, tabular
from reward_designers.distances.samples import draw
from reward_designers.evaluation import evaluate, total

DISCOUNT = 0.99


@reward_fn
def upright(next_obs: np.ndarray) -> Components:
    """Of the next state."""
    return {"height": np.minimum(next_obs[:, 0] - 0.7, 0.5), "pitch": np.exp(-np.square(next_obs[:, 1]))}


@reward_fn
def velocity(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray) -> Components:
    """Separable, though it reads everything: Hopper's own reward from positions."""
    return {"forward": (next_obs[:, 0] - obs[:, 0]) / 0.008, "effort": -1e-3 * np.square(action).sum(-1)}


@reward_fn
def power(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray) -> Components:
    """Neither: products of state, action and next state."""
    work = np.abs(action[:, 0] * obs[:, 5])
    return {"toward": np.tanh(obs[:, 1] * next_obs[:, 5]), "work": -0.1 * work}


REWARDS: dict[str, RewardFn] = {"of s'": upright, "separable": velocity, "general": power}


def data(n: int) -> dict[str, Any]:
    """Transitions and pools in Hopper's shapes; unrelated states, so that none occurs twice."""
    rng = np.random.default_rng(0)
    s, s2, s3 = rng.normal(size=(3, n, 11))
    a, a2 = rng.uniform(-1, 1, (2, n, 3))
    t = Transition({"obs": s}, a, {"obs": s2}, *np.zeros((2, n), bool))
    return {"transitions": t, "states": {"obs": s3}, "actions": a2, "n_transitions": n, "n_mean_samples": n}


def ten() -> dict[str, RewardFn]:
    """Ten rewards as they are compared in practice: terms, weights, shaping, two that are not separable."""
    products = 0.5 * power + velocity
    return {
        "upright": upright,
        "velocity": velocity,
        "both": upright + 0.1 * velocity,
        "slow": upright - 0.1 * velocity,
        "shaped": velocity + upright.potential(DISCOUNT),
        "negated": -1.0 * velocity,
        "clipped": velocity.clip(-100, 100),
        "power": power,
        "products": products,
        "all": products + upright,
    }


def direct(rewards: dict[str, RewardFn], n: int, share: float) -> None:
    """Every term of every reward; of means, for the first ``share`` of states."""
    pools = data(n)
    t, samples = pools["transitions"], draw(**pools, seed=0)
    a, s2 = samples.mean_action, samples.drawn.of(upright)["obs"]
    states = np.concatenate([s2, t.state["obs"], t.next_state["obs"]])
    unique, inverse = np.unique(states, axis=0, return_inverse=True)
    at_once = max(1, 2**28 // (a.nbytes + states.nbytes))
    for reward in rewards.values():
        own = total(evaluate(reward, t))
        means = np.zeros(len(unique))
        actions, successors = np.tile(a, (at_once, 1)), np.tile(s2, (at_once, 1))
        for start in range(0, int(share * len(unique)), at_once):
            x = np.repeat(unique[start : start + at_once], n, axis=0)
            k = len(x)
            batch = Transition({"obs": x}, actions[:k], {"obs": successors[:k]}, *np.zeros((2, k), bool))
            means[start : start + at_once] = total(evaluate(reward, batch)).reshape(-1, n).mean(1)
        drawn, before, after = np.split(means[inverse], [n, 2 * n])
        canonical = own + DISCOUNT * after - before - DISCOUNT * drawn.mean()
        assert np.isfinite(canonical).all()


def worker(side: str, which: str, n: int) -> None:
    """One run; prints CPU seconds, peak MB and what of it came after the start as JSON."""
    import scipy.special  # noqa: F401  loaded before the memory is measured

    rewards = ten() if which == "ten" else REWARDS if which == "all" else {which: REWARDS[which]}
    pools = data(n)
    share = 1.0 if n <= 8192 else 0.125
    before = peak()
    start = time.process_time()
    if side == "direct":
        direct(rewards, n, share)
    else:
        epic_matrix({"target": reward_fn(lambda next_obs: next_obs[:, 2]), **rewards}, **pools, discount=DISCOUNT)
    seconds = (time.process_time() - start) / (share if side == "direct" else 1.0)
    print(json.dumps([seconds, peak(), peak() - before]))


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(side: str, which: str, n: int) -> tuple[float, str]:
    """`worker` in a process of its own: seconds, and MB in words."""
    command = [sys.executable, "-m", "benchmarks.epic", "--work", side, which, "--n", str(n)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, whole, added = json.loads(done.stdout)
    return seconds, f"{whole:.0f} (+{added:.0f})"


def speed(n: int) -> None:
    """Three rewards, one at a time and together."""
    print(f"\nN_V = N_M = {n}; CPU seconds; MB of the process (and what of it came after the start)\n")
    print("| reward | direct | ours | times faster | direct MB | ours MB |\n|---|---|---|---|---|---|")
    for which in (*REWARDS, "all"):
        (slow, much), (fast, little) = (measured(side, which, n) for side in ("direct", "ours"))
        name = "the three together" if which == "all" else which
        print(f"| {name} | {slow:.2f} | {fast:.2f} | {slow / fast:.1f} | {much} | {little} |", flush=True)


def matrix(n: int) -> None:
    """All pairs of ten rewards."""
    seconds, memory = measured("ours", "ten", n)
    print(f"\n10 x 10 rewards, N_V = N_M = {n}: {seconds:.2f} CPU seconds, {memory} MB")


def vlm(n: int) -> None:
    """A VLM reward on frames, beside the environment's own reward."""
    import gymnasium as gym

    from envs.rendering import frame_of
    from reward_designers.vlm import VLMReward

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reward = VLMReward("a one-legged robot standing")
    (encoder,) = reward.encoders.values()
    assert encoder.frame_size is not None
    height, width = encoder.frame_size
    env = gym.make("Hopper-v5")
    obs, _ = env.reset(seed=0)
    env.action_space.seed(0)
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    start = time.process_time()
    for _ in range(n):
        action = env.action_space.sample()
        after, _, terminated, truncated, _ = env.step(action)
        rows.append((obs, action, after, frame_of(env, height=height, width=width).copy()))
        obs = env.reset()[0] if terminated or truncated else after
    rendering = time.process_time() - start
    s, a, s2, frames = (np.stack(column) for column in zip(*rows, strict=True))
    t = Transition({"obs": s}, a, {"obs": s2, "frame": frames}, *np.zeros((2, n), bool))
    before, start = peak(), time.process_time()
    matrix = epic_matrix({"vlm": reward, "velocity": velocity, "upright": upright}, transitions=t, discount=DISCOUNT)
    print(
        f"\n{n} frames, tiny CLIP beside two others: {time.process_time() - start:.2f} CPU seconds and "
        f"{peak() - before:.0f} MB beyond the frames, encoding included; rendering them took {rendering:.2f} s"
    )
    for pair, distance in matrix.distances.items():
        print(f"  {' - '.join(pair)}: {distance.value:.3f} [{distance.low:.3f}, {distance.high:.3f}]")


def coverage(runs: int) -> None:
    """How often 95 % intervals hold the exact distance of tables, over 400 runs each."""
    print(f"\nOf {runs} runs with 95 % intervals, how many hold the exact distance (chance leaves 93 to 97 %)\n")
    print("| rewards read | exact | N_V = N_M = 64 | 256 | 1024 |\n|---|---|---|---|---|")
    everything = ("state", "action", "next_state")
    for reads in (everything, ("state", "action"), ("state", "next_state"), ("next_state",)):
        for weight in (0.1, 1.0, -2.0):
            a, b, ds, da = tables(reads, weight)
            exact = tabular.epic(a, b, discount=0.9, state_dist=ds, action_dist=da)
            held = [share_held(a, b, ds, da, reads, exact, n, runs) for n in (64, 256, 1024)]
            print(f"| {', '.join(reads)} | {exact:.3f} | " + " | ".join(f"{h:.1%}" for h in held) + " |", flush=True)


def tables(reads: tuple[str, ...], weight: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two rewards ``(6, 3, 6)`` that depend on ``reads`` alone, and distributions of states and of actions."""
    rng = np.random.default_rng(3)
    shape = tuple(
        size if name in reads else 1 for name, size in zip(("state", "action", "next_state"), (6, 3, 6), strict=True)
    )
    a, noise = (np.broadcast_to(rng.normal(size=shape), (6, 3, 6)) for _ in range(2))
    return a, a + weight * noise, rng.dirichlet(np.full(6, 5.0)), rng.dirichlet(np.full(3, 5.0))


def share_held(
    a: np.ndarray,
    b: np.ndarray,
    ds: np.ndarray,
    da: np.ndarray,
    reads: tuple[str, ...],
    exact: float,
    n: int,
    runs: int,
) -> float:
    """The share of runs whose interval holds ``exact``."""

    def lookup(table: np.ndarray) -> RewardFn:
        def of_all(s: np.ndarray, action: np.ndarray, next_s: np.ndarray) -> np.ndarray:
            return table[s, action, next_s]

        def of_action(s: np.ndarray, action: np.ndarray) -> np.ndarray:
            return table[s, action, 0]

        def of_states(s: np.ndarray, next_s: np.ndarray) -> np.ndarray:
            return table[s, 0, next_s]

        def of_next(next_s: np.ndarray) -> np.ndarray:
            return table[0, 0, next_s]

        functions: dict[tuple[str, ...], Callable] = {
            ("state", "action", "next_state"): of_all,
            ("state", "action"): of_action,
            ("state", "next_state"): of_states,
            ("next_state",): of_next,
        }
        return reward_fn(functions[reads])

    fn_a, fn_b, rng, held = lookup(a), lookup(b), np.random.default_rng(4), 0
    for _ in range(runs):
        s, s2, s3 = rng.choice(len(ds), (3, n), p=ds)
        action, action2 = rng.choice(len(da), (2, n), p=da)
        t = Transition({"s": s}, action, {"s": s2}, *np.zeros((2, n), bool))
        found = epic_from_samples(fn_a, fn_b, t, (action2, {"s": s3}), 0.9)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= exact <= found.high
    return held / runs


@reward_fn
def drifts(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
    """One of two unlike rewards on `episodes_of`."""
    return np.tanh(next_obs[:, 0]) + 0.3 * obs[:, 0] * next_obs[:, 1]


@reward_fn
def circles(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray) -> np.ndarray:
    """The other."""
    return next_obs[:, 0] * obs[:, 1] + 0.5 * next_obs[:, 1] + 0.2 * action[:, 0]


def episodes_of(rng: np.random.Generator, n: int, steps: int) -> tuple[Transition, np.ndarray]:
    """Transitions of n episodes, each of which stays around a place of its own; and their ids."""
    x = rng.normal(size=(n, 1, 2)) + 0.5 * rng.normal(size=(n, steps + 1, 2))
    s, s2 = (part.reshape(n * steps, 2) for part in (x[:, :-1], x[:, 1:]))
    action = rng.normal(size=(n * steps, 1))
    return Transition({"obs": s}, action, {"obs": s2}, *np.zeros((2, n * steps), bool)), np.arange(n).repeat(steps)


def clusters(runs: int) -> None:
    """The same where transitions come in episodes, with and without telling."""
    options: dict[str, Any] = {"discount": 0.9, "n_transitions": 400, "n_mean_samples": 400}
    rng = np.random.default_rng(0)
    many, _ = episodes_of(rng, 10_000, 1)
    truth = epic(drifts, circles, transitions=many, discount=0.9, n_transitions=10_000, n_mean_samples=10_000).value
    assert truth is not None
    print(
        f"\nOf {runs} runs on 400 transitions of episodes, how many intervals hold {truth:.3f}, the value of 10,000\n"
    )
    print("| episodes | `episodes` given | not given |\n|---|---|---|")
    for n in (8, 20, 50):
        held = {True: 0, False: 0}
        for seed in range(runs):
            t, ids = episodes_of(rng, n, 400 // n)
            for told in held:
                found = epic(drifts, circles, transitions=t, episodes=ids if told else None, seed=seed, **options)
                assert found.low is not None
                assert found.high is not None
                held[told] += found.low <= truth <= found.high
        print(f"| {n} | {held[True] / runs:.0%} | {held[False] / runs:.0%} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=4096, help="N_V and N_M")
    parser.add_argument("--runs", type=int, default=400, help="of each row of the table of intervals")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--only", choices=("speed", "matrix", "vlm", "coverage"))
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        worker(*args.work, args.n)
        return
    parts: dict[str, Callable[[], object]] = {
        "speed": lambda: speed(args.n),
        "matrix": lambda: matrix(args.n),
        "vlm": lambda: vlm(args.frames),
        "coverage": lambda: (coverage(args.runs), clusters(args.runs)),
    }
    for name, part in parts.items():
        if args.only in (None, name):
            part()


if __name__ == "__main__":
    main()
