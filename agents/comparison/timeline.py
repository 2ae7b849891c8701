"""The figure of one shared trajectory: every reward on one time axis, with frames of the video at their times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.comparison.results import Json, Results
from agents.drawing import COLORS, INK, WIDTH, Plot, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRAMES = 8
"""Most frames under the time axis."""
FRAME_PIXELS = 180
LINES = 0.3
"""Inches between the curves and the pictures, for the lines that join them."""


def trajectory(results: Results, folder: Path) -> Plot:
    """All rewards along one episode, each standardised over it, the reference in grey behind every other.

    Args:
        results: With a trajectory.
        folder: Where the frames' files are.
    """
    shared = results.data["trajectory"]
    seconds = np.asarray(shared["seconds"], float)
    curves = {name: _numbers(values) for name, values in shared["rewards"].items()}
    order = [name for name in results.ordered if name in curves]
    frames = _frames(shared, folder, len(seconds))
    fitness = _numbers(shared["fitness"]) if shared.get("fitness") else None
    strips = len(order) + (fitness is not None)
    left, above, strip = 0.25, 0.42, 0.78 if strips <= 6 else 0.62
    picture = (WIDTH - 2 * left) / FRAMES if frames else 0
    bottom = 0.1 + (picture + LINES if frames else 0)
    height = bottom + strips * strip + above
    with style():
        canvas = new_figure(WIDTH, height)
        across = (WIDTH - 2 * left) / WIDTH
        behind = standardised(curves[results.reference]) if results.reference in curves else None
        for row, name in enumerate([*order, *(["fitness"] if fitness is not None else [])]):
            low = bottom + (strips - 1 - row) * strip
            axes = canvas.add_axes((left / WIDTH, low / height, across, (strip - 0.24) / height))
            is_fitness = row == len(order)
            values = fitness if is_fitness and fitness is not None else curves[name]
            if behind is not None and name != results.reference:
                axes.plot(seconds, behind, color=INK, lw=1, alpha=0.28)
            color = INK if name == results.reference else "#00a07a" if is_fitness else COLORS[(row - 1) % len(COLORS)]
            axes.plot(seconds, standardised(values), color=color, lw=1.5)
            label = "fitness (ground truth)" if is_fitness else results.labels[name]
            _strip_text(axes, label + (" ★" if name == results.reference else ""), values)
            axes.set(xlim=(seconds[0], seconds[-1]), yticks=[])
            axes.spines["left"].set_visible(False)
            axes.tick_params(bottom=False, labelbottom=False, labeltop=row == 0, length=0, pad=18)
            if row == 0:  # the axis is above, so that below nothing is between the curves and the pictures
                axes.xaxis.set_major_formatter("{x:g} s")
            axes.grid(axis="x", color=INK, alpha=0.12, lw=0.8)
            for step, _ in frames:
                axes.axvline(seconds[step], color=INK, lw=0.9, alpha=0.45, ls=(0, (1, 2)))
        if frames:
            below = canvas.add_axes((left / WIDTH, 0.05 / height, across, (picture + LINES) / height))
            _draw_frames(below, seconds, frames, 1 / FRAMES, picture / (picture + LINES))
    where = f"episode {shared.get('episode')} of coverage {shared.get('coverage')}"
    return Plot(canvas, f"Rewards over time along {where}")


def standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1, unknown values left out; zeros where nothing changes."""
    deviation = np.nanstd(values)
    centred = values - np.nanmean(values)
    return centred / deviation if deviation > 1e-12 * np.nanmax(np.abs(values), initial=0) else 0 * centred


def _strip_text(axes: Axes, label: str, values: np.ndarray) -> None:
    """Name to the left, mean and deviation before standardising to the right."""
    mean, deviation = np.nanmean(values), np.nanstd(values)
    axes.text(0, 1.04, label, transform=axes.transAxes, size=9.5, weight="bold", va="bottom")
    axes.text(1, 1.04, f"mean {mean:.3g}, sd {deviation:.2g}", transform=axes.transAxes, size=8.5, ha="right",
              va="bottom", alpha=0.75)  # fmt: skip


def _frames(shared: Json, folder: Path, steps: int) -> list[tuple[int, Path]]:
    """Step and file of up to `FRAMES` frames that exist, evenly chosen."""
    found = [(int(f["step"]), folder / f["file"]) for f in shared.get("frames") or []]
    found = sorted((step, path) for step, path in found if 0 <= step < steps and path.is_file())
    if len(found) <= FRAMES:
        return found
    return [found[i] for i in np.linspace(0, len(found) - 1, FRAMES).round().astype(int)]


def _draw_frames(axes: Axes, seconds: np.ndarray, frames: Sequence[tuple[int, Path]], wide: float, tall: float) -> None:
    """Pictures side by side in order of time, a line from each to its moment on the axis above.

    Args:
        axes: As wide as the time axis.
        seconds: ``(T,)``.
        frames: Step and file of each.
        wide: A picture's room as a share of the axes' width.
        tall: The same of its height.
    """
    span = max(float(seconds[-1] - seconds[0]), 1e-9)
    moments = np.array([(seconds[step] - seconds[0]) / span for step, _ in frames])
    middles = _apart(moments, wide)
    for (_, path), moment, middle in zip(frames, moments, middles, strict=True):
        image = _picture(path)
        ratio = image.shape[1] / image.shape[0]
        half = 0.47 * wide * min(1.0, ratio)
        height = tall * min(1.0, 1 / ratio)
        extent = (middle - half, middle + half, tall - height, tall)
        axes.imshow(image, extent=extent, aspect="auto", interpolation="none")
        axes.plot([moment, middle], [1, tall], color=INK, lw=1, alpha=0.6)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()


def _apart(moments: np.ndarray, wide: float) -> np.ndarray:
    """Middles of pictures of width ``wide`` within [0, 1], as near to their moments as they fit without overlap."""
    middles = np.clip(moments, wide / 2, 1 - wide / 2)
    for i in range(1, len(middles)):
        middles[i] = max(middles[i], middles[i - 1] + wide)
    limit = 1 - wide / 2
    for i in reversed(range(len(middles))):
        middles[i] = min(middles[i], limit)
        limit = middles[i] - wide
    return middles


def _picture(path: Path) -> np.ndarray:
    """A frame, no larger than it is shown."""
    from PIL import Image

    with Image.open(path) as file:
        image = file.convert("RGB")
    image.thumbnail((FRAME_PIXELS, FRAME_PIXELS))
    return np.asarray(image)


def _numbers(values: Sequence[Any]) -> np.ndarray:
    """Numbers, NaN for null."""
    return np.array([np.nan if value is None else value for value in values], float)
