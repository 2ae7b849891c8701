"""The distances of all pairs of several rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reward_designers.base import RewardFn, as_reward
from reward_designers.distances.distance import Distance
from reward_designers.errors import unknown_name


@dataclass(frozen=True, eq=False)
class DistanceMatrix:
    """The distances of all pairs of some rewards: ``matrix["env", "mine"]``, in either order.

    Attributes:
        names: Of the rewards.
        distances: By pair of names, in their order.
        half: The same from half of the transitions and draws; if these are far from `distances`, more are needed.
            Empty if there are fewer than four groups (episodes) to take half of.
    """

    names: tuple[str, ...]
    distances: Mapping[tuple[str, str], Distance]
    half: Mapping[tuple[str, str], Distance]

    def __getitem__(self, pair: tuple[str, str]) -> Distance:
        for name in pair:
            if name not in self.names:
                raise KeyError(unknown_name("reward", name, self.names))
        found = self.distances.get(pair) or self.distances.get((pair[1], pair[0]))
        if found is None:
            raise KeyError(f"a distance is that of two rewards, got {pair[0]!r} twice")
        return found


def named_rewards(rewards: Mapping[str, RewardFn] | Sequence[RewardFn]) -> dict[str, RewardFn]:
    """Rewards by name, at least two.

    Raises:
        ValueError: There are fewer, or several in a sequence have the same name.
    """
    if isinstance(rewards, Mapping):
        named = {name: as_reward(reward) for name, reward in rewards.items()}
    else:
        made = [as_reward(reward) for reward in rewards]
        named = {reward.name: reward for reward in made}
        if len(named) < len(made):
            raise ValueError(
                f"several rewards have the same name ({', '.join(reward.name for reward in made)}): give names, "
                "as in {'first': a, 'second': b}"
            )
    if len(named) < 2:
        raise ValueError(f"a comparison needs at least two rewards, got {len(named)}")
    return named
