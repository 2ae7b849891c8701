"""ALFWorld's households as games in words like the others.

game = Household(load_games(split="valid_unseen")[0])
print(game.goal, game.reset().feedback, game.expert())
"""

from __future__ import annotations

import re
from dataclasses import replace

from envs.alfworld.games import Game
from envs.alfworld.simulator import Simulator, State
from envs.text.game import TextState, refuse_if_over

_LOOKS = ("go to ", "look", "inventory", "examine ")
"""Commands that change nothing that the walkthrough needs."""
_ROOM = re.compile(r"^-= .*? =-\s*|\s*Your task is to: .*$", re.M)
"""The banner and the goal, which is told apart."""


class Household:
    """One game.

    Args:
        game: Which; its walkthrough is the expert.

    Attributes:
        name: Of the game.
        goal: As the game says it.

    Raises:
        ValueError: The game cannot be read, see `envs.alfworld.simulator.Simulator`.
    """

    def __init__(self, game: Game):
        self.name, self.goal = game.name, game.goal
        self._game, self._simulator = game, Simulator(game)

    def reset(self) -> TextState:
        """See `envs.text.game.TextGame`."""
        self._plan = list(self._game.walkthrough)
        start = _seen(self._simulator.reset())
        self._state = replace(start, feedback=_ROOM.sub("", start.feedback).strip())
        return self._state

    def step(self, command: str) -> TextState:
        """See `envs.text.game.TextGame`."""
        refuse_if_over(self._state, command)
        if self._plan[:1] == [command]:
            self._plan = self._plan[1:]
        elif command in self._state.admissible and not command.startswith(_LOOKS):
            self._plan = []  # it was made for the room as it was
        self._state = _seen(self._simulator.step(command))
        return self._state

    def expert(self) -> str | None:
        """The next command of the walkthrough; None once something else was changed than it does."""
        possible = [place for place, command in enumerate(self._plan) if command in self._state.admissible]
        if possible and all(command.startswith(_LOOKS) for command in self._plan[: possible[0]]):
            self._plan = self._plan[possible[0] :]  # where one stands already, one cannot go
            return self._plan[0]
        return None

    def copy(self) -> Household:
        """See `envs.text.game.TextGame`."""
        other = Household(self._game)
        other._simulator.state, other._state, other._plan = self._simulator.state, self._state, list(self._plan)
        return other

    def close(self) -> None:
        """See `envs.text.game.TextGame`; nothing is held."""


def _seen(state: State) -> TextState:
    admissible = () if state.won else state.admissible
    return TextState(state.feedback, admissible, state.facts, float(state.conditions), state.won, state.won)
