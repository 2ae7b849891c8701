"""Search for a reward program: propose, check, train, reflect, select; by a language model or without one.

python -m agents.design env=Hopper designer=random
python -m agents.design env=Hopper task="hop forward as fast as possible" designer=eureka llm=replay
python -m agents.design env=Hopper llm=openai llm.model=gpt-5-mini llm.max_usd=2
python -m agents.design env=CartPole designer=tree llm=openai llm.model=MODEL llm.base_url=http://localhost:8000/v1
python -m agents.design resume=designs/2026-11-21_12-00-00_Hopper_eureka
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents import cli
from agents.build import check_env
from agents.designing.folder import DesignDir
from agents.designing.options import DESIGN, GIVEN_ANEW, DesignConfig
from agents.errors import UsageError, explained, fail, reason
from agents.files import locked, write_text
from agents.terminal import terminable

if TYPE_CHECKING:
    from agents.designing.people import AtTerminal, FromFile
    from agents.designing.setting import Setting
    from reward_designers.code.search import Designer
    from reward_designers.llm import LLM


def main() -> None:
    """The command."""
    cli.run(DESIGN, "design", __doc__ or "", design)


def design(config: DesignConfig, given: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Search as ``config`` says, or go on with a search.

    Args:
        config: See `agents.designing.options`.
        given: The keys that were set, rather than left at their defaults.

    Returns:
        What is written to ``summary.json``.

    Raises:
        UsageError: The config asks for what is not there, or something has to be mended before the search can go on.
        SystemExit: With code 1 if no program could be trained, 130 if interrupted. What was done until then is kept.
    """
    if config.resume is not None:
        cli.refuse_changes(given, GIVEN_ANEW, "a search is", f"{config.resume}/design.yaml")
        folder = DesignDir.open(config.resume)
    else:
        check(config)
        name = "_".join((config.env.id or config.env.name or "", config.designer.name)).replace("/", "-")
        folder = DesignDir.create(config.output, name)
    with locked(folder.path, "output"):
        if config.resume is None:
            folder.require_unused()
        try:
            if config.resume is None:
                folder.write_config(config)
            folder.begin()
            saved = folder.read_config()
            if config.resume is not None:
                cli.take_over(saved, config, given)
            return _run(saved, folder)
        except (UsageError, OSError) as error:
            told = reason(error, folder.path)
            if config.resume is None:
                folder.discard_unused()
            if not folder.config.exists():
                raise UsageError(told) from error
            raise UsageError(f"{told}\nwhat was done is kept: resume={folder.path} goes on from there") from error


def check(config: DesignConfig) -> None:
    """Refuse what cannot be searched for, before anything is written.

    Raises:
        UsageError: See `design`.
    """
    from agents.config.commands import TrainConfig
    from agents.config.rewards import EnvReward

    sentence = config.task is not None and " " in config.task.strip()
    check_env(TrainConfig(env=config.env, task=None if sentence else config.task, reward=EnvReward()))
    name = config.designer.name
    if config.potential and name in ("critic", "random"):
        raise UsageError(f"potential=true does not go with designer={name}: that writes rewards of its own form")
    if name == "tree" and (config.rungs or 1) > 1:
        raise UsageError("designer=tree needs rungs=1: it compares all scores, so trainings must be equally long")
    files = {f"designer.{name}": getattr(config.designer, name, None) for name in ("start", "examples")}
    for key, path in {"feedback": config.feedback, **files}.items():
        if path is not None and not Path(path).is_file():
            raise UsageError(f"{key}: no such file {path!r}")


