"""The state of environments in mid-episode, as plain data: numbers, text and arrays, never a pickle.

An environment can be captured if its attributes and those of its wrappers are plain (numbers, text, arrays, random
generators, containers of them) or known: MuJoCo's data, Gymnasium's spaces. Attributes that cannot change behaviour
(specs, renderers, models, functions) are passed over. A layer with anything else can offer ``state_dict`` and
``load_state_dict`` (plain values by name); else `NotCapturable` is raised, and checkpoints restart its episodes.
"""

from __future__ import annotations

import types
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec

from envs.expose import Expose
from envs.task import Task

Node = Any
"""JSON-able data in which arrays are references into a dict of them."""

_PLAIN = (type(None), bool, int, float, str)
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType, type, np.ufunc)
_INERT_MODULES = ("pygame", "gymnasium.envs.mujoco.mujoco_rendering", "stable_baselines3.common.monitor")
_OPEN_MODULES = (
    "stable_baselines3.common.noise",
    "stable_baselines3.common.running_mean_std",
    "stable_baselines3.common.vec_env.stacked_observations",
)
_DICTS = (dict, OrderedDict, Counter)
_DICT_TYPES = {kind.__name__: kind for kind in _DICTS}
_SKIPPED_ATTRIBUTES = {"env", "venv", "class_attributes", "spec", "metadata", "_metadata", "_saved_kwargs"}
_SKIPPED_ATTRIBUTES |= {"reset_infos", "_cached_spec", "_ezpickle_args", "_ezpickle_kwargs", "logger"}


class NotCapturable(TypeError):
    """A value is neither plain nor known."""


def layers(env: gym.Env) -> Iterator[gym.Env]:
    """The environment's wrappers from the outside in, then itself; `Expose` is the reward tracker's affair."""
    while isinstance(env, gym.Wrapper):
        if not isinstance(env, Expose):
            yield env
        env = env.env
    yield env


def capture_env(env: gym.Env, arrays: dict[str, np.ndarray]) -> Node:
    """All that decides how ``env`` goes on; arrays go into ``arrays``.

    Raises:
        NotCapturable: It names the layer, attribute and type.
    """
    return [capture_layer(layer, arrays) for layer in layers(env)]


def restore_env(env: gym.Env, node: Node, arrays: dict[str, np.ndarray]) -> None:
    """Bring an environment of the same kind to the captured state."""
    here = list(layers(env))
    if len(here) != len(node):
        raise ValueError(f"the environment {env} has {len(here)} layers, the saved one has {len(node)}")
    for layer, state in zip(here, node, strict=True):
        restore_layer(layer, state, arrays)


def capture_layer(layer: Any, arrays: dict[str, np.ndarray]) -> Node:
    """One wrapper or environment: through its ``state_dict``, or attribute by attribute."""
    name = type(layer).__name__
    if _has_protocol(layer):
        return {"layer": name, "state": capture(layer.state_dict(), arrays, name)}
    state = {}
    for attribute, value in vars(layer).items():
        if attribute not in _SKIPPED_ATTRIBUTES and not _inert(value):
            state[attribute] = capture(value, arrays, f"{name}.{attribute}")
    return {"layer": name, "attributes": state}


def restore_layer(layer: Any, node: Node, arrays: dict[str, np.ndarray]) -> None:
    """Undo `capture_layer`."""
    if node["layer"] != type(layer).__name__:
        raise ValueError(f"expected the saved state of {type(layer).__name__}, found that of {node['layer']}")
    if "state" in node:
        layer.load_state_dict(restore(node["state"], arrays))
        return
    for attribute, state in node["attributes"].items():
        setattr(layer, attribute, restore(state, arrays, getattr(layer, attribute, None)))


