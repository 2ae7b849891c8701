"""Which captions there are: a policy plays, and what is told is counted."""

from __future__ import annotations

from collections import Counter

import numpy as np

from agents.build import make_venv
from agents.callbacks import Display
from agents.config.commands import TrainConfig
from agents.config.language_models import NoModel
from agents.config.rewards import EnvReward
from agents.offline.options import MotifConfig
from agents.offline.policy import Random, Trained
from agents.runs import RunDir
from reward_designers.base import Components, RewardFn, Transition
from reward_designers.memory import EpisodeMemory


class Listener(RewardFn):
    """Pays nothing, and counts captions."""

    name = "listener"
    reads = frozenset({"next_state"})

    def __init__(self, caption: str):
        self.caption, self.counts = caption, Counter[str]()
        self.inputs = frozenset({caption})

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        self.counts.update(t.next_state[self.caption].tolist())
        return {"listener": np.zeros(len(t))}


def collect(config: MotifConfig) -> dict[str, int]:
    """Captions and in how many steps each occurred, the most frequent first.

    Raises:
        ValueError: There is no such array of text, or the run's policy cannot play here.
    """
    listener = Listener(config.caption)
    world = TrainConfig(env=config.env, task=config.task, reward=EnvReward(), llm=NoModel(), device="cpu")
    venv = make_venv(world, config.num_envs, listener)
    display = Display(config.steps, note=lambda: f"{len(listener.counts):,} captions")
    try:
        policy = (
            Random(venv, config.seed) if config.run is None else Trained(venv, RunDir.open(config.run), config.seed)
        )
        venv.seed(config.seed)
        obs, starts = venv.reset(), np.ones(config.num_envs, bool)
        for step in range(config.num_envs, config.steps + config.num_envs, config.num_envs):
            obs, _, starts, _ = venv.step(policy(obs, starts))
            display.show({})
            display.update(min(step, config.steps))
    finally:
        display.close()
        venv.close()
    return dict(listener.counts.most_common())
