"""When to call again after a failure: a circuit breaker with growing pauses, closed by one call that succeeds."""

from __future__ import annotations

import time

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds that the circuit stays open after a failure, doubled after each further one up to the second."""
BUDGET_PAUSE = 60.0
"""Seconds until the budget is looked at again: calls of another run may have given back what they reserved."""


class Breaker:
    """Closed: calls go through. Open: none does until the pause is over, then one that decides.

    Attributes:
        state: ``closed``, ``open circuit`` or ``out of budget``.
        problem: What went wrong last; empty if nothing.
    """

    def __init__(self) -> None:
        self.state, self.problem = "closed", ""
        self._failures = 0
        self._until = 0.0

    @property
    def pause(self) -> float:
        """Seconds until a call may be made."""
        return max(self._until - time.monotonic(), 0.0)

    def room(self, limit: int) -> int:
        """How many calls may be in flight, where `limit` is the most."""
        if self.state == "closed":
            return limit
        return 0 if self.pause else 1

    def failed(self, problem: str) -> None:
        """A call failed in a way that may pass."""
        if not self.pause:  # else it was made before the circuit opened
            self._open("open circuit", problem, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**self._failures))
            self._failures += 1

    def spent(self, problem: str) -> None:
        """A call was not made, since it could have passed a limit."""
        self._open("out of budget", problem, BUDGET_PAUSE)

    def succeeded(self) -> None:
        """A call went through."""
        self.state, self.problem, self._failures, self._until = "closed", "", 0, 0.0

    def _open(self, state: str, problem: str, seconds: float) -> None:
        self.state, self.problem, self._until = state, problem, time.monotonic() + seconds
