"""The words of the designers, in the text files under `templates`; here they are only filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from reward_designers.code.program import Entry
from reward_designers.code.search.world import WorldDescription
from reward_designers.llm import Message


@dataclass(frozen=True)
class Prompts:
    """Conversations about one environment and task.

    Attributes:
        world: What the author is told of the environment.
        entry: ``potential`` if it is to write a potential, whose difference is the reward.
    """

    world: WorldDescription
    entry: Entry = "reward"

    def ask(self, template: str, *, system: str = "system", **values: Any) -> list[Message]:
        """A conversation of two messages: the rules, and what is wanted.

        Args:
            template: Of the user's message.
            system: Template of the rules.
            **values: For both templates.
        """
        return [
            {"role": "system", "content": self.render(system, **values)},
            {"role": "user", "content": self.render(template, **values)},
        ]

    def render(self, template: str, **values: Any) -> str:
        """One text; a template that names a value which is not given is an error."""
        given = {"world": self.world, "entry": self.entry, **values}
        return _environment().get_template(f"{template}.txt").render(given).strip() + "\n"


def fenced(code: str) -> str:
    """A block of code that its content cannot end."""
    code = str(code)  # raises for a template's value that is not given
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}python\n{code.strip()}\n{fence}"


def slug(text: str) -> str:
    """A text as part of a label."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reward_designers.code.search"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # prompts are text, not HTML
    )
    environment.filters["fenced"] = fenced
    return environment
