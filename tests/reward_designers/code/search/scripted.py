"""A small environment, trainings that were never run, and a search whose model, checks and trainings are scripted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from reward_designers.base import Transition
from reward_designers.code.search import (
    Candidate,
    Curve,
    Designer,
    Episode,
    History,
    Prompts,
    Proposal,
    Run,
    TrainingRecord,
    WorldDescription,
    describe,
)
from reward_designers.code.search.designer import SearchError

ABOUT = {"height": ("m", "height of the torso; 1.25 when standing"), "speed": ("m/s", "velocity along x")}


def transitions(rows: int = 5) -> Transition:
    rng = np.random.default_rng(0)
    state = {"obs": rng.normal(size=(rows, 3)), "height": rng.uniform(1, 1.4, rows), "speed": rng.normal(size=rows)}
    flags = np.zeros(rows, bool)
    return Transition(state, rng.uniform(-1, 1, (rows, 2)).astype(np.float32), state, flags, flags)


WORLD: WorldDescription = describe(
    "Hopper", "Hop forward fast.", transitions(), about=ABOUT, gamma=0.99, step_seconds=0.008
)
PROMPTS = Prompts(WORLD)


def program(weight: float, comment: str = "") -> str:
    """A program for the small environment, another one for each weight."""
    return f'def reward(next_speed):{comment}\n    return {{"speed": {weight!r} * next_speed}}\n'


def record(
    components: dict[str, Sequence[float]] | None = None,
    score: Sequence[float] = tuple(range(10)),
    length: Sequence[float] = (1000.0,) * 10,
    seeds: int = 1,
) -> TrainingRecord:
    """A record of ten checkpoints, the same for each seed."""
    curves = {"speed": list(range(10))} if components is None else components
    runs = tuple(
        Run(seed, {n: Curve.of(list(v)) for n, v in curves.items()}, Curve.of(list(score)), Curve.of(list(length)))
        for seed in range(seeds)
    )
    episode = Episode(37, True, 0.5, (0, 18, 36), {"height": (1.2, 1.1, 0.6)})
    return TrainingRecord(runs, tuple(range(100, 1100, 100)), 1000, (episode,))


@dataclass
class Script:
    """A search with a scripted model and trainings.

    Attributes:
        designer: What is searched with.
        reply: The text of sample i to a proposal; a program where the proposal wants one.
        train: The scores of a program by seed; None if its training fails.
        reread: Whether the history is written out and read back before every proposal.
    """

    designer: Designer
    reply: Callable[[Proposal, int], str]
    train: Callable[[Candidate], dict[int, float | None] | None]
    reread: bool = False
    history: History = field(default_factory=History)
    log: list[list[Proposal]] = field(default_factory=list)
    trained: list[str] = field(default_factory=list)

    def step(self) -> bool:
        """One round; False at the end."""
        if self.reread:
            self.history = History.from_json(json.loads(json.dumps(self.history.to_json(), allow_nan=False)))
        proposals = self.designer.propose(self.history)
        if not proposals:
            return False
        self.log.append(proposals)
        for proposal in proposals:
            count = 1 if proposal.prompt is None else proposal.prompt.n
            for i in range(count):
                self._take(proposal, i)
        for candidate in self.designer.ready(self.history):
            self.trained.append(candidate.key)
            scores = self.train(candidate)
            if scores is None:
                self.history.reject(candidate.key, "training", "the reward became NaN")
            else:
                self.history.update(candidate.trained(scores, 1000, record()))
        self.history.end_round()
        return True

    def _take(self, proposal: Proposal, i: int) -> None:
        text = proposal.program if proposal.program is not None else self.reply(proposal, i)
        if proposal.wants != "program":
            self.designer.observe(self.history, proposal, text)
            return
        if proposal.program is not None:
            fields = self.designer.prompts.world.field_names
            self.history.add(Candidate.of(text, proposal.origin(i), fields=fields))
        else:
            self.history.add(self.designer.read(proposal, f"My idea.\n\n```python\n{text}\n```", i))

    def run(self) -> Script:
        """All rounds. No prompt may be asked twice: a store of replies would bring the same ones."""
        try:
            while self.step():
                assert len(self.log) < 200
        finally:
            asked = [p.prompt.hash for proposals in self.log for p in proposals if p.prompt is not None]
            assert len(set(asked)) == len(asked)
        return self

    def fails(self) -> str:
        """All rounds, to the error that ends the search; its message."""
        with pytest.raises(SearchError) as caught:
            self.run()
        return str(caught.value)
