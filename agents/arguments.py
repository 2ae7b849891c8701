"""The ``key=value`` arguments before Hydra: the nearest valid name for a wrong one, free text quoted, types checked."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, get_args

from agents.config.options import Command, kind, options
from agents.config.worlds import NETHACK
from agents.errors import UsageError
from reward_designers.errors import unknown_name

FLAGS_WITH_VALUE: tuple[str, ...]
FLAGS_WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--config-dir", "-cd", "--config-path", "-cp", "--config-name")
FLAGS_WITH_VALUE += ("-cn", "--info", "-i", "--experimental-rerun")
FLAGS: tuple[str, ...]
FLAGS = (*FLAGS_WITH_VALUE, "--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m")
FLAGS += ("--shell-completion", "-sc")


def prepare(arguments: Sequence[str], command: Command) -> list[str]:
    """Check the names in ``key=value`` arguments, and write values as Hydra's grammar wants them.

    Raises:
        UsageError: A group, choice or key does not exist.
    """
    sweep = bool({"-m", "--multirun"} & set(arguments))
    mine = _own_choices(arguments)
    chosen = dict(command.defaults)
    flags: list[str] = []
    prepared: list[str] = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in command.groups and "," not in value:
            chosen[key] = value
    given = {argument.partition("=")[0] for argument in arguments}
    for (group, choice), (other, implied) in command.implied.items():
        if chosen[group] == choice and other not in given:
            chosen[other] = implied
            arguments = [*arguments, f"{other}={implied}"]
    after_flag = False
    for argument in arguments:
        if argument.startswith("-") or after_flag:
            if not after_flag and argument.partition("=")[0] not in FLAGS:
                raise UsageError(unknown_name("flag", argument, FLAGS) + " Options are written key=value; see --help.")
            after_flag = argument in FLAGS_WITH_VALUE
            flags.append(argument)
            continue
        key, equals, value = argument.partition("=")
        bare = key.lstrip("+~")
        if bare.split(".")[0].split("/")[0] == "hydra" or argument.startswith("~"):
            prepared.append(argument)
        elif not equals:
            names = [*command.groups, *options(command.config)]
            raise UsageError(f"expected key=value, got {argument!r}. Keys: {', '.join(sorted(set(names)))}.")
        elif bare in command.groups:
            for choice in value.split(",") if sweep else [value]:
                known = [*command.groups[bare], *mine.get(bare, ())]
                if choice not in known and not choice.startswith(("choice(", "glob(")):
                    if bare == "env" and choice.lower().startswith(("nethack", "minihack")):
                        from envs.nethack.names import unknown

                        raise UsageError(unknown(choice))
                    hint = " For any Gymnasium id: env.id=..." if bare == "env" else ""
                    shown = [name for name in known if name not in NETHACK]
                    raise UsageError(unknown_name(bare, choice, shown) + hint)
            prepared.append(argument)
        else:
            owner, f, prefix = _find(bare, command, chosen, mine)
            if bare == command.folder and sweep:
                continue
            if f is not None and f.metadata["text"] and not (sweep and "," in value and "path" in bare):
                one = _is_list(command, bare) and (not sweep or _is_one_list(value))
                value = quote_items(value) if one else quote(value)
            elif f is None and value.startswith("~"):  # a folder at home, which Hydra's grammar has no word for
                value = quote(value)
            if owner is not None and f is not None:
                if _type_name(kind(owner, f.name)) == "a whole number":
                    value = ",".join(map(_whole, value.split(",")))
                _check_type(bare, value, owner, f.name, sweep)
            prepared.append(f"{prefix or key[: len(key) - len(bare)]}{bare}={value}")
    return [*flags, *HYDRA_SETTINGS, *(_sweep_settings(arguments, command) if sweep else ()), *prepared]


HYDRA_SETTINGS = (
    "hydra.run.dir=.",
    "hydra.output_subdir=null",
    "hydra.job.chdir=false",
    "hydra/job_logging=disabled",
    "hydra/hydra_logging=disabled",
)
"""Hydra's own folders and log files are turned off: a run directory is ours."""


def _sweep_settings(arguments: Sequence[str], command: Command) -> list[str]:
    """Where the jobs of a sweep go: a folder each, named by what differs."""
    given = dict(argument.lstrip("+").split("=", 1) for argument in arguments if "=" in argument)
    root = quote(given[command.folder]) if command.folder in given else f"{command.root}/${{now:%Y-%m-%d_%H-%M-%S}}"
    lists = {key for key in given if _is_list(command, key) and _is_one_list(given[key])}
    swept = {key: value for key, value in given.items() if ("," in value or "(" in value) and key not in lists}
    plain = all(set("/'\"[ ").isdisjoint(value) for value in swept.values())
    fixed = ",".join(key for key in given if key not in swept)
    return [
        f"hydra.sweep.dir={root}",
        "hydra.sweep.subdir=${hydra.job.override_dirname}"
        if plain and swept
        else "hydra.sweep.subdir=${hydra.job.num}",
        f"hydra.job.config.override_dirname.exclude_keys=[{fixed}]",
    ]


def _is_list(command: Command, key: str) -> bool:
    """Whether an option of the command itself holds texts."""
    return key in options(command.config) and str(kind(command.config, key)).startswith("list[str]")


def _is_one_list(value: str) -> bool:
    return value[:1] + value[-1:] == "[]" and "],[" not in value


