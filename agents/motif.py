"""Learn a reward from preferences between captions, before anything is trained (Motif, arXiv 2310.00166).

python -m agents.motif env=MiniHack-KeyRoom-S5                                                # rules judge
python -m agents.motif env=NetHackScore llm=openai llm.model=gpt-5-mini llm.max_usd=2
python -m agents.motif env=NetHackScore run=runs/score steps=500_000 comparisons=16           # a policy's captions
python -m agents.motif resume=motif/2026-11-21_12-00-00_NetHackScore llm=openai llm.model=gpt-5-mini llm.max_usd=4
python -m agents.train env=NetHackScore reward=motif reward.path=motif/2026-11-21_12-00-00_NetHackScore

It plays and collects captions, has a judge compare them two at a time, fits a ranking, and writes a reward and a page
that shows the order which it has learned. What a judge has answered is kept: stopped and resumed, it pays for nothing
twice.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents import cli
from agents.build import check_env, find_task
from agents.config.commands import TrainConfig
from agents.config.rewards import EnvReward
from agents.config.saved import read_config, write_config
from agents.errors import UsageError, explained, fail
from agents.files import dated, locked, make_writable, require, write_text
from agents.offline.options import GIVEN_ANEW, MOTIF, MotifConfig
from agents.runs import RunDir


def main() -> None:
    """The command."""
    cli.run(MOTIF, "motif", __doc__ or "", motif)


def motif(config: MotifConfig, given: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Make a reward as ``config`` says, or go on with one.

    Args:
        config: See `agents.offline.options`.
        given: The keys that were set, rather than left at their defaults.

    Returns:
        What is written to ``summary.json``.

    Raises:
        UsageError: The config asks for what is not there.
        SystemExit: With code 130 if interrupted, 1 if the judge was given up; what was answered is kept.
    """
    if config.resume is not None:
        cli.refuse_changes(given, GIVEN_ANEW, "a reward is", f"{config.resume}/motif.yaml")
        folder = Path(config.resume)
        require(folder, "motif.yaml", "a reward to go on with", "rewards")
        saved = read_config(folder / "motif.yaml", MOTIF)
        cli.take_over(saved, config, given)
        config = saved
    else:
        config = resolve(config, given)
        name = (config.env.id or config.env.name or "").replace("/", "-")
        folder = Path(config.output) if config.output else dated("motif", name)
        if (folder / "motif.yaml").exists():
            raise UsageError(f"{folder} holds a reward already: go on with resume={folder}, or choose another output")
    make_writable(folder)
    with locked(folder, "output"):
        write_config(folder / "motif.yaml", replace(config, resume=None))
        return run(config, folder)


def resolve(config: MotifConfig, given: frozenset[str] = frozenset()) -> MotifConfig:
    """``config`` with the defaults filled in that follow from environment, run and language model.

    Raises:
        UsageError: See `motif`.
    """
    from agents.offline.policy import policy_of
    from agents.rewarding.intrinsic import chosen_judge, goal_of, require_captions

    if config.run is not None:
        trained = RunDir.open(config.run)
        if "env" not in given and config.env.id is None:
            config = replace(config, env=trained.read_config().env, task=config.task or trained.read_config().task)
        if not policy_of(trained).exists():
            raise UsageError(f"{config.run} has no policy yet: it has not been evaluated or ended")
    check_env(TrainConfig(env=config.env, task=config.task, reward=EnvReward()))
    task = find_task(config.env.id or config.env.name or "", config.task)
    require_captions(config.caption, task, "")
    return replace(
        config,
        env=replace(config.env, name=None if config.env.id else config.env.name),
        task=task.name if task is not None else None,
        judge=chosen_judge(config.judge, config.llm, ""),
        goal=goal_of(config.goal, task, ""),
    )


