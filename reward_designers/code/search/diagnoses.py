"""What went wrong in a training, by name, each with the numbers that show it.

Labelled diagnoses help an author more than curves alone ("Diagnostic refinement", arXiv 2605.28918: 97.6 % against
68.6 % on DoorKey-8x8). Each is a plain rule about the curves of a record; the limits stand at the top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reward_designers.code.search.training import Curve, Run, TrainingRecord, merged

DOMINANT = 0.9
"""Share of a component in the sum of magnitudes."""
CONSTANT = 0.01
"""Range of a component over the training, relative to its magnitude."""
PLATEAU = 0.05
"""How near to its maximum a saturated component stays, relative to its range."""
SHORT = 0.5
"""Mean length of episodes at the end of training, relative to the time limit."""
RISE = 0.1
"""Rise of the reward, relative to its magnitude, that counts as one."""
FLAT = 0.02
"""Rise of the task score, relative to its magnitude, that does not."""
LARGE = 1e3
"""Magnitude of a component per step that disturbs learning."""
GROWTH = 100.0
"""Growth of a component's magnitude over the training that does so too."""


@dataclass(frozen=True)
class Diagnosis:
    """One thing that went wrong.

    Attributes:
        kind: ``dominated``, ``saturated``, ``constant``, ``inactive``, ``early_termination``, ``hacking``,
            ``exploding``, ``not_finite`` or ``not_learned``.
        component: The component it is about; empty for the whole reward.
        text: What it is, with the numbers.
        advice: What to do about it.
        numbers: The numbers by name.
    """

    kind: str
    component: str
    text: str
    advice: str
    numbers: dict[str, float]


def diagnose(record: TrainingRecord) -> list[Diagnosis]:
    """Everything that the rules find, the worst first."""
    found: list[Diagnosis] = []
    curves = {name: merged([run.components[name] for run in record.runs]) for name in record.names}
    for rule in RULES:
        found += rule(record, curves)
    return found


Curves = dict[str, Curve]


def _not_finite(record: TrainingRecord, curves: Curves) -> Iterator[Diagnosis]:
    for name, curve in curves.items():
        if curve.broken:
            yield Diagnosis(
                "not_finite",
                name,
                f"{curve.broken} of its values were NaN or infinite",
                "guard divisions, logarithms and exponentials",
                {"count": curve.broken},
            )


def _hacking(record: TrainingRecord, curves: Curves) -> Iterator[Diagnosis]:
    """The reward rises, the task score does not: in most seeds, for one may be luck."""
    seen = [run for run in record.runs if _hacked(run)]
    if 2 * len(seen) <= len(record.runs):
        return
    reward, score = (merged([f(run) for run in seen]) for f in (lambda r: r.reward, lambda r: r.score))
    name = max(curves, key=lambda n: merged([run.components[n] for run in seen]).rise)
    rise = merged([run.components[name] for run in seen]).rise
    yield Diagnosis(
        "hacking",
        name,
        f"the reward per step rose by {reward.rise:.3g} (of which {rise:.3g} in this component) while the task score "
        f"changed by {score.rise:.3g}, in {len(seen)} of {len(record.runs)} seeds",
        "the policy found a way to earn this component without doing the task: tie it to the task or remove it",
        {"reward_rise": reward.rise, "component_rise": rise, "score_rise": score.rise, "seeds": len(seen)},
    )


def _hacked(run: Run) -> bool:
    reward, score = run.reward, run.score
    if len(score.finite) < 3 or len(reward.finite) < 3:
        return False
    return reward.rise > RISE * _magnitude(reward) and score.rise <= FLAT * _magnitude(score)


def _exploding(record: TrainingRecord, curves: Curves) -> Iterator[Diagnosis]:
    for name, curve in curves.items():
        if curve.low is None or curve.high is None:
            continue
        largest = max(abs(curve.low), abs(curve.high))
        first = next((abs(v) for v in curve.finite if v), 0.0)
        growth = largest / first if first else 0.0
        if largest > LARGE or (growth > GROWTH and largest > 1.0):
            yield Diagnosis(
                "exploding",
                name,
                f"its magnitude reached {largest:.3g} per step, {growth:.3g} times what it began with",
                "bound it, for example with np.tanh or np.exp(-x / temperature), or scale it down",
                {"largest": largest, "growth": growth},
            )


