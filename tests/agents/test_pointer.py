"""A policy that scores commands by their words: what it may depend on, and what not."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.pointer import NO_COMMAND, CommandScores, PointerPolicy, fits, sizes
from agents.sb3 import VecReplaceReward, make_algorithm
from envs.alfworld.tokens import VOCABULARY, TokenObservation, encode_commands
from tests.agents.household import Household

Obs = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def env() -> TokenObservation:
    return TokenObservation(Household(size=2))


@pytest.fixture(scope="module")
def scores(env: TokenObservation) -> CommandScores:
    torch.manual_seed(0)
    return CommandScores(env.observation_space)


def play(env: TokenObservation, seeds: range, steps: int = 9) -> Obs:
    """A state of each seed's episode, after ever more random steps."""
    states = []
    for seed in seeds:
        obs, _ = env.reset(seed=seed)
        rng = np.random.default_rng(seed)
        for _ in range(min(seed, steps)):
            obs, *_ = env.step(int(rng.integers(env.action_masks().sum())))
        states.append(obs)
    return {key: torch.as_tensor(np.stack([obs[key] for obs in states])) for key in states[0]}


def apart(scores: CommandScores, obs: Obs) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        made = scores(obs)
    return made[:, : scores.rows], made[:, scores.rows :]


def test_every_command_has_a_score_and_nothing_else_has(env: TokenObservation, scores: CommandScores) -> None:
    obs = play(env, range(8))
    made, summary = apart(scores, obs)
    offered = obs["command_tokens"][:, :, 0] != 0
    assert torch.isfinite(made).all()
    assert (made[~offered] == NO_COMMAND).all()
    assert (made[offered].abs() < 100).all()
    assert summary.shape == (8, 2 * scores.width)


def test_a_state_alone_is_scored_as_in_a_batch(env: TokenObservation, scores: CommandScores) -> None:
    obs = play(env, range(6))
    made, summary = apart(scores, obs)
    for number in range(6):
        one, alone = apart(scores, {key: array[number : number + 1] for key, array in obs.items()})
        torch.testing.assert_close(one[0], made[number], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone[0], summary[number], rtol=1e-4, atol=1e-5)


