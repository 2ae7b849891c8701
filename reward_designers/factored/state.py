"""A world as objects with attributes: what is believed of it, and what is wanted of it.

    state = FactoredState({"mug 1": {"location": ["hand"], "temperature": "hot"}})
    goal = [("mug", {"temperature": "hot", "location": "sidetable"})]

States are plain JSON, so that an episode's belief can be kept, saved and resumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

Value = Any
"""Text, a number, a bool, or a list of them: all of these at once, as an object may lie in two places."""
Attributes = Mapping[str, Value]
Objects = Sequence[tuple[str, Attributes]]
"""Objects as ``(identity, {attribute: value})``: the form in which `score` takes a state and a goal."""
Goal = list[tuple[str, dict[str, Value]]]
"""Objects that are wanted; see `score` for what values may say."""

_NUMBERED = re.compile(r"(.*\S) (\d+)")


@dataclass
class FactoredState:
    """Objects by identity, such as ``mug 1``, each with its attributes.

    A state that was handed out is never changed: `edit` a copy.
    """

    objects: dict[str, dict[str, Value]] = field(default_factory=dict)

    def edit(self) -> FactoredState:
        """A copy that may be changed with `set`; attributes are shared until they are."""
        return FactoredState(dict(self.objects))

    def set(self, identity: str, **attributes: Value) -> None:
        """Give an object attributes, beside those that it has."""
        self.objects[identity] = {**self.objects.get(identity, {}), **attributes}

    def unset(self, identity: str, attribute: str) -> None:
        """Forget one attribute of an object, if it is known."""
        if attribute in self.objects.get(identity, {}):
            self.objects[identity] = {key: v for key, v in self.objects[identity].items() if key != attribute}

    def get(self, identity: str, attribute: str, default: Value = None) -> Value:
        """One attribute of an object."""
        return self.objects.get(identity, {}).get(attribute, default)

    def listed(self) -> list[tuple[str, dict[str, Value]]]:
        """The form that `score` takes."""
        return list(self.objects.items())

    def __iter__(self) -> Iterator[tuple[str, dict[str, Value]]]:
        return iter(self.objects.items())

    def __len__(self) -> int:
        return len(self.objects)

    def __str__(self) -> str:
        return describe(self.listed())


def describe(objects: Objects) -> str:
    """Objects in words, one a line: ``mug 1: location hand; temperature hot``."""
    return "\n".join(
        f"{identity}: " + ("; ".join(f"{key} {_shown(value)}" for key, value in attributes.items()) or "-")
        for identity, attributes in objects
    )


def _shown(value: Value) -> str:
    if isinstance(value, Mapping):
        return " or ".join(f"{_shown(wanted)} ({worth:g})" for wanted, worth in value.items())
    return " and ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


@lru_cache(maxsize=65536)
def kind_and_number(identity: str) -> tuple[str, str]:
    """``mug 1`` as (``mug``, ``1``): the kind in small letters, and the instance's number; empty if it has none."""
    text = " ".join(identity.casefold().split())
    match = _NUMBERED.fullmatch(text)
    return (match[1], match[2]) if match else (text, "")
