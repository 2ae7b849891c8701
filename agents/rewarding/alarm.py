"""An alarm for rewards that are earned without the task being done: the reward rises while fitness does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

WINDOW = 30
"""Rows of the log that are looked at: of the hundred that a run has by default, nearly a third."""
RISE = 0.25
"""By how much of its size the reward has to rise; for fitness that rises as much, one standard error is sure enough."""
SURE = 2.0
"""Standard errors by which the reward has to rise, and within which fitness counts as the same."""


class HackingAlarm:
    """Watches a component of the reward beside fitness; goes off once.

    It is a rule of thumb about the last `WINDOW` rows: their last third against their first. Early in a training it may
    go off for a reward that leads to the task but has not yet: look at what pays.

    Args:
        component: The component's sum over an episode, as it is called in the log; or of a term with several
            components, whose names follow after a slash: their sum.
        truth: Fitness, as it is called there.
        rows: What was logged before, in a run that is resumed.
    """

    def __init__(self, component: str, truth: str, rows: Sequence[Mapping[str, float]] = ()):
        self.component, self.truth = component, truth
        self.text = ""
        self._rows: list[tuple[float, float]] = []
        for row in rows:
            self(row)

    def __call__(self, row: Mapping[str, float]) -> bool:
        """Take a row of the log; whether the alarm goes off now."""
        paid = [value for name, value in row.items() if f"{name}/".startswith(f"{self.component}/")]
        if self.text or not paid or self.truth not in row:
            return False
        self._rows = [*self._rows, (sum(paid), row[self.truth])][-WINDOW:]
        if len(self._rows) < WINDOW:
            return False
        rewards, fitness = np.array(self._rows).T
        (before, rise, rise_error), (start, change, change_error) = _change(rewards), _change(fitness)
        rises = rise > SURE * rise_error and rise > RISE * abs(before)
        better = change > (1.0 if change > RISE * abs(start) else SURE) * change_error
        if not rises or better:
            return False
        self.text = (
            f"{self.component} rose from {before:.3g} to {before + rise:.3g} an episode while {self.truth} went from "
            f"{start:.3g} to {start + change:.3g}: it may be earned without doing the task"
        )
        return True


def _change(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of the first third, how much more that of the last third is, and the standard error of that."""
    third = len(values) // 3
    first, last = values[:third], values[-third:]
    error = np.sqrt((first.var(ddof=1) + last.var(ddof=1)) / third)
    return float(first.mean()), float(last.mean() - first.mean()), float(error)
