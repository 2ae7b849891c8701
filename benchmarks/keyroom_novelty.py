"""What does novelty pay for in KeyRoom: on the way without a key, with it, and once the door is open?

python -m benchmarks.keyroom_novelty                    a minute of a core

A random player plays; each reward learns from its rollouts as in training. A bonus that pays less with the key than
without it leads away from the key, however large it is.
"""

from __future__ import annotations

import argparse

import numpy as np

import envs
from reward_designers import RewardFn, Transition
from reward_designers.base import Components
from reward_designers.memory import EpisodeMemory
from reward_designers.novelty import RND, CountNovelty

ENVS, STEPS = 16, 128
"""Of a rollout, as in training."""
PLACE = ("x", "y", "has_key", "doors_opened")
REWARDS = {
    "`reward=count`": lambda seed: CountNovelty(["caption"], seed=seed),
    f"`reward=count reward.of=[{','.join(PLACE)}]`": lambda seed: CountNovelty(PLACE, seed=seed),
    "`reward=rnd`": lambda seed: RND(["glyphs_crop"], seed=seed),
    f"`reward=rnd reward.of=[{','.join(PLACE)}]`": lambda seed: RND(PLACE, seed=seed),
}
STAGES = ("before the key", "with the key", "door opened")


class Witness(RewardFn):
    """Keeps the transitions that it is shown."""

    inputs = frozenset({"caption", "glyphs_crop", *PLACE})
    reads = frozenset({"next_state"})

    def __init__(self) -> None:
        self.seen: list[Transition] = []

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        self.seen.append(t.map(np.copy))
        return {"witness": np.zeros(len(t))}

    def rollout(self) -> Transition:
        """What was seen since the last call, ``(T, num_envs)``."""
        seen, self.seen = self.seen, []
        state = {name: np.stack([t.next_state[name] for t in seen]) for name in self.inputs}
        ends = (np.stack([getattr(t, name) for t in seen]) for name in ("terminated", "truncated"))
        return Transition({}, np.stack([t.action for t in seen]), state, *ends)


def main() -> None:
    """Play, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="MiniHack-KeyRoom-S5")
    parser.add_argument("--rollouts", type=int, default=30, help=f"of {ENVS} x {STEPS} steps; the second half counts")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    paid = [stages(arguments.env, arguments.rollouts, seed) for seed in range(arguments.seeds)]
    print(f"| bonus of a step, over that before the key | {' | '.join(STAGES[1:])} |\n|---|---|---|")
    for name in REWARDS:
        ratios = ([row[name][stage] / row[name][0] for row in paid] for stage in (1, 2))
        told = (f"{np.mean(row):.1f} ({min(row):.1f} to {max(row):.1f})" for row in ratios)
        print(f"| {name} | {' | '.join(told)} |")


def stages(env: str, rollouts: int, seed: int) -> dict[str, np.ndarray]:
    """For each of `REWARDS` the mean bonus of a step in each of `STAGES`, ``(3,)``."""
    witness, rng = Witness(), np.random.default_rng(seed)
    rewards = {name: make(seed) for name, make in REWARDS.items()}
    venv = envs.vector.ReplaceReward(envs.make_vec(env, ENVS), witness)
    venv.reset(seed=seed)
    bonus, stage = {name: [] for name in rewards}, []
    for number in range(rollouts):
        for _ in range(STEPS):
            venv.step(rng.integers(0, venv.single_action_space.n, ENVS))
        rollout = witness.rollout()
        state = rollout.next_state
        if number >= rollouts // 2:
            stage.append(np.where(state["doors_opened"] > 0, 2, np.where(state["has_key"] > 0, 1, 0)))
        for name, reward in rewards.items():
            if number >= rollouts // 2:
                bonus[name].append(sum(reward.relabel(rollout).values()))
            reward.update(rollout)
    venv.close()
    at = np.concatenate(stage)
    paid = {name: np.concatenate(rows) for name, rows in bonus.items()}
    return {name: np.array([rows[at == n].mean() for n in range(len(STAGES))]) for name, rows in paid.items()}


if __name__ == "__main__":
    main()
