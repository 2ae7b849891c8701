"""Frames with their features: what the states of :mod:`agents.tiny_clip.bodies` look like, kept on disk in shards.

Each frame is drawn at the model's native 96 px, from the camera that the env uses itself, from VLM-RM's, or from a
random one; in native colors, with colored parts, or with random colors; a few in full fidelity, some scaled down from
224 px.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image
from tqdm import tqdm

from agents.tiny_clip.bodies import BODIES, Body, Origin, states
from agents.tiny_clip.captions import PROPOSITIONS
from agents.tiny_clip.degrees import degrees
from agents.tiny_clip.features import Features
from envs.rendering import DOUBLE_PENDULUM, PENDULUM, VLM_RM_HUMANOID, Camera, frame_of, renderer

SIZE = 96
SPECIES = (*BODIES, "cartpole")
SHARES = {  # of all frames
    "humanoid": 0.48,
    "hopper": 0.12,
    "walker": 0.08,
    "cheetah": 0.06,
    "ant": 0.06,
    "pendulum": 0.06,
    "double_pendulum": 0.05,
    "cartpole": 0.09,
}
_TASK_CAMERA = {"humanoid": VLM_RM_HUMANOID, "pendulum": PENDULUM, "double_pendulum": DOUBLE_PENDULUM}
_CAMERAS = {"humanoid": (0.2, 0.55, 0.25), "pendulum": (0.3, 0.4, 0.3), "double_pendulum": (0.3, 0.4, 0.3)}
"""Shares of the env's own camera, its tasks' and random ones."""

_ATTEMPT = 4  # part of a shard's name: raise it when states or pictures change


@dataclass(frozen=True)
class Shard:
    """Frames of one kind of body.

    Attributes:
        species: Key of ``SHARES``.
        frames: (n, 96, 96, 3) uint8, memory-mapped.
        truth: (n, number of propositions about this body) degrees in [0, 1].
        about: Numbers of those propositions in ``PROPOSITIONS``.
        origin: n dicts: kind, episode, held_out, camera, texture, preset.
        features: Where everything is.
    """

    species: str
    frames: np.ndarray
    truth: np.ndarray
    about: np.ndarray
    origin: list[dict[str, Any]]
    features: Features

    def where(self, **wanted: Any) -> np.ndarray:
        """(n,) bool: rows of which the origin says all this."""
        return np.array([all(row[key] == value for key, value in wanted.items()) for row in self.origin])


def load_or_make(folder: Path, species: str, split: str, count: int, seed: int) -> Shard:
    """One shard, from disk if it is there.

    Args:
        folder: Where shards are kept.
        species: Key of ``SHARES``.
        split: ``train`` or ``test``; they share no random number.
        count: How many frames.
        seed: Of everything.
    """
    path = folder / f"{species}-{split}-{count}-seed{seed}-v{_ATTEMPT}"
    if not path.is_dir():
        _make(path, species, split, count, seed)
    frames = np.load(path / "frames.npy", mmap_mode="r")
    rows = np.load(path / "features.npy")
    origin = json.loads((path / "origin.json").read_text())
    model = None if species == "cartpole" else _model(BODIES[species])
    features = _cartpole_features(rows) if model is None else Features.of(model, rows)
    by_name = degrees(species, features)
    about = [i for i, p in enumerate(PROPOSITIONS) if species in p.species]
    names = [PROPOSITIONS[i].name for i in about]
    truth = np.stack([by_name[name] if name else np.ones(len(frames)) for name in names], axis=1)
    return Shard(species, frames, truth.astype(np.float32), np.array(about), origin, features)


def _make(path: Path, species: str, split: str, count: int, seed: int) -> None:
    """Draw a shard into a folder beside, then rename: a shard exists whole or not at all."""
    partial = path.with_name(path.name + f".partial{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    rng = np.random.default_rng([seed, SPECIES.index(species), split == "test"])
    frames = np.lib.format.open_memmap(partial / "frames.npy", "w+", np.uint8, (count, SIZE, SIZE, 3))
    draw = _cartpole if species == "cartpole" else _mujoco
    rows, origin = draw(frames, species, rng, split == "test", tqdm(total=count, desc=path.name, mininterval=2))
    frames.flush()
    np.save(partial / "features.npy", np.stack(rows))
    (partial / "origin.json").write_text(json.dumps(origin))
    os.replace(partial, path)


def _model(body: Body) -> Any:
    return gym.make(body.env_id).unwrapped.model  # type: ignore[attr-defined]


def _mujoco(
    frames: Any, species: str, rng: np.random.Generator, test: bool, bar: Any
) -> tuple[list[np.ndarray], list[dict]]:
    body = BODIES[species]
    env = gym.make(body.env_id)
    model = env.unwrapped.model  # type: ignore[attr-defined]
    colors = model.geom_rgba.copy()
    own = Camera.of(env)
    rows, origin = [], []
    sampler = states(body, model, len(frames), rng, test)
    look: dict[str, Any] = {}
    for i, (data, source) in enumerate(sampler):
        if i >= len(frames):
            break
        if source.episode < 0 or not look or look["episode"] != source.episode:  # a roll-out keeps its look
            look = _look(species, body, own, rng, test) | {"episode": source.episode}
        model.geom_rgba[:] = colors
        if look["recolored"]:
            robot = model.geom_bodyid > 0
            model.geom_rgba[robot, :3] = look["recolored"]
        size = 224 if look["scaled"] else SIZE
        picture = renderer(look["preset"], look["texture"]).render(
            model, data, height=size, width=size, camera=look["camera"]
        )
        if look["scaled"]:
            picture = np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        frames[i] = picture
        rows.append(Features.row(model, data))
        origin.append(_describe(source, look))
        bar.update()
    bar.close()
    return rows, origin


def _look(species: str, body: Body, own: Camera, rng: np.random.Generator, test: bool) -> dict[str, Any]:
    """A camera and colors at random."""
    kind = rng.choice(["own", "task", "random"], p=_CAMERAS.get(species, (0.6, 0.0, 0.4)))
    if kind == "own":
        camera = own
    elif kind == "task":
        camera = _TASK_CAMERA[species]
    elif body.root == "cart":  # the rail stays in view, so that one sees where on it the cart is
        lookat, distance = (0.0, 0.0, float(rng.uniform(0.0, 0.3))), float(body.distance * rng.uniform(1.0, 1.4))
        azimuth, elevation = float(rng.uniform(75, 105)), float(rng.uniform(-25, 0))
        camera = Camera(lookat=lookat, distance=distance, azimuth=azimuth, elevation=elevation)
    else:
        height = rng.uniform(0.0, 0.3) if species in ("ant", "cheetah") else rng.uniform(0.6, 1.1)
        camera = Camera(
            follow=body.follow,
            lookat=(0.0, 0.0, float(height)),
            distance=float(body.distance * rng.uniform(0.8, 1.3)),
            azimuth=float(rng.uniform(0, 360) if body.root == "free" else rng.uniform(60, 120)),
            elevation=float(rng.uniform(-35, -2)),
        )
    texture = "parts" if rng.random() < 0.6 else "native"
    return {
        "camera": camera,
        "camera_kind": str(kind),
        "texture": texture,
        "recolored": rng.uniform(0.1, 1.0, 3).tolist()
        if texture == "native" and not test and rng.random() < 0.25
        else None,
        "preset": "fidelity" if rng.random() < 0.02 else "fast",
        "scaled": bool(rng.random() < 0.1),
    }


def _describe(source: Origin, look: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": source.kind,
        "episode": source.episode,
        "held_out": source.held_out,
        "camera": look["camera_kind"],
        "texture": look["texture"],
        "preset": look["preset"],
    }


def _cartpole(
    frames: Any, species: str, rng: np.random.Generator, test: bool, bar: Any
) -> tuple[list[np.ndarray], list[dict]]:
    """Gymnasium's CartPole draws itself, 600 x 400, scaled to the square that the model sees."""
    env = gym.make("CartPole-v1", render_mode="rgb_array")
    env.reset(seed=0)
    rows, origin = [], []
    for i in range(len(frames)):
        angle = rng.normal(0, 0.25) if rng.random() < 0.5 else rng.uniform(-np.pi, np.pi)
        env.unwrapped.state = np.array([rng.uniform(-2.5, 2.5), 0.0, angle, 0.0])  # type: ignore[attr-defined]
        frame_of(env, height=SIZE, width=SIZE, out=frames[i])
        rows.append(np.asarray(env.unwrapped.state, np.float32))  # type: ignore[attr-defined]
        origin.append(_describe(Origin("posed"), {"camera_kind": "own", "texture": "native", "preset": "fast"}))
        bar.update()
    bar.close()
    env.close()
    return rows, origin


def _cartpole_features(rows: np.ndarray) -> Features:
    none = np.zeros((len(rows), 0, 3))
    return Features(None, none, none, np.zeros((len(rows), 3, 3)), rows.astype(np.float64), np.zeros(len(rows)))
