"""What the figures of reports share: how they look, and how they become SVG and PNG."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"  # stands for the page's text color
# Okabe and Ito's colours, those that stand out on white and on dark grey alike; markers repeat out of step with them.
COLORS = ("#0a84d0", "#e08a00", "#00a07a", "#d4569b", "#d9541e", "#8a7ae0")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GOTO = "goto:"
"""Begins the URL of a part (`set_url`) that links to the element of the page with the id that follows."""
WIDTH = 10.2
"""Inches of a figure that takes the page's whole width; one inch is 96 CSS pixels."""


@dataclass
class Plot:
    """A figure.

    Attributes:
        figure: As Matplotlib drew it.
        alt: What it shows, for those who cannot see it.
        tips: Text that a part shows under the mouse, by the part's id.
    """

    figure: Figure
    alt: str
    tips: dict[str, str] = field(default_factory=dict)

    def svg(self, prefix: str) -> str:
        """An SVG element.

        Args:
            prefix: Of its ids, so that no other figure on the page has them too.
        """
        buffer = io.StringIO()
        with style():
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        text = buffer.getvalue()
        text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
        for part, tip in self.tips.items():
            text = text.replace(f'<g id="{part}">', f"<g><title>{html.escape(tip)}</title>")
        used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
        text = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", text)
        text = re.sub(r'(url\(#|href="#)', rf"\1{prefix}", text).replace(f'href="{GOTO}', 'href="#')
        width = self.figure.get_figwidth() * 96
        size = f'style="max-width: {width:.0f}px; min-width: {min(width, 240 + width / 3):.0f}px"'
        head, rest = text[: text.index(">")], text[text.index(">") :]
        head = re.sub(r' (width|height)="[^"]*"', "", head)
        return f'{head} role="img" aria-label="{html.escape(self.alt)}" {size}{rest}'.replace(INK, "currentColor")

    def save(self, path: Path) -> None:
        """Write it as a PNG on white."""
        with style():
            self.figure.savefig(path, dpi=150, facecolor="white")


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings for these figures; names that people typed are never taken for mathematics."""
    from matplotlib import rc_context

    settings: dict[str, Any] = {"svg.fonttype": "none", "svg.hashsalt": "comparison", "text.parse_math": False}
    settings |= {"font.family": "sans-serif", "font.size": 10, "text.color": INK, "axes.labelcolor": INK}
    settings |= {"axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK, "hatch.linewidth": 0.8}
    settings |= {"axes.spines.top": False, "axes.spines.right": False, "axes.facecolor": "none"}
    with rc_context(settings):
        yield


def stripes(axes: Axes, labels: Sequence[str]) -> None:
    """A labelled stripe for each row."""
    for i in range(0, len(labels), 2):
        axes.axhspan(i - 0.5, i + 0.5, color=INK, alpha=0.045, lw=0)
    axes.set(ylim=(len(labels) - 0.5, -0.5), yticks=range(len(labels)))
    axes.set_yticklabels(labels, fontsize=9.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.12, lw=0.8)


def looks_of(names: Sequence[str]) -> dict[str | None, tuple[str, str]]:
    """A colour and a marker for each name."""
    return {name: (COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]) for i, name in enumerate(names)}


def legend(canvas: Figure, looks: Mapping[Any, tuple[str, str]], place: str = "outside lower center") -> None:
    """Names outside of the axes; set one by one, because Matplotlib hides labels that begin with an underscore."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=color, marker=marker, ls="", ms=6) for color, marker in looks.values()]
    columns = max(1, min(len(looks), int(canvas.get_figwidth() / (0.45 + max(inches(str(n), 9.5) for n in looks)))))
    made = canvas.legend(
        handles, ["x" * len(str(name)) for name in looks], loc=place, ncols=columns, frameon=False,
        fontsize=9.5, handletextpad=0.2,
    )  # fmt: skip
    for text, name in zip(made.get_texts(), looks, strict=True):
        text.set_text(str(name))


def new_figure(width: float, height: float, layout: Any = None) -> Figure:
    """An empty figure of a size in inches, without pyplot's global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout)


def inches(text: str, size: float) -> float:
    """How wide a text is at a size in points."""
    from matplotlib.textpath import TextPath

    with style():
        return float(TextPath((0, 0), text, size=size, usetex=False).get_extents().width) / 72 if text.strip() else 0.1
