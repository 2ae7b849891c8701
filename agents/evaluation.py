"""Episodes of a policy without learning: how good it is, and what it looks like."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.errors import UsageError
from agents.files import replacing
from agents.sb3 import VecReplaceReward

MAX_STEPS = 30_000
"""Where an environment has no time limit, longer episodes are taken for ones that never end."""
Row = dict[str, float]
Watch = Callable[[VecReplaceReward, np.ndarray, list[dict[str, Any]]], None]


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Put the global random generators back afterwards, so that training goes on as if nothing had happened."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if gpus is not None:
            torch.cuda.set_rng_state_all(gpus)


def run_episodes(
    model: BaseAlgorithm,
    venv: VecReplaceReward,
    episodes: int,
    seed: int,
    *,
    deterministic: bool | None = None,
    watch: Watch | None = None,
) -> list[Row]:
    """Play ``episodes`` episodes; the same seed gives the same initial states, whatever the number of environments.

    Every environment plays one episode at a time to its end, so short episodes are not over-represented. Neither the
    policy, nor its normalisation, nor the reward learns.

    Args:
        model: The policy, and the observation statistics that it was trained with.
        venv: Environments of its own, not those of the training.
        episodes: How many.
        seed: Of the first episode; the next has ``seed + 1``, and so on.
        deterministic: Take the most likely actions rather than drawn ones; by default as the task says (`Task.greedy`).
        watch: Called after each step with the environments, rewards ``(num_envs,)`` and infos.

    Returns:
        A row for each episode, see `agents.episodes.EpisodeStatistics`. Where infos name a ``task_type``, success is
        there once more under ``success/<task type>``, so that means are taken by type.
    """
    rows: list[Row] = []
    deterministic = is_greedy(venv) if deterministic is None else deterministic
    with random_state_kept():
        torch.manual_seed(seed)  # of drawn actions
        for first in range(0, episodes, venv.num_envs):
            batch = _one_episode_each(model, venv, seed + first, deterministic, watch)
            rows += batch[: episodes - first]
    return rows


def is_greedy(venv: VecReplaceReward) -> bool:
    """Whether policies are evaluated there by their most likely actions, if nothing else is said."""
    return venv.task is None or venv.task.greedy


def _one_episode_each(
    model: BaseAlgorithm, venv: VecReplaceReward, seed: int, deterministic: bool, watch: Watch | None
) -> list[Row]:
    normalizer = model.get_vec_normalize_env()
    venv.seed(seed)
    obs = venv.reset()
    venv.episodes.drain()
    rows: list[Row | None] = [None] * venv.num_envs
    memory, starts = None, np.ones(venv.num_envs, bool)
    masked = isinstance(model, MaskablePPO)
    for step in itertools.count():
        if all(row is not None for row in rows):
            break
        endless = step >= MAX_STEPS // 10 and getattr(venv.unwrapped.envs[0].spec, "max_episode_steps", None) is None
        if endless and step == MAX_STEPS // 10:
            waits = f"is not over after {step:,} steps, and has no time limit; it is given up after {MAX_STEPS:,}"
            print(f"\nan evaluated episode {waits}", file=sys.stderr, flush=True)
        if endless and step == MAX_STEPS:
            raise UsageError(
                f"an episode has not ended after {MAX_STEPS:,} steps, so it cannot be evaluated: limit episodes with "
                "env.kwargs.max_episode_steps=1000, or leave evaluations out with eval_every=0 video=false"
            )
        seen = obs if normalizer is None else normalizer.normalize_obs(obs)
        masks = {"action_masks": get_action_masks(venv)} if masked else {}
        actions, memory = model.predict(seen, memory, starts, deterministic, **masks)
        obs, rewards, starts, infos = venv.step(actions)
        if watch is not None:
            watch(venv, rewards, infos)
        if starts.any():
            finished = venv.episodes.drain()
            for place, number in enumerate(np.flatnonzero(starts)):
                if rows[number] is None:
                    row = rows[number] = {name: float(values[place]) for name, values in finished.items()}
                    if "task_type" in infos[number] and "success" in row:
                        row[f"success/{infos[number]['task_type']}"] = row["success"]
    return [row for row in rows if row is not None]


def means(rows: Sequence[Row]) -> Row:
    """The mean of every column."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def interval(values: Sequence[float], *, level: float = 0.95, resamples: int = 10_000) -> tuple[float, float]:
    """Bootstrap percentile interval of the mean, with a fixed seed."""
    array = np.asarray(values, np.float64)
    rng = np.random.default_rng(0)
    resampled = array[rng.integers(len(array), size=(resamples, len(array)))].mean(1)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def draws(venv: VecReplaceReward) -> bool:
    """Whether there is anything to show of an episode there: pictures, or text."""
    from agents.pointer import fits

    env = venv.unwrapped.envs[0]
    return fits(venv.observation_space) or hasattr(env.unwrapped, "model") or env.render_mode == "rgb_array"


