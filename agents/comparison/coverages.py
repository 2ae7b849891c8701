"""Coverages by short texts: ``random``, ``iid``, ``mixture``, ``expert:runs/a``, ``noised:runs/a``, ``file:a.npz``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agents.errors import UsageError
from agents.runs import RunDir
from reward_designers.errors import unknown_name

KINDS = ("random", "iid", "expert", "own", "noised", "file", "mixture")
POLICIES = ("random", "expert", "own", "noised")


@dataclass(frozen=True)
class CoverageSpec:
    """A coverage as it was asked for.

    Attributes:
        name: Names it in the report; no two are the same.
        kind: One of `KINDS`. ``random``: uniformly random actions. ``iid``: states drawn independently, see
            `envs.random_states`. ``expert``: the best policy of a run, by evaluated fitness. ``own``: the last policy
            of a run, the one that its reward led to. ``noised``: the best policy of a run, whose actions are replaced
            by random ones in `noise` of the steps. ``file``: given. ``mixture``: equal shares of `parts`, by episodes.
        path: The run directory or file.
        noise: Share of the steps in which ``noised`` acts at random.
        parts: Of a mixture.
    """

    name: str
    kind: str
    path: str = ""
    noise: float = 0.3
    parts: tuple[CoverageSpec, ...] = ()


def parse_coverages(texts: Sequence[str]) -> list[CoverageSpec]:
    """The coverages that ``texts`` ask for: ``random``, ``iid``, ``mixture``, ``expert:RUN_DIR``, ``own:RUN_DIR``, ...

    A name may be put before, as in ``fast=expert:runs/a``; else the kind names it, with a number where it comes twice.
    ``noised:0.5:RUN_DIR`` sets the share of random actions. ``mixture`` mixes all other policies.

    Raises:
        UsageError: One is not understood, its file or directory is not there, or a name was given twice.
    """
    parsed = [_parse(text) for text in texts]
    given = [spec.name for spec in parsed if spec.name]
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise UsageError(f"coverages: two are named {twice[0]!r}; name them apart, as in fast=expert:runs/a")
    taken, specs = set(given), []
    for spec in parsed:
        name, number = spec.name or spec.kind, 2
        while not spec.name and name in taken:
            name, number = f"{spec.kind}_{number}", number + 1
        taken.add(name)
        specs.append(replace(spec, name=name))
    parts = tuple(spec for spec in specs if spec.kind in POLICIES)
    if len(parts) < 2 and any(spec.kind == "mixture" for spec in specs):
        raise UsageError("coverages: a mixture needs two policies to mix, such as [random,expert:RUN_DIR,mixture]")
    return [replace(spec, parts=parts) if spec.kind == "mixture" else spec for spec in specs]


def _parse(text: str) -> CoverageSpec:
    label = re.match(r"\s*(\w[\w .+-]*?)\s*=\s*(.+)$", text)
    name, text = (label[1], label[2].strip()) if label else ("", text.strip())
    kind, _, path = text.partition(":")
    if kind not in KINDS:
        raise UsageError(unknown_name("coverage", kind, KINDS))
    needs = {"file": "FILE"} | dict.fromkeys(("expert", "own", "noised"), "RUN_DIR")
    if bool(path) != (kind in needs):
        wanted = f"{kind}:{needs[kind]}" if kind in needs else kind
        raise UsageError(f"coverages: expected {wanted}, got {text!r}")
    noise = CoverageSpec.noise
    share = re.match(r"(\d*\.?\d+):(.+)$", path) if kind == "noised" else None
    if share:
        noise, path = float(share[1]), share[2]
        if not 0 < noise < 1:
            raise UsageError(f"coverages: noised:SHARE:RUN_DIR needs a share between 0 and 1, got {noise}")
    if kind == "file" and not Path(path).is_file():
        raise UsageError(f"coverages: no such file {path!r} (the working directory is {Path.cwd()})")
    if needs.get(kind) == "RUN_DIR":
        RunDir.open(path)
    return CoverageSpec(name, kind, path, noise)


def leaves(spec: CoverageSpec) -> list[CoverageSpec]:
    """What a mixture is made of, whatever is mixed in that; else the coverage itself."""
    return [leaf for part in spec.parts for leaf in leaves(part)] if spec.parts else [spec]


def describe(spec: CoverageSpec) -> str:
    """One line for a report: whose transitions these are."""
    if spec.kind in ("expert", "own", "noised"):
        weights = policy_of(spec)[1]
        whose = f"the {weights.stem} policy of {spec.path}"
        return f"{whose}, acting at random in {spec.noise:.0%} of its steps" if spec.kind == "noised" else whose
    return {
        "random": "uniformly random actions",
        "iid": "independent random states, one random action each",
        "file": f"transitions of {spec.path}",
        "mixture": f"equal shares of {', '.join(part.name for part in spec.parts)}",
    }[spec.kind]


def policy_of(spec: CoverageSpec) -> tuple[RunDir, Path]:
    """The run whose policy acts, and the file with it.

    Raises:
        UsageError: There is no such run, or it has no policy yet.
    """
    run = RunDir.open(spec.path)
    files = (run.last, run.best) if spec.kind == "own" else (run.best, run.last)
    for weights in files:
        if weights.exists():
            return run, weights
    raise UsageError(f"{run.path} has no policy yet: it has neither been evaluated nor ended")
