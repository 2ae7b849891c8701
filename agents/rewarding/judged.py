"""A reward that judges decide on: they are asked while training runs, what pays is told, and hacking is watched for."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.config.commands import TrainConfig
from agents.rewarding import calm, ellm, intrinsic
from agents.rewarding.alarm import HackingAlarm
from agents.rewarding.terms import part_of
from reward_designers.base import RewardFn
from reward_designers.intrinsic import Annotation, AskedSubgoals, GoalReward, IntrinsicReward, SubgoalReward

if TYPE_CHECKING:
    from stable_baselines3.common.logger import Logger

    from reward_designers.intrinsic.suggestions import Suggestions


class Judged:
    """The judged part of a run's reward; where a reward has none, there is nothing to ask, tell or watch.

    Args:
        config: The run's, resolved.
        reward: Its reward.
    """

    def __init__(self, config: TrainConfig, reward: RewardFn | None):
        self._config = config
        self._taught: IntrinsicReward | GoalReward | None = None
        self._subgoals: SubgoalReward | None = None
        self._judge: Annotation | Suggestions | None = None
        self._alarm: HackingAlarm | None = None
        if config.reward_name in ("intrinsic", "motif", "ellm"):
            self._taught = part_of(reward, GoalReward) or part_of(reward, IntrinsicReward)
        elif config.reward_name == "calm":
            self._subgoals = part_of(reward, SubgoalReward)

    def ask(self, run_dir: Path) -> None:
        """Start asking, if there is something to ask while training runs.

        Raises:
            LLMError: The language model cannot be asked.
            OSError: What was answered cannot be kept.
            ValueError: Judge and reward do not go together.
        """
        if isinstance(self._taught, GoalReward):
            self._judge = ellm.teach(self._taught, self._config, run_dir)
        elif self._taught is not None and self._config.reward_name == "intrinsic":
            self._judge = intrinsic.teach(self._taught, self._config, run_dir)
        elif self._subgoals is not None and isinstance(self._subgoals.judge, AskedSubgoals):
            self._judge = calm.teach(self._subgoals.judge, self._config, run_dir)

    def beware(self, truth: str, rows: Sequence[Mapping[str, float]]) -> None:
        """From here on compare what is paid with ``truth``, a column of the log whose ``rows`` so far are given."""
        name = self._taught.name if self._taught is not None else "subgoals"
        if self._taught is not None or self._subgoals is not None:
            self._alarm = HackingAlarm(f"reward/{name}", truth, rows)

    def note(self) -> str:
        """How it stands, for a person; empty if there is nothing to tell."""
        asked = "" if self._judge is None else str(self._judge.status())
        if self._subgoals is None:
            return asked
        return " · ".join(filter(None, (self._subgoals.status(), asked.replace("captions known", "moments known"))))

    def watch(self, row: Mapping[str, Any], logger: Logger) -> bool:
        """Log what pays; whether an alarm goes off at this row of the log, which is told."""
        best = ""
        if self._taught is not None:
            top = self._taught.top()
            table = "\n".join(f"| {amount:.4g} | {times} | {caption} |" for caption, times, amount in top)
            text = f"| paid | times | caption |\n| --- | --- | --- |\n{table}"
            logger.record("captions/top", text, exclude=("csv",))
            best = "; ".join(f"{caption!r} paid {amount:.3g}" for caption, _, amount in top[:3])
        elif self._subgoals is not None:
            best = "; ".join(f"{text!r} in {share:.0%} of episodes" for text, _, share in self._subgoals.rows())
        alarmed = self._alarm is not None and self._alarm(row)
        if self._alarm is not None and alarmed:
            print(f"\nwarning: {self._alarm.text}. What pays most: {best}", file=sys.stderr, flush=True)
        return alarmed

    def summary(self) -> dict[str, Any]:
        """What came out, for the run's summary."""
        summary: dict[str, Any] = {}
        if self._taught is not None:
            summary["captions"] = self._taught.top()
        if self._subgoals is not None:
            summary |= {"subgoals": self._subgoals.rows(), "episodes": self._subgoals.episodes}
        if self._alarm is not None and self._alarm.text:
            summary["alarm"] = self._alarm.text
        return summary

    def close(self) -> None:
        """Ask no more."""
        if self._judge is not None:
            self._judge.close()
