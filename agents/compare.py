"""Compare rewards: how alike they are, which lead to the same policy, which can be hacked.

python -m agents.compare env=Hopper rewards=[env,my.py:stand,vlm]
python -m agents.compare env=Hopper rewards=[env,lazy=my.py:stand] coverages=[random,expert:runs/hopper,mixture]
python -m agents.compare runs=[runs/env_0,runs/env_1,runs/stand_0,runs/stand_1]
python -m agents.compare resume=comparisons/2026-11-21_12-00-00_Hopper
python -m agents.compare benchmark=reward_prediction          rewards for text; options of its own: add --help
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents import cli
from agents.build import check_env, find_task
from agents.comparison.coverages import CoverageSpec, parse_coverages, policy_of
from agents.comparison.folder import ComparisonDir
from agents.comparison.options import COMPARE, GIVEN_ANEW, METHODS, CompareConfig
from agents.comparison.specs import RewardSpec, make, parse_rewards, trained_on, world_config
from agents.config.commands import TrainConfig
from agents.errors import UsageError, explained, fail, reason
from agents.files import locked
from agents.runs import RunDir
from reward_designers.errors import unknown_name

if TYPE_CHECKING:
    from envs.task import Task


def main() -> None:
    """The command."""
    if any(argument.startswith("benchmark=") for argument in sys.argv[1:]):
        from agents.prediction import benchmark

        return benchmark.main()
    return cli.run(COMPARE, "compare", __doc__ or "", compare)


def compare(config: CompareConfig, given: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Compare rewards as ``config`` says, or go on with a comparison.

    Args:
        config: See `agents.config`.
        given: The keys that were set, rather than left at their defaults.

    Returns:
        What is written to ``report.json``.

    Raises:
        UsageError: The config asks for what is not there.
        SystemExit: With code 1 if a reward failed (the others are compared), 130 if interrupted. What was computed
            until then is saved.
    """
    if config.resume is not None:
        cli.refuse_changes(given, GIVEN_ANEW, "a comparison is", f"{config.resume}/comparison.json")
        folder = ComparisonDir.open(config.resume)
    else:
        config, specs = check(config, given)
        name = (config.env.id or config.env.name or "").replace("/", "-")
        folder = ComparisonDir.create(config.output, name)
    with locked(folder.path, "output"):
        if config.resume is None:
            folder.write_about(config, specs)
        about, saved, specs = folder.read_about()
        if config.resume is not None:
            cli.take_over(saved, config, given)
        try:
            return _run(saved, folder, about, specs)
        except UsageError as error:
            if folder.discard_unused():
                raise
            told = reason(error, folder.path)
            raise UsageError(f"{told}\nwhat was computed is kept: resume={folder.path} goes on from there") from error


def check(config: CompareConfig, given: frozenset[str]) -> tuple[CompareConfig, list[RewardSpec]]:
    """Fill in what follows from the runs, and refuse what cannot be compared, before anything is written.

    Returns:
        The config, and the rewards: those that were asked for, and those that the runs were trained on.

    Raises:
        UsageError: See `compare`.
    """
    if config.benchmark is not None:
        raise UsageError(f"benchmark={config.benchmark}: benchmarks are run by agents.prediction.benchmark.compare")
    for method in config.methods:
        if method not in METHODS:
            raise UsageError(unknown_name("method", method, METHODS))
    if not config.methods:
        raise UsageError(f"methods is empty: expected some of {', '.join(METHODS)}")
    if "starc" in config.methods and config.discount == 1:
        raise UsageError("discount=1.0: methods=[starc] needs less, for it fits discounted values")
    config.runs = list(dict.fromkeys(str(RunDir.open(path).path.resolve()) for path in config.runs or ()))
    if config.runs and "env" not in given and config.env.id is None:
        trained = RunDir.open(config.runs[0]).read_config()
        config.env, config.task = replace(trained.env), config.task or trained.task
    world = world_config(config)
    check_env(world)
    task = find_task(config.env.id or config.env.name or "", config.task)
    for path in config.runs:
        _check_run(path, config, task)
        policy_of(CoverageSpec("", "own", path))
    if config.rewards is None and not config.runs:
        raise UsageError("rewards= is needed, such as rewards=[env,my.py:stand]; or runs=[DIR,...], to compare theirs")
    specs = parse_rewards(["env"] if config.rewards is None else config.rewards)
    for spec in specs:
        if spec.kind == "run":
            _check_env(spec.value, config)
    specs = trained_on(specs, config.runs, task)
    names = [spec.name for spec in specs]
    if len(specs) < 2:
        raise UsageError(f"rewards: only {', '.join(names) or 'none'}; give two or more to compare, such as [env,vlm]")
    if not (task and task.goal_prompts) and any(spec.kind == "vlm" and not spec.value for spec in specs):
        raise UsageError("rewards: this environment has no task with prompts, so give one, as in 'vlm:a pole upright'")
    if config.reference is None:
        candidates = [spec.name for spec in specs if spec.kind != "zero"]  # from which all distances are undefined
        config.reference = next(
            (name for name in ("fitness", "env") if name in names), next(iter(candidates), names[0])
        )
    if config.reference not in names:
        raise UsageError(unknown_name("reference", config.reference, names))
    if config.coverages is not None:
        asked = list(zip(config.coverages, parse_coverages(config.coverages), strict=True))
        for _, coverage in asked:
            if coverage.path and coverage.kind != "file":
                _check_run(coverage.path, config, task)
                policy_of(coverage)
        config.coverages = [text.replace(c.path, str(Path(c.path).resolve())) if c.path else text for text, c in asked]
    with explained():
        for spec in specs:
            if spec.kind in ("env", "fitness", "code", "program", "saved"):  # the others take seconds to make
                make(spec, world, task)
    return config, specs


def _check_env(path: str, config: CompareConfig) -> TrainConfig:
    """The config of a run; refused if it is of another environment."""
    trained = RunDir.open(path).read_config()
    there = trained.env.id or trained.env.name
    here = config.env.id or config.env.name
    if there != here:
        raise UsageError(f"{path} was trained in {there}, not in {here}: compare it with env={there}")
    return trained


def _check_run(path: str, config: CompareConfig, task: Task | None) -> None:
    """Refuse a run of another environment or task: its policy cannot be judged in this one."""
    trained = _check_env(path, config)
    if task is not None and trained.task != task.name:
        raise UsageError(
            f"{path} was trained for task {trained.task}, not {task.name}: compare it with task={trained.task}"
        )


def _run(
    config: CompareConfig, folder: ComparisonDir, about: Mapping[str, Any], specs: Sequence[RewardSpec]
) -> dict[str, Any]:
    """Compute what is not there yet, then report."""
    cli.settle_libraries()
    from agents.callbacks import quiet_warnings
    from agents.comparison.report import write_report
    from agents.comparison.session import Session
    from agents.comparison.summary import summary
    from envs.gl import GLError
    from reward_designers.distances.coverage import CoverageError
    from reward_designers.errors import RewardError

    quiet_warnings()
    try:
        report, interrupted = Session(config, folder, about, specs).run()
        write_report(folder.path)
    except (RewardError, CoverageError, GLError, OSError) as error:
        raise UsageError(str(error)) from error
    print(summary(report))
    print(f"written to {folder.path}", file=sys.stderr)
    if interrupted:
        fail(f"interrupted; go on with resume={folder.path}", code=130)
    if failed := [f"{reward['name']}: {reward['error']}" for reward in report["rewards"] if reward["error"]]:
        fail("\n".join(["not all rewards could be compared:", *failed]), code=1)
    return report


if __name__ == "__main__":
    main()
