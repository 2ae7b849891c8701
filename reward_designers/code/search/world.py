"""What the author of a reward program is told about an environment: a plain description, made from its fields.

    world = describe("Hopper", "Hop forward.", transition, about=about, gamma=0.99, step_seconds=0.008)
    print(world.stub())

It has no place for the ground truth nor for the environment's own reward, so neither can reach a prompt through it;
`leaks` checks what was written all the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from reward_designers.base import Transition

About = Mapping[str, tuple[str, str]]
"""Name of a field to its unit and description."""


@dataclass(frozen=True)
class ArrayDescription:
    """One named array of a transition.

    Attributes:
        name: As programs name it.
        shape: Of one row; the array is ``(n, *shape)``.
        dtype: Such as ``float64``.
        unit: Such as ``m/s``; empty if it has none, or several.
        text: What it holds, in a few words.
        typical: Smallest and largest value seen, by a policy that acts at random, say; None if nobody looked.
        choices: Of a discrete action, how many there are; 0 for anything else.
    """

    name: str
    shape: tuple[int, ...] = ()
    dtype: str = "float64"
    unit: str = ""
    text: str = ""
    typical: tuple[float, float] | None = None
    choices: int = 0

    @property
    def scale(self) -> float:
        """Half the typical range, 1 where there is none: what makes fields of different units comparable."""
        half = 0.0 if self.typical is None else (self.typical[1] - self.typical[0]) / 2
        return half if half > 1e-6 else 1.0

    @property
    def center(self) -> float:
        """The middle of the typical range, 0 where there is none."""
        return 0.0 if self.typical is None else (self.typical[1] + self.typical[0]) / 2

    def stub(self) -> str:
        """One line of the abstraction: name, dtype and shape, and what is known."""
        shape = ", ".join(["n", *map(str, self.shape)])
        known = [f"[{self.unit}]"] if self.unit and self.unit != "1" else []
        choices = f"one of 0 .. {self.choices - 1}" if self.choices else ""
        if self.text or choices:
            known.append(", ".join(filter(None, [self.text, choices])))
        if self.typical is not None and self.typical[0] < self.typical[1]:
            known.append(f"(seen: {self.typical[0]:.3g} to {self.typical[1]:.3g})")
        return f"{self.name}: {self.dtype}[{shape}]" + (f"  # {' '.join(known)}" if known else "")


@dataclass(frozen=True)
class WorldDescription:
    """An environment and a task, as the author of a reward program sees them.

    Attributes:
        name: The environment's plain name, such as ``Hopper``.
        task: One sentence that says what is wanted.
        obs: The observation.
        action: The action.
        fields: Named quantities of the state.
        gamma: The discount of the learner.
        step_seconds: Time that passes in one step; None where time means nothing.
        max_steps: Time limit of an episode.
        terminates: Whether an episode can end before the time limit.
        score: How the task score is to be read: its unit, its best value. Never how it is computed.
    """

    name: str
    task: str
    obs: ArrayDescription
    action: ArrayDescription
    fields: tuple[ArrayDescription, ...] = ()
    gamma: float = 0.99
    step_seconds: float | None = None
    max_steps: int = 1000
    terminates: bool = True
    score: str = ""

    def __post_init__(self) -> None:
        """Refuse what would make a prompt that nobody can follow."""
        names = [self.obs.name, self.action.name, *self.field_names]
        if names[:2] != ["obs", "action"]:
            raise ValueError(f"the observation and the action are called obs and action, got {names[:2]}")
        if bad := sorted({name for name in names if names.count(name) > 1 or not name.isidentifier()}):
            raise ValueError(f"names of arrays must be identifiers and differ from each other, see {', '.join(bad)}")
        if not self.task.strip():
            raise ValueError(f"{self.name} has no sentence that says what is wanted")

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names that `parse_program` wants."""
        return tuple(field.name for field in self.fields)

    def stub(self) -> str:
        """The environment as a typed class with comments, Text2Reward's "Pythonic abstraction" (arXiv 2309.11489)."""
        return "\n".join(
            [f"class {re.sub(r'[^0-9A-Za-z_]', '_', self.name)}:", *(f"    {line}" for line in self._lines())]
        )

    def _lines(self) -> Iterator[str]:
        time = "" if self.step_seconds is None else f" of {self.step_seconds:.4g} s"
        end = "may end earlier (terminated)" if self.terminates else "never end earlier"
        yield '"""n transitions, one a row. NAME is an array before the step, next_NAME the same after it, but for two:'
        yield "action and terminated are of the step itself and have no next_."
        if any(field.typical is not None for field in self.fields):
            yield "What was seen is what random actions led to; better policies go further."
        yield ""
        yield f"Episodes have at most {self.max_steps} steps{time}, and {end}. The learner's discount is {self.gamma}."
        yield '"""'
        yield self.obs.stub()
        yield self.action.stub()
        yield "terminated: bool[n]  # the step ended the episode, and not by the time limit (no next_terminated)"
        for field in self.fields:
            yield field.stub()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> WorldDescription:
        """What `to_json` gave, also after a trip through a file."""
        own = {**data, "obs": _array(data["obs"]), "action": _array(data["action"])}
        return cls(**{**own, "fields": tuple(_array(field) for field in data["fields"])})


