"""Does it learn to use a key? MiniHack's KeyRooms with their sparse reward, and with what can be paid beside it.

That is what judges of captions say, a bad one among them; novelty; preferences asked for before; goals in words.

python -m benchmarks.keyroom                              five seeds of all arms, one job at a time, into runs/keyroom
python -m benchmarks.keyroom --only Dark --arms env calm  a part of it
python -m benchmarks.keyroom --report                     tables and figures of what is there

Jobs are ordinary runs of `agents.train`, as in `benchmarks.learning`: called again, the script skips what is finished
and resumes what is not. `--only S15` is the large room: an attempt with an arm of its own.

The bad judge is the lexicon with one rule more: that "This door is locked." is a success. Its answers are recorded
first, and repeated (`llm=replay`), as a language model's would be.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import envs
from agents.files import write_text
from agents.runs import RunDir
from benchmarks._arms import Arm, Curves, draw, mean_and_interval, median_of, reached, read
from benchmarks.annotation_order import play
from benchmarks.learning import Cell, folder, run_jobs
from reward_designers.intrinsic import Lexicon
from reward_designers.intrinsic.forms import LabelForm
from reward_designers.intrinsic.lexicon import RULES, Rule
from reward_designers.intrinsic.memory import Memory
from reward_designers.llm import ReplyStore

OPTIONS = ("video=false", "eval_every=60000")  # curves are of training episodes
ROOMS = (
    Cell("MiniHack-KeyRoom-S5", "staircase", 120_000, OPTIONS),
    Cell("MiniHack-KeyRoom-Dark-S5", "staircase", 120_000, OPTIONS),
    Cell("MiniHack-KeyRoom-S15", "staircase", 1_200_000, OPTIONS),
)
MISTAKE = Rule(r"\bdoor is locked\b", 1.0)
"""What the bad judge takes for a success: walking into the door, which can be done in every step."""
UNGUARDED = ("reward.beta=0", "reward.cap=200")  # as many times as an episode has steps


def bad_judge(output: Path) -> tuple[str, ...]:
    """Options for the judge with a mistake."""
    return ("reward=intrinsic", "llm=replay", f"llm.path={(output / 'bad-judge.sqlite').resolve()}")


ARMS = {
    "env": Arm("sparse: the room's own reward", lambda _: ("reward=env",), 4, own=""),
    "message": Arm("table of messages", lambda _: ("reward=intrinsic", "reward.caption=message"), 1),
    "intrinsic": Arm("table of captions: messages and events", lambda _: ("reward=intrinsic",), 0),
    "calm": Arm("subgoals, each once (CALM)", lambda _: ("reward=calm",), 5, own="reward/subgoals"),
    "guarded": Arm("bad judge, paid 1/N³, at most 10 times", bad_judge, 2),
    "hacked": Arm("bad judge, unguarded", lambda output: (*bad_judge(output), *UNGUARDED), 3),
    "stopped": Arm(
        "bad judge, stopped by the alarm",
        lambda output: (*bad_judge(output), *UNGUARDED, "reward.stop_on_alarm=true"),
        3,
        "--",
    ),
    "count": Arm("novelty: captions counted", lambda _: ("reward=count",), 1, own="reward/count", alarmed=False),
    "rnd": Arm("novelty: surroundings predicted (RND)", lambda _: ("reward=rnd",), 2, own="reward/rnd", alarmed=False),
    "motif": Arm(
        "captions compared before training (Motif)",
        lambda output: ("reward=motif", f"reward.path={(output / 'motif').resolve()}"),
        3,
    ),
    "ellm": Arm("captions near to subgoals (ELLM)", lambda _: ("reward=ellm",), 5, "--", "reward/goals"),
    "novel": Arm(
        "table of captions, and novelty",
        lambda _: ("reward=intrinsic", "reward.novelty=count", "reward.novelty_of=[x,y,has_key,doors_opened]"),
        1,
    ),
}
SMALL = ("env", "message", "intrinsic", "calm", "guarded", "hacked")
OTHERS = ("count", "rnd", "motif", "ellm")
IN = {
    "MiniHack-KeyRoom-S5": (*SMALL, "stopped", *OTHERS),  # `stopped` is as `hacked` until it stops: one room will do
    "MiniHack-KeyRoom-Dark-S5": (*SMALL, *OTHERS),
    "MiniHack-KeyRoom-S15": ("novel",),
}
"""The arms of each room."""
FIGURES = {
    "": ("the judge's reward", (*SMALL, "stopped", "novel")),
    "-bonuses": ("the bonus", ("env", "intrinsic", "calm", *OTHERS)),
}
"""What a room's figures show, by the end of their names: what is paid beside the room's own reward, and arms."""


def record_bad_judge(path: Path, steps: int = 20_000) -> None:
    """What the judge with a mistake says about all that a random player meets in the rooms; once.

    Args:
        path: SQLite file.
        steps: In each room.
    """
    if path.exists():
        return
    judge = Lexicon((*RULES, MISTAKE), name="lexicon that takes a locked door for a success")
    captions = dict.fromkeys(c for room in ROOMS[:2] for row in play(room.env, None, steps, 16, 0) for c in row)
    goal = envs.find_task(ROOMS[0].env).text
    form = LabelForm(goal)
    said = {label.caption: label.value for label in judge.label(goal, list(captions))}
    with ReplyStore(path) as store:
        Memory(form, None).write(store, said, judge.name)


def prepare_motif(folder: Path) -> None:
    """Have captions of a random player compared, as `agents.motif` does by default, in the first room; once."""
    if (folder / "reward.npz").exists():
        return
    given = f"resume={folder}" if (folder / "motif.yaml").exists() else f"output={folder}"
    env = () if given.startswith("resume") else (f"env={ROOMS[0].env}",)
    subprocess.run([sys.executable, "-m", "agents.motif", *env, given], check=True)


def was_stopped(output: Path, cell: Cell, name: str, seed: int) -> bool:
    """Whether the alarm has ended this run: it is done, and must not go on."""
    summary = RunDir(output / folder(cell, name, seed)).read_summary()
    return name == "stopped" and summary.get("state") == "interrupted" and "alarm" in summary


def main() -> None:
    """Run what is asked for and missing; tables and figures of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/keyroom"), help="folder for runs and results")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, ... of every arm")
    parser.add_argument("--workers", type=int, default=1, help="jobs at a time, one thread each")
    parser.add_argument("--only", default="S5", help="rooms whose name contains this, such as Dark; default: S5")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--report", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    rooms = [room for room in ROOMS if arguments.only in room.env]
    if not rooms:
        parser.error(f"--only {arguments.only}: no such room among {', '.join(room.env for room in ROOMS)}")
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        record_bad_judge(output / "bad-judge.sqlite")
        if "motif" in arguments.arms:
            prepare_motif(output / "motif")
        jobs = []
        for seed in range(arguments.seeds):  # all arms of a seed first: an unfinished study is still of use
            for room in rooms:
                options = {name: ARMS[name].options(output) for name in IN[room.env]}
                cell = Cell(room.env, room.task, room.steps, room.options, options)
                wanted = [name for name in options if name in arguments.arms]
                jobs += [(cell, name, seed, room.steps) for name in wanted if not was_stopped(output, cell, name, seed)]
        run_jobs(jobs, output, arguments.workers)
    found = {
        room.env.removeprefix("MiniHack-"): (
            room,
            {name: curves for name in IN[room.env] if (curves := read(room, name, ARMS[name], output))},
        )
        for room in rooms
    }
    found = {title: panel for title, panel in found.items() if panel[1]}
    text = table(found)
    write_text(output / "table.md", text)
    for title, (room, arms) in found.items():
        for end, (paid, names) in FIGURES.items():
            if shown := {name: arms[name] for name in names if name in arms}:
                draw(title, room, shown, ARMS, output / f"{title.lower()}{end}.png", "success", paid)
    print(text)


def table(found: Mapping[str, tuple[Cell, Mapping[str, Curves]]]) -> str:
    """All arms in Markdown: success and reward of the last tenth of training."""
    lines = [
        "| room | reward | success (95 % interval) | steps to 90 % | paid beside it an episode | alarm at step "
        "| seeds | steps | seconds a run |",
        "|" + "---|" * 9,
    ]
    for title, (cell, arms) in found.items():
        for name, curves in arms.items():
            judged = mean_and_interval(curves.last(curves.judged), 1)
            alarms = median_of(curves.alarms) if ARMS[name].own and ARMS[name].alarmed else ""
            lines.append(
                f"| {title} | {ARMS[name].label} | {mean_and_interval(curves.last(curves.truth))} "
                f"| {median_of(reached(curves, cell.steps))} | {judged} | {alarms} | {len(curves.seeds)} "
                f"| {median_of(curves.steps)} | {np.median(curves.seconds):,.0f} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