def test_scores_go_with_the_commands_whatever_their_numbers(env: TokenObservation, scores: CommandScores) -> None:
    obs = play(env, range(6))
    order = torch.as_tensor(np.random.default_rng(0).permutation(scores.rows))
    moved = {
        key: array[:, order] if key in ("command_tokens", "times_given", "times_about", "goal_seen") else array
        for key, array in obs.items()
    }
    made, summary = apart(scores, obs)
    again, same = apart(scores, moved)
    torch.testing.assert_close(again, made[:, order], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(same, summary, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "key", ["text_tokens", "goal_tokens", "times_given", "times_about", "goal_seen", "recent_tokens", "recent_ages"]
)
def test_each_part_matters(env: TokenObservation, scores: CommandScores, key: str) -> None:
    obs = play(env, range(5, 9))
    changed = {name: array.clone() for name, array in obs.items()}
    changed[key] = torch.where(changed[key] > 0, changed[key] % 2 + 1, changed[key])
    if key in ("times_given", "times_about", "goal_seen"):
        changed[key] = 1 - obs[key].clamp(max=1)
    assert not torch.allclose(apart(scores, obs)[0], apart(scores, changed)[0])


def test_kinds_of_commands_are_equally_likely_at_first(env: TokenObservation) -> None:
    torch.manual_seed(0)
    model = PointerPolicy(env.observation_space, env.action_space, lambda _: 1e-3)
    obs = play(env, range(3, 4))
    with torch.no_grad():
        chances = model.get_distribution(obs).distribution.probs[0]
    kinds: dict[str, float] = {}
    for tokens, chance in zip(obs["command_tokens"][0], chances.tolist(), strict=True):
        kind = VOCABULARY.words[int(tokens[0])]
        kinds[kind] = kinds.get(kind, 0.0) + chance
    assert kinds.pop("<pad>") == 0
    assert len(kinds) >= 4
    np.testing.assert_allclose(list(kinds.values()), 1 / len(kinds), rtol=0.05)


def test_equal_commands_are_encoded_once_and_different_ones_apart(scores: CommandScores) -> None:
    texts = ("take mug 1 from desk 2", "take mug 2 from desk 1", "look", "take mug 1 from desk 2", "go to desk 1")
    commands = torch.as_tensor(encode_commands(texts, len(texts))).long()
    with torch.no_grad():
        encoded = scores._encode(commands)
        plain = scores.command(scores.words(commands).flatten(1))
    torch.testing.assert_close(encoded, plain)
    assert len({tuple(row) for row in encoded.tolist()}) == 4
    assert scores._encode(commands[:0]).shape == (0, scores.width)


def test_a_state_without_commands_breaks_nothing(env: TokenObservation, scores: CommandScores) -> None:
    made, summary = apart(scores, {key: torch.zeros_like(array) for key, array in play(env, range(2)).items()})
    assert (made == NO_COMMAND).all()
    assert torch.isfinite(summary).all()


def test_it_never_chooses_what_is_no_command_even_without_masks(env: TokenObservation) -> None:
    model = make_algorithm("maskable_ppo", DummyVecEnv([lambda: env]), policy=PointerPolicy, n_steps=8, batch_size=8)
    obs, _ = env.reset(seed=0)
    for _ in range(30):
        action, _ = model.predict(obs, deterministic=False)
        assert env.action_masks()[int(action)]
        obs, *_ = env.step(action)


class Choose(gym.Env):
    """One step: of two mugs and pens that lie about, take what the goal names; the order of commands is random."""

    observation_space = gym.spaces.Text(100)
    action_space: Any = gym.spaces.Discrete(4)

    def _info(self) -> dict[str, Any]:
        return {"admissible_commands": self.commands, "goal": self.goal}

    def action_masks(self) -> np.ndarray:
        return np.ones(4, bool)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        names = self.np_random.permutation(["mug", "pen", "book", "egg", "cup", "vase"])[:4]
        self.commands = tuple(f"take {name} 1 from desk 1" for name in names)
        self.goal = f"put a {self.np_random.choice(names)} in shelf."
        return "You are in the middle of a room.", self._info()

    def step(self, action: Any) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return "You see nothing.", float(self.commands[action].split()[1] in self.goal), True, False, self._info()


def test_it_learns_to_take_what_the_goal_names() -> None:
    venv = VecReplaceReward(DummyVecEnv([lambda: TokenObservation(Choose())] * 8))
    options = {"n_steps": 32, "batch_size": 64, "n_epochs": 4, "learning_rate": 3e-3, "seed": 0}
    model = make_algorithm("maskable_ppo", venv, policy=PointerPolicy, policy_kwargs={"width": 32}, **options)
    assert isinstance(model, MaskablePPO)
    model.learn(256 * 12)
    taken = venv.episodes.drain()["reward"]
    assert taken[:256].mean() < 0.5  # one in four at first
    assert taken[-256:].mean() > 0.9


def test_what_it_is_made_for(env: TokenObservation) -> None:
    assert fits(env.observation_space)
    assert not fits(gym.spaces.Dict({"obs": gym.spaces.Box(0, 1)}))
    with pytest.raises(ValueError, match="TokenObservation"):
        PointerPolicy(gym.spaces.Dict({"obs": gym.spaces.Box(0, 1)}), gym.spaces.Discrete(2), lambda _: 1e-3)
    assert sizes({"net_arch": [16]}) == {"width": 16}
    for wrong in ({"net_arch": [16, 16]}, {"activation_fn": torch.nn.ReLU}):
        with pytest.raises(ValueError, match="net_arch=\\[WIDTH\\]"):
            sizes(wrong)
