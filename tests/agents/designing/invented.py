"""Searches of any size that nobody ran: folders as `agents.design` leaves them, with made-up programs and scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from agents.cli import compose
from agents.designing.folder import DesignDir
from agents.designing.journal import Journal
from agents.designing.options import DESIGN
from agents.designing.records import after_training
from agents.designing.results import Results
from agents.designing.training import failed
from reward_designers.code.search import Candidate, History, Note, Origin

COMPONENTS = ("forward", "upright", "effort & <rest>")


def outcome(rng: np.random.Generator, score: float | None, steps: int) -> dict[str, Any]:
    """Of a training that went well: the score rises to what it is at the end."""
    ticks = np.linspace(0, steps, 12).astype(int)
    rise = 1 - np.exp(-4 * ticks / steps)
    curves = {
        "steps": ticks.tolist(),
        "components": {n: (rise * i + rng.normal(0, 0.1, 12)).tolist() for i, n in enumerate(COMPONENTS)},
        "score": ((score or 0.0) * rise).tolist(),
        "length": (100 * rise).tolist(),
    }
    return {"watched": [], "score": score, "failure": "", "seconds": 12.5, "episodes": [score], "curves": curves}


class Invented:
    """A search in the making.

    Args:
        path: Its folder.
        options: As on the command line.
    """

    def __init__(self, path: Path, *options: str):
        self.folder = DesignDir.create(str(path), "")
        self.folder.write_config(compose(DESIGN, "design", ["env=Hopper", "total_timesteps=1000", *options]))
        self.folder.begin()
        self.journal = Journal(self.folder.journal)
        self.history = History()
        self.results = Results(self.folder, self.journal)
        self.rng = np.random.default_rng(0)

    def prompt(self, text: str, *replies: str, label: str = "Hopper/hop/eureka/0/first") -> str:
        """Ask; returns the prompt's key."""
        key = f"prompt{len(self.journal.all('reply'))}"
        said = [
            {"text": r, "request": "r", "index": i, "written_by": "tiny-1", "created": "2026-03-01T10:00:00+00:00"}
            | {"finish_reason": "stop", "exact": True}
            for i, r in enumerate(replies)
        ]
        messages = [{"role": "system", "content": "You design rewards."}, {"role": "user", "content": text}]
        self.journal.write("reply", key, {"label": label, "messages": messages, "replies": said})
        return key

    def add(self, source: str, parents: tuple[str, ...] = (), operation: str = "first", **origin: Any) -> Candidate:
        """A program that passed the checks."""
        made = Candidate.of(source, Origin(operation, parents, **origin), fields=("torso_height", "x_velocity"))
        self.history.add(made)
        if made.status == "proposed":
            self.journal.write("check", made.key, {"findings": [], "statistics": {}})
        return self.history[made.key]

    def train(self, candidate: Candidate, *scores: float | None, rung: int = -1, reason: str = "") -> Candidate:
        """Its trainings to a stage, one for each score; with a reason, they failed."""
        steps = self.results.rungs[rung].steps
        outcomes = {s: failed(reason) if reason else outcome(self.rng, score, steps) for s, score in enumerate(scores)}
        for seed, each in outcomes.items():
            self.journal.write("training", f"{candidate.key}/{seed}/{steps}", each)
        self.history.update(after_training(candidate, outcomes, steps, 1000))
        return self.history[candidate.key]

    def end_round(self) -> None:
        """The round is finished."""
        self.history.end_round()
        self.journal.end_round(self.history)

    def finish(self, chosen: Candidate, **final: list[float]) -> None:
        """The trainings at the end of the chosen program: scores of ``best``, ``env`` and ``zero``."""
        steps = self.results.rungs[-1].steps
        rows: dict[str, Any] = {}
        for name, values in final.items():
            run = chosen.key if name == "best" else name
            seeds = [1_000_000 + i for i in range(len(values))]
            for seed, value in zip(seeds, values, strict=True):
                self.journal.write("training", f"{run}/{seed}/{steps}", outcome(self.rng, value, steps))
            scored = Candidate("", "", Origin("")).trained(dict(zip(seeds, values, strict=True)), 1)
            found = self.results.score(scored)
            rows[name] = {**vars(found), "scores": {str(s): v for s, v in scored.scores.items()}}
        summary = {"state": "finished", "rounds": len(self.history.rounds), "best": chosen.key}
        summary["final"] = {"steps": steps, "seeds": seeds, "failed": {}, **rows}
        self.folder.summary.write_text(json.dumps(summary))


