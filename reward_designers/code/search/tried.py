"""The programs of a search so far, a line each, for their author: what was tried, for how long, and what it scored."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reward_designers.code.search.candidates import Candidate
from reward_designers.code.search.reflection import component_name
from reward_designers.code.text import sanitized

ROWS = 8
"""Programs that are listed of those that were trained alike; of the others there is a number."""
THOUGHT = 100
"""Characters."""


def tried(candidates: Iterable[Candidate], yours: str = "") -> str:
    """The trained programs, grouped by the length of their trainings, for only scores of one length compare.

    Args:
        candidates: Those that are not trained are left out.
        yours: Key of the program that the prompt is about; it is marked.

    Returns:
        Lines; empty if there is no program but ``yours``.
    """
    groups: dict[tuple[int, int], list[Candidate]] = {}
    for candidate in candidates:
        if candidate.values is not None:
            groups.setdefault((candidate.steps, len(candidate.values)), []).append(candidate)
    if sum(map(len, groups.values())) < 1 + bool(yours):
        return ""
    longest = max(steps for steps, _ in groups)
    lines = []
    for (steps, seeds), group in sorted(groups.items(), reverse=True):
        stopped = ", then stopped: others of its round were ahead" if steps < longest else ""
        lines.append(f"Trained for {steps} steps with {seeds} seed{'' if seeds == 1 else 's'}{stopped}:")
        group.sort(key=lambda c: -(c.mean or 0.0))
        lines += [_row(c, yours) for c in group[:ROWS]]
        if len(group) > ROWS:
            lines.append(f"- {len(group) - ROWS} more with lower scores")
    if len(groups) > 1:
        lines.append("Scores after trainings of different lengths do not compare.")
    return "\n".join(lines)


def thought(candidate: Candidate) -> str:
    """The first sentence that its author said about a program, on one line; empty if nothing was said."""
    words = " ".join(re.sub(r"[*#`]|(?m:^\s*[-\d.]+\s)", "", sanitized(candidate.origin.idea, 600)).split())
    first = re.split(r"(?<=[.!?])\s", words, maxsplit=1)[0]
    return first if len(first) <= THOUGHT else first[:THOUGHT].rsplit(" ", 1)[0] + " ..."


def _row(candidate: Candidate, yours: str) -> str:
    assert candidate.mean is not None
    assert candidate.values is not None
    score = f"{candidate.mean:.3g}"
    if len(candidate.values) > 1:
        score += f" (mean of {', '.join(f'{value:.3g}' for value in candidate.values)})"
    whose = "yours" if candidate.key == yours else f"round {candidate.origin.round + 1}"
    names = [] if candidate.record is None else [component_name(name) for name in candidate.record.names]
    about = [", ".join(names), thought(candidate) and f'"{thought(candidate)}"']
    return f"- {score}, {whose}: {'; '.join(filter(None, about))}".removesuffix(": ")
