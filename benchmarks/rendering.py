"""CPU-milliseconds a frame: Gymnasium's ``render()`` against ours, and what the difference does to a VLM reward.

    python -m benchmarks.rendering                  # a minute or two; writes docs/images/rendering.png
    python -m benchmarks.rendering --rewards 0      # without the rank correlation of VLM rewards under both presets

One thread, one run: compare within it, the machine's speed cancels out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio.v3 as imageio
import numpy as np

from envs.rendering import VLM_RM_HUMANOID, ensure_gl, frame_of, renderer


def cpu_ms(draw: Callable[..., object], repeats: int, *args: Any) -> float:
    """CPU time of this process a call, ms; the first call, which makes contexts, is not counted."""
    draw(*args)
    start = time.process_time()
    for _ in range(repeats):
        draw(*args)
    return (time.process_time() - start) / repeats * 1e3


def frames(size: int, repeats: int) -> None:
    """Print the table, and write the pictures side by side."""
    env = gym.make("Humanoid-v5", render_mode="rgb_array", width=size, height=size)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(5):
        env.step(env.action_space.sample())

    def ours(preset: Any, texture: Any, side: int) -> np.ndarray:
        return frame_of(env, height=side, width=side, preset=preset, texture=texture)

    print(f"Humanoid-v5, {size} px, MUJOCO_GL={os.environ.get('MUJOCO_GL')}: CPU-ms a frame")
    first: Any = env.render()
    base = cpu_ms(env.render, repeats)
    print(f"  {'env.render() of Gymnasium':28s} {base:8.2f}")
    pictures = [first]
    for preset, texture in (("fidelity", "native"), ("fast", "native"), ("fast", "parts")):
        picture = ours(preset, texture, size)
        spent = cpu_ms(ours, repeats * (10 if preset == "fast" else 1), preset, texture, size)
        change = np.abs(picture.astype(int) - first).mean()
        name = f"{preset}, texture={texture}"
        print(f"  {name:28s} {spent:8.2f}   {base / spent:5.1f} times fewer   mean change {change:.2f} of 255")
        pictures.append(picture)
    for small in (96, 112):
        print(f"  {f'fast at {small} px':28s} {cpu_ms(ours, repeats * 10, 'fast', 'native', small):8.2f}")
    path = Path("docs/images/rendering.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(path, np.concatenate(pictures, axis=1))
    print(f"  pictures, in this order: {path}")
    env.close()


def rewards(count: int, model: str, pretrained: str | None) -> None:
    """Rank correlation of the reward of the same Humanoid states drawn with either preset."""
    from scipy.stats import spearmanr

    import envs
    from agents.tiny_clip.bodies import BODIES, states
    from reward_designers.vlm.encoder import ClipEncoder
    from reward_designers.vlm.models import load

    clip = load(model, pretrained)
    encoder = ClipEncoder(clip)
    height, width = clip.images.size
    world: Any = gym.make("Humanoid-v5").unwrapped
    drawn: dict[Any, list[np.ndarray]] = {"fast": [], "fidelity": []}
    for data, _ in states(BODIES["humanoid"], world.model, count, np.random.default_rng(7), test=True):
        for preset, pictures in drawn.items():
            draw = renderer(preset).render
            pictures.append(draw(world.model, data, height=height, width=width, camera=VLM_RM_HUMANOID))
    embedded = {preset: encoder(np.stack(pictures)).astype(np.float64) for preset, pictures in drawn.items()}
    print(f"Spearman's correlation of rewards under fast and fidelity: {count} Humanoid states, {clip.label}, α = 0")
    for name, task in envs.tasks("Humanoid").items():
        goal = clip.text(list(task.goal_prompts)).mean(0)
        fast, fidelity = (embedded[preset] @ goal for preset in drawn)
        print(f"  {name:28s} {spearmanr(fast, fidelity).statistic:6.3f}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=224, help="pixels")
    parser.add_argument("--repeats", type=int, default=40, help="frames to time; ten times as many of the fast ones")
    parser.add_argument("--rewards", type=int, default=200, metavar="STATES", help="to compare rewards on; 0: none")
    parser.add_argument("--model", default="tiny_clip", help="for --rewards: any that reward=vlm takes")
    parser.add_argument("--pretrained", help="for --rewards")
    args = parser.parse_args()
    ensure_gl()
    frames(args.size, args.repeats)
    if args.rewards:
        rewards(args.rewards, args.model, args.pretrained)


if __name__ == "__main__":
    main()
