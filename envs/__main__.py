"""What there is to make, and what rewards may read.

python -m envs                # environments and their tasks
python -m envs Humanoid       # the tasks and named fields of one
python -m envs nethack        # the tasks of NetHack and MiniHack, one of each family
python -m envs alfworld       # the tasks of ALFWorld
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from envs.alfworld import tasks as alfworld
from envs.make import find_task, names, tasks
from envs.nethack.tasks import FLAGSHIPS
from envs.task import Task


def overview(chosen: Sequence[str] | None = None) -> str:
    """The tasks of environments, by default of all that need no extra, as a Markdown table."""
    lines = ["| environment | task | what is wanted | fitness | steps |", "|---|---|---|---|---|"]
    for name in names() if chosen is None else chosen:
        for number, task in enumerate(tasks(name).values()):
            lines.append(f"| {name if number == 0 else ''} | {task.name} | {_row(task)} |")
    return "\n".join(lines)


def fields(name: str) -> str:
    """The named fields of an environment as a Markdown table."""
    rows = [f"| `{field}` | {f.unit} | {f.description} |" for field, f in find_task(name).fields.items()]
    return "\n".join(["| field | unit | what it is |", "|---|---|---|", *rows])


def _row(task: Task) -> str:
    function = task.fitness.function
    said = (getattr(function, "__doc__", None) or "").strip().splitlines()[0].rstrip(".")
    return f"{task.text} | {said} ({task.fitness_unit}) | {task.max_episode_steps}"


def main(arguments: Sequence[str]) -> int:
    """Print what is asked for."""
    try:
        if list(arguments) == ["nethack"]:
            print(overview(FLAGSHIPS))
        elif list(arguments) == ["alfworld"]:
            print(overview([alfworld.NAME]))
        else:
            print("\n\n".join(fields(name) for name in arguments) or overview())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
