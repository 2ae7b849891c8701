"""Options as typed fields with one line of help each: what commands are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, get_type_hints

MAX_SEED = 2**31 - 1
"""Together with what is added for evaluations, still a seed for NumPy."""


def option(
    default: Any, help: str, *, least: float | None = None, most: float | None = None, text: bool = False
) -> Any:
    """A dataclass field with one line of help.

    Args:
        default: Mutable ones are copied.
        help: Shown by ``--help``.
        least: The smallest valid number.
        most: The largest valid number.
        text: Free text: quoted for the user, and never empty.
    """
    metadata = {"help": help, "least": least, "most": most, "text": text}
    if isinstance(default, dict | list):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def resume_option(what: str, anew: Sequence[str]) -> Any:
    """The option ``resume``: the folder of ``what`` to go on with, and which options may be given ``anew``."""
    return option(None, f"go on with the {what} in this folder; only {', '.join(anew)} may be given too", text=True)


@dataclass
class Command:
    """A command's options: its typed config, and its groups with their named choices.

    Attributes:
        config: The class.
        groups: Choices by group and name.
        defaults: The name of each group's default.
        implied: Choices that another choice brings with it where none is given, as (group, choice) by (group, choice).
        folder: The option that says where results go; in a sweep each job has its own.
        root: Where such folders are by default.
    """

    config: type
    groups: dict[str, dict[str, Any]]
    defaults: dict[str, str]
    implied: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    folder: str = "run_dir"
    root: str = "runs"


def by_name(*configs: Any) -> dict[str, Any]:
    """Choices of a group."""
    return {config.name: config for config in configs}


def options(config: Any) -> dict[str, Field[Any]]:
    """The fields of a config (class or instance) that can be set from the command line, by name."""
    return {f.name: f for f in fields(config) if "help" in f.metadata}


def kind(config: Any, name: str) -> Any:
    """The annotated type of a field."""
    return get_type_hints(config if isinstance(config, type) else type(config))[name]
