"""What ``--help`` prints, from the typed configs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from enum import Enum
from typing import Any

from omegaconf import MISSING

from agents.config.options import Command, options
from agents.config.worlds import NETHACK

WIDTH = 118
INDENT = 34


def help_text(command: Command, name: str, description: str, arguments: Sequence[str] = ()) -> str:
    """Usage, choices by group, and options with their defaults: the command's, and those of choices that were named.

    Args:
        command: The options.
        name: As in ``python -m agents.<name>``.
        description: What it does, with examples.
        arguments: The command line; ``reward=vlm`` in it asks for the options of that choice.
    """
    lines = [f"usage: python -m agents.{name} [key=value ...] [-m]", "", description.strip(), ""]
    named = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    for group, choices in command.groups.items():
        default = f"default: {command.defaults[group]}"
        if len({type(node) for node in choices.values()}) == 1:  # the same options in all: names say enough
            names = [choice for choice in choices if choice not in NETHACK]
            if len(names) < len(choices):
                names.append(f"{len(set(NETHACK.values()))} of NetHack such as MiniHack-KeyRoom-S5 (docs/nethack.md)")
            lines += [f"{group}=  ({default})"]
            lines += textwrap.wrap(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  ")
            lines += [*_option_lines(next(iter(choices.values())), f"  {group}."), ""]
            continue
        example = next(choice for choice, node in choices.items() if options(node))
        lines += [f"{group}=  ({default}; options of one: {group}={example} --help)"]
        for choice, node in choices.items():
            lines += _wrapped(f"  {choice}", (type(node).__doc__ or "").splitlines()[0])
            if choice in named.get(group, "").split(","):
                lines += _option_lines(node, f"  {group}.")
        lines += [""]
    lines += _option_lines(command.config, "")
    if command.groups:
        lines += ["", "Several values separated by commas and -m run one job for each: -m seed=0,1,2 algo=ppo,sac"]
    lines += ["", "Hydra's own options: --hydra-help; print the composed config: --cfg job"]
    return "\n".join(lines)


def _option_lines(config: Any, prefix: str) -> list[str]:
    lines = []
    for key, f in options(config).items():
        text, default = f.metadata["help"], f.default
        if isinstance(default, Enum):
            default = default.name
        if isinstance(default, bool | int | float | str) and default != MISSING:
            text += f"  [{str(default).lower() if isinstance(default, bool) else default}]"
        lines += _wrapped(f"  {prefix}{key}=", text)
    return lines


def _wrapped(head: str, text: str) -> list[str]:
    """``text`` in a column of its own beside ``head``; below it, if that is too long."""
    above = [head] if len(head) > INDENT - 2 else []
    first = " " * INDENT if above else f"{head:<{INDENT}}"
    return above + textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * INDENT, break_on_hyphens=False
    )
