"""Who can be trusted to say that a subgoal was achieved? Judges on labeled transitions of KeyRoom.

python -m benchmarks.subgoal_judges                                  the rules, and the recorded judges
python -m benchmarks.subgoal_judges --upstream                       with the messages that NLE's environment leaves
python -m benchmarks.subgoal_judges reward.judge=llm llm=openai llm.model=qwen2.5:7b llm.base_url=http://localhost:11434/v1
python -m benchmarks.subgoal_judges --judge mine.py:achieved         a function of map_text, next_map_text, action, ...
python -m benchmarks.subgoal_judges --cost                           CPU time of the shipped judges; how many moments

`key=value` are options of `agents.train reward=calm`. The transitions ship as assets/keyroom_transitions.jsonl.gz (see
`envs.nethack.transitions`); their labels are read off the true state of the game. A transition for which a judge has no
answer is left out, and counted. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.build import resolve
from agents.cli import compose
from agents.config.commands import TRAIN, TrainConfig
from agents.errors import UsageError, fail
from agents.rewarding import calm
from agents.rewarding.terms import part_of
from envs.nethack import transitions
from reward_designers.assets import asset
from reward_designers.base import RewardFn, as_reward, reward_fn
from reward_designers.code import CodeReward
from reward_designers.errors import RewardError
from reward_designers.intrinsic import AskedSubgoals, PredicateJudge, SubgoalReward, SubgoalRules
from reward_designers.intrinsic.predicates import PRELUDE
from reward_designers.intrinsic.subgoal_scores import Score, scores
from reward_designers.intrinsic.subgoals import subgoal_names
from reward_designers.llm import LLMError

WORDS = ("key", "door", "stair")


def mentioned(next_message: np.ndarray) -> dict[str, np.ndarray]:
    """The mistake to guard against: what is spoken of is taken for done."""
    names = subgoal_names(transitions.SUBGOALS)
    return {name: np.array([word in said for said in next_message]) for name, word in zip(names, WORDS, strict=True)}


SHIPPED: dict[str, RewardFn | tuple[str, ...]] = {
    "rules, captions with events": ("reward.judge=rules",),
    "rules, messages alone": SubgoalRules(transitions.SUBGOALS, "message"),
    "whatever is mentioned": reward_fn(mentioned),
    "predicate (recorded)": ("reward.judge=predicate", "llm=replay"),
    "llm (recorded)": ("reward.judge=llm", "llm=replay"),
}
"""Judges that need nothing, by name."""


def main(argv: list[str] | None = None) -> None:
    """Score judges and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("options", nargs="*", metavar="key=value", help="of agents.train reward=calm")
    parser.add_argument("--judge", help="path/to/file.py:function that returns a bool array for each subgoal, by name")
    parser.add_argument("--upstream", action="store_true", help="show the messages that NLE's environment leaves")
    parser.add_argument("--wrong", type=int, default=5, help="transitions to show that a judge got wrong")
    parser.add_argument("--cost", action="store_true", help="CPU time, and how many moments 100,000 random steps meet")
    args = parser.parse_args(argv)
    if args.cost:
        cost()
        return
    rows = transitions.load(asset("keyroom_transitions.jsonl.gz"))
    judges = {" ".join(args.options): tuple(args.options)} if args.options else SHIPPED
    judges = {args.judge: as_reward(args.judge)} if args.judge else judges
    print(f"{len(rows)} transitions{', messages as NLE leaves them' if args.upstream else ''}")
    for name, judge in judges.items():
        try:
            verdicts = judged(judge, rows, args.upstream)
        except (UsageError, RewardError, LLMError, OSError) as error:
            fail(f"{name}: {error}")
        print(f"\n{name}\n{table(rows, verdicts)}")
        for line in wrong(rows, verdicts, args.upstream)[: args.wrong]:
            print(line)


def judged(judge: RewardFn | tuple[str, ...], rows: list[dict[str, Any]], upstream: bool = False) -> np.ndarray:
    """What a judge says of the rows, ``(n, k)`` float: 1, 0, or NaN where it has no answer.

    Args:
        judge: A judge, or options of `reward=calm` that name one.
        rows: Of `transitions.load`.
        upstream: See `transitions.as_transitions`.
    """
    batch, _ = transitions.as_transitions(rows, upstream=upstream)
    names = subgoal_names(transitions.SUBGOALS)
    if isinstance(judge, RewardFn):
        found = judge(batch)
        return np.stack([np.asarray(found[name], float) for name in names], 1)
    config = resolve(compose(TRAIN, "train", ["env=MiniHack-KeyRoom-S5", "reward=calm", *judge]))
    if tuple(config.reward.subgoals) != transitions.SUBGOALS:
        raise UsageError(f"the transitions are labeled for {' '.join(transitions.SUBGOALS)}: leave reward.subgoals out")
    with tempfile.TemporaryDirectory() as folder:
        return _configured(config, Path(folder), batch)


