"""The loop of every designer: propose, check, train, reflect, select.

Whatever is asked, checked or trained is read from the journal if it stands there. So going on with a search that was
interrupted is running it again from its last finished round.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from agents.config.rewards import CodeReward
from agents.designing.cluster import Cluster
from agents.designing.display import Display
from agents.designing.duplicates import Duplicates
from agents.designing.folder import DesignDir
from agents.designing.halving import Rung, climb
from agents.designing.journal import Journal, trained_as
from agents.designing.options import DesignConfig
from agents.designing.records import after_training
from agents.designing.report import Report
from agents.designing.setting import Setting
from agents.designing.training import Outcome, Training, Workers
from agents.designing.trajectories import Pair, Trajectories
from agents.errors import UsageError
from agents.files import write_text
from reward_designers.code import validate
from reward_designers.code.program import Entry
from reward_designers.code.search import Candidate, Designer, History, Proposal, thought
from reward_designers.code.validate import Finding, Validation
from reward_designers.errors import RewardError
from reward_designers.llm import LLM, Prompt

HELDOUT_SEED = 2_000_000
"""Of the episodes by which candidates are selected: neither training nor its evaluations begin like them."""


class Person(Protocol):
    """Somebody who watches and says a sentence."""

    def __call__(self, candidate: Candidate, run: Path, asked: int) -> str:
        """A sentence about the policy of a run; empty if there is nothing to say. ``asked``: how often before."""


class Search:
    """A search in progress.

    Args:
        config: What was asked for.
        folder: Its directory, locked.
        journal: In it.
        setting: Where it takes place.
        designer: Who proposes.
        rungs: Of trainings.
        workers: Who trains.
        llm: Whom to ask; None if the designer asks nobody.
        person: Whom to ask for a sentence.
        display: Where progress is shown.
    """

    def __init__(
        self,
        config: DesignConfig,
        folder: DesignDir,
        journal: Journal,
        setting: Setting,
        designer: Designer,
        rungs: Sequence[Rung],
        workers: Workers | Cluster,
        llm: LLM | None,
        person: Person,
        display: Display,
    ):
        self.config, self.folder, self.journal, self.setting = config, folder, journal, setting
        self.designer, self.rungs, self.workers, self.llm = designer, rungs, workers, llm
        self.person, self.display = person, display
        self.entry: Entry = "potential" if config.potential else "reward"
        self.sandbox: Any = config.sandbox.name
        wanted = config.trajectories and not config.potential  # a shaping's return says little: it telescopes
        self.trajectories = Trajectories(setting, folder, journal) if wanted else None
        self.duplicates = Duplicates(
            setting.transitions,
            setting.fields,
            entry=self.entry,
            gamma=setting.gamma,
            threshold=config.duplicate,
            seconds=config.seconds,
            sandbox=self.sandbox,
        )
        self.report = Report(self)

    def run(self) -> History:
        """All rounds that are left.

        Raises:
            SearchError: The designer gives up.
            LLMError: The model cannot be asked.
            UsageError: Something else that a person has to mend.
        """
        history = self.journal.history()
        self.display.resumed(history)
        if self.llm is not None:
            self.display.cost(self.llm)
        while proposals := self.designer.propose(history):
            self.display.round(len(history.rounds), proposals)
            self._settle(history, proposals)
            self._train(history)
            history.end_round()
            self.journal.end_round(history)
            self.display.end_round(history)
            self.report.update()
        return history

    # Proposals

    def _settle(self, history: History, proposals: Sequence[Proposal]) -> None:
        """Ask for what is proposed, and take it into the history, checked."""
        self._ask(history, [p.prompt for p in proposals if p.prompt is not None])
        for proposal in proposals:
            if proposal.wants == "sentence":
                self.designer.observe(history, proposal, self._sentence(history, proposal))
                continue
            if proposal.prompt is None:
                origin = proposal.origin()
                self._take(
                    history, Candidate.of(proposal.program or "", origin, fields=self.setting.fields, entry=self.entry)
                )
                continue
            replies = self.journal.get("reply", proposal.prompt.hash)["replies"]
            for index, reply in enumerate(replies[: proposal.prompt.n]):
                if proposal.wants == "answer":
                    self.designer.observe(history, proposal, reply["text"])
                else:
                    self._take(history, self.designer.read(proposal, reply["text"], index))

    def _ask(self, history: History, prompts: Sequence[Prompt]) -> None:
        """Bring the replies to all prompts into the journal."""
        new = [prompt for prompt in prompts if ("reply", prompt.hash) not in self.journal]
        if not new:
            return
        if self.llm is None:
            raise UsageError(f"designer={self.designer.name} asks a language model, and there is none")
        for prompt in new:
            self._audit(history, prompt)
        self.display.asking(sum(prompt.n for prompt in new))
        for prompt, replies in zip(new, self.llm.sample_all(new), strict=True):
            value = {
                "label": prompt.label,
                "messages": [dict(message) for message in prompt.messages],
                "replies": [asdict(reply) for reply in replies],
            }
            if ("reply", prompt.hash) not in self.journal:  # two prompts of a round may be the same
                self.journal.write("reply", prompt.hash, value)
        self.display.cost(self.llm)

    def _audit(self, history: History, prompt: Prompt) -> None:
        """Refuse a prompt that shows the ground truth or the environment's own reward."""
        quoted = [note.text for note in history.notes] + [self.setting.world.task]
        for candidate in history.candidates.values():
            quoted += [candidate.source, candidate.origin.idea, thought(candidate), *candidate.warnings]
            quoted += [] if candidate.rejection is None else [candidate.rejection.reason]
            quoted += [] if candidate.record is None else candidate.record.names
        leaks = self.setting.secrets.find(prompt.messages, quoted=quoted)
        if leaks:
            raise UsageError(
                f"prompt {prompt.label} was not sent, for it shows what the search is judged by: "
                + "; ".join(map(str, leaks[:3]))
            )

    def _take(self, history: History, candidate: Candidate) -> None:
        """A candidate into the history; a new one climbs the ladder of checks."""
        if not history.add(candidate):
            self.display.candidate(history[candidate.key], "seen before")
            return
        candidate = history[candidate.key]
        if candidate.status == "proposed":
            found = self.journal.once("check", candidate.key, lambda: self._check(history, candidate))
            findings = tuple(Finding(**finding) for finding in found["findings"])
            candidate = candidate.checked(Validation(candidate.source, findings))
            history.update(candidate)
        self.display.candidate(candidate)

    def _check(self, history: History, candidate: Candidate) -> dict[str, Any]:
        pair = Pair() if self.trajectories is None else self.trajectories.pair(history)
        validation = validate(
            candidate.source,
            fields=self.setting.fields,
            transitions=self.setting.transitions,
            better=pair.better,
            worse=pair.worse,
            entry=self.entry,
            gamma=self.setting.gamma,
            seconds=self.config.seconds,
            sandbox=self.sandbox,
        )
        return {
            "findings": [asdict(finding) for finding in validation.findings],
            "statistics": {name: asdict(values) for name, values in validation.statistics.items()},
            "agreement": validation.agreement,
        }

    def _sentence(self, history: History, proposal: Proposal) -> str:
        (key,) = proposal.about
        asked = len(self.journal.all("sentence"))
        seed = min(history[key].scores)
        run = self.folder.trainings / trained_as(self.journal, key) / f"seed_{seed}"
        name = f"{len(history.rounds)}/{proposal.operation}/{key}"
        with self.display.paused():
            return self.journal.once("sentence", name, lambda: self.person(history[key], run, asked))

    # Training

    def _train(self, history: History) -> None:
        """Train what is ready, but for what repeats what is trained; the worse ones not to the end."""
        ready = self.designer.ready(history)
        twins = self._twins(history, ready)
        names = [candidate.key for candidate in ready if candidate.key not in twins]

        def stage(keys: Sequence[str], rung: Rung) -> Mapping[str, float | None]:
            trainings = {
                (key, seed): self.training(history[key], self.config.seed + seed, rung.steps)
                for key in keys
                for seed in range(rung.seeds)
            }
            self.train(list(trainings.values()), rung)
            for key in keys:
                outcomes = {
                    training.config.seed: self.journal.get("training", training.key)
                    for (of, _), training in trainings.items()
                    if of == key
                }
                limit = self.setting.world.max_steps
                history.update(after_training(history[key], outcomes, rung.steps, limit))
                self.display.candidate(history[key])
            return {key: history[key].mean for key in keys}

        climb(names, self.rungs, stage)
        for key, (other, distance) in twins.items():
            same = f"it computes nearly the same as program {other} (distance {distance:.2g}) and was not trained"
            twin = history[other]
            if twin.values is None:
                history.reject(key, "training", f"{same}; {twin.failure}")
            else:
                copied = history[key].trained(twin.scores, twin.steps, twin.record)
                history.update(replace(copied, warnings=(*copied.warnings, f"{same}: the scores are those")))
            self.display.candidate(history[key], f"repeats {other}")

    def _twins(self, history: History, ready: Sequence[Candidate]) -> dict[str, tuple[str, float]]:
        """Key of each candidate that repeats one that is trained, or is about to be, to that one's."""
        twins: dict[str, tuple[str, float]] = {}
        if not self.config.duplicate:
            return twins
        others = {c.key: c.source for c in history.candidates.values() if c.values is not None}
        for candidate in ready:
            known = dict(others)

            def find(candidate: Candidate = candidate, known: dict[str, str] = known) -> Any:
                try:
                    return self.duplicates.find(candidate.source, known)
                except RewardError as error:
                    print(f"warning: {candidate.key} could not be compared: {error}", file=sys.stderr)
                    return None

            found = self.journal.once("duplicate", candidate.key, find)
            if found is None:
                others[candidate.key] = candidate.source
            else:
                twins[candidate.key] = (found[0], found[1])
        return twins

    def training(self, candidate: Candidate, seed: int, steps: int, heldout: int = HELDOUT_SEED) -> Training:
        """The training of a program with one seed."""
        folder = self.folder.trainings / candidate.key
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / "program.py"
        if not program.exists():
            write_text(program, candidate.source)
        reward = CodeReward(
            path=str(program.resolve()),
            potential=self.config.potential,
            gamma=self.setting.gamma if self.config.potential else None,
            seconds=self.config.seconds,
            sandbox=self.config.sandbox,
        )
        return self.training_on(candidate.key, reward, seed, steps, heldout)

    def training_on(self, name: str, reward: Any, seed: int, steps: int, heldout: int) -> Training:
        """The training on any reward."""
        run = self.folder.trainings / name / f"seed_{seed}"
        config = replace(
            self.setting.training, reward=reward, seed=seed, total_timesteps=steps, run_dir=str(run.resolve())
        )
        watched = self.setting.fields if self.designer.name == "critic" else ()
        return Training(name, config, self.config.episodes, heldout + 1000 * seed, watched)

    def train(self, trainings: Sequence[Training], rung: Rung | None = None) -> None:
        """Bring the outcomes of trainings, for a stage of the search or for its end, into the journal."""
        new = [training for training in trainings if ("training", training.key) not in self.journal]

        def done(training: Training, outcome: Outcome) -> None:
            self.journal.write("training", training.key, outcome)
            self.display.training(training, outcome, len(new))

        if new:
            self.display.trainings(new, rung)
            self.workers.run(new, done)
