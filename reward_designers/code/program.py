"""Reward programs: the text of one file with a function of named arrays, checked before anything of it runs.

    program = parse_program(source, fields=["torso_height", "forward_velocity"])
    program.arguments  # ("next_forward_velocity", "action")

A program is what a language model writes (Eureka, arXiv 2310.12931; Text2Reward, arXiv 2309.11489):

    import numpy as np

    EFFORT = 0.001

    def reward(next_forward_velocity, action):
        return {"speed": next_forward_velocity, "effort": -EFFORT * np.square(action).sum(-1)}
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reward_designers.code.allowlist import ProgramRejected, check, normalized, parse, refuse
from reward_designers.code.sandbox.protocol import MAX_SOURCE
from reward_designers.errors import unknown_name

Entry = Literal["reward", "potential", "achieved"]
"""The function of a program: a reward, a potential phi(s) for shaping, or what was achieved, 1 or 0."""


_MEANT = {
    "done": "terminated",
    "dones": "terminated",
    "state": "obs",
    "observation": "obs",
    "observations": "obs",
    "next_state": "next_obs",
    "next_observation": "next_obs",
    "actions": "action",
}
"""What language models call the arguments that are always there."""


@dataclass(frozen=True)
class Program:
    """A program that may be run, in the sandbox.

    Attributes:
        source: Its text, as it was written.
        entry: Name of its function.
        arguments: Names of the arrays that the function takes, in order.
        normalized: Its text without comments, docstrings and annotations.
    """

    source: str
    entry: Entry
    arguments: tuple[str, ...]
    normalized: str

    @property
    def hash(self) -> str:
        """Names what the program computes, whatever its layout and comments."""
        return hashlib.sha256(f"{self.entry}\n{self.normalized}".encode()).hexdigest()[:16]

    @property
    def inputs(self) -> frozenset[str]:
        """The state arrays that it reads, as `RewardFn.inputs` has them."""
        return frozenset(key for side, key in map(source_of, self.arguments) if side in ("state", "next_state"))

    @property
    def reads(self) -> frozenset[str]:
        """What of a transition it reads, as `RewardFn.reads` has it."""
        return frozenset(side for side, _ in map(source_of, self.arguments)) & {"state", "action", "next_state"}


def source_of(argument: str) -> tuple[str, str]:
    """Where an argument comes from: the attribute of the transition, and the array's name in it."""
    if argument in ("action", "terminated"):
        return argument, argument
    if argument.startswith("next_"):
        return "next_state", argument.removeprefix("next_")
    return "state", argument


def parse_program(source: str, *, fields: Sequence[str], entry: Entry = "reward") -> Program:
    """Check a program's syntax, what it names, and the arguments of its function.

    Args:
        source: The program.
        fields: Names of the state's fields, such as ``torso_height``. ``obs``, ``action`` and ``terminated`` exist
            anyway, and ``next_x`` for every field x.
        entry: ``reward``, or ``potential`` for a function of one state.

    Raises:
        ProgramRejected: The first thing that is wrong, with its line.
    """
    if len(source) > MAX_SOURCE:
        raise ProgramRejected(f"the program has {len(source)} characters, more than {MAX_SOURCE}")
    tree = parse(source)
    check(tree)
    arguments = _arguments(_function(tree, entry), available(fields, entry), entry)
    return Program(source, entry, arguments, normalized(tree))


def available(fields: Sequence[str], entry: Entry = "reward") -> tuple[str, ...]:
    """The arguments that a program's function may have."""
    state = [name for name in dict.fromkeys(["obs", *fields]) if name not in ("action", "terminated", "next_obs")]
    if entry == "potential":
        return tuple(state)
    return ("obs", "action", "next_obs", "terminated", *state[1:], *(f"next_{name}" for name in state[1:]))


def _function(tree: ast.Module, entry: str) -> ast.FunctionDef:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    found = [node for node in functions if node.name == entry]
    if not found:
        names = [node.name for node in functions]
        near = f"; there is {', '.join(names)}: one of them has to be called {entry}" if names else ""
        raise ProgramRejected(f"there is no function {entry!r}{near}")
    if len(found) > 1:
        refuse(found[1], f"function {entry!r} is defined twice")
    return found[0]


def _arguments(function: ast.FunctionDef, names: Sequence[str], entry: str) -> tuple[str, ...]:
    given = function.args
    if given.vararg or given.kwarg or given.posonlyargs:
        refuse(function, f"{entry} must name the arrays that it reads, without *, ** and /")
    defaults = dict(zip([a.arg for a in reversed(given.args)], reversed(given.defaults), strict=False))
    defaults |= {a.arg: d for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True) if d is not None}
    arguments = []
    for argument in (*given.args, *given.kwonlyargs):
        if argument.arg in defaults:
            if argument.arg in names:
                refuse(argument, f"argument {argument.arg!r} is always given: remove its default")
            continue  # a constant
        if argument.arg not in names:
            refuse(argument, _advice(argument.arg, names, entry))
        arguments.append(argument.arg)
    if not arguments:
        refuse(function, f"{entry} reads nothing: its arguments name what it reads, out of {', '.join(names)}")
    return tuple(arguments)


def _advice(name: str, names: Sequence[str], entry: str) -> str:
    if name == "truncated":
        return "argument 'truncated' is not available: a time limit is no property of a state"
    if entry == "potential" and (name == "action" or name.startswith("next_")):
        return f"argument {name!r} is not available: a potential is a function of one state, out of {', '.join(names)}"
    if _MEANT.get(name) in names:
        return f"argument {name!r} is not available: it is called {_MEANT[name]!r} here"
    of_step = _MEANT.get(name.removeprefix("next_"), name.removeprefix("next_"))
    if name.startswith("next_") and of_step in ("action", "terminated"):
        return f"argument {name!r} is not available: {of_step!r} is of the step itself and has no next_"
    what = unknown_name(f"argument of {entry}", name, names).partition(" Available:")[0]
    return f"{what} {len(names)} names are available, those of the environment's description"
