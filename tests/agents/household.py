"""A small household in ALFWorld's words, without TextWorld: to test what takes text, at thousands of steps a second."""

from __future__ import annotations

import string
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

OPENABLE = ("drawer", "cabinet", "fridge", "microwave")
SURFACES = ("desk", "shelf", "countertop", "sinkbasin", "garbagecan")
OBJECTS = ("mug", "pen", "book", "egg", "cloth", "cd", "apple", "bowl")
CHANGES = {"clean": "sinkbasin", "hot": "microwave", "cool": "fridge"}
VERBS = {"clean": "clean", "hot": "heat", "cool": "cool"}


class Household(gym.Env):
    """Find a thing, change it where that is wanted, and put it where it is wanted.

    Args:
        size: Drawers and cabinets of each kind.
        split: Which combinations of thing and place are wanted: ``train`` or ``valid_unseen``.
        max_episode_steps: Time limit.
        commands: Size of the action space.
        words: False says "thing 1" for all things, which nobody could understand.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"]}
    observation_space = gym.spaces.Text(2000, charset=string.printable)

    def __init__(
        self,
        size: int = 3,
        split: str = "train",
        max_episode_steps: int = 50,
        commands: int = 64,
        render_mode: str | None = None,
    ):
        self.size, self.split, self.limit = size, split, max_episode_steps
        self.action_space: Any = gym.spaces.Discrete(commands)
        self.render_mode = render_mode
        self._start = ""
        self._made: list[int] = []

    @property
    def state_arrays(self) -> dict[str, Any]:
        """See `envs.expose.state_readers`."""
        return {"progress": lambda: np.float64(self.progress())}

    # The game

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self._begin(int(self.np_random.integers(2**31))), self._info()

    def _begin(self, number: int) -> str:
        rng = np.random.default_rng(number)
        self._number, self._made = number, []
        self.places = [f"{kind} {i + 1}" for kind in OPENABLE[:2] for i in range(self.size)]
        self.places += [f"{kind} 1" for kind in (*OPENABLE[2:], *SURFACES)]
        self.open: set[str] = set()
        self.what = str(rng.choice(OBJECTS))
        self.where = str(rng.choice(["desk", "shelf", "countertop", "garbagecan"]))
        held_out = (OBJECTS.index(self.what) + SURFACES.index(self.where)) % 4 == 0
        if held_out != (self.split == "valid_unseen"):
            return self._begin(int(rng.integers(2**31)))
        self.change = str(rng.choice(["", "", *CHANGES]))
        self.task_type = f"pick_{self.change}" if self.change else "pick_and_place"
        self.changed: set[str] = set()
        free = [place for place in self.places if not place.startswith((self.where, "garbagecan", "sinkbasin"))]
        self.at = {f"{kind} {i + 1}": str(rng.choice(free)) for kind in OBJECTS for i in range(int(rng.integers(1, 3)))}
        self.here, self.held, self.steps = "", "", 0
        seen = ", ".join(f"a {place}" for place in self.places)
        self.goal = f"put a {self.change} {self.what} in {self.where}.".replace("  ", " ")
        self._said = (
            f"You are in the middle of a room. Looking quickly around you, you see {seen}.\n\nYour task is to: "
        )
        self._said += self.goal
        return self._said

    def commands(self) -> list[str]:
        """What can be done now, sorted."""
        here, held = self.here, self.held
        found = ["inventory", "look", *(f"go to {place}" for place in self.places if place != here)]
        if here:
            found.append(f"examine {here}")
            if here.startswith(OPENABLE):
                found.append(f"{'close' if here in self.open else 'open'} {here}")
            if self._reachable(here):
                found += [f"take {thing} from {here}" for thing in self._inside(here) if not held]
                found += [f"move {held} to {here}"] if held else []
        for change, place in CHANGES.items():
            if held and here == f"{place} 1":
                found.append(f"{VERBS[change]} {held} with {here}")
        return sorted(found)

    def action_masks(self) -> np.ndarray:
        """Which numbers are commands now."""
        return np.arange(self.action_space.n) < len(self.commands())

    def step(self, action: Any) -> tuple[str, float, bool, bool, dict[str, Any]]:
        commands = self.commands()
        self._made.append(int(action))
        self.steps += 1
        self._said = self._do(commands[action]) if action < len(commands) else "Nothing happens."
        won = self.progress() == 1
        return self._said, float(won), won, self.steps >= self.limit and not won, self._info()

    def _do(self, command: str) -> str:
        verb, _, rest = command.partition(" ")
        if verb == "go":
            self.here = rest.removeprefix("to ")
            return f"You arrive at {self.here}. {self._view()}"
        if verb in ("open", "close"):
            (self.open.add if verb == "open" else self.open.discard)(rest)
            return f"You {verb} the {rest}." + (f" {self._view()}" if verb == "open" else "")
        if verb == "take":
            self.held, place = rest.split(" from ")
            del self.at[self.held]
            return f"You pick up the {self.held} from the {place}."
        if verb == "move":
            thing, place = rest.split(" to ")
            self.at[thing], self.held = place, ""
            return f"You move the {thing} to the {place}."
        if verb in VERBS.values():
            thing, place = rest.split(" with ")
            self.changed.add(f"{verb} {thing}")
            return f"You {verb} the {thing} using the {place}."
        if verb == "inventory":
            return f"You are carrying: a {self.held}." if self.held else "You are not carrying anything."
        return self._view() if self.here else "You are in the middle of a room."

    def _reachable(self, place: str) -> bool:
        return place in self.open or not place.startswith(OPENABLE)

    def _inside(self, place: str) -> list[str]:
        return [thing for thing, at in self.at.items() if at == place]

    def _view(self) -> str:
        if not self._reachable(self.here):
            return f"The {self.here} is closed."
        inside = ", ".join(f"a {thing}" for thing in self._inside(self.here)) or "nothing"
        opened = f"The {self.here} is open. In it" if self.here in self.open else f"On the {self.here}"
        return f"{opened}, you see {inside}."

    def progress(self) -> float:
        """How far the best thing has come, 0 to 1: found and changed, then put there."""
        best = 0.0
        for thing in {*self.at, self.held} - {""}:
            if thing.startswith(self.what + " "):
                done = not self.change or f"{VERBS[self.change]} {thing}" in self.changed
                there = self.at.get(thing, "").startswith(self.where)
                found = thing == self.held or there
                best = max(best, 0.3 * found + 0.3 * (found and done) + 0.4 * (there and done))
        return round(best, 6)

    def _info(self) -> dict[str, Any]:
        names = {"admissible_commands": tuple(self.commands()), "goal": self.goal, "task_type": self.task_type}
        return names | {"won": self.progress() == 1}

    def render(self) -> Any:
        return self._said

    # Saving

    def state_dict(self) -> dict[str, Any]:
        return {"random": self._np_random, "number": self._number, "made": list(self._made)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._np_random = state["random"]
        self._begin(state["number"])
        for action in state["made"]:
            self.step(action)


gym.register("Household-v0", Household)
