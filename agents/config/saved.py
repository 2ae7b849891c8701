"""Configs in files: what was asked for, to go on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents.config.options import Command
from agents.errors import UsageError
from agents.files import write_text


def write_config(path: Path, config: Any) -> None:
    """Save a config as YAML."""
    from omegaconf import OmegaConf

    write_text(path, OmegaConf.to_yaml(OmegaConf.structured(config)))


def read_config(path: Path, command: Command, **missing: str) -> Any:
    """The config of a command that `write_config` saved.

    Args:
        path: The file.
        command: Its config is checked against this.
        **missing: Choices of groups that files of earlier versions do not have.

    Raises:
        UsageError: The file is damaged.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        node: Any = OmegaConf.load(path)
        config = OmegaConf.structured(command.config)
        for group, choices in command.groups.items():
            if group in missing:
                node.setdefault(group, {"name": missing[group]})
            schemas = {type(choice) for choice in choices.values()}
            if len(schemas) > 1:
                schemas = set() if "_target_" in node[group] else {type(choices[node[group].name])}
            for schema in schemas:
                config[group] = OmegaConf.structured(schema)
        return OmegaConf.to_object(OmegaConf.merge(config, node))
    except (OmegaConfBaseException, YAMLError, UnicodeDecodeError, KeyError, AttributeError, TypeError) as error:
        told = f"unknown name {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        raise UsageError(f"{path} is damaged: {told}") from error
