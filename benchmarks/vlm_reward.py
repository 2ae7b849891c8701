"""CPU-milliseconds from frames to VLM rewards, and of a whole environment step with one: ours beside VLM-RM's design.

    python -m benchmarks.vlm_reward                                # about four minutes
    python -m benchmarks.vlm_reward --device cuda --models ViT-B-32,ViT-L-14,ViT-H-14,ViT-bigG-14   # wall time there

The design to compare with is that of VLM-RM's public code, written here from its description: Gymnasium's render(),
each frame transformed on its own, float32, a batch a step, the regularisation as a D x D matrix. Weights are random,
which is as fast as any; both sides have the same ones, and their rewards are compared. One thread, one run, the sides
take turns: compare within it, the machine's speed cancels out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

import envs
from agents.sb3 import VecReplaceReward
from envs.rendering import VLM_RM_HUMANOID, ensure_gl, frame_of
from reward_designers.vlm import VLMReward
from reward_designers.vlm.torchvision_compat import open_clip

GOAL, BASELINE, ALPHA = "a humanoid robot kneeling", "a humanoid robot", 0.5
NUM_ENVS = 8


class Straightforward:
    """VLM-RM's goal-baseline reward as a direct transcription of its formula (arXiv 2310.12921, definition 1).

    Args:
        model: open_clip's name of an architecture; its weights are random.
        device: Where to compute.
        batch_size: Frames at a time.
    """

    def __init__(self, model: str, device: str, batch_size: int):
        torch.manual_seed(0)  # as `reward_designers.vlm.models.load` does
        self.clip = open_clip.create_model(model, device=device).eval().requires_grad_(False)
        self.device = device
        self.batch_size = batch_size
        preprocess = self.clip.visual.preprocess_cfg
        self.size = self.clip.visual.image_size
        self.mean, self.std = (torch.tensor(preprocess[key], device=device).view(3, 1, 1) for key in ("mean", "std"))
        tokenizer = open_clip.get_tokenizer(model)
        goal, baseline = (
            self.clip.encode_text(tokenizer([prompt]).to(device), normalize=True).mean(0) for prompt in (GOAL, BASELINE)
        )
        direction = goal - baseline
        identity = torch.eye(len(direction), device=device)
        self.goal = goal
        self.projection = ALPHA * torch.outer(direction, direction) / direction.norm() ** 2 + (1 - ALPHA) * identity

    def transform(self, frame: np.ndarray) -> torch.Tensor:
        """One frame ``(H, W, 3)`` uint8 to what the model takes, ``(3, h, w)``."""
        image = torch.from_numpy(frame).to(self.device).permute(2, 0, 1).float() / 255
        if tuple(image.shape[1:]) != tuple(self.size):
            image = torch.nn.functional.interpolate(image[None], self.size, mode="bicubic", antialias=True)[0]
        return (image - self.mean) / self.std

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Rewards ``(n,)`` of frames ``(n, H, W, 3)`` uint8."""
        rewards = []
        for start in range(0, len(frames), self.batch_size):
            images = torch.stack([self.transform(frame) for frame in frames[start : start + self.batch_size]])
            x = self.clip.encode_image(images)
            x = x / x.norm(dim=-1, keepdim=True)
            rewards.append(1 - ((x - self.goal) @ self.projection).norm(dim=-1) ** 2 / 2)
        return torch.cat(rewards).cpu().numpy()


def ours(model: str, device: str, precision: str, **options: Any) -> VLMReward:
    """Our reward with the same, random weights; the embedded model has its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*random weights")
        pretrained = None if model == "tiny_clip" else ""
        return VLMReward(GOAL, BASELINE, ALPHA, model, pretrained, device, precision, **options)


def humanoid_frames(n: int, size: tuple[int, int]) -> np.ndarray:
    """Frames ``(n, H, W, 3)`` uint8 of a Humanoid that acts at random."""
    env = gym.make("Humanoid-v5", terminate_when_unhealthy=False)
    env.reset(seed=0)
    env.action_space.seed(0)
    frames = []
    for _ in range(n):
        env.step(env.action_space.sample())
        frames.append(frame_of(env, height=size[0], width=size[1], camera=VLM_RM_HUMANOID).copy())
    frames_array = np.stack(frames)
    assert frames_array.std() > 5, "blank frames"
    return frames_array


def take_turns(sides: Mapping[str, Callable[[], int]], repeats: int, device: str) -> dict[str, float]:
    """Median milliseconds of each side for one of what it counts: CPU time of this process, or wall time on a GPU."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats + 1):
        for name, side in sides.items():
            synchronize(device)
            start = clock(device)
            count = side()
            synchronize(device)
            if repeat:  # the first turn warms up
                spent[name].append((clock(device) - start) * 1e3 / count)
    return {name: statistics.median(times) for name, times in spent.items()}


def unit(device: str) -> str:
    """What `take_turns` measures."""
    return "CPU-ms" if device == "cpu" else "ms"


def clock(device: str) -> float:
    """Seconds: of CPU, or on the wall where a GPU works."""
    return time.process_time() if device == "cpu" else time.perf_counter()


def synchronize(device: str) -> None:
    """Wait for the GPU."""
    if device != "cpu":
        torch.cuda.synchronize()