def program(rng: np.random.Generator, number: int) -> str:
    """One of many, all different."""
    a, b = rng.normal(size=2).round(3)
    return (
        f"import numpy as np\n\nTARGET = {number + 1.0}\n\n\ndef reward(next_torso_height, next_x_velocity, action):\n"
        f'    return {{\n        "height": {a} * np.abs(next_torso_height - TARGET),\n'
        f'        "speed": {b} * next_x_velocity,\n        "effort": -0.1 * np.square(action).mean(-1),\n    }}\n'
    )


def big(path: Path, programs: int, each: int, *options: str) -> Invented:
    """A search of many programs, of which some fail, stop early, or repeat others; distances are made up, too."""
    search, rng = Invented(path, *options), np.random.default_rng(1)
    places: dict[str, np.ndarray] = {}
    while len(search.history.candidates) < programs:
        trained = [c for c in search.history.candidates.values() if c.values is not None]
        trained = sorted(trained, key=lambda c: -(c.mean or 0))[:6]
        prompt = search.prompt("Write a reward.", *[f"Idea {i}.\n```python\n...\n```" for i in range(each)])
        for i in range(each):
            chosen = rng.choice(len(trained), min(len(trained), 2 if i % 4 == 0 else 1), replace=False)
            parents = tuple(trained[j].key for j in sorted(chosen))
            number = len(search.history.candidates)
            made = {"prompt": prompt, "reply": i, "idea": f"Idea {i}: a longer hop, with the torso held upright."}
            kind = rng.random()
            operation = ("mutate_structure" if i % 4 else "crossover") if parents else "first"
            if kind < 0.12:
                search.add(
                    f"def reward(next_torso_hight):\n    return {number} * next_torso_hight", parents, operation, **made
                )
                continue
            candidate = search.add(program(rng, number), parents, operation, **made)
            spot = places[parents[0]] if parents else rng.normal(size=4)
            places[candidate.key] = spot + 0.4 * rng.normal(size=4)
            row = {
                other: round(float(min(1, 0.2 * np.linalg.norm(places[candidate.key] - place))), 4)
                for other, place in places.items()
                if other != candidate.key
            }
            own = round(float(min(1, 0.2 * np.linalg.norm(places[candidate.key] - 1))), 4)
            search.journal.write("distance", candidate.key, {"env": own} | row)
            level = 0.2 + 0.05 * len(search.history.rounds) + (trained[0].mean or 0) * 0.3 if trained else 0.2
            if kind < 0.2:
                search.train(candidate, None, rung=0, reason="component 'speed' is nan in 3 of 2048 rows")
            elif kind < 0.28 and trained:
                twin = trained[0]
                search.journal.write("duplicate", candidate.key, [twin.key, 0.004])
                search.history.update(candidate.trained(twin.scores, twin.steps, twin.record))
            elif kind < 0.6 and len(search.results.rungs) > 1:
                search.train(candidate, level * rng.random(), rung=0)
            else:
                search.train(candidate, *(level + 0.1 * rng.normal(size=len(COMPONENTS))).tolist())
        if trained and not search.history.notes:
            search.history.note(Note("feedback", (trained[0].key,), "It hops too high."))
        search.end_round()
    best = max(
        (c for c in search.history.candidates.values() if search.results.rungs[-1].steps == c.steps and c.mean),
        key=lambda c: c.mean or 0,
    )
    scores = (best.mean or 0) + 0.03 * rng.normal(size=(3, 5))
    search.finish(best, best=scores[0].tolist(), env=(scores[1] + 0.1).tolist(), zero=(scores[2] - 0.4).tolist())
    return search