def _configured(config: TrainConfig, folder: Path, batch: Any) -> np.ndarray:
    calm.prepare(config, folder)
    part = part_of(calm.make_calm(config, folder), SubgoalReward)
    assert part is not None
    judge, unknown = part.judge, np.zeros(len(batch), bool)
    if isinstance(judge, AskedSubgoals):
        config.reward.sync = True
        judge.scene = calm.scene_of(config, transitions.ACTIONS)
        with calm.teach(judge, config, folder):
            judge.update(batch.map(lambda array: array[:, None]))
        unknown = np.array([key not in judge.table for key in judge.scene.keys(batch)])
    found = judge(batch)
    verdicts = np.stack([found[name] for name in part.names], 1).astype(float)
    verdicts[unknown] = np.nan
    return verdicts


def table(rows: list[dict[str, Any]], verdicts: np.ndarray) -> str:
    """Precision, recall and F1 of each subgoal, as Markdown."""
    labels = np.array([row["achieved"] for row in rows], bool)
    known = ~np.isnan(verdicts).any(1)
    lines = ["| subgoal | achieved | precision | recall | F1 |", "|---|---|---|---|---|"]
    results = scores(verdicts[known] > 0.5, labels[known])
    total = Score(*(sum(getattr(s, part) for s in results) for part in ("hits", "false_alarms", "missed")))
    for text, score in zip((*transitions.SUBGOALS, "all"), (*results, total), strict=True):
        figures = " | ".join(f"{v:.3f} [{a:.2f}, {b:.2f}]" for v, a, b in (score.precision, score.recall, score.f1))
        lines.append(f"| {text} | {score.hits + score.missed} | {figures} |")
    if not known.all():
        lines.append(f"answers to {known.sum()} of {len(known)} transitions")
    return "\n".join(lines)


def wrong(rows: list[dict[str, Any]], verdicts: np.ndarray, upstream: bool = False) -> list[str]:
    """What it got wrong, the most frequent kind first."""
    found: Counter[str] = Counter()
    for row, answers in zip(rows, verdicts.tolist(), strict=True):
        said = row["upstream" if upstream else "message"]
        for text, verdict, true in zip(transitions.SUBGOALS, answers, row["achieved"], strict=True):
            if verdict == verdict and bool(verdict) != true:
                found[f"{'missed' if true else 'false alarm'}: {text} ({row['kind']}; {said!r})"] += 1
    return [f"{count:4} x {line}" for line, count in found.most_common()]


def cost(steps: int = 100_000) -> None:
    """Print what judges cost, and how often a model would be asked."""
    rows = transitions.load(asset("keyroom_transitions.jsonl.gz"))
    batch, _ = transitions.as_transitions(rows[:: len(rows) // 16][:16])
    for name, judge in costed().items():
        judge(batch)  # starts what has to be started
        turns = []
        for _ in range(20):
            start = time.process_time()
            for _ in range(20):
                judge(batch)
            turns.append((time.process_time() - start) / 20 / len(batch))
        print(f"{name}: {1e6 * min(turns):.1f} CPU-us a transition, of 16 at once")
    print(f"{steps:,} random steps of KeyRoom-S5 meet")
    for size, (moments, characters) in moments_met(steps).items():
        print(f"{moments:,} moments with {size} x {size} squares, {characters:.0f} characters each")


def costed() -> dict[str, RewardFn]:
    """The shipped judges; the program in this process, since the sandbox's has a clock of its own."""
    found: dict[str, RewardFn] = {"rules": SubgoalRules(transitions.SUBGOALS)}
    config = resolve(compose(TRAIN, "train", ["env=MiniHack-KeyRoom-S5", "reward=calm", "llm=replay"]))
    with tempfile.TemporaryDirectory() as folder:
        calm.prepare(config, Path(folder))
        source = (Path(folder) / calm.PROGRAM).read_text()
    program = CodeReward(PRELUDE + source, ("map_text", "message"), "achieved", sandbox="none")
    found["predicate"] = PredicateJudge(transitions.SUBGOALS, program)
    found["llm"] = AskedSubgoals(transitions.SUBGOALS, actions=transitions.ACTIONS)
    return found


def moments_met(steps: int) -> dict[int, tuple[int, float]]:
    """By size of the map that is shown: how many moments look different, and the mean length of their texts."""
    config = resolve(compose(TRAIN, "train", ["env=MiniHack-KeyRoom-S5", "reward=calm"]))
    scene = calm.scene_of(config)
    met = calm.random_transitions(config, scene, steps // calm.ENVS).flatten()
    keys = {size: set(replace(scene, size=size).keys(met)) for size in (3, 5, 9)}
    return {size: (len(found), float(np.mean([*map(len, found)]))) for size, found in keys.items()}


if __name__ == "__main__":
    main(sys.argv[1:])
