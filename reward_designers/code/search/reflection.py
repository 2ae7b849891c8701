"""What a designer tells the language model about a training: Eureka's reward reflection, and named diagnoses.

Of the task score only numbers appear, never how it is computed; of the environment's own reward nothing does.
"""

from __future__ import annotations

from collections.abc import Sequence

from reward_designers.code.search.candidates import Candidate
from reward_designers.code.search.diagnoses import diagnose
from reward_designers.code.search.selection import score
from reward_designers.code.search.training import Curve, Episode, TrainingRecord, merged
from reward_designers.code.text import sanitized

NOISE = (
    "Components, reward and episode lengths are those of the policy while it explores, with noisy actions; task scores "
    "are those of the policy as it is judged, as a rule without noise, in other episodes."
)


def reflect(candidate: Candidate) -> str:
    """What became of a candidate, as text for its author: statistics and diagnoses, or the reason for its rejection.

    Raises:
        ValueError: Nothing became of it yet.
    """
    if candidate.failure is not None and candidate.record is None:
        return failure(candidate)
    if candidate.status != "trained":
        raise ValueError(f"candidate {candidate.key} is {candidate.status}: there is nothing to reflect on")
    found = score(candidate)
    lines = [f"It was trained for {candidate.steps} steps with {_seeds(len(candidate.scores))}."]
    lines.append(f"Task score of the final policy: {candidate.failure if found is None else found}")
    if candidate.warnings:
        lines += ["Before training it was found that:", *(f"- {sanitized(text, 1000)}" for text in candidate.warnings)]
    if candidate.record is not None:
        lines += ["", statistics(candidate.record), "", diagnoses(candidate.record)]
    return "\n".join(lines)


def statistics(record: TrainingRecord) -> str:
    """Each component, the task score and the length of episodes: values at the checkpoints, max, mean, min.

    Section 3.3 of Eureka (arXiv 2310.12931), with three significant digits instead of two decimals, so that small
    components are no zeros.
    """
    curves = {component_name(name): merged([run.components[name] for run in record.runs]) for name in record.names}
    lines = [NOISE, f"Checkpoints (steps): {', '.join(map(str, record.steps))}"]
    lines += ["Reward components, per step:", *(f"  {name}: {_curve(curve)}" for name, curve in curves.items())]
    lines += [f"Whole reward, per step: {_curve(merged([run.reward for run in record.runs]))}"]
    lines += [f"Task score: {_curve(merged([run.score for run in record.runs]))}"]
    lines += [f"Episode length (at most {record.max_length}): {_curve(merged([run.length for run in record.runs]))}"]
    if len(record.runs) > 1:
        last = ", ".join(_number(run.score.values[-1]) for run in record.runs)
        lines += [f"All values are means over {_seeds(len(record.runs))}; the last task scores of each: {last}"]
    return "\n".join(lines)


def diagnoses(record: TrainingRecord) -> str:
    """What went wrong, by name."""
    found = diagnose(record)
    if not found:
        return "Diagnoses: none of the known faults was found."
    lines = [
        f"- {d.kind.replace('_', ' ').upper()}{f' ({component_name(d.component)})' if d.component else ''}: "
        f"{d.text}. Advice: {d.advice}."
        for d in found
    ]
    return "\n".join(["Diagnoses:", *lines])


def failure(candidate: Candidate) -> str:
    """Why a candidate was not trained, for its author."""
    if candidate.rejection is None:
        return f"Its training failed: {candidate.failure}"
    stages = {
        "reply": "The reply could not be used",
        "program": "The program is not allowed",
        "load": "The program could not be loaded",
        "laws": "The program breaks a rule that every reward has to keep",
        "trajectories": "The reward does not prefer what is known to be better",
        "critic": "A review before training rejected it",
        "training": "Its training failed",
    }
    what = stages.get(candidate.rejection.stage, f"It was rejected ({candidate.rejection.stage})")
    return f"{what}: {sanitized(candidate.rejection.reason, 2000)}"


def failures(candidates: Sequence[Candidate], limit: int = 5) -> list[str]:
    """The different reasons for which candidates were rejected, the most frequent first."""
    counts: dict[str, int] = {}
    for candidate in candidates:
        if candidate.failure is not None:
            text = failure(candidate)
            counts[text] = counts.get(text, 0) + 1
    ordered = sorted(counts, key=lambda text: -counts[text])[:limit]
    return [f"{text} ({counts[text]} times)" if counts[text] > 1 else text for text in ordered]


def episodes(record: TrainingRecord) -> str:
    """The recorded episodes as tables of fields over time; empty if there are none."""
    return "\n\n".join(_episode(i, episode) for i, episode in enumerate(record.episodes, 1))


def _episode(number: int, episode: Episode) -> str:
    end = "ended by itself" if episode.terminated else "ran into the time limit"
    lines = [f"Episode {number}: {episode.length} steps, {end}, task score {_number(episode.score)}"]
    lines += [f"  step: {', '.join(map(str, episode.ticks))}"] if episode.ticks else []
    lines += [f"  {name}: {', '.join(map(_number, values))}" for name, values in episode.fields.items()]
    return "\n".join(lines)


def _curve(curve: Curve) -> str:
    values = ", ".join(map(_number, curve.values))
    return f"[{values}], max {_number(curve.high)}, mean {_number(curve.mean)}, min {_number(curve.low)}"


def _number(value: float | None) -> str:
    if value is None:
        return "not finite"
    value += 0.0  # no -0
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"


def component_name(name: str) -> str:
    """A component's name comes from a program: one short line."""
    return " ".join(sanitized(name, 60).split()) or "unnamed"


def _seeds(count: int) -> str:
    return f"{count} seed{'' if count == 1 else 's'}"
