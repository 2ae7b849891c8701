"""Blocks on a table and a hand: the oldest planning domain, in words.

    game = Blocks(seed=3)
    print(game.goal, game.reset().feedback, game.expert())

Everything is in view at every step, so rewards for text differ here only in how they read. The words follow
PlanBench's (arXiv 2206.10498) roughly: pick up, put down, stack, unstack.
"""

from __future__ import annotations

import copy
import itertools
from collections import deque
from collections.abc import Iterator

import numpy as np

from envs.text.game import TextState, refuse_if_over

COLORS = ("red", "blue", "yellow", "green", "orange", "white", "black", "purple")
_Stacks = frozenset[tuple[str, ...]]  # each from the table upwards
_Position = tuple[_Stacks, str | None]  # and what the hand holds


class Blocks:
    """One problem: some blocks in stacks, and a tower to build from some of them.

    Args:
        seed: Of the problem.
        blocks: How many, 3 to 6.

    Attributes:
        name: Of the game.
        goal: The tower that is wanted, in words.
        tower: The same as colors, from below. The goal is not reached at the start.
    """

    def __init__(self, seed: int = 0, blocks: int = 5):
        if not 3 <= blocks <= 6:
            raise ValueError(f"blocks={blocks}: expected 3 to 6, for the expert searches all positions")
        self.name = f"blocks-{blocks}-{seed}"
        rng = np.random.default_rng([seed, blocks])
        self._colors = tuple(sorted(rng.permutation(COLORS)[:blocks].tolist()))
        self._start = _drawn(self._colors, rng), None
        self.tower: tuple[str, ...] = ()
        while not self.tower or self._held(self._start) == len(self.tower) - 1:
            self.tower = tuple(rng.permutation(self._colors)[: rng.integers(2, blocks)].tolist())
        ons = [f"the {upper} block is on the {lower} block" for lower, upper in _pairs(self.tower)]
        self.goal = f"Move the blocks so that {_listed(ons)}."
        self._position: _Position = self._start
        self._plan: list[str] = []

    def reset(self) -> TextState:
        """See `envs.text.game.TextGame`."""
        self._position, self._plan = self._start, []
        self._state = self._look("")
        return self._state

    def step(self, command: str) -> TextState:
        """See `envs.text.game.TextGame`."""
        refuse_if_over(self._state, command)
        moves = dict(_moves(self._position))
        if command not in moves:
            self._state = self._look("Nothing happens. ")
            return self._state
        self._position = moves[command]
        self._plan = self._plan[1:] if self._plan[:1] == [command] else []
        self._state = self._look(f"You {command}. ")
        return self._state

    def expert(self) -> str | None:
        """A first command of a shortest way to the goal, by breadth-first search."""
        if not self._plan:
            self._plan = self._search()
        return self._plan[0] if self._plan else None

    def copy(self) -> Blocks:
        """See `envs.text.game.TextGame`."""
        other = copy.copy(self)
        other._plan = list(self._plan)
        return other

    def close(self) -> None:
        """See `envs.text.game.TextGame`; nothing is held."""

    def _look(self, said: str) -> TextState:
        stacks, held = self._position
        facts = {f"on({upper}, {lower})" for stack in stacks for lower, upper in _pairs(stack)}
        facts |= {f"ontable({stack[0]})" for stack in stacks} | {f"clear({stack[-1]})" for stack in stacks}
        facts.add(f"holding({held})" if held else "handempty")
        texts = []
        for stack in sorted(stacks):
            texts.append(f"the {stack[0]} block is on the table")
            texts += [f"the {upper} block is on the {lower} block" for lower, upper in _pairs(stack)]
        texts.append(f"your hand holds the {held} block" if held else "your hand is empty")
        share = self._held(self._position) / (len(self.tower) - 1)
        won = share == 1
        seen = _listed(texts)
        admissible = () if won else tuple(sorted(command for command, _ in _moves(self._position)))
        return TextState(f"{said}{seen[0].upper()}{seen[1:]}.", admissible, frozenset(facts), share, won, won)

    def _held(self, position: _Position) -> int:
        """How many of the goal's conditions hold."""
        on = {pair for stack in position[0] for pair in _pairs(stack)}
        return sum(pair in on for pair in _pairs(self.tower))

    def _search(self) -> list[str]:
        before: dict[_Position, tuple[_Position, str] | None] = {self._position: None}
        queue = deque(before)
        while queue:
            position = queue.popleft()
            if self._held(position) == len(self.tower) - 1:
                return _way(before, position)
            for command, after in _moves(position):
                if after not in before:
                    before[after] = position, command
                    queue.append(after)
        return []


def _drawn(colors: tuple[str, ...], rng: np.random.Generator) -> _Stacks:
    """Stacks at random: each block, in random order, on the table or on one of the stacks so far."""
    stacks: list[list[str]] = []
    for color in rng.permutation(colors).tolist():
        place = int(rng.integers(len(stacks) + 1))
        stacks.append([color]) if place == len(stacks) else stacks[place].append(color)
    return frozenset(map(tuple, stacks))


def _moves(position: _Position) -> Iterator[tuple[str, _Position]]:
    """Commands, and where they lead."""
    stacks, held = position
    if held is None:
        for stack in sorted(stacks):  # sets have another order in every process
            top, rest = stack[-1], stack[:-1]
            without = stacks - {stack} | ({rest} if rest else set())
            yield (
                (f"unstack the {top} block from the {rest[-1]} block" if rest else f"pick up the {top} block"),
                (
                    frozenset(without),
                    top,
                ),
            )
        return
    yield f"put down the {held} block", (stacks | {(held,)}, None)
    for stack in sorted(stacks):
        yield f"stack the {held} block on the {stack[-1]} block", (stacks - {stack} | {(*stack, held)}, None)


def _way(before: dict[_Position, tuple[_Position, str] | None], position: _Position) -> list[str]:
    commands: list[str] = []
    while (link := before[position]) is not None:
        position, command = link
        commands.append(command)
    return commands[::-1]


def _pairs(stack: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each block and the one on it."""
    return list(itertools.pairwise(stack))


def _listed(texts: list[str]) -> str:
    return ", ".join(texts[:-1]) + (" and " if len(texts) > 1 else "") + texts[-1]