def compare_frames(model: str, device: str, count: int, repeats: int) -> None:
    """From raw frames to rewards."""
    reference = Straightforward(model, device, batch_size=32)
    exact, fast = (ours(model, device, precision) for precision in ("fp32", "bf16"))
    frames = humanoid_frames(count, tuple(reference.size))
    results: dict[str, np.ndarray] = {}

    def side(name: str, score: Callable[[np.ndarray], np.ndarray]) -> Callable[[], int]:
        def run() -> int:
            results[name] = score(frames)
            return count

        return run

    scores = {"straightforward": reference, "ours, fp32": exact.score, "ours, bf16": fast.score}
    spent = take_turns({name: side(name, score) for name, score in scores.items()}, repeats, device)
    print(f"{model}, {count} frames at {reference.size[0]} px: {unit(device)} a frame")
    expected = results["straightforward"]
    for name, ms in spent.items():
        error = np.abs(results[name] - expected).max() / np.std(expected)
        agreement = (
            f"largest error {error:.0e} standard deviations, r = {np.corrcoef(results[name], expected)[0, 1]:.4f}"
        )
        print(f"  {name:18s} {ms:8.2f}   {spent['straightforward'] / ms:5.1f} times fewer   {agreement}")


class _Rollouts:
    """Stands for the buffer that asks for a rollout's rewards."""

    def begin(self) -> None:
        """See `agents.sb3.Consumer`."""

    def settle(self) -> None:
        """See `agents.sb3.Consumer`."""


@contextlib.contextmanager
def no_viewer() -> Iterator[None]:
    """Put the OpenGL context of the design's viewers aside: no training has one, and to change places with it costs."""
    if os.environ["MUJOCO_GL"] != "egl":
        yield
        return
    from mujoco import egl

    gl = egl.EGL
    nothing = gl.EGL_NO_SURFACE, gl.EGL_NO_SURFACE
    theirs = gl.eglGetCurrentContext()
    gl.eglMakeCurrent(egl.EGL_DISPLAY, *nothing, gl.EGL_NO_CONTEXT)
    yield
    if theirs:
        gl.eglMakeCurrent(egl.EGL_DISPLAY, *nothing, theirs)


def compare_steps(device: str, repeats: int, steps: int) -> None:
    """A whole step of Humanoid with its reward: physics, rendering, preprocessing, inference."""
    actions = np.random.default_rng(0).uniform(-0.4, 0.4, (NUM_ENVS, 17)).astype(np.float32)
    reference = Straightforward("ViT-B-32", device, batch_size=NUM_ENVS)

    def design(size: int) -> Callable[[], int]:
        """Gymnasium renders, and each step of all environments is one batch."""
        options: dict[str, Any] = {"render_mode": "rgb_array", "width": size, "height": size}
        plain_envs = [gym.make("Humanoid-v5", terminate_when_unhealthy=False, **options) for _ in range(NUM_ENVS)]
        for seed, env in enumerate(plain_envs):
            env.reset(seed=seed)

        def run() -> int:
            frames: list[Any] = []
            for env, action in zip(plain_envs, actions, strict=True):
                env.step(action)
                frames.append(env.render())
            assert np.std(frames[0]) > 5, "blank frames"
            reference(np.stack(frames))
            return NUM_ENVS

        return run

    def ours_with(reward: Any) -> Callable[[], int]:
        """As `agents.train` does: fast frames at the model's size, encoded when the rollout is complete."""
        make = partial(envs.make, "Humanoid", task="kneeling")
        venv = VecReplaceReward(DummyVecEnv([make] * NUM_ENVS), reward)
        venv.bind(_Rollouts())
        venv.reset()

        def run() -> int:
            with no_viewer():
                for _ in range(steps):
                    venv.step(actions)
                venv.finish_rollout()
            return NUM_ENVS * steps

        return run

    sides = {
        "design: ViT-B-32, render() at 480 px, as VLM-RM": design(480),
        "design: ViT-B-32, render() at 224 px": design(224),
        "ours: ViT-B-32": ours_with(ours("ViT-B-32", device, "auto")),
        "ours: tiny_clip": ours_with(ours("tiny_clip", device, "auto")),
        "ours, without a VLM reward": ours_with(lambda action: np.zeros(len(action))),
    }
    spent = take_turns(sides, repeats, device)
    at_480, at_224, *_, alone = spent.values()
    print(
        f"Humanoid, {NUM_ENVS} environments: {unit(device)} an environment step with its reward; how many times fewer"
    )
    print("than the design's, the whole step, and rendering + preprocessing + inference alone")
    print(f"  {'':50s} {'':8s}     whole: 480 px 224 px   reward: 480 px 224 px")
    for name, ms in spent.items():
        line = f"  {name:50s} {ms:8.2f}            {at_480 / ms:6.1f} {at_224 / ms:6.1f}"
        if name.startswith("ours:"):
            line += f"           {(at_480 - alone) / (ms - alone):6.1f} {(at_224 - alone) / (ms - alone):6.1f}"
        print(line)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--models", default="ViT-B-32", help="open_clip architectures, separated by commas")
    parser.add_argument("--frames", type=int, default=32, help="frames to encode at a time")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side; medians are reported")
    parser.add_argument("--steps", type=int, default=32, help="vector steps in a rollout of ours")
    args = parser.parse_args()
    torch.set_num_threads(1)
    ensure_gl()
    where = torch.cuda.get_device_name() if args.device != "cpu" else platform.processor() or platform.machine()
    print(f"{where}, torch {torch.__version__}, one thread")
    for model in args.models.split(","):
        compare_frames(model, args.device, args.frames, args.repeats)
    compare_steps(args.device, args.repeats, args.steps)


if __name__ == "__main__":
    main()
