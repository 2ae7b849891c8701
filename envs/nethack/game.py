"""NetHack as a Gymnasium environment: upstream's rules, seeded, and stepped without copying what nobody reads."""

from __future__ import annotations

import ctypes
import functools
import random
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from envs.nethack.captions import EVENTS, Captions, Part
from envs.nethack.crop import Crop
from envs.nethack.fields import AT, ON_STAIRS
from envs.nethack.followers import DoorsOpened, Explored, Follower, Map, MapText
from envs.nethack.glyphs import CLOSED_DOORS
from envs.nethack.rules import (
    ALWAYS,
    BLANK,
    KEY,
    SPACES,
    MiniHackKeyDoor,
    aborts,
    check_class,
    make_game,
    nethack,
    read_by_rules,
    set_buffers,
)
from envs.nethack.terminal import SHAPE, Terminal
from reward_designers.errors import unknown_name

OBSERVATIONS = ("glyphs_crop", "blstats", "message", "inv_glyphs")
"""What is observed unless asked for otherwise."""
_OUTSIDE = {"glyphs": BLANK, "chars": ord(" "), "colors": 0, "specials": 0, "screen_descriptions": 0}
_TERMINAL = ("tty_chars", "tty_colors", "tty_cursor")
_SPACE, _ESCAPE, _YES = ord(" "), nethack.C("["), ord("y")
_APPLY = int(nethack.Command.APPLY)
_DIRECTIONS = tuple(map(ord, "ykuh.lbjn"))  # of the nine squares around the hero, row by row
_ANSWERED_BY_THE_AGENT = (b"eat", b"attack", b"direction?", b"pray")  # other questions are declined
_SOLVED = 2  # StepStatus.TASK_SUCCESSFUL of upstream's tasks
# MiniHack's levels come without the file of rumors, of which the key of KeyRoom likes to whisper; and applying the key
# for one's own account afterwards, which upstream does, is declined.
_NOISE = ("Program in disorder!", "rumors file closed", " whispers:", "Never mind.")
_TRIES = 100
"""How often an unlocked door is pushed. Upstream goes on for ever, which it does if unlocking was interrupted."""


