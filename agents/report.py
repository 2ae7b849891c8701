"""The page of a run."""

from __future__ import annotations

from agents.runs import RunDir


def write_report(run: RunDir) -> None:
    """Write ``report.html``."""
