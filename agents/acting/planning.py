"""A reward chooses among proposed commands, as in StateFactory's planning (arXiv 2603.09400).

The model proposes several commands (samples of the same prompt). For each different one it is found out what would be
observed after it, and the reward is asked what the game would be worth then, all that happened before included. The
command of the highest value is done; among equals the one that was proposed more often, then the one proposed first.

What would be observed comes from the model itself (``predicted``: one more question for each different command), or
from a copy of the game (``simulator``). The latter is privileged: no agent outside of a simulator can have it. Where
only one command is proposed, nothing is looked up.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.acting.react import Proposal, Turn
from agents.prediction.data import Step, Trajectory
from agents.prediction.sources import Source
from envs.text.game import TextGame, TextState
from reward_designers.llm import LLM, Prompt

PREDICT = """\
You know how a game in words answers commands. You get its goal, what happened so far, and the next command. Say what
will be observed after the command, in the words that the game would use, and nothing else. Do not assume that the goal
is reached unless the command does it."""


@dataclass
class Play:
    """A game in progress.

    Attributes:
        game: The game.
        start: How it began.
        turns: What happened since.
        done: The commands that were given to the game, and what it was after each.
    """

    game: TextGame
    start: TextState
    turns: list[Turn] = field(default_factory=list)
    done: list[tuple[str, TextState]] = field(default_factory=list)

    @property
    def state(self) -> TextState:
        """Where the game is."""
        return self.done[-1][1] if self.done else self.start


class Planner:
    """Chooses among proposals.

    Args:
        source: The reward.
        domain: The world, by the name that sources know it by.
        llm: Predicts what would be observed; None: look it up in a copy of the game.
    """

    def __init__(self, source: Source, domain: str, llm: LLM | None):
        self.source, self.domain, self.llm = source, domain, llm

    def choose(
        self, plays: Sequence[Play], proposals: Sequence[Sequence[Proposal]]
    ) -> list[tuple[Proposal, dict[str, float]]]:
        """For each game the proposal to follow, and the values of its different commands.

        Raises:
            RewardError: The reward failed.
            LLMError: The model could not be asked.
        """
        options = [dict.fromkeys(p.command for p in some if p.command is not None) for some in proposals]
        wanted = [(place, command) for place, some in enumerate(options) if len(some) > 1 for command in some]
        ahead = self._ahead([(plays[place], command) for place, command in wanted])
        values: list[dict[str, float]] = [{} for _ in plays]
        if wanted:
            for (place, command), value in zip(wanted, self.source.value(self.domain, ahead), strict=True):
                if math.isfinite(value):
                    values[place][command or ""] = value
        return [(best(some, known), known) for some, known in zip(proposals, values, strict=True)]

    def _ahead(self, wanted: Sequence[tuple[Play, str]]) -> list[Trajectory]:
        """What happened, and what would be observed after the command."""
        if self.llm is None:
            steps = [_copied(play, command) for play, command in wanted]
        else:
            replies = self.llm.sample_all([_question(play, command) for play, command in wanted])
            steps = [Step(c, r[0].text.strip(), 0, 0, False) for (_, c), r in zip(wanted, replies, strict=True)]
        return [
            Trajectory(play.game.goal, (*_happened(play), step)) for (play, _), step in zip(wanted, steps, strict=True)
        ]


def best(proposals: Sequence[Proposal], values: dict[str, float]) -> Proposal:
    """The proposal of the highest value, those without one last; of equals the most frequent, then the first."""
    valid = [proposal for proposal in proposals if proposal.command is not None]
    if not valid:
        return proposals[0]
    votes = Counter(proposal.command for proposal in valid)
    return max(valid, key=lambda p: (values.get(p.command or "", -math.inf), votes[p.command]))  # the first of equals


def _copied(play: Play, command: str) -> Step:
    game = play.game.copy()
    try:
        return _step(command, game.step(command))
    finally:
        game.close()


def _happened(play: Play) -> list[Step]:
    return [_step("", play.start), *(_step(command, state) for command, state in play.done)]


def _step(command: str, state: TextState) -> Step:
    return Step(command, state.feedback, float(state.won), 0.0, False, tuple(sorted(state.facts)), state.score)


def _question(play: Play, command: str) -> Prompt:
    lines = [f"Goal: {play.game.goal}", f"Observation: {play.start.feedback}"]
    for turn in play.turns:
        lines += [f"Command: {turn.chosen.command or turn.chosen.said}", f"Observation: {turn.observation}"]
    lines += [f"Command: {command}", "Observation:"]
    return Prompt(
        [{"role": "system", "content": PREDICT}, {"role": "user", "content": "\n".join(lines)}],
        label=f"{play.game.name}/{len(play.turns) + 1}/{command}",
    )
