"""Evaluate the policy of a run: a table with intervals, a JSON file, a video or a transcript.

python -m agents.evaluate run=runs/2026-11-21_12-00-00_Humanoid_vlm
python -m agents.evaluate run=RUN_DIR episodes=100 checkpoint=last reward=env
python -m agents.evaluate env=ALFWorld agent=react llm=openai llm.model=NAME     a language model plays: add --help
python -m agents.evaluate run=RUN_DIR kwargs.split=valid_seen
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from agents import cli
from agents.build import MAX_EVAL_ENVS, check_device, find_task, make_player, make_venv, with_prompts
from agents.config.commands import EVALUATE, EvaluateConfig, TrainConfig
from agents.config.rewards import CodeReward, CustomReward
from agents.errors import UsageError, explained
from agents.files import make_writable, removed_if_empty, write_text
from agents.runs import RunDir
from reward_designers.errors import unknown_name


def main() -> None:
    """The command."""
    if any(argument.startswith("agent=") for argument in sys.argv[1:]):
        from agents.acting import command

        return command.main()
    return cli.run(EVALUATE, "evaluate", __doc__ or "", evaluate)


def evaluate(config: EvaluateConfig, given: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Play episodes with a run's policy, and write down how it did.

    Args:
        config: See `agents.config.commands`.
        given: Not used; every key may be given.

    Returns:
        What is written to ``evaluation.json``.

    Raises:
        UsageError: There is no such run, checkpoint or reward.
    """
    run = RunDir.open(config.run)
    trained = run.read_config()
    weights = _weights(run, config.checkpoint)
    env = replace(trained.env, eval_kwargs={**trained.env.eval_kwargs, **config.kwargs})
    trained = replace(trained, env=env, device=config.device, reward=_reward(trained, config.reward))
    cli.settle_libraries()
    with explained():
        from agents.callbacks import quiet_warnings
        from agents.evaluation import is_greedy, record, run_episodes
        from agents.rewarding.make import make_reward, restore_reward

        quiet_warnings()
        check_device(config.device)
        folder = _folder(run, config)
    with explained(), removed_if_empty(folder):
        reward = make_reward(trained, run.path)
        if reward is not None and config.reward is None:
            restore_reward(reward, trained, run)
        venv = make_venv(trained, min(config.episodes, MAX_EVAL_ENVS), reward, evaluates=True)
        model = make_player(trained, venv, weights)
        deterministic = is_greedy(venv) if config.deterministic is None else config.deterministic
        rows = run_episodes(model, venv, config.episodes, config.seed, deterministic=deterministic)
        result: dict[str, Any] = {
            "run": str(run.path),
            "policy": weights.name,
            "reward": config.reward or "that of the run",
            "env": {**trained.env.kwargs, **trained.env.eval_kwargs},
            "episodes": config.episodes,
            "seed": config.seed,
            "deterministic": deterministic,
            "metrics": summarize(rows),
            "rows": rows,
        }
        write_text(folder / "evaluation.json", json.dumps(result, indent=2))
        if config.video:
            single = make_venv(trained, 1, reward, evaluates=True)
            record(model, single, folder, config.seed, deterministic=deterministic)
    print(table(result["metrics"], config.episodes))
    print(f"written to {folder}", file=sys.stderr)
    return result


def summarize(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean, 95 % bootstrap interval of the mean over episodes, and extremes, by metric."""
    from agents.evaluation import interval

    summary = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if name in row]
        low, high = interval(values)
        summary[name] = {
            "mean": float(np.mean(values)),
            "low": low,
            "high": high,
            "min": min(values),
            "max": max(values),
        }
    return summary


def table(metrics: dict[str, dict[str, float]], episodes: int) -> str:
    """The metrics as text in columns."""
    heading = f"{episodes} episodes"
    width = max(map(len, [heading, *metrics]))
    lines = [f"{heading:<{width}}  {'mean':>10}  {'95 % interval':>23}  {'min':>10}  {'max':>10}"]
    for name, m in metrics.items():
        spread = f"{m['low']:.4g} to {m['high']:.4g}"
        lines.append(f"{name:<{width}}  {m['mean']:>10.4g}  {spread:>23}  {m['min']:>10.4g}  {m['max']:>10.4g}")
    return "\n".join(lines)


def _weights(run: RunDir, which: str) -> Path:
    known = {"best": run.best, "last": run.last}
    if which not in known:
        raise UsageError(unknown_name("checkpoint", which, known))
    if not known[which].exists():
        others = [name for name, path in known.items() if path.exists()]
        hint = f"; use checkpoint={others[0]}" if others else ": it has not been evaluated or ended yet"
        raise UsageError(f"{run.path} has no {which} policy{hint}")
    return known[which]


def _reward(trained: TrainConfig, name: str | None) -> Any:
    """Which reward scores the episodes: the run's own, or another one without options, or a function or program."""
    from agents.config.commands import TRAIN

    if name is None:
        return trained.reward
    choices = TRAIN.groups["reward"]
    if name in ("env", "zero", "vlm"):
        return with_prompts(choices[name], find_task(trained.env.id or trained.env.name or "", trained.task))
    if name == "factored":
        return choices[name]
    if name.startswith("code:"):
        return CodeReward(path=str(Path(name.removeprefix("code:")).resolve()))
    if ":" in name:
        place, _, function = name.rpartition(":")
        absolute = f"{Path(place).resolve()}:{function}" if place.endswith(".py") else name
        return CustomReward(path=absolute)
    raise UsageError(
        unknown_name("reward", name, ["env", "factored", "vlm", "zero", "file.py:function", "code:program.py"])
    )


def _folder(run: RunDir, config: EvaluateConfig) -> Path:
    folder = Path(config.output or run.path / "evaluations" / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{config.checkpoint}")
    make_writable(folder)
    return folder


if __name__ == "__main__":
    main()
