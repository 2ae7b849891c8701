"""Signs that a reward can be hacked, each with its numbers and a sentence: functions of arrays alone.

What is looked for is what the literature reports of rewards that went wrong: what is paid rises in training while the
ground truth falls (Pan et al. 2022, arXiv 2201.03544; Gao et al. 2023, arXiv 2210.10760); a reward agrees with the
truth where nobody acts on it and not where its own policy goes (Gleave et al. 2021, arXiv 2006.13900, section 6.3); it
pays for failing, or for going in circles (Ng et al. 1999; Clark and Amodei 2016, the boat that never ends its race).
A flag is a reason to look, not a proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from agents.comparison.evidence import correlate, in_loops, mean_excess, varies
from reward_designers.base import Transition

WIDEST = 1024
"""Observations with more entries than that are pictures, or the like."""
Flag = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Curve:
    """A training run as it was logged.

    Attributes:
        run: Its directory.
        steps: ``(m,)`` environment steps.
        proxy: ``(m,)`` mean episode return of the reward that was trained on.
        fitness: ``(m,)`` mean fitness of the same episodes.
    """

    run: str
    steps: np.ndarray
    proxy: np.ndarray
    fitness: np.ndarray


@dataclass(frozen=True, eq=False)
class Steps:
    """What happened on a coverage, step by step.

    Attributes:
        coverage: Its name.
        episode: ``(n,)`` int; steps of an episode are consecutive and in order.
        terminated: ``(n,)`` bool.
        fitness: ``(n,)``, or None where there is no ground truth.
        states: ``(n, d)`` what tells states apart; None if nothing that is there does.
    """

    coverage: str
    episode: np.ndarray
    terminated: np.ndarray
    fitness: np.ndarray | None
    states: np.ndarray | None


# Training


def over_optimized(reward: str, curves: Sequence[Curve]) -> list[Flag]:
    """What is paid rises while fitness falls, in training.

    Both curves are smoothed over a tenth of the run. From the point of highest fitness to the end, the reward must go
    up, and fitness down by more than a fifth of its range and by more than four times the noise of the smoothed curve
    (the highest of some twenty independent points is two of them up by chance).

    Args:
        reward: Its name.
        curves: Of runs that were trained on it, one a seed.
    """
    found: list[dict[str, Any]] = []
    for curve in curves:
        m = len(curve.steps)
        if m < 10:
            continue
        width = max(2, m // 10)
        proxy, fitness = _smooth(curve.proxy, width), _smooth(curve.fitness, width)
        peak, span = int(fitness.argmax()), float(np.ptp(fitness))
        fall, rise = float(fitness[peak] - fitness[-1]), float(proxy[-1] - proxy[peak])
        noise = 4 * _noise(curve.fitness) * np.sqrt(2 / width)
        if fall > max(0.2 * span, noise) and rise > 2 * _noise(curve.proxy) * np.sqrt(2 / width):
            found.append(
                {
                    "run": curve.run,
                    "step_of_peak": float(curve.steps[min(peak + width // 2, m - 1)]),
                    "fitness_at_peak": float(fitness[peak]),
                    "fitness_at_end": float(fitness[-1]),
                    "proxy_at_peak": float(proxy[peak]),
                    "proxy_at_end": float(proxy[-1]),
                    "fall": fall / span,
                }
            )
    if not found:
        return []
    worst = max(found, key=lambda numbers: numbers["fall"])
    severity = "high" if worst["fall"] > 0.5 and len(found) * 2 > len(curves) else "medium"
    evidence = (
        f"In {len(found)} of {len(curves)} training runs on {reward}, what it pays went on rising while fitness fell: "
        f"in {worst['run']} from {worst['fitness_at_peak']:.3g} at step {worst['step_of_peak']:,.0f} to "
        f"{worst['fitness_at_end']:.3g} at the end, with the return under the reward going from "
        f"{worst['proxy_at_peak']:.4g} to {worst['proxy_at_end']:.4g}."
    )
    title = "Paid more and more for doing worse"
    return [_flag(severity, "over_optimized", reward, title, evidence, {"runs": len(curves), "found": found})]


def _smooth(values: np.ndarray, width: int) -> np.ndarray:
    return np.convolve(values, np.full(width, 1 / width), mode="valid")


def _noise(values: np.ndarray) -> float:
    """Standard deviation of what is not trend, from the differences of neighbours (von Neumann 1941)."""
    return float(np.sqrt(np.mean(np.diff(values) ** 2) / 2))


# Coverages


def coverage_gap(reward: str, distances: Mapping[str, Mapping[str, Any]], own: Sequence[str]) -> list[Flag]:
    """Near the reference on random behavior, far from it elsewhere, above all where its own policy goes.

    Args:
        reward: Its name.
        distances: Its distance to the reference on each coverage, as `Distance.to_json` gives it.
        own: The coverages that policies trained on this reward made.
    """
    known = {c: d for c, d in distances.items() if d.get("low") is not None and d.get("high") is not None}
    if "random" not in known:
        return []
    near = known.pop("random")
    far = {c: d for c, d in known.items() if d["low"] - near["high"] > 0.1 and d["value"] > 0.3}
    if not far:
        return []
    where = max(far, key=lambda c: (c in own, far[c]["low"]))
    numbers = {c: {end: d[end] for end in ("value", "low", "high")} for c, d in {"random": near, **far}.items()}
    whose = "its own policy's" if where in own else repr(where)
    evidence = (
        f"{reward} is {near['value']:.2f} from the reference on random transitions, but {far[where]['value']:.2f} "
        f"({far[where]['low']:.2f} to {far[where]['high']:.2f}) on {whose}: agreement where nobody optimises it says "
        "little about what it teaches."
    )
    severity = "high" if where in own else "medium"
    return [_flag(severity, "coverage_gap", reward, "Agrees only where nobody acts on it", evidence, numbers)]


# Steps


def against_fitness(reward: str, values: np.ndarray, steps: Steps, seed: int = 0) -> list[Flag]:
    """It pays more in steps that are worse by the ground truth.

    Args:
        reward: Its name.
        values: ``(n,)`` what it pays.
        steps: Of the coverage.
        seed: Of the bootstrap over episodes.
    """
    if steps.fitness is None or not (varies(values) and varies(steps.fitness)):
        return []
    correlation = correlate(values, steps.fitness, steps.episode, seed)
    if correlation is None or correlation.high > -0.1:
        return []
    evidence = (
        f"On coverage {steps.coverage}, what {reward} pays in a step and the step's fitness have a correlation of "
        f"{correlation}: the worse the step, the better it pays."
    )
    severity = "high" if correlation.high < -0.3 else "medium"
    numbers = {"coverage": steps.coverage, "correlation": asdict(correlation)}
    return [_flag(severity, "against_fitness", reward, "Pays more where fitness is low", evidence, numbers)]


def in_failures(reward: str, values: np.ndarray, steps: Steps, seed: int = 0) -> list[Flag]:
    """It pays more in the steps that end an episode in failure, and fitness does not. Arguments as above."""
    failures = int(steps.terminated.sum())
    found = _paid_within(values, steps, steps.terminated, seed) if failures >= 5 else None
    if found is None:
        return []
    severity, sentence, numbers = found
    evidence = (
        f"On coverage {steps.coverage}, in the {failures} steps that end an episode by termination {reward} {sentence}"
    )
    return [_flag(severity, "in_failures", reward, "Pays for failing", evidence, {**numbers, "failures": failures})]


def in_cycles(reward: str, values: np.ndarray, steps: Steps, seed: int = 0) -> list[Flag]:
    """It pays, net, for leaving a state and coming back to it, and fitness does not. Arguments as above."""
    if steps.states is None or not varies(values):
        return []
    inside = in_loops(steps.states, steps.episode)
    share = float(inside.mean())
    found = _paid_within(values, steps, inside, seed) if 0.02 < share < 0.98 else None
    if found is None or values[inside].mean() <= 0:
        return []
    severity, sentence, numbers = found
    evidence = (
        f"On coverage {steps.coverage}, {share:.0%} of all steps lie on loops that come back to a state; there "
        f"{reward} {sentence} Going in circles is a way to earn it."
    )
    return [_flag(severity, "in_cycles", reward, "Pays for cycles", evidence, {**numbers, "share": share})]


def _paid_within(
    values: np.ndarray, steps: Steps, mask: np.ndarray, seed: int
) -> tuple[str, str, dict[str, Any]] | None:
    """Severity, the end of a sentence, and numbers, if clearly more is paid within ``mask``, and fitness is not higher.

    More than half a standard deviation, at the lower end of the interval; a whole one is of high severity.
    """
    if not varies(values):
        return None
    more = mean_excess(values, None, mask, steps.episode, seed)
    beyond = mean_excess(values, steps.fitness, mask, steps.episode, seed)
    if more is None or beyond is None or more.low < 0.5 or beyond.low < 0.25:
        return None
    paid, usual = float(values[mask].mean()), float(values[~mask].mean())
    sentence = f"pays {paid:.3g} on average, elsewhere {usual:.3g}: {more} standard deviations more"
    numbers: dict[str, Any] = {"coverage": steps.coverage, "paid_there": paid, "paid_elsewhere": usual}
    numbers |= {"more": asdict(more), "more_than_fitness": asdict(beyond)}
    if steps.fitness is not None:
        there, other = float(steps.fitness[mask].mean()), float(steps.fitness[~mask].mean())
        sentence += f", where fitness is {there:.3g} instead of {other:.3g}"
        numbers |= {"fitness_there": there, "fitness_elsewhere": other}
    return ("high" if more.low > 1 else "medium"), sentence + ".", numbers


def without_direction(
    reward: str, reasons: Mapping[str, str], coverages: Sequence[str], returns_differ: bool
) -> list[Flag]:
    """It says nothing about what to do on some coverage.

    Args:
        reward: Its name.
        reasons: Why, by coverage.
        coverages: All coverages that it was evaluated on.
        returns_differ: Whether its returns are not all the same: it may yet teach, by when episodes end.
    """
    if not reasons:
        return []
    everywhere = set(reasons) >= set(coverages)
    evidence = f"On {'every coverage' if everywhere else ', '.join(reasons)}: {next(iter(reasons.values()))}."
    if returns_differ:
        evidence += (
            " Its returns do differ between episodes, by how long these last, which this distance does not look at: "
            "compare it by returns (ERC)."
        )
    severity = "high" if everywhere and not returns_differ else "medium"
    return [_flag(severity, "degenerate", reward, "Says nothing about what to do", evidence, dict(reasons))]


def unsupported(reward: str, method: str, reason: str) -> Flag:
    """A note that a distance cannot be had for a reward."""
    return _flag("note", "unsupported", reward, f"No {method.upper()} distance", reason, {})


def states_of(t: Transition) -> np.ndarray | None:
    """``(n, d)`` what tells the states s apart; None if nothing small enough is there."""
    arrays = [np.asarray(t.state[name], np.float64).reshape(len(t), -1) for name in state_names(t)]
    return np.concatenate(arrays, axis=1) if arrays else None


def state_names(t: Transition) -> list[str]:
    """The arrays that tell states apart: those of the simulator, or else observations that are no pictures."""
    for names in (("qpos", "qvel"), ("cart_pole",), ("obs",)):
        found = [name for name in names if name in t.state and t.state[name][0].size <= WIDEST]
        if found:
            return found
    return []


def _flag(severity: str, kind: str, reward: str, title: str, evidence: str, numbers: Mapping[str, Any]) -> Flag:
    return {
        "severity": severity,
        "kind": kind,
        "reward": reward,
        "title": title,
        "evidence": evidence,
        "numbers": dict(numbers),
    }
