"""Upstream's games (NLE, MiniHack), made so that nothing is copied which neither the rules nor a reader needs.

A game keeps its rules (`_is_episode_end`, `_reward_fn`, `reset`, level files); stepping it is `envs.nethack.game`'s.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import gymnasium as gym
import numpy as np

try:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
        import minihack
        import nle.env
        from minihack.envs.keyroom import MiniHackKeyDoor
        from minihack.reward_manager import MessageEvent
        from nle import nethack
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"NetHack and MiniHack need the extra 'nethack' ({error}): python3 -m agents.setup nethack, "
        "or pip install 'reward-designers[nethack]'",
        name=error.name,
    ) from error

ALWAYS = ("glyphs", "blstats", "message", "program_state", "internal", "inv_glyphs", "inv_letters")
"""NLE's arrays that are always filled: that costs less than asking whether they are needed."""
BLANK: int = nethack.GLYPH_CMAP_OFF
"""The glyph of blank stone, and of what was never seen."""
KEY: int = nethack.GLYPH_OBJ_OFF + next(
    i for i in range(nethack.NUM_OBJECTS) if nethack.OBJ_NAME(nethack.objclass(i)) == "skeleton key"
)
SPACES: dict[str, gym.spaces.Box] = dict(nle.env.base.NLE_SPACE_ITEMS)
NEVER = sys.maxsize
_KNOWN = ("nle.env.base", "nle.env.tasks", "minihack.base")


def make_game(env_id: str, options: dict[str, Any]) -> Any:
    """Upstream's game behind a registered id, without a time limit of its own.

    Raises:
        ModuleNotFoundError: It needs something that pip does not bring along; the message says what.
    """
    spec = gym.registry[env_id]
    make = gym.envs.registration.load_env_creator(str(spec.entry_point))
    try:
        game: Any = make(max_episode_steps=NEVER, **{**spec.kwargs, **options})
    except ModuleNotFoundError as error:
        if "minigrid" in str(error):  # it asks for pygame-ce, whose files would overwrite pygame's
            hint = "pip install --no-deps minigrid"
        elif "Boxoban" in str(error):
            hint = f"python -m minihack.scripts.download_boxoban_levels, which writes into {minihack.__path__[0]}/dat"
        else:
            raise
        raise ModuleNotFoundError(f"{env_id} needs more than the extra 'nethack': {hint}", name=error.name) from error
    game.render_mode = None
    game._minihack_obs_keys = []  # observations are made by `NetHackGame`
    return game


def read_by_rules(game: Any) -> tuple[set[str], bool]:
    """Which of NLE's arrays the rules of ``game`` read, and whether they read more of the last step than two of them.

    Rules that are not known to be frugal get everything, as upstream gives it.
    """
    manager = getattr(game, "reward_manager", None)
    known = type(game)._is_episode_end.__module__ in _KNOWN and type(game)._reward_fn.__module__ in _KNOWN
    if manager is not None:
        events = getattr(manager, "events", None)
        custom = [f for f in getattr(manager, "custom_reward_functions", ()) if f.__module__ not in _FRUGAL]
        known &= events is not None and not custom and all(type(event) is MessageEvent for event in events)
    return (set(), False) if known else (set(game._observation_keys), True)


_FRUGAL = ("minihack.envs.exploremaze",)  # reads `internal` alone


def aborts(game: Any) -> bool:
    """Whether ``game`` may end for another reason than its rules and its time limit."""
    return type(game)._check_abort is not nle.env.base.NLE._check_abort


def check_class(game: Any) -> None:
    """Raise TypeError if the class of ``game`` has a `step` of its own that `NetHackGame` does not know."""
    known = (nle.env.base.NLE.step, minihack.MiniHack.step, MiniHackKeyDoor.step)
    if type(game).step not in known:
        raise TypeError(f"{type(game).__name__} has a step() of its own, which would not be called")


def set_buffers(game: Any, buffers: dict[str, np.ndarray]) -> tuple[np.ndarray | None, ...]:
    """Let the game write into ``buffers`` and nowhere else; its observation tuple, None where nothing is written.

    Call it before the game's first reset.
    """
    observation = tuple(buffers.get(key) for key in game._observation_keys)
    game.nethack._pynethack.set_buffers(**buffers)
    game.nethack._obs_buffers, game.nethack._obs = buffers, observation
    game.last_observation = ()
    return observation