def _check_type(key: str, value: str, config: Any, name: str, sweep: bool) -> None:
    """Refuse a value that does not fit the field ``name`` of ``config``."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    help = options(config)[name].metadata["help"]
    try:
        override = OverridesParser.create().parse_override(f"x={value}")
        if override.is_sweep_override():
            if not sweep:
                raise UsageError(f"{key}={value}: several values are several runs, which need -m")
            return
        OmegaConf.update(OmegaConf.structured(config), name, override.value())
    except (OmegaConfBaseException, HydraException) as error:
        annotation = kind(config, name)
        for part in get_args(annotation) or (annotation,):
            if isinstance(part, type) and issubclass(part, Enum):
                raise UsageError(unknown_name(key, value, part.__members__)) from error
        raise UsageError(f"{key}={value}: expected {_type_name(annotation)} ({help})") from error


def _whole(value: str) -> str:
    """1e6 as the whole number that it is; others as they are."""
    if re.fullmatch(r"\d+(\.\d*)?[eE]\+?\d{1,3}", value) and float(value).is_integer():
        return str(int(float(value)))
    return value


def _type_name(annotation: Any) -> str:
    words = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
    words |= {"list[int]": "a list such as [1,2]", "list[float]": "a list such as [0.1,2]"}
    words |= {"list[str]": "a list such as [a,b]", "dict[str, typing.Any]": "names with values, as in {name: 1}"}
    text = str(annotation) if "[" in str(annotation) else getattr(annotation, "__name__", str(annotation))
    return words.get(text.removesuffix(" | None"), str(annotation))


def quote(value: str) -> str:
    """Free text as a string of Hydra's grammar; lists, null and what is already quoted stay as they are."""
    if value == "null" or (value[:1] + value[-1:]) in ("[]", "''", '""'):
        return value
    return _quoted(value)


def _quoted(value: str) -> str:
    doubled = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), value)  # backslashes before a quote
    return f"'{doubled}'"


def quote_items(value: str) -> str:
    """A list of free texts, in brackets or not, for Hydra's grammar; in quotes a text may have commas.

    Raises:
        UsageError: A quotation has no end.
    """
    if value == "null":
        return value
    text = value[1:-1] if value[:1] + value[-1:] == "[]" else value
    items, quotation = [""], ""
    for character in text:
        if quotation:
            if character == quotation:
                quotation = ""
            else:
                items[-1] += character
        elif character in "'\"" and items[-1].strip()[-1:] in ("", ":", "="):  # not the apostrophe in "it's"
            quotation = character
        elif character == ",":
            items.append("")
        else:
            items[-1] += character
    if quotation:
        raise UsageError(f"{value}: the quotation that begins with {quotation} has no end")
    return f"[{','.join(_quoted(item.strip()) for item in items)}]" if text.strip() else "[]"


def _own_choices(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Choices that the user adds by YAML files in ``--config-dir``, by group."""
    choices: dict[str, list[str]] = {}
    for argument, following in itertools.pairwise([*arguments, ""]):
        flag, _, value = argument.partition("=")
        if flag in ("--config-dir", "-cd"):
            folder = Path(value or following)
            if not folder.is_dir():
                raise UsageError(f"{flag}: there is no folder {str(folder)!r}")
            for path in folder.glob("*/*.yaml"):
                _check_yaml(path)
                choices.setdefault(path.parent.name, []).append(path.stem)
    return choices


def _check_yaml(path: Path) -> None:
    import yaml

    try:
        yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def _find(
    key: str, command: Command, chosen: Mapping[str, str], mine: Mapping[str, Sequence[str]]
) -> tuple[Any, Any, str]:
    """The config that has a key, its field, and the prefix that Hydra needs to set it; None where Hydra knows best."""
    head, _, rest = key.partition(".")
    if not rest and head in options(command.config):
        return command.config, options(command.config)[head], ""
    if rest and head in options(command.config) and str(kind(command.config, head)).startswith("dict"):
        return None, None, "++"
    if not rest or head not in command.groups:
        raise UsageError(_unknown_key(key, command, chosen))
    choice = chosen[head]
    node = command.groups[head].get(choice)
    if node is None or choice in mine.get(head, ()):
        return None, None, ""
    name, _, inner = rest.partition(".")
    if name not in options(node):
        having = [c for c, other in command.groups[head].items() if name in options(other)]
        if having and head != "env":
            raise UsageError(f"{head}={choice} has no option {name!r}, but {head}={' and '.join(having)} has")
        raise UsageError(_unknown_key(key, command, chosen))
    if not inner:
        return node, options(node)[name], ""
    if not str(kind(node, name)).startswith("dict"):
        raise UsageError(f"{head}.{name} has no parts, got {key!r}")
    return None, None, "++"


def _unknown_key(key: str, command: Command, chosen: Mapping[str, str]) -> str:
    known = [*command.groups, *options(command.config)]
    parts = {group: options(command.groups[group].get(choice, object)) for group, choice in chosen.items()}
    head, dot, _ = key.partition(".")
    if dot and parts.get(head):  # those of what was named are enough to choose from
        return unknown_name(f"option of {head}={chosen[head]}", key, [f"{head}.{name}" for name in parts[head]])
    nested = [f"{group}.{name}" for group, names in parts.items() for name in names]
    near = unknown_name("option", key, {*known, *nested}).partition(" Available: ")[0]
    return f"{near} Available: {', '.join(sorted(known))}; those of a choice: {next(iter(parts), 'x')}=NAME --help."
