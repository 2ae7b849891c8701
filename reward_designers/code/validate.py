"""What a reward program has to pass before a second of training is spent on it.

    validation = validate(source, fields=task.fields, transitions=batch, better=good_episodes, worse=bad_episodes)
    if not validation.accepted:
        prompt += validation.feedback()

The ladder: it is Python within the allowlist and reads what exists, it loads, it keeps the laws of rewards on real
transitions, its components say something, and it prefers trajectories that are known to be better (CARD, Sun et al.
2024, arXiv 2410.14660: training is skipped unless 80 % of the successful trajectories out-reward the best failed one).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.checker import check_reward
from reward_designers.code.allowlist import ProgramRejected
from reward_designers.code.program import Entry, Program
from reward_designers.code.reward import CodeReward
from reward_designers.code.sandbox.client import ProgramError
from reward_designers.code.sandbox.protection import Sandbox
from reward_designers.code.text import sanitized
from reward_designers.errors import RewardError, unknown_name
from reward_designers.evaluation import evaluate, total
from reward_designers.laws import RewardCheckError

Stage = Literal["program", "load", "laws", "components", "trajectories"]
AGREEMENT = 0.8
"""CARD's threshold."""
DOMINANT, STUCK, HUGE, TINY = 0.95, 0.95, 1e3, 1e-4
"""From which share of the variation a component drowns the others; from which share of transitions on which it has one
value it says little; and standard deviations of the reward that no learner's defaults fit."""


@dataclass(frozen=True)
class Finding:
    """Something to tell the program's author.

    Attributes:
        stage: The rung of the ladder.
        error: True if the program is not to be trained on.
        text: What is wrong and what to do, fit for a prompt.
    """

    stage: Stage
    error: bool
    text: str


@dataclass(frozen=True)
class Statistics:
    """One component on the transitions: what it is like before any training."""

    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class Validation:
    """What was found out about a program.

    Attributes:
        source: The program.
        findings: In the order of the ladder; an error ends the climb.
        program: Parsed; None if it was refused.
        reward: To be trained on (shaped, if the program is a potential); None unless accepted. Its process is closed.
        statistics: Of the reward's components, by name, on the transitions; empty if the laws are broken.
        agreement: Share of the better trajectories that out-reward the best of the worse; None if not tested.
    """

    source: str
    findings: tuple[Finding, ...]
    program: Program | None = None
    reward: RewardFn | None = None
    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    agreement: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether it may be trained on."""
        return not any(finding.error for finding in self.findings)

    def feedback(self) -> str:
        """All findings, for the next prompt; empty if there are none."""
        return "\n".join(f"{'Error' if f.error else 'Warning'} ({f.stage}): {f.text}" for f in self.findings)


def validate(
    source: str,
    *,
    fields: Sequence[str],
    transitions: Transition,
    better: Sequence[Transition] = (),
    worse: Sequence[Transition] = (),
    entry: Entry = "reward",
    gamma: float = 0.99,
    seconds: float = 10.0,
    sandbox: Sandbox = "available",
) -> Validation:
    """Take a program up the ladder; nothing that it does raises here.

    Args:
        source: The program.
        fields: Names of the state's fields that it may read.
        transitions: At least 8 real ones ``(n, ...)`` or ``(T, num_envs, ...)``, with all those fields; from random
            actions, say.
        better: Episodes ``(T, ...)``, each in order, that did better than all of ``worse``; tested if both are given.
        worse: Episodes that did worse.
        entry: ``potential`` if the program is a potential phi(s), which is judged as it shapes.
        gamma: The discount of that shaping.
        seconds: Wall-clock limit of one call.
        sandbox: See `CodeReward`.

    Raises:
        ValueError: Transitions lack fields or are too few.
        SandboxUnavailable: There is no sandbox that is good enough.
    """
    for name in fields:
        for batch in (transitions, *better, *worse):
            if name not in ("action", "terminated") and name not in batch.state and not name.startswith("next_"):
                raise ValueError(unknown_name("field, which the transitions lack,", name, batch.state))
    try:
        code = CodeReward(source, tuple(fields), entry, seconds, sandbox=sandbox)
    except ProgramRejected as error:
        return Validation(source, (Finding("program", True, str(error)),))
    try:
        return _climb(code, transitions, better, worse, gamma)
    finally:
        code.close()


def _climb(
    code: CodeReward, transitions: Transition, better: Sequence[Transition], worse: Sequence[Transition], gamma: float
) -> Validation:
    reward = code.potential(gamma) if code.entry == "potential" else code

    def failed(stage: Stage, error: RewardError) -> Validation:
        return Validation(code.source, (Finding(stage, True, _text(error)),), code.program)

    try:
        code.start()
    except ProgramError as error:
        return failed("load", error)
    try:
        check_reward(code, transitions, skip=("save", "update"))  # those are the class's, not the program's
        _check_first_batch(code, transitions.flatten())
        components = evaluate(reward, transitions.flatten())
    except (RewardCheckError, ProgramError) as error:
        return failed("laws", error)
    findings = [Finding("components", False, text) for text in _warnings(components)]
    agreement = None
    if better and worse:
        try:
            agreement, told = _trajectories(reward, better, worse)
        except ProgramError as error:
            return failed("trajectories", error)
        if agreement < AGREEMENT:
            findings.append(Finding("trajectories", True, told))
    accepted = not any(finding.error for finding in findings)
    statistics = {
        name: Statistics(float(v.mean()), float(v.std()), float(v.min()), float(v.max()))
        for name, v in components.items()
    }
    return Validation(code.source, tuple(findings), code.program, reward if accepted else None, statistics, agreement)


def _check_first_batch(code: CodeReward, t: Transition) -> None:
    """The laws are checked after a first batch, so that a program that keeps something of that alone passes them.

    Raises:
        RewardCheckError: A process that sees other rows first comes to another result.
    """
    other = copy.copy(code)  # has a process of its own
    try:
        evaluate(other, t[::-1][: len(t) // 2])
        expected, found = evaluate(code, t), evaluate(other, t)
    finally:
        other.close()
    for name, values in expected.items():
        if name not in found or not np.array_equal(values, found[name]):
            detail = "it depends on which batch was the first: nothing may be remembered between calls"
            raise RewardCheckError("deterministic", code.name, detail, name)


def _text(error: RewardError) -> str:
    """An error in the author's words: for a law that broke because the program raised, what it raised."""
    cause = error.__cause__ if isinstance(error.__cause__, ProgramError) else error
    text = sanitized(str(cause), 1200)
    return text.removeprefix("reward 'code', ").removeprefix("reward 'code' ")


