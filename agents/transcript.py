"""What an episode looks like where there are no pictures: what was done, what the game said, and what it was worth."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from agents.files import write_text
from agents.sb3 import VecReplaceReward


class Transcript:
    """Writes down the first environment's first episode; use it as `agents.evaluation.run_episodes`'s ``watch``.

    Args:
        width: Lines are wrapped there.

    Attributes:
        lines: Written so far; commands begin with "> ".
    """

    file = "transcript.txt"

    def __init__(self, width: int = 100):
        self.lines: list[str] = []
        self._width = width
        self._done = False

    def __call__(self, venv: VecReplaceReward, rewards: np.ndarray, infos: list[dict[str, Any]]) -> None:
        """Take down one step."""
        if self._done:
            return
        if not self.lines:
            self._say(venv.unwrapped.reset_infos[0].get("feedback", ""))
        info = infos[0]
        worth = f"reward {rewards[0]:.3g}" + (f", fitness {info['fitness']:.3g}" if "fitness" in info else "")
        self.lines += ["", f"> {info['command']:<{self._width - 30}}{worth:>28}"]
        self._say(info["feedback"])
        self._done = "terminal_observation" in info
        if self._done:
            self.lines += ["", "(out of time)" if info.get("TimeLimit.truncated") else "(the end)"]

    def _say(self, text: str) -> None:
        for line in text.splitlines():
            self.lines += textwrap.wrap(line, self._width)

    def save(self, path: Path) -> None:
        """Write the text file."""
        write_text(path, "\n".join(self.lines) + "\n")