def describe(
    name: str,
    task: str,
    sample: Transition,
    *,
    about: About,
    gamma: float,
    obs_text: str = "",
    action_text: str = "",
    choices: int = 0,
    step_seconds: float | None = None,
    max_steps: int = 1000,
    terminates: bool = True,
    score: str = "",
) -> WorldDescription:
    """Describe an environment by what a policy that acts at random has met in it.

    Args:
        name: The environment's plain name.
        task: What is wanted, in a sentence.
        sample: Transitions, with every field in ``next_state``; shapes, types and typical ranges come from here.
        about: Field name to unit and description, in the order in which they are to be shown.
        gamma: Discount of the learner.
        obs_text: What the observation holds.
        action_text: What the actions do, and their limits.
        choices: Number of discrete actions.
        step_seconds: Time of one step.
        max_steps: Time limit.
        terminates: Whether episodes can end earlier.
        score: See `WorldDescription`.

    Raises:
        ValueError: A field is not in the sample.
    """
    if missing := [field for field in about if field not in sample.next_state]:
        raise ValueError(f"the sample of {name} has no {', '.join(missing)}, but {', '.join(sample.next_state)}")
    if "obs" not in sample.next_state:
        raise ValueError(f"the sample of {name} has no obs, but {', '.join(sample.next_state)}")
    fields = [
        _measured(field, sample.next_state[field], unit=unit, text=text, typical=True)
        for field, (unit, text) in about.items()
    ]
    action = _measured("action", sample.action, text=action_text, choices=choices)
    return WorldDescription(
        name=name,
        task=task,
        obs=_measured("obs", sample.next_state["obs"], text=obs_text),
        action=action,
        fields=tuple(fields),
        gamma=gamma,
        step_seconds=step_seconds,
        max_steps=max_steps,
        terminates=terminates,
        score=score,
    )


def _measured(name: str, rows: np.ndarray, *, typical: bool = False, **known: Any) -> ArrayDescription:
    rows = np.asarray(rows)
    limits = None
    if typical and rows.dtype.kind in "biuf" and rows.size:
        low, high = float(rows.min()), float(rows.max())
        limits = (low, high) if math.isfinite(low) and math.isfinite(high) else None
    return ArrayDescription(name, rows.shape[1:], str(rows.dtype), typical=limits, **known)


def _array(data: Mapping[str, Any]) -> ArrayDescription:
    typical: Sequence[float] | None = data["typical"]
    limits = None if typical is None else (float(typical[0]), float(typical[1]))
    return ArrayDescription(**{**data, "shape": tuple(data["shape"]), "typical": limits})