def _warnings(components: Components) -> list[str]:
    """What is suspicious about components, each ``(n,)``, on real transitions."""
    found, n = [], len(next(iter(components.values())))
    spread = {name: float(values.std()) for name, values in components.items()}
    for name, values in components.items():
        if spread[name] <= 1e-9 * max(1.0, float(np.abs(values).max())):
            found.append(
                f"component {name!r} is {values[0]:.4g} on all {n} transitions: it rewards nothing but the length of "
                "an episode"
            )
            del spread[name]
            continue
        common, counts = np.unique(np.round(values, 9), return_counts=True)
        share = counts.max() / n
        if share > STUCK:
            found.append(
                f"component {name!r} is {common[counts.argmax()]:.4g} on {share:.0%} of {n} transitions: it tells "
                "states apart only rarely; a smoother or wider function would guide better"
            )
    overall = sum(spread.values())
    if len(spread) > 1:
        name = max(spread, key=lambda key: spread[key])
        if spread[name] / overall > DOMINANT:
            others = ", ".join(f"{key} {spread[key] / overall:.1%}" for key in spread if key != name)
            found.append(
                f"component {name!r} makes up {spread[name] / overall:.1%} of what varies, so that the others hardly "
                f"count ({others}): rescale them"
            )
    deviation = float(total(components).std())
    if deviation > HUGE or 0 < deviation < TINY:
        found.append(f"the reward's standard deviation is {deviation:.3g}; aim for something between 0.1 and 10")
    return found


def _trajectories(reward: RewardFn, better: Sequence[Transition], worse: Sequence[Transition]) -> tuple[float, str]:
    """The share of ``better`` whose return is above all of ``worse``, and what to say if it is too small."""
    episodes = [*better, *worse]
    cuts = np.cumsum([len(episode) for episode in episodes])[:-1]
    components = evaluate(reward, _joined(episodes, reward))
    sums = {name: np.array([part.sum() for part in np.split(v, cuts)]) for name, v in components.items()}
    returns, n = total(sums), len(better)
    above = int((returns[:n] > returns[n:].max()).sum())
    lines = [
        f"only {above} of {n} trajectories that are known to be better get a higher return than the best of "
        f"{len(worse)} worse ones (at least {AGREEMENT:.0%} are wanted). Mean returns, better against worse: "
        f"{returns[:n].mean():.4g} against {returns[n:].mean():.4g}"
    ]
    for name, values in sums.items():
        good, bad = values[:n].mean(), values[n:].mean()
        verdict = "" if good > bad else ": prefers the worse ones" if bad > good else ": sees no difference"
        lines.append(f"  component {name!r} {good:.4g} against {bad:.4g}{verdict}")
    return above / n, "\n".join(lines)


def _joined(episodes: Sequence[Transition], reward: RewardFn) -> Transition:
    """Episodes as one batch, of what the reward reads."""

    def both(side: str) -> dict[str, np.ndarray]:
        return {name: np.concatenate([getattr(e, side)[name] for e in episodes]) for name in reward.inputs}

    return Transition(
        both("state"),
        np.concatenate([e.action for e in episodes]),
        both("next_state"),
        np.concatenate([e.terminated for e in episodes]),
        np.concatenate([e.truncated for e in episodes]),
    )