def _run(config: DesignConfig, folder: DesignDir) -> dict[str, Any]:
    """Do what is not done yet."""
    cli.settle_libraries()
    from agents.callbacks import quiet_warnings
    from agents.designing.cluster import Cluster
    from agents.designing.film import film
    from agents.designing.finish import finish, lines
    from agents.designing.halving import ladder
    from agents.designing.journal import Journal
    from agents.designing.live import make_display
    from agents.designing.loop import Search
    from agents.designing.people import AtTerminal, FromFile
    from agents.designing.setting import default_steps, look
    from agents.designing.training import Workers
    from reward_designers.code.search import SearchError
    from reward_designers.llm import LLMError

    quiet_warnings()
    rungs = config.rungs or (1 if config.designer.name == "tree" else 3)
    stages = ladder(default_steps(config), config.seeds, rungs, config.halving)
    person: AtTerminal | FromFile = AtTerminal() if config.feedback is None else FromFile(config.feedback)
    llm: LLM | None = None
    with explained(), closing(Journal(folder.journal)) as journal:
        try:
            if config.designer.name != "random":
                llm = _connected(config, folder)
            setting = look(config, stages[0].steps, folder.coverages)
            display = make_display("fitness" if setting.task is not None else "env_reward", stages)
            designer = make_designer(config, setting)
            display.say(_headline(config, setting, folder))
            address = config.ray.address
            workers = Workers(config.workers or cores()) if address is None else Cluster(address)
            search = Search(config, folder, journal, setting, designer, stages, workers, llm, person, display)
            with terminable(), display, search.report.at_the_end():
                try:
                    history = search.run()
                except SearchError as error:
                    display.say(f"the search gives up: {error}")
                    history = journal.history()
                summary = finish(search, history)
                write_text(folder.summary, json.dumps(summary, indent=2))
                film(search, summary, history)
        except LLMError as error:
            raise UsageError(str(error)) from error
        except KeyboardInterrupt:
            fail(f"interrupted; go on with resume={folder.path}", code=130)
        finally:
            if llm is not None:
                llm.close()
    if summary["best"] is None:
        fail(f"no program could be trained; {folder.summary} says why for each", code=1)
    print("\n".join(lines(summary)))
    print(f"report: {folder.report}")
    env = f"env.id={config.env.id}" if config.env.id else f"env={config.env.name}"
    print(f"python -m agents.train {env} reward=code reward.path={folder.best}")
    return summary


def make_designer(config: DesignConfig, setting: Setting) -> Designer:
    """The designer that a config names.

    Raises:
        ValueError: Its options do not go together.
        OSError: A file that it names cannot be read.
    """
    import yaml

    from reward_designers.code.search import Critic, Eureka, Example, Prompts, Text2Reward, Tree, Weights

    prompts = Prompts(setting.world, "potential" if config.potential else "reward")
    chosen = config.designer
    if chosen.name == "eureka":
        start = None if chosen.start is None else Path(chosen.start).read_text()
        return Eureka(prompts, chosen.samples, chosen.iterations, start, chosen.ask)
    if chosen.name == "text2reward":
        solved = [] if chosen.examples is None else yaml.safe_load(Path(chosen.examples).read_text())
        try:
            examples = [Example(**each) for each in solved]
        except TypeError as error:
            raise ValueError(f"{chosen.examples}: expected a list of world, task and program ({error})") from error
        return Text2Reward(prompts, examples, samples=chosen.samples, refinements=chosen.refinements)
    if chosen.name == "tree":
        return Tree(prompts, chosen.roots, chosen.programs, chosen.verify, seed=config.seed)
    if chosen.name == "critic":
        return Critic(prompts, chosen.samples, chosen.iterations, chosen.revisions)
    return Weights(prompts, chosen.method.name, chosen.population, chosen.programs, config.seed)


def _connected(config: DesignConfig, folder: DesignDir) -> LLM:
    from reward_designers.llm import connect

    try:
        return connect(asdict(config.llm), folder.replies, seed=config.seed)
    except FileNotFoundError as error:
        raise UsageError(
            f"{error}; name one with llm.path=, ask a server with llm=openai, or search without with designer=random"
        ) from error


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _headline(config: DesignConfig, setting: Setting, folder: DesignDir) -> str:
    asked = "" if config.designer.name == "random" else f", llm={config.llm.name}"
    judge = f"task {setting.task.name!r}" if setting.task is not None else "the environment's own return"
    notes = f"\nnot audited for leaks: {setting.unaudited}" if setting.unaudited else ""
    return (
        f"{setting.world.name}: {setting.world.task}\njudged by {judge}; designer={config.designer.name}{asked}\n"
        f"writing to {folder.path}{notes}"
    )


if __name__ == "__main__":
    main()