def capture(value: Any, arrays: dict[str, np.ndarray], where: str = "") -> Node:
    """A value as JSON-able data; arrays are copied into ``arrays``.

    Raises:
        NotCapturable: It is neither plain nor known.
    """
    if isinstance(value, np.generic):
        return {"scalar": _store(np.asarray(value), arrays, where)}
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.ndarray) and value.dtype == object:  # a table for each environment, say
        items = [capture(item, arrays, f"{where}[{i}]") for i, item in enumerate(value.flat)]
        return {"objects": items, "shape": list(value.shape)}
    if isinstance(value, np.ndarray):
        return {"array": _store(value, arrays, where)}
    if isinstance(value, np.random.Generator):
        return {"generator": capture(value.bit_generator.state, arrays, where)}
    if isinstance(value, np.random.RandomState):
        return {"random_state": capture(value.get_state(legacy=False), arrays, where)}
    if isinstance(value, gym.Space):
        return {"space": [capture(space._np_random, arrays, where) for space in _spaces(value)]}
    if _is_mujoco(value, "MjData"):
        return {"mujoco": capture(_mujoco_arrays(value), arrays, where)}
    if type(value) in _DICTS:
        items = [[capture(k, arrays, where), capture(v, arrays, f"{where}[{k!r}]")] for k, v in value.items()]
        return {"dict": items, "type": type(value).__name__}
    if isinstance(value, list | deque | tuple | set | frozenset):
        kind: str = next(k for k in ("list", "deque", "tuple", "set", "frozenset") if k in _kinds(value))
        if hasattr(value, "_fields"):
            kind = "namedtuple"
        node = {kind: [capture(item, arrays, f"{where}[{i}]") for i, item in enumerate(value)]}
        return node | {"maxlen": value.maxlen} if isinstance(value, deque) else node
    if type(value).__module__ in _OPEN_MODULES:
        inner = {k: v for k, v in vars(value).items() if not _inert(v)}
        return {"object": capture(inner, arrays, where)}
    raise NotCapturable(f"{where} is a {type(value).__module__}.{type(value).__qualname__}")


def restore(node: Node, arrays: dict[str, np.ndarray], old: Any = None) -> Any:
    """The value that `capture` saw; ``old``, what is there now, is changed in place where others may hold on to it."""
    if not isinstance(node, dict):
        return node
    kind, content = next(iter(node.items()))
    if kind == "scalar":
        return arrays[content][()]
    if kind == "array":
        new = arrays[content]
        if isinstance(old, np.ndarray) and old.shape == new.shape and old.dtype == new.dtype and old.flags.writeable:
            old[...] = new
            return old
        return new.copy()
    if kind == "objects":
        objects = np.empty(node["shape"], object)
        for i, item in enumerate(content):
            objects.flat[i] = restore(item, arrays)
        return objects
    if kind == "generator":
        state = restore(content, arrays)
        generator = old if isinstance(old, np.random.Generator) else None
        if generator is None or generator.bit_generator.state["bit_generator"] != state["bit_generator"]:
            generator = np.random.Generator(getattr(np.random, state["bit_generator"])())
        generator.bit_generator.state = state
        return generator
    if kind == "random_state":
        old = old if isinstance(old, np.random.RandomState) else np.random.RandomState()
        old.set_state(restore(content, arrays))
        return old
    if kind == "space":
        for space, state in zip(_spaces(old), content, strict=True):
            space._np_random = restore(state, arrays, space._np_random)
        return old
    if kind == "mujoco":
        _set_mujoco_arrays(old, restore(content, arrays))
        return old
    if kind == "object":
        for attribute, value in content["dict"]:
            setattr(old, attribute, restore(value, arrays, getattr(old, attribute, None)))
        return old
    if kind == "dict":
        before = old if isinstance(old, dict) else {}
        restored: dict[Any, Any] = {}
        for key, value in content:
            key = restore(key, arrays)
            restored[key] = restore(value, arrays, before.get(key))
        kept = old if type(old).__name__ == node["type"] else _DICT_TYPES[node["type"]]()
        kept.clear()
        kept.update(restored)
        return kept
    return _restore_sequence(node, kind, arrays, old)


def _restore_sequence(node: dict[str, Any], kind: str, arrays: dict[str, np.ndarray], old: Any) -> Any:
    content = node[kind]
    parts = list(old) if isinstance(old, list | tuple | deque) and len(old) == len(content) else [None] * len(content)
    items = [restore(item, arrays, part) for item, part in zip(content, parts, strict=True)]
    if kind in ("list", "deque") and isinstance(old, list | deque):
        old.clear()
        old.extend(items)
        return old
    if kind == "namedtuple":
        return type(old)(*items)
    if kind == "deque":
        return deque(items, node["maxlen"])
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](items)


