"""What it costs that a reward program runs in a process of its own.

    python -m benchmarks.sandbox [--calls 2000] [--starts 10]

The same program is called in this process (``sandbox=none``) and in the sandbox, in turns; the times are
wall-clock microseconds a call, the fastest tenth of the calls (which other processes disturbed least) and the median.
It reads either four named fields of Humanoid or its whole observations (348 numbers)
before and after the step; a call copies what is read into shared memory, wakes the other process, and copies the
components back. "floor" is the first of these, for comparison: copying the inputs within this process. Then: how long
it takes to start a process and load the program (what each candidate of a search pays once), and its memory.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from reward_designers.base import RewardFn, Transition
from reward_designers.checker import random_batch
from reward_designers.code import CodeReward

FIELDS = """
import numpy as np


def reward(next_torso_height, next_torso_pitch, next_forward_velocity, action):
    return {
        "upright": np.exp(-np.square(next_torso_pitch)),
        "height": np.minimum(next_torso_height - 0.7, 0.5),
        "speed": np.tanh(0.5 * next_forward_velocity),
        "effort": -0.001 * np.square(action).sum(-1),
    }
"""
OBSERVATIONS = """
import numpy as np


def reward(obs, next_obs, action):
    return {
        "upright": np.exp(-np.square(next_obs[:, 1])),
        "height": np.minimum(next_obs[:, 0] - 0.7, 0.5),
        "speed": np.tanh(0.5 * (next_obs[:, 22] - obs[:, 22])),
        "effort": -0.001 * np.square(action).sum(-1),
    }
"""
NAMED = {"torso_height": (), "torso_pitch": (), "forward_velocity": ()}


def microseconds(calls: dict[str, Callable[[], object]], count: int) -> dict[str, np.ndarray]:
    """Times of ``count`` calls of each, in turns of twenty."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(max(1, count // 20)):
        for name, call in calls.items():
            for _ in range(20):
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
    return {name: 1e6 * np.array(values) for name, values in times.items()}


def copy_of(t: Transition, names: tuple[str, ...]) -> Callable[[], object]:
    """Copies what a program with these arguments reads into memory that is there already."""
    arrays = [t.action if n == "action" else t.next_state[n[5:]] if n[:5] == "next_" else t.state[n] for n in names]
    room = [array.copy() for array in arrays]
    return lambda: [np.copyto(target, array) for target, array in zip(room, arrays, strict=True)]


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--starts", type=int, default=10)
    args = parser.parse_args()

    first = CodeReward(FIELDS, tuple(NAMED))
    first.start()
    print(first.protection)
    print(f"\n{'µs a call':24} {'rows':>6}  {'floor':>15}  {'in process':>15}  {'sandbox':>15}  {'overhead':>15}")
    for label, source, arrays in (
        ("four named fields", FIELDS, NAMED),
        ("observations, 348 x 2", OBSERVATIONS, {"obs": (348,)}),
    ):
        sandboxed: RewardFn = CodeReward(source, tuple(arrays))
        here: RewardFn = CodeReward(source, tuple(arrays), sandbox="none")
        for rows in (16, 256, 4096):
            t = random_batch({**arrays}, rows, action_shape=(17,), dtypes={"action": np.float32})
            calls: dict[str, Callable[[], object]] = {
                "floor": copy_of(t, CodeReward(source, tuple(arrays)).program.arguments),
                "here": partial(here, t),
                "sandbox": partial(sandboxed, t),
            }
            for call in calls.values():
                call()
            times = microseconds(calls, args.calls if rows < 4096 else args.calls // 4)
            fast, median = ({name: np.quantile(v, q) for name, v in times.items()} for q in (0.1, 0.5))
            cells = [f"{fast[name]:7.0f} {median[name]:7.0f}" for name in calls]
            over = [f"{quantile['sandbox'] - quantile['here']:7.0f}" for quantile in (fast, median)]
            print(f"{label:24} {rows:6}  {'  '.join([*cells, ' '.join(over)])}")

    wall, cpu = [], []
    for _ in range(args.starts):
        reward = CodeReward(FIELDS, tuple(NAMED))
        start = time.perf_counter()
        reward.start()
        wall.append(time.perf_counter() - start)
        pid = reward._worker.pid  # type: ignore[union-attr]
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu.append((int(ticks[11]) + int(ticks[12])) / 100)
        memory = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 / 1024
        reward.close()
    print(f"\nstart and load: {np.median(wall):.2f} s (CPU {np.median(cpu):.2f} s), resident memory {memory:.0f} MiB")


if __name__ == "__main__":
    main()
