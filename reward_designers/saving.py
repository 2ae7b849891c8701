"""Rewards on disk: a configuration that rebuilds the object, and arrays for what it has learned. No pickle.

The configuration is a tree of nodes as Hydra's ``instantiate`` reads them, ``{"_target_": "module.Class", ...}``. It
names code by import path, so a saved reward is as trusted as that code: loading imports the modules and runs the
``.py`` files that it names (and runs the constructors of reward classes, nothing else). Load files that you trust.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reward_designers.base import RewardFn
from reward_designers.errors import RewardError, unknown_name


def save(reward: RewardFn, path: str | os.PathLike[str]) -> None:
    """Write configuration and arrays to one ``.npz`` file; it appears complete or not at all."""
    arrays = {f"state:{name}": array for name, array in reward.state_dict().items()}
    write_npz(path, {"config": np.array(json.dumps(reward.config())), **arrays})


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to one ``.npz`` file, without pickle; it appears complete or not at all."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's files are for the owner alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def below(prefix: str, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a part: those whose names begin with ``prefix``, without it."""
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}


def load(path: str | os.PathLike[str]) -> RewardFn:
    """Rebuild a reward that `save` wrote.

    Raises:
        RewardError: The file is damaged, or does not describe a reward.
        OSError: It cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            config = json.loads(str(file["config"]))
            state = {name.removeprefix("state:"): file[name] for name in file.files if name.startswith("state:")}
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except Exception as error:
        told = "it is no .npz file" if "pickle" in str(error) else error  # NumPy's guess at what is no .npz
        raise RewardError(f"{os.fspath(path)} is not a saved reward, or is damaged: {told}") from error
    try:
        reward = from_node(config)
        if not isinstance(reward, RewardFn):
            raise RewardError("its configuration names no reward class")
        reward.load_state_dict(state)
    except Exception as error:
        text = f"no array {error}" if isinstance(error, KeyError) else str(error)
        raise RewardError(f"cannot rebuild the reward in {os.fspath(path)}: {text}") from error
    return reward


def to_node(value: Any, name: str) -> Any:
    """A configuration value as JSON-able data.

    Raises:
        TypeError: It cannot be written down; the message says which value, by ``name``.
    """
    if isinstance(value, RewardFn):
        return value.config()
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: to_node(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_node(item, name) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"cannot save {name}={value!r}: expected numbers, text, lists, dicts with text keys, or rewards")


def from_node(node: Any) -> Any:
    """Rebuild what `to_node` wrote. All targets are found to be reward classes before any is constructed.

    Raises:
        RewardError: A target does not exist or is no reward class, or its constructor refuses the arguments.
    """
    return _build(node, _targets(node))


def _targets(node: Any) -> dict[str, type[RewardFn]]:
    """The reward classes that a tree of nodes names."""
    found: dict[str, type[RewardFn]] = {}
    if isinstance(node, dict) and "_target_" in node:
        name = node["_target_"]
        target = resolve(name if ":" in str(name) else ":".join(str(name).rpartition(".")[::2]))
        if not (isinstance(target, type) and issubclass(target, RewardFn)):
            raise RewardError(f"{name} is not a reward class")
        found[name] = target
    if isinstance(node, (dict, list)):
        for item in node.values() if isinstance(node, dict) else node:
            found |= _targets(item)
    return found


def _build(node: Any, targets: Mapping[str, type[RewardFn]]) -> Any:
    if isinstance(node, list):
        return [_build(item, targets) for item in node]
    if not isinstance(node, dict):
        return node
    arguments = {key: _build(item, targets) for key, item in node.items() if key != "_target_"}
    if "_target_" not in node:
        return arguments
    try:
        return targets[node["_target_"]](**arguments)
    except TypeError as error:
        raise RewardError(f"{node['_target_']}: {error}") from error


def reference(thing: Any) -> str:
    """Where `resolve` finds a function or class: ``package.module:name`` or ``path/to/file.py:name``.

    Raises:
        TypeError: Nowhere, such as for a lambda or a function within a function.
    """
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if module and name and module != "__main__" and "<" not in name:
        if module.endswith(".py"):  # loaded by `resolve`, which names modules by their file
            return f"{module}:{name}"
        try:
            found = resolve(f"{module}:{name}")
        except RewardError:
            found = None
        if thing is found or thing is getattr(found, "function", None):  # the latter: decorated by `reward_fn`
            return f"{module}:{name}"
    shown = name.rpartition(".")[2] if name else repr(thing)
    raise TypeError(f"{shown} cannot be saved: define it at the top level of a module or a file of its own")


def resolve(place: str) -> Any:
    """The object at ``package.module:name`` or ``path/to/file.py:name``; importing it runs the module or file.

    Raises:
        RewardError: There is no such file, module or name, or running the file failed.
    """
    source, separator, name = place.rpartition(":")
    if not (separator and source and name):
        raise RewardError(f"expected 'package.module:name' or 'path/to/file.py:name', got {place!r}")
    target: Any = _run_file(source) if source.endswith(".py") else _import(source, place)
    for part in name.split("."):
        if part.startswith("__") or not hasattr(target, part):
            public = [n for n in vars(target) if not n.startswith("_")] if hasattr(target, "__dict__") else []
            raise RewardError(unknown_name(f"name in {source}", part, public))
        target = getattr(target, part)
    return target


def _import(module: str, place: str) -> Any:
    try:
        return importlib.import_module(module)
    except Exception as error:  # a module runs when it is imported, and may raise anything
        raise RewardError(f"cannot import {module!r}, in {place!r}: {type(error).__name__}: {error}") from error


def _run_file(file: str) -> Any:
    if not Path(file).is_file():
        raise RewardError(f"no such file: {file!r} (the working directory is {os.getcwd()})")
    # Named by its path, the module tells `reference` where its functions are.
    spec = importlib.util.spec_from_file_location(file, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file] = module  # dataclasses look their module up while it runs ...
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RewardError(f"{file} failed to load: {type(error).__name__}: {error}") from error
    finally:
        del sys.modules[file]  # ... but cloudpickle must send its functions by value to other processes
    return module


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