def run(config: MotifConfig, folder: Path) -> dict[str, Any]:
    """Collect, ask, fit and report; what is finished is not done again."""
    cli.settle_libraries()
    with explained():
        from agents.callbacks import quiet_warnings
        from agents.offline.asking import ask
        from agents.offline.collect import collect
        from agents.offline.report import write_report
        from agents.rewarding.intrinsic import make_judge
        from reward_designers.intrinsic import Annotation
        from reward_designers.intrinsic.motif import fit_preferences, frozen, held_out_accuracy, order

        quiet_warnings()
        print(f"{config.env.id or config.env.name}: {config.goal}\nwriting to {folder}", file=sys.stderr, flush=True)
        captions = folder / "captions.json"
        if not captions.exists():
            write_text(captions, json.dumps(collect(config), indent=0))
        counts: dict[str, int] = json.loads(captions.read_text())
        steps = sum(counts.values())
        if len(counts) < 2:
            raise UsageError(f"only one caption in {steps:,} steps: there is nothing to compare")
        assert config.judge is not None
        annotation = Annotation(
            make_judge(config.judge, config.llm, config.seed),
            config.goal or "",
            store=config.store or folder / "judgements.sqlite",
            order=config.order.name,
            capacity=len(counts),
            pairs=True,
            comparisons=min(config.comparisons, len(counts) - 1),
            seed=config.seed,
        )
        print(f"{len(counts):,} captions in {steps:,} steps; {config.judge.name} compares", file=sys.stderr, flush=True)
        answers = ask(annotation, counts)
        preferences = [p for p in answers.preferences if p.outcome is not None]
        rows = [[p.first, p.second, p.outcome] for p in answers.preferences]
        write_text(folder / "preferences.json", json.dumps(rows, indent=0))
        if answers.stopped == "interrupted":
            fail(f"interrupted after {len(preferences):,} answers; go on with resume={folder}", code=130)
        if not preferences:
            fail(f"no answers: {answers.stopped or 'none was valid'}\ngo on with resume={folder}", code=1)
        model = fit_preferences(preferences, counts, seed=config.seed)
        reward = frozen(model, config.quantile, caption=config.caption)
        reward.save(folder / "reward.npz")
        agreed = held_out_accuracy(preferences, counts, seed=config.seed)
        outcomes = Counter(p.outcome for p in preferences)
        status = answers.status
        summary: dict[str, Any] = {
            "state": "stopped early" if answers.stopped else "finished",
            "stopped": answers.stopped,
            "captions": len(counts),
            "compared": len({caption for p in preferences for caption in (p.first, p.second)}),
            "steps": steps,
            "preferences": len(preferences),
            "ties": outcomes[0.5],
            "invalid": status.invalid,
            "agreement": None if agreed is None else {"share": agreed[0], "of": agreed[1]},
            "threshold": reward.threshold,
            "calls": status.calls,
            "tokens": status.tokens,
            "usd": status.usd,
        }
        write_text(folder / "summary.json", json.dumps(summary, indent=2))
        write_report(folder, config, summary, order(model))
    print(told(summary), file=sys.stderr)
    best = ", ".join(repr(caption) for caption, _, _ in order(model)[:3])
    print(f"best: {best}\nreport: {folder / 'report.html'}", file=sys.stderr)
    print(
        f"train on it: python -m agents.train env={config.env.name or config.env.id} reward=motif reward.path={folder}"
    )
    if answers.stopped:
        fail(f"not all was asked ({answers.stopped}); go on with resume={folder}", code=1)
    return summary


def told(summary: dict[str, Any]) -> str:
    """What came out, in a line."""
    cost = "" if not summary["calls"] else f", {summary['calls']:,} calls, {summary['tokens']:,} tokens"
    cost += f", ${summary['usd']:.4f}" if summary["calls"] and summary["usd"] is not None else ""
    agreed = summary["agreement"]
    check = "" if agreed is None else f"; of {agreed['of']} held out it orders {agreed['share']:.0%} alike"
    return (
        f"{summary['preferences']:,} preferences about {summary['compared']:,} of {summary['captions']:,} captions "
        f"({summary['ties']:,} ties, {summary['invalid']:,} invalid answers{cost}){check}"
    )


if __name__ == "__main__":
    main()
