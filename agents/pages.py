"""What the pages of runs, comparisons and searches share: `templates/`, their styles, and videos within the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

EMBEDDED_VIDEO = 3_000_000
"""Larger videos (bytes) are linked rather than embedded."""


def render(template: str, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any) -> str:
    """A page as one file that needs no network. Text is escaped, unless it says that it is HTML (``__html__``).

    Args:
        template: File in `templates/`.
        filters: For the template, by name.
        **values: What the page shows.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= dict(filters or {})
    page = environment.get_template(template).render(**values)
    return page.encode("utf-8", "replace").decode()  # half a surrogate pair, which no file can hold


def embedded(video: Path) -> str:
    """What a page's video is read from: a data URI, the name of a file beside the page, or nothing."""
    if not video.is_file():
        return ""
    if video.stat().st_size > EMBEDDED_VIDEO:
        return video.name
    return "data:video/mp4;base64," + base64.b64encode(video.read_bytes()).decode()
