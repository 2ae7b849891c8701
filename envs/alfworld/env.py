"""ALFWorld as a Gymnasium environment: an action is the number of one of the commands that do something now."""

from __future__ import annotations

import string
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from envs.alfworld.games import Game, load_games
from envs.alfworld.picture import draw
from envs.alfworld.simulator import Simulator, State
from envs.nethack.terminal import SHAPE
from reward_designers.errors import unknown_name

LONGEST = 4096
"""Characters in an observation; ALFWorld's own have up to 900."""


class ALFWorldEnv(gym.Env):
    """Household games in text.

    An observation is what the game says: the room and the goal at first, then what the last command did. An action is
    the place of a command among the admissible ones, which are sorted; `action_masks` says how many there are, and an
    action beyond them does nothing (the game says "Nothing happens.", and time passes). The reward is 1 for winning.
    There is no time limit in here: `gymnasium.wrappers.TimeLimit` truncates, after 50 steps as ALFWorld does.

    ``reset(seed=)`` fixes which games are played from then on: all of them in a random order, then again in another.
    ``reset(options={"game": name})`` plays that one.

    Args:
        games: A folder as `alfworld-download` leaves it, a file ``game.tw-pddl`` or an archive; the embedded games by
            default.
        split: One or several of ``train``, ``valid_seen``, ``valid_unseen``; by default ``train`` where there is such a
            game, so that nobody trains on what is held out, and all there are otherwise.
        task_types: One or several of ALFWorld's six; all by default.
        max_commands: Size of the action space. ALFWorld's own games have up to 53 admissible commands; should there be
            more, those that come last are not offered, and a warning says so.
        render_mode: ``rgb_array`` for pictures of the latest turns, ``ansi`` for the episode so far as text, or None.

    Attributes:
        games: What is played.
        state: Of the game; None before the first reset.
        state_arrays: Readers of what rewards may read, see `envs.alfworld.tasks`.
    """

    metadata = {"render_modes": ["rgb_array", "ansi"], "render_fps": 1, "picture_size": SHAPE[:2]}  # noqa: RUF012

    def __init__(
        self,
        games: str | Path | None = None,
        split: str | Sequence[str] | None = None,
        task_types: str | Sequence[str] | None = None,
        max_commands: int = 64,
        render_mode: str | None = None,
    ):
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(unknown_name("render_mode", render_mode, self.metadata["render_modes"]))
        if max_commands < 1:
            raise ValueError(f"max_commands must be at least 1, got {max_commands}")
        self.render_mode = render_mode
        place = None if games is None else str(Path(games).expanduser().absolute())
        self.games = _load(place, _hashable(split), _hashable(task_types))
        self.max_commands = max_commands
        self.action_space = gym.spaces.Discrete(max_commands)
        self.observation_space = gym.spaces.Text(LONGEST, min_length=0, charset=_characters(self.games))
        self.state: State | None = None
        self._simulator: Simulator | None = None
        self._waiting: list[int] = []
        self._commands: list[str] = []
        self._offered: tuple[str, ...] = ()
        self._over = True
        self._warned = False
        self.state_arrays = {
            "said": lambda: self.state.feedback if self.state else "",
            "last_command": lambda: self._commands[-1] if self._commands else "",
            "goal_text": lambda: self._simulator.game.goal if self._simulator else "",
            "has_won": lambda: bool(self.state and self.state.won),
            "share_reached": lambda: self.state.conditions if self.state else 0.0,
            "steps_made": lambda: len(self._commands),
            "true_facts": lambda: "\n".join(sorted(self.state.facts)) if self.state else "",
        }

    @property
    def game(self) -> Game:
        """The game being played."""
        assert self._simulator is not None, "reset the environment first"
        return self._simulator.game

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin a game: the next one, or ``options["game"]``."""
        super().reset(seed=seed)
        if seed is not None:
            self._waiting = []
        unknown = sorted(set(options or ()) - {"game"})
        if unknown:
            raise ValueError(unknown_name("option of reset", unknown[0], ["game"]))
        if options:
            self._begin(self._find(options["game"]))
        else:
            if not self._waiting:
                self._waiting = self.np_random.permutation(len(self.games)).tolist()
            self._begin(self._waiting.pop())
        assert self.state is not None
        return self.state.feedback, self._info()

    def step(self, action: Any) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Do what a command says; terminated if that wins the game."""
        if self._over:
            raise RuntimeError("the game is over: reset the environment before the next step")
        place = int(action)
        if not 0 <= place < self.max_commands:
            raise ValueError(f"expected an action of 0 to {self.max_commands - 1}, got {action!r}")
        command = self._offered[place] if place < len(self._offered) else ""
        self._do(command)
        assert self.state is not None
        return self.state.feedback, float(self.state.won), self._over, False, self._info()

    def action_masks(self) -> np.ndarray:
        """``(max_commands,)`` bool: the actions that stand for a command; sb3-contrib's MaskablePPO asks for them."""
        return np.arange(self.max_commands) < len(self._offered)

    def render(self) -> Any:
        """The episode: a picture ``(400, 640, 3)`` uint8, or text."""
        if self.render_mode is None or self.state is None:
            return None
        simulator = Simulator(self.game)  # only who looks at an episode pays for it
        turns = [("", simulator.reset().feedback)]
        turns += [(command, simulator.step(command).feedback) for command in self._commands]
        if self.render_mode == "rgb_array":
            return draw(self.game.goal, self.state.conditions, turns)
        return "\n\n".join(f"> {command}\n\n{said}" if number else said for number, (command, said) in enumerate(turns))

    # Saving: a game is its commands

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to come to the same place in the same game."""
        return {
            "random": self._np_random,
            "waiting": list(self._waiting),
            "game": None if self._simulator is None else self._simulator.game.name,
            "commands": list(self._commands),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned, in an environment made with the same arguments."""
        self._np_random = state["random"]
        self._waiting = list(state["waiting"])
        if state["game"] is not None:
            self._begin(self._find(state["game"]))
            for command in state["commands"]:
                self._do(command)

    def _find(self, name: str) -> int:
        names = [game.name for game in self.games]
        if name not in names:
            raise ValueError(unknown_name("game", name, names))
        return names.index(name)

    def _begin(self, number: int) -> None:
        self._simulator = Simulator(self.games[number])
        self._commands = []
        self._over = False
        self._arrive(self._simulator.reset())

    def _do(self, command: str) -> None:
        assert self._simulator is not None
        self._commands.append(command)
        self._arrive(self._simulator.step(command))

    def _arrive(self, state: State) -> None:
        self.state = state
        self._over = state.won
        self._offered = state.admissible[: self.max_commands]
        if len(state.admissible) > self.max_commands and not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.game.name} has {len(state.admissible)} admissible commands, of which the first "
                f"{self.max_commands} are offered: make the environment with max_commands={len(state.admissible)}",
                stacklevel=3,
            )

    def _info(self) -> dict[str, Any]:
        assert self.state is not None
        return {
            "admissible_commands": self._offered,
            "goal": self.game.goal,
            "won": self.state.won,
            "goal_condition_success": self.state.conditions,
            "game": self.game.name,
            "task_type": self.game.task_type,
        }


@lru_cache(8)
def _load(games: str | None, split: Any, task_types: Any) -> tuple[Game, ...]:
    """The same for all environments of a process: those of a vector environment share their games."""
    found = load_games(games, split=split, task_types=task_types)
    train = [game for game in found if game.split == "train"]
    return tuple(train if split is None and train else found)


def _hashable(names: str | Sequence[str] | None) -> str | tuple[str, ...] | None:
    return names if names is None or isinstance(names, str) else tuple(names)


def _characters(games: Sequence[Game]) -> str:
    """What observations may consist of; sorted, for samples of the space must not depend on hashes."""
    return "".join(sorted(set(string.printable).union(*(game.goal for game in games))))