def _store(array: np.ndarray, arrays: dict[str, np.ndarray], where: str) -> str:
    if array.dtype.hasobject:
        raise NotCapturable(f"{where} is a structured array with Python objects")
    key = str(len(arrays))
    arrays[key] = array.copy()
    return key


def _kinds(value: Any) -> set[str]:
    return {base.__name__ for base in type(value).__mro__}


def _spaces(space: gym.Space) -> list[gym.Space]:
    """The space and all spaces within it, each with a random generator of its own."""
    inner = getattr(space, "spaces", ())
    inner = inner.values() if isinstance(inner, dict) else inner
    return [space, *(part for child in inner for part in _spaces(child))]


def _has_protocol(layer: Any) -> bool:
    """Looked up on the class: a wrapper would pass the question on to what it wraps."""
    return hasattr(type(layer), "state_dict") and hasattr(type(layer), "load_state_dict")


def _inert(value: Any) -> bool:
    """What holds no state of an episode."""
    module = type(value).__module__
    return (
        isinstance(value, (*_FUNCTIONS, EnvSpec, Task))
        or module.startswith(_INERT_MODULES)
        or _is_mujoco(value, "MjModel")
    )


# MuJoCo


def _is_mujoco(value: Any, name: str) -> bool:
    return type(value).__name__ == name and type(value).__module__.startswith("mujoco")


def _mujoco_arrays(data: Any) -> dict[str, np.ndarray]:
    """The integration state, and every derived array that outlives a step.

    Gymnasium reads some of them (``xipos``, ``cvel``) as the last substep left them, before its integration; they
    cannot be computed again from the state. Arrays in the arena (constraints, contacts) can, and have varying sizes.
    """
    import mujoco

    model = data.model
    state = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION))
    mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    packed: dict[str, list[np.ndarray]] = {}
    for array in _lasting_arrays(data):  # packed by type: one array to write instead of a hundred
        packed.setdefault(array.dtype.str, []).append(array.ravel())
    return {"state": state} | {dtype: np.concatenate(parts) for dtype, parts in packed.items()}


def _set_mujoco_arrays(data: Any, arrays: dict[str, np.ndarray]) -> None:
    import mujoco

    state, spec = arrays["state"], mujoco.mjtState.mjSTATE_INTEGRATION
    lasting = _lasting_arrays(data)
    sizes = {dtype: sum(a.size for a in lasting if a.dtype.str == dtype) for dtype in arrays if dtype != "state"}
    sizes["state"] = mujoco.mj_stateSize(data.model, spec)
    if sizes != {name: len(array) for name, array in arrays.items()}:
        raise ValueError("the saved MuJoCo state belongs to another model")

    def unpack() -> None:
        start = dict.fromkeys(arrays, 0)
        for array in _lasting_arrays(data):
            dtype = array.dtype.str
            array[...] = arrays[dtype][start[dtype] : start[dtype] + array.size].reshape(array.shape)
            start[dtype] += array.size

    unpack()  # the model's parts first
    mujoco.mj_setState(data.model, data, state, spec)
    mujoco.mj_forward(data.model, data)  # rebuilds the arena
    mujoco.mj_setState(data.model, data, state, spec)
    unpack()


_RANDOMIZED = (
    "actuator_biasprm",
    "actuator_gainprm",
    "body_inertia",
    "body_ipos",
    "body_mass",
    "dof_armature",
    "dof_damping",
    "dof_frictionloss",
    "geom_friction",
    "jnt_stiffness",
)
"""Parts of a model that environments vary from episode to episode."""

_static_names: dict[int, list[str]] = {}
"""By the model's signature, see `_find_static_names`."""


def _lasting_arrays(data: Any) -> list[np.ndarray]:
    """Views of all that is saved beside the integration state, in a fixed order."""
    model = data.model
    if model.signature not in _static_names:
        _static_names[model.signature] = _find_static_names(model)
    derived = [getattr(data, name) for name in _static_names[model.signature]]
    return derived + [getattr(model, name) for name in _RANDOMIZED]


def _find_static_names(model: Any) -> list[str]:
    """Arrays of fixed size: those that are there before any contact. Pointers of plugins cannot be saved."""
    import mujoco

    fresh = mujoco.MjData(model)
    names = []
    for name in dir(fresh):
        value = None if name.startswith(("_", "plugin")) else getattr(fresh, name)
        if isinstance(value, np.ndarray) and value.size:
            names.append(name)
    return names
