"""A policy that points: it scores every admissible command against what was read, wanted and done before.

Numbers of commands mean nothing, they change with every step, so nothing is learned per number: each command is encoded
from its words and scored (DRRN, arXiv 1511.04636, with a policy's softmax over the scores in place of Q-values). Words
of the goal are recognised by being the same wherever they occur, so that what was learned with mugs serves for pens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import torch
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from envs.alfworld.tokens import MOST, TokenObservation

NO_COMMAND = -1e8
"""The score of a number that no command has, as sb3-contrib masks."""
WIDTH = 64
COUNTS = 4
"""How often a command was given matters as never, once, twice, more."""


def fits(space: gym.Space) -> bool:
    """Whether `PointerPolicy` is made for observations of this space."""
    return isinstance(space, gym.spaces.Dict) and {"command_tokens", "goal_tokens"} <= set(space.spaces)


def sizes(options: Mapping[str, Any]) -> dict[str, Any]:
    """The policy's own arguments, from those of SB3's policies: ``net_arch=[64]`` is its width.

    Raises:
        ValueError: There are others, or several layers.
    """
    arch = options.get("net_arch", [WIDTH])
    if set(options) - {"net_arch"} or len(arch) != 1:
        raise ValueError(f"a policy that points takes algo.net_arch=[WIDTH] and nothing else, got {dict(options)}")
    return {"width": arch[0]}


class CommandScores(BaseFeaturesExtractor):
    """A score for each command, and a summary of the state for the critic, side by side.

    Commands of one kind (by their first word) share its probability: before anything is learned, kinds are equally
    likely, so that a room with thirty places to go to is not all walking.

    Sized for one thread: texts are bags of words, equal commands of a batch are encoded once, rows that are no commands
    cost nothing.

    Args:
        observation_space: Of `envs.alfworld.tokens.TokenObservation`.
        vector: Length of a word's vector.
        width: Of all layers.
    """

    def __init__(self, observation_space: gym.spaces.Dict, vector: int = 32, width: int = WIDTH):
        rows, words = observation_space["command_tokens"].shape or ()
        (places,) = observation_space["goal_tokens"].shape or ()
        super().__init__(observation_space, rows + 2 * width)
        size = int(observation_space["command_tokens"].high.max()) + 1  # type: ignore[attr-defined]
        self.rows, self.width = rows, width
        self.words = nn.Embedding(size, vector, padding_idx=0)
        self.command = nn.Sequential(nn.Linear(words * vector, width), nn.ReLU(), nn.Linear(width, width))
        self.remembered = nn.Linear(2 * places + 2 * COUNTS, width)
        self.text = nn.Linear(size, width)
        self.goal = nn.Linear(places * vector, width, bias=False)
        self.met = nn.Linear(places, width, bias=False)
        self.done = nn.Linear(places, width)
        self.ages = nn.Embedding(MOST.bit_length() + 1, width)
        self.recent = nn.Linear(width, width, bias=False)
        self.state = nn.Linear(width, 2 * width)
        self.score = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        hashes = torch.tensor([0x9E3779B97F4A7C15 * (2 * place + 1) ** 3 % 2**63 | 1 for place in range(words)])
        self.register_buffer("hashes", hashes, persistent=False)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """``(n, ...)`` by name to ``(n, features_dim)``: scores of all commands, then the summary."""
        commands, goal = observations["command_tokens"].long(), observations["goal_tokens"].long()
        recent = observations["recent_tokens"].long()
        batch, number = commands[:, :, 0].nonzero(as_tuple=True)
        given = commands[batch, number]
        told, which = recent[:, :, 0].nonzero(as_tuple=True)
        done = recent[told, which]
        encoded = self._encode(torch.cat([given, done]))
        state = self._read(observations["text_tokens"].long(), goal)
        state = state + self._recall(encoded[len(given) :], done, goal, told, observations["recent_ages"][told, which])
        read, asked = self.state(state.relu()).chunk(2, 1)

        features = [
            _matches(given, goal[batch]),
            observations["goal_seen"][batch, number].float(),
            _one_of(observations["times_given"][batch, number]),
            _one_of(observations["times_about"][batch, number]),
        ]
        hidden = encoded[: len(given)] + self.remembered(torch.cat(features, 1)) + asked[batch]
        scores = read.new_full((len(goal), self.rows), NO_COMMAND)
        score = self.score(hidden).squeeze(1) - self._same_kind(given[:, 0], batch).log()
        scores = scores.index_put((batch, number), score)
        pooled = read.new_zeros(read.shape).index_add(0, batch, hidden.relu())
        count = torch.bincount(batch, minlength=len(goal)).clamp(min=1).unsqueeze(1)
        return torch.cat([scores, read.relu(), pooled / count], 1)

    def _same_kind(self, kinds: Tensor, batch: Tensor) -> Tensor:
        """How many commands of the same state begin with the same word: ``(m,)`` float."""
        kind = batch * self.words.num_embeddings + kinds
        return torch.bincount(kind)[kind].float()

    def _encode(self, commands: Tensor) -> Tensor:
        """Commands ``(m, words)`` to ``(m, width)``; equal ones once."""
        _, place = torch.unique((commands * self.hashes).sum(1), return_inverse=True)
        unique = commands.new_empty(int(place.max()) + 1 if len(place) else 0, commands.shape[1])
        unique[place] = commands
        return self.command(self.words(unique).flatten(1))[place]

    def _read(self, text: Tensor, goal: Tensor) -> Tensor:
        """What was said ``(n, length)`` and is wanted ``(n, places)`` to ``(n, width)``."""
        bags = torch.zeros(len(text), self.words.num_embeddings, device=text.device).scatter_(1, text, 1.0)
        met = bags.gather(1, goal) * (goal != 0)
        return self.text(bags) + self.met(met) + self.goal(self.words(goal).flatten(1))

    def _recall(self, encoded: Tensor, done: Tensor, goal: Tensor, told: Tensor, ages: Tensor) -> Tensor:
        """The last command of each kind: ``(m, width)`` of all states in one, to ``(n, width)``."""
        age = self.ages(ages.float().log2().long() + 1)
        rows = (encoded + self.done(_matches(done, goal[told])) + age).relu()
        return self.recent(rows.new_zeros(len(goal), self.width).index_add(0, told, rows))


def _matches(commands: Tensor, goals: Tensor) -> Tensor:
    """Which words of the goals ``(m, places)`` are in the commands ``(m, words)``: ``(m, places)`` of 0 and 1."""
    same = (commands.unsqueeze(2) == goals.unsqueeze(1)) & (goals != 0).unsqueeze(1)
    return same.any(1).float()


def _one_of(counts: Tensor) -> Tensor:
    """Counts ``(m,)`` to ``(m, COUNTS)``."""
    return nn.functional.one_hot(counts.long().clamp(max=COUNTS - 1), COUNTS).float()


class _Apart(nn.Module):
    """Takes the scores and the summary apart; stands where SB3 has its hidden layers."""

    def __init__(self, rows: int, width: int):
        super().__init__()
        self.latent_dim_pi, self.latent_dim_vf = rows, width

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        return features[:, : self.latent_dim_pi]

    def forward_critic(self, features: Tensor) -> Tensor:
        return features[:, self.latent_dim_pi :]


class PointerPolicy(MaskableActorCriticPolicy):
    """sb3-contrib's masked policy over the scores of `CommandScores`.

    Args:
        observation_space: Of `envs.alfworld.tokens.TokenObservation`.
        action_space: Discrete, a number for each row of commands.
        lr_schedule: Of the optimizer.
        vector: See `CommandScores`.
        width: See `CommandScores`.
    """

    def __init__(
        self,
        observation_space: gym.spaces.Dict,
        action_space: gym.spaces.Discrete,
        lr_schedule: Schedule,
        vector: int = 32,
        width: int = WIDTH,
        **options: Any,
    ):
        if not fits(observation_space):
            raise ValueError(
                f"PointerPolicy reads the observations of {TokenObservation.__name__}, not {observation_space}"
            )
        sizes = {"vector": vector, "width": width}
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=CommandScores,
            features_extractor_kwargs=sizes,
            **options,
        )

    def _build(self, lr_schedule: Schedule) -> None:
        """Only the critic's head is added; the scores are the policy as they are."""
        scores = self.features_extractor
        assert isinstance(scores, CommandScores)
        self.mlp_extractor: Any = _Apart(scores.rows, 2 * scores.width)
        self.action_net: Any = nn.Identity()
        self.value_net: Any = nn.Sequential(
            nn.Linear(2 * scores.width, scores.width), nn.ReLU(), nn.Linear(scores.width, 1)
        )
        with torch.no_grad():
            scores.score[-1].weight.mul_(0.01)  # at first all commands are as likely
            self.value_net[-1].weight.mul_(0.01)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def extract_features(self, obs: PyTorchObs, features_extractor: Any = None) -> Any:
        """Words stay whole numbers: SB3 would make floats of them."""
        return (features_extractor or self.features_extractor)(obs)