class NetHackGame(gym.Env):
    """One of the games that NLE and MiniHack register, with what upstream gets wrong put right.

    - ``reset(seed=)`` reproduces an episode exactly, time of day and phase of the moon included. Episodes after it
      follow from the same seed.
    - There is no time limit in here, `gymnasium.wrappers.TimeLimit` truncates; upstream's ends as terminated.
    - The last observation is the state that ended the episode; upstream's is of the game after it was quit. A dead
      hero keeps the last bottom line, with no hit points left; upstream's is all zeros then.
    - Nothing is copied that neither observations, readers nor the rules need.

    Rewards and rules are upstream's own code. Its keyword arguments work here too (``penalty_step``, ``character``,
    ``reward_manager``, ``savedir`` with ``save_ttyrec_every``, ...).

    Args:
        id: Upstream's id, such as ``MiniHack-KeyRoom-S5-v0``.
        observation_keys: Of NLE's observations, or ``<key>_crop`` for the part of the map around the hero.
        crop: Rows and columns of that part, odd.
        level: For NetHackStaircase: the staircase counts from this depth on.
        captions: The parts of captions, see `envs.nethack.captions`.
        render_mode: ``rgb_array`` for pictures of the terminal, ``ansi`` for its text, or None.
        **options: For upstream's class.

    Attributes:
        game: Upstream's environment; it is never stepped itself.
        action_words: What actions 0, 1, ... are called: ``N``, ``far N``, ``PICKUP``.
        state_arrays: Readers of what rewards may read, see `envs.nethack.fields`.
    """

    metadata = {"render_modes": ["rgb_array", "ansi"], "render_fps": 8, "picture_size": SHAPE[:2]}  # noqa: RUF012

    def __init__(
        self,
        id: str,
        observation_keys: Sequence[str] = OBSERVATIONS,
        crop: int = 9,
        level: int | None = None,
        captions: Sequence[str | type[Part]] = EVENTS,
        render_mode: str | None = None,
        **options: Any,
    ):
        if crop < 1 or crop % 2 == 0:
            raise ValueError(f"crop must be an odd number of squares, got {crop}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(unknown_name("render_mode", render_mode, self.metadata["render_modes"]))
        self.render_mode = render_mode
        self._level, self._size = level, crop
        self._make = functools.partial(make_game, id, {"fix_moon_phase": True, **options})
        self.game = self._make()
        check_class(self.game)
        self.action_space = gym.spaces.Discrete(len(self.game.actions))
        self._codes = [int(code) for code in self.game.actions]
        self.action_words = tuple(map(_words, self.game.actions))
        self._is_key_door = isinstance(self.game, MiniHackKeyDoor)
        self._may_abort = aborts(self.game)
        keys, self._keeps_all = read_by_rules(self.game)

        self._arrays: dict[str, np.ndarray] = {}
        self._bound = 0  # how many the game writes into: NLE lets them be set once, before its first reset
        for key in (*ALWAYS, *keys, *(_TERMINAL if render_mode else ())):
            self.array(key)
        self.bottom_line = np.zeros(27, np.int64)
        self._line = self.bottom_line.data  # reads numbers faster than numpy does
        self._state, self._internal = self._arrays["program_state"].data, self._arrays["internal"].data
        self._message = (ctypes.c_char * 256).from_buffer(
            self._arrays["message"].data
        )  # its value ends at the first NUL
        self._crops: dict[str, Crop] = {}
        self._followers: dict[str, Follower] = {}
        self._follow: list[Callable[[bool], None]] = []
        self._makers: dict[str, Callable[[NetHackGame], Follower]] = {
            "map": Map,
            "explored": Explored,
            "doors_opened": DoorsOpened,
            "caption": functools.partial(Captions, parts=captions),
            "map_text": functools.partial(MapText, size=crop),
        }
        self._parts: list[bytes] = []
        self._terminal = Terminal()
        self._origin: tuple[int, int, dict[str, Any] | None] | None = None
        self._actions: list[int] = []
        self._deepest = np.zeros((), np.int64)
        self._solved = np.zeros((), bool)
        self._over = True
        self._observed = {key: self._observation(key) for key in observation_keys}
        self.observation_space = gym.spaces.Dict(
            {key: self._space(key, array) for key, array in self._observed.items()}
        )
        self.state_arrays: dict[str, np.ndarray | Callable[[], Any]] = {
            "bottom_line": self.bottom_line,
            "internals": self._arrays["internal"],
            "map_glyphs": self._arrays["glyphs"],
            "carried": self._arrays["inv_glyphs"],
            "crop": self.crop("glyphs").value,
            "deepest": self._deepest,
            "solved": self._solved,
            "said": self.said,
            "key_carried": lambda: KEY in self._arrays["inv_glyphs"].tolist(),
            "explored": functools.partial(self.follow, "explored"),
            "opened": functools.partial(self.follow, "doors_opened"),
            "happened": functools.partial(self.follow, "caption"),
            "drawn": functools.partial(self.follow, "map_text"),
        }

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin a new game; ``options["wizkit_items"]`` goes to NLE.

        The step that ends a game has ``info["end_status"]``: ``solved``, ``died``, ``aborted``, or ``over`` otherwise.
        """
        super().reset(seed=seed)
        core, display = self.np_random.integers(2**31 - 1, size=2).tolist()
        if levels := getattr(self.game, "_level_seeds", None):  # upstream's argument `seeds`
            core = display = int(levels[self.np_random.integers(len(levels))])
        self._begin(core, display, options)
        return self._observe(), {}

    def _begin(self, core: int, display: int, options: dict[str, Any] | None) -> None:
        """Begin the game of these seeds."""
        if self.game.savedir and self._origin is not None and not self._pynethack.done():
            self.game._quit_game(self._now, False)  # so that the recording ends as NLE's do
        self._bind()
        self._origin = (core, display, options)
        self._actions = []
        game = self.game
        self._pynethack.set_initial_seeds(core, display, False, None)
        given: dict[str, Any] = {"options": options} if options else {}
        if getattr(game, "_level_seeds", None) is not None:
            given["sample_seed"] = False
        if hasattr(game, "minigrid_env"):
            game.minigrid_env.reset(seed=core)
        before = random.getstate()
        random.seed(core)  # from which MiniHack picks levels
        try:
            game.reset(**given)
        finally:
            random.setstate(before)
        self._over = False
        self._terminal.begin()
        self._parts.clear()
        self.bottom_line[...] = self._arrays["blstats"]
        self._deepest[...] = self._line[_DEPTH]
        self._solved[...] = False
        self._follow_map()
        for follower in self._followers.values():
            follower.begin()

    def step(self, action: Any) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Make one move; truncated only if NetHackChallenge's clock has stood still for too long."""
        if self._over:
            raise RuntimeError("the game is over: reset the environment before the next step")
        game, now = self.game, self._now
        self._actions.append(int(action))
        for latest, kept in self._kept:
            kept[...] = latest
        if self._parts:
            self._parts.clear()
        code = self._codes[action]
        done = code == _APPLY and self._is_key_door and self._unlock()
        if not done:
            self._pynethack.step(code)
            done = self._pynethack.done()
            if self._state[0] == 1 or not game._allow_all_modes:
                done = self._skip(done)
        game._steps += 1
        game._previous_action = action
        aborted = self._may_abort and game._check_abort(now)
        status = -1 if aborted else int(game._is_episode_end(now) if self._level is None else self._on_wanted_stairs())
        status = int(done) or status
        reward = float(game._reward_fn(self._before, action, now, status))

        if not done:
            self.bottom_line[...] = self._arrays["blstats"]
            self._follow_map()
            if self._line[_DEPTH] > self._deepest:
                self._deepest[...] = self._line[_DEPTH]
        elif int(self._pynethack.how_done()) <= int(nethack.GENOCIDED):  # deaths come first among the ways to end
            self.bottom_line[_HP] = 0
        info: dict[str, Any] = {}
        if status:
            self._over = True
            self._solved[...] = status == _SOLVED
            died = done and self._line[_HP] == 0
            info["end_status"] = "solved" if status == _SOLVED else "died" if died else "aborted" if aborted else "over"
        for follow in self._follow:
            follow(done)
        return self._observe(), reward, status > 0, aborted, info

    @property
    def on_stairs(self) -> bool:
        """Whether the hero stands on a staircase down."""
        return bool(self._internal[ON_STAIRS])

    def said(self) -> str:
        """What the game said in this step, with all the parts that upstream clicks away."""
        last = self._message.value
        if not self._parts:
            return _text(last) if last else ""
        lines = [line for line in dict.fromkeys(map(_text, [*self._parts, last])) if line]
        if self._is_key_door:
            lines = [line for line in lines if not any(noise in line for noise in _NOISE)]
        return " ".join(lines)

    def render(self) -> Any:
        """The terminal: a picture ``(400, 640, 3)`` uint8, or text."""
        if self.render_mode is None:
            return None
        if self.render_mode == "rgb_array":
            return self._terminal.draw(*(self._arrays[key] for key in _TERMINAL))
        return "\n".join(row.tobytes().decode("latin-1") for row in self._arrays["tty_chars"])

    def close(self) -> None:
        """End the game and remove its temporary files."""
        self.game.close()

    # Saving: a game is its seeds and its moves

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to play the game again up to here."""
        return {"random": self._np_random, "origin": self._origin, "actions": list(self._actions)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned, in an environment made with the same arguments."""
        self._np_random = state["random"]
        if state["origin"] is not None:
            self._begin(*state["origin"])
            for action in state["actions"]:
                self.step(action)

    # What is written and read

    def array(self, key: str) -> np.ndarray:
        """NLE's array of that name, filled from the next reset on."""
        if key not in self._arrays:
            if key not in nethack.OBSERVATION_DESC:
                crops = [f"{key}_crop" for key in _OUTSIDE]
                raise ValueError(unknown_name("observation", key, [*nethack.OBSERVATION_DESC, *crops]))
            self._arrays[key] = np.zeros(**nethack.OBSERVATION_DESC[key])
        return self._arrays[key]

    def _bind(self) -> None:
        """Let a new game write into the arrays."""
        if self._bound == len(self._arrays):
            return
        if self._bound:
            self.game.close()
            self.game = self._make()
        self._bound = len(self._arrays)
        self._now = set_buffers(self.game, self._arrays)
        kept = set(self._arrays) if self._keeps_all else {"blstats", "internal"}
        before: list[np.ndarray | None] = list(self._now)
        self._kept: list[tuple[np.ndarray, Any]] = []
        for place, key in enumerate(self.game._observation_keys):
            latest = self._now[place]
            if key in kept and latest is not None:
                before[place] = latest.copy()
                self._kept.append((latest, before[place]))
        self._before = tuple(before)
        self.game._previous_obs = self._before
        self._pynethack = self.game.nethack._pynethack

    def crop(self, key: str) -> Crop:
        """The part of a map array around the hero, kept up from the next step on."""
        if key not in self._crops:
            self._crops[key] = Crop(self.array(key), self._size, _OUTSIDE[key])
        return self._crops[key]

    def _observation(self, key: str) -> np.ndarray:
        """The live array behind an observation."""
        of = key.removesuffix("_crop")
        if key != of and of in _OUTSIDE:
            return self.crop(of).value
        return self.bottom_line if key == "blstats" else self.array(key)

    def _space(self, key: str, array: np.ndarray) -> gym.spaces.Box:
        whole = SPACES[key.removesuffix("_crop")]
        return gym.spaces.Box(whole.low.min(), whole.high.max(), array.shape, array.dtype.type)

    def _observe(self) -> dict[str, np.ndarray]:
        return {key: array.copy() for key, array in self._observed.items()}

    def _follow_map(self) -> None:
        for crop in self._crops.values():
            crop.update(self._line[_X], self._line[_Y])

    def follow(self, name: str) -> Any:
        """What a follower came to (``caption``, ``doors_opened``, ``explored``); it is made when first asked for."""
        follower = self._followers.get(name)
        if follower is None:
            follower = self._followers[name] = self._makers[name](self)
            self._follow.append(follower.step)
            if not self._over:
                follower.begin()
        return follower.value

    # The rules that upstream has in `step`

    def _on_wanted_stairs(self) -> int:
        assert self._level is not None
        return _SOLVED * bool(self._internal[ON_STAIRS] and self._arrays["blstats"][_DEPTH] >= self._level)

    def _skip(self, done: bool) -> bool:
        """Upstream's `_perform_known_steps`, which keeps what was said before each ``--More--``."""
        internal, pynethack = self._internal, self._pynethack
        while not done:
            if internal[3]:  # waiting for a space
                self._parts.append(self._message.value)
                pynethack.step(_SPACE)
                done = pynethack.done()
                continue
            question, line = internal[1], internal[2]
            if line:
                pynethack.step(_ESCAPE)
                done = pynethack.done()
            if question:
                message = self._arrays["message"].tobytes()
                if self.game._allow_all_yn_questions or any(word in message for word in _ANSWERED_BY_THE_AGENT):
                    break
                pynethack.step(_ESCAPE)
                done = pynethack.done()
            break
        return done

    def _unlock(self) -> bool:
        """KeyRoom's apply: with a key, beside a closed door, unlock and open it. Whether the game ended."""
        carried = self._arrays["inv_glyphs"].tolist()
        if KEY not in carried:
            return False
        x, y = self._line[_X], self._line[_Y]
        around = self._arrays["glyphs"][y - 1 : y + 2, x - 1 : x + 2].ravel().tolist()
        closed = [place for place, glyph in enumerate(around) if glyph in CLOSED_DOORS]
        if not closed or len(around) < 9:
            return False
        direction = _DIRECTIONS[closed[0]]
        letter = int(self._arrays["inv_letters"][carried.index(KEY)])
        pynethack = self._pynethack
        for key in (_APPLY, letter, direction, _YES):
            pynethack.step(key)
            if pynethack.done():
                return True
        done = self._skip(False)
        for _ in range(_TRIES):
            if done:
                break
            pynethack.step(direction)
            done = self._skip(pynethack.done())
            self._parts.append(self._message.value)
            line = self._arrays["blstats"]
            x, y = int(line[0]), int(line[1])
            if not np.isin(self._arrays["glyphs"][y - 1 : y + 2, x - 1 : x + 2], CLOSED_DOORS).any():
                break
        return done


_X, _Y, _HP, _DEPTH = AT["x"], AT["y"], AT["hp"], AT["depth"]


def _words(action: Any) -> str:
    """What a key of NLE's is called."""
    return f"far {action.name}" if isinstance(action, nethack.CompassDirectionLonger) else str(action.name)


def _text(message: bytes) -> str:
    return message.decode("latin-1").strip()