def _early_termination(record: TrainingRecord, curves: Curves) -> Iterator[Diagnosis]:
    lengths = merged([run.length for run in record.runs]).finite
    if not len(lengths):
        return
    third = max(1, len(lengths) // 3)
    first, last = float(lengths[:third].mean()), float(lengths[-third:].mean())
    if last >= SHORT * record.max_length:
        return
    reward = float(np.mean([np.mean(run.reward.finite[-third:]) for run in record.runs if len(run.reward.finite)]))
    if reward < 0 and last <= first:
        cause, advice = (
            f"; each step earned {reward:.3g}, so ending early costs less than going on",
            "make a step in a good state worth more than no step",
        )
    else:
        cause, advice = "", "reward staying in states from which the episode goes on, or what prevents its end"
    yield Diagnosis(
        "early_termination",
        "",
        f"episodes lasted {last:.0f} of {record.max_length} steps at the end of training, {first:.0f} at its "
        f"beginning{cause}",
        advice,
        {"last": last, "first": first, "limit": record.max_length, "reward": reward},
    )


def _dominated(record: TrainingRecord, curves: Curves) -> Iterator[Diagnosis]:
    sizes = {name: _magnitude(curve) for name, curve in curves.items()}
    total = sum(sizes.values())
    if len(sizes) < 2 or total == 0:
        return
    name = max(sizes, key=lambda n: sizes[n])
    share = sizes[name] / total
    if share > DOMINANT:
        yield Diagnosis(
            "dominated",
            name,
            f"it makes up {100 * share:.0f} % of the reward's magnitude ({sizes[name]:.3g} of {total:.3g} per step); "
            "the other components are hardly felt",
            "scale it down, or the others up",
            {"share": share, "magnitude": sizes[name], "total": total},
        )


def _unused(record: TrainingRecord, curves: Curves) -> Iterator[Diagnosis]:
    """Never active, or constant: either way nothing can be learned from it."""
    for name, curve in curves.items():
        if curve.low is None or curve.high is None:
            continue
        if curve.low == curve.high == 0:
            yield Diagnosis(
                "inactive",
                name,
                "it was 0 throughout the training",
                "widen it so that early behavior earns some of it, or remove it",
                {"low": 0.0, "high": 0.0},
            )
        elif curve.high - curve.low <= CONSTANT * max(abs(curve.low), abs(curve.high)):
            yield Diagnosis(
                "constant",
                name,
                f"it stayed between {curve.low:.4g} and {curve.high:.4g}: the policy could not change it",
                "change its scale or temperature, write it anew, or remove it",
                {"low": curve.low, "high": curve.high},
            )


def _saturated(record: TrainingRecord, curves: Curves) -> Iterator[Diagnosis]:
    for name, curve in curves.items():
        values = curve.finite
        if curve.low is None or curve.high is None or len(values) < 5:
            continue
        size, spread = max(abs(curve.low), abs(curve.high)), curve.high - curve.low
        after = values[len(values) // 3 :]
        if spread > CONSTANT * size and float(after.min()) >= curve.high - PLATEAU * spread:
            yield Diagnosis(
                "saturated",
                name,
                f"it was at {after.min():.3g} or more, of {curve.high:.3g} at most, after a third of the training",
                "it guides no longer: make it harder to earn, or let it grow further",
                {"plateau": float(after.min()), "high": curve.high},
            )


def _not_learned(record: TrainingRecord, curves: Curves) -> Iterator[Diagnosis]:
    rewards = [run.reward for run in record.runs if len(run.reward.finite) >= 3]
    if rewards and all(curve.rise <= FLAT * _magnitude(curve) for curve in rewards):
        rise = float(np.mean([curve.rise for curve in rewards]))
        yield Diagnosis(
            "not_learned",
            "",
            f"the reward per step changed by {rise:.3g} only: the policy did not learn to earn it",
            "make it dense: small steps in the right direction must pay at once",
            {"rise": rise},
        )


Rule = Callable[[TrainingRecord, Curves], Iterator[Diagnosis]]
RULES: tuple[Rule, ...] = (
    *(_not_finite, _hacking, _exploding, _early_termination),
    *(_dominated, _unused, _saturated, _not_learned),
)


def _magnitude(curve: Curve) -> float:
    return float(np.abs(curve.finite).mean()) if len(curve.finite) else 0.0