def record(
    model: BaseAlgorithm, venv: VecReplaceReward, folder: Path, seed: int, *, deterministic: bool | None = None
) -> Path:
    """Play an episode for people to look at: ``video.mp4``, or ``transcript.txt`` where the world is text.

    Returns:
        The file in ``folder``.
    """
    from agents.pointer import fits
    from agents.transcript import Transcript

    watch: Video | Transcript = Transcript() if fits(venv.observation_space) else Video()
    path = folder / watch.file
    run_episodes(model, venv, 1, seed, deterministic=deterministic, watch=watch)
    watch.save(path)
    return path


class Video:
    """Records the first environment's first episode as an mp4, with step, reward and fitness written on it.

    Use it as `run_episodes`'s ``watch``, then `save`.

    Args:
        size: Height and width of the picture.
        preset: See `envs.rendering`.
        max_frames: Recording ends then.
        max_fps: Simulations that step faster are thinned out to at most this.
    """

    file = "video.mp4"

    def __init__(self, size: int = 320, preset: str = "fidelity", max_frames: int = 250, max_fps: float = 34.0):
        self.frames: list[np.ndarray] = []
        self.fps = 30.0
        self._size, self._preset, self._max_frames, self._max_fps = size, preset, max_frames, max_fps
        self._step = 0
        self._done = False

    def __call__(self, venv: VecReplaceReward, rewards: np.ndarray, infos: list[dict[str, Any]]) -> None:
        """Take a picture after a step. The last step's is left out: the environment was reset already."""
        self._done |= "terminal_observation" in infos[0]
        if self._done or len(self.frames) >= self._max_frames:
            return
        env = venv.unwrapped.envs[0]
        rate = float(env.metadata.get("render_fps") or 30)
        every = max(1, int(np.ceil(rate / self._max_fps)))
        self.fps = rate / every
        if self._step % every == 0:
            text = f"step {self._step + 1}   reward {rewards[0]:.3f}"
            if "fitness" in infos[0]:
                text += f"   fitness {infos[0]['fitness']:.3f}"
            self.frames.append(_captioned(picture(env, self._size, self._preset), text))
        self._step += 1

    def save(self, path: Path) -> None:
        """Write the mp4."""
        import imageio.v2 as imageio

        options: Any = {"format": "FFMPEG", "fps": self.fps, "codec": "libx264", "quality": 7, "macro_block_size": 16}
        writer: Any
        with replacing(path) as temporary, imageio.get_writer(temporary, **options) as writer:
            for frame in self.frames:
                writer.append_data(frame)


def picture(env: Any, size: int, preset: str) -> np.ndarray:
    """How the environment looks now, by its task's camera: ``(size, size, 3)`` uint8, or of the size that suits it."""
    from envs import task_of
    from envs.rendering import frame_of

    task = task_of(env)
    camera = {"camera": task.camera} if task is not None and task.camera is not None else {}
    height, width = env.metadata.get("picture_size", (size, size))  # text is not to be scaled
    return frame_of(env, height=height, width=width, preset=preset, **camera)  # type: ignore[arg-type]


def _captioned(frame: np.ndarray, text: str) -> np.ndarray:
    from PIL import Image, ImageDraw

    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    draw.text((9, 7), text, fill=(0, 0, 0))
    draw.text((8, 6), text, fill=(255, 255, 255))
    return np.asarray(image)
