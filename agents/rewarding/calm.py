"""`reward=calm`: from the config to a reward for subgoals."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.config.commands import TrainConfig
from agents.config.language_models import OpenAIModel
from agents.config.rewards import CalmReward, Novelty, SubgoalJudge
from agents.errors import UsageError
from agents.rewarding.novelty import looked_at, novelty_term
from agents.rewarding.terms import beside_env
from envs.task import Task
from reward_designers.assets import asset
from reward_designers.base import Components, RewardFn, Transition
from reward_designers.checker import check_reward
from reward_designers.code import CodeReward, parse_reply
from reward_designers.intrinsic import Annotation, Annotator, SubgoalReward, SubgoalRules
from reward_designers.intrinsic.predicates import PRELUDE, PredicateJudge
from reward_designers.intrinsic.scenes import Scene
from reward_designers.intrinsic.subgoal_llm import AskedSubgoals, SubgoalAnnotator, SubgoalReplay
from reward_designers.intrinsic.subgoal_prompts import decompose, write_program
from reward_designers.llm import LLM, connect
from reward_designers.memory import EpisodeMemory
from reward_designers.transforms import Sum

BY_MODEL = "llm"
"""`reward.subgoals=llm`"""
PROGRAM = "predicates.py"
"""The program of `reward.judge=predicate`, in the run's folder."""
RECORDED = ("judgements", "KeyRoom.yaml")
"""What `llm=replay` repeats: replies for KeyRoom."""
STEPS, ENVS = 128, 8
"""Random transitions on which a program is tried: so many steps of so many environments."""
OFTEN = 0.5
"""A program that finds a subgoal achieved in a larger share of random transitions has misunderstood it."""
MAP = "map_text"
LEGENDS = {
    MAP: "In maps @ is the player, . floor, # a corridor, + a closed door, | and - are walls and open doors, > and < "
    "are staircases down and up, ( is a tool such as a key, $ gold, and a space is what was never seen. What lies "
    "under the player is not shown."
}
"""How to read an array of text, by its name."""


def resolved(config: TrainConfig, task: Task | None) -> CalmReward:
    """The reward's config with judge, goal and subgoals filled in; `prepare` asks for what a model is to say.

    Raises:
        UsageError: There are no subgoals, a language model is needed and not named, or the reverse.
    """
    node = config.reward
    judge = node.judge or (SubgoalJudge.rules if config.llm.name == "none" else SubgoalJudge.predicate)
    goal = node.goal or (task.text if task is not None else "")
    subgoals = node.subgoals or (list(task.subgoals) if task is not None else [])
    if not subgoals:
        has = (
            "this environment has no task of the kit" if task is None else f"task {task.name!r} of {task.env} has none"
        )
        raise UsageError(f"there are no subgoals ({has}): give reward.subgoals=['Pick up the key.',...] or =llm")
    asks = judge is not SubgoalJudge.rules or subgoals == BY_MODEL
    if asks and config.llm.name == "none":
        what = f"reward.subgoals={BY_MODEL}" if subgoals == BY_MODEL else f"reward.judge={judge.name}"
        raise UsageError(f"{what} needs a language model: llm=openai llm.model=NAME (llm.base_url=...), or llm=replay")
    if not asks and config.llm.name != "none":
        raise UsageError(f"llm={config.llm.name} is not asked by reward.judge={judge.name}: leave one of them out")
    if asks and not goal:
        raise UsageError("this environment has no task of the kit: say what is wanted, reward.goal='Find the stairs'")
    if judge is SubgoalJudge.rules and task is not None and "caption" not in task.fields:
        raise UsageError(f"{task.env} has no captions, which reward.judge=rules reads: they come with NetHack")
    if subgoals != BY_MODEL:
        subgoals = [subgoals] if isinstance(subgoals, str) else [str(text) for text in subgoals]
    reward = replace(node, judge=judge, goal=goal, subgoals=subgoals)
    if reward.novelty is Novelty.none:
        return reward
    return replace(reward, novelty_of=looked_at(config, reward.novelty, reward.novelty_of))


def prepare(config: TrainConfig, folder: Path) -> None:
    """Ask a language model for what is asked once: the subgoals, and the program of `reward.judge=predicate`.

    Args:
        config: Resolved; its subgoals are filled in.
        folder: The run's; the program is written there.

    Raises:
        LLMError: The model does not answer, or twice with something that is no use.
        UsageError: The world has no texts that a judge could read.
    """
    node = config.reward
    if node.judge is SubgoalJudge.rules and node.subgoals != BY_MODEL:
        return
    scene = scene_of(config)
    with _model(config, folder) as llm:
        if node.subgoals == BY_MODEL:
            node.subgoals = list(decompose(llm, node.goal))
            print(f"subgoals: {' '.join(node.subgoals)}", file=sys.stderr, flush=True)
        if node.judge is SubgoalJudge.predicate:
            sample = random_transitions(config, scene)
            source = write_program(
                llm,
                node.goal,
                node.subgoals,
                scene,
                lambda reply: _tried(reply, node.subgoals, scene, sample),
                _legend(scene),
            )
            (folder / PROGRAM).write_text(source)


def _model(config: TrainConfig, folder: Path) -> LLM:
    options = asdict(config.llm)
    if options["name"] == "replay" and options["path"] is None:
        options["path"] = asset(*RECORDED)
    store = Path(config.reward.store) if config.reward.store else folder / "replies.sqlite"
    return connect(options, store)  # without a seed: a task is decomposed once


def _legend(scene: Scene) -> str:
    return " ".join(LEGENDS[name] for name in scene.maps if name in LEGENDS)


def scene_of(config: TrainConfig, actions: Sequence[str] = ()) -> Scene:
    """What judges see of transitions of this world.

    Args:
        config: Resolved.
        actions: Words for its actions; by default the environment's own.

    Raises:
        UsageError: It has no texts.
    """
    from agents.build import make_env
    from envs import task_of
    from envs.expose import state_readers

    env = make_env(config)
    task = task_of(env)
    names = {*(task.fields if task is not None else ()), *state_readers(env)}
    actions = actions or getattr(env.unwrapped, "action_words", ())
    env.close()
    if MAP in names:
        return Scene((MAP,), (MAP, "message"), (MAP,), config.reward.size, tuple(actions))
    if {"observation", "command"} <= names:
        return Scene(("observation",), ("command", "observation"), ())
    if "caption" in names:
        return Scene((), ("caption",), ())
    raise UsageError("this world has nothing in words that a judge could read: subgoals are judged in NetHack's games")


def make_calm(config: TrainConfig, run_dir: Path | None) -> Sum:
    """The environment's own reward and that for subgoals.

    Raises:
        RewardError: The judge does not know a subgoal, or its program fails to load.
    """
    node = config.reward
    subgoals = tuple(node.subgoals)
    judge: RewardFn
    if node.judge is SubgoalJudge.rules:
        judge = SubgoalRules(subgoals)
    else:
        scene = scene_of(config)
        if node.judge is SubgoalJudge.predicate:
            assert run_dir is not None, "the program is in the run's folder"
            judge = predicate_judge((run_dir / PROGRAM).read_text(), subgoals, scene)
        else:
            judge = AskedSubgoals(subgoals, **asdict(scene))
    own = SubgoalReward(subgoals, judge)
    return beside_env(config, subgoals=node.coefficient * own, **novelty_term(config))


def teach(judge: AskedSubgoals, config: TrainConfig, folder: Path) -> Annotation:
    """Start asking the language model about new moments; close it at the end.

    Raises:
        LLMError: It cannot be asked, or nothing is recorded.
    """
    from agents.rewarding.intrinsic import asked

    node, model = config.reward, config.llm
    form: dict[str, Any] = {"subgoals": judge.subgoals, "legend": _legend(judge.scene)}
    annotator: Annotator
    if isinstance(model, OpenAIModel):
        annotator = SubgoalAnnotator(**asked(model, config.seed), **form)
    else:
        annotator = SubgoalReplay(asset(*RECORDED) if model.path is None else model.path, model.model, **form)
    store = Path(node.store) if node.store else folder / "judgements.sqlite"
    judge.annotation = Annotation(annotator, node.goal, store=store, order=node.order.name, sync=node.sync)
    return judge.annotation


# Programs


def predicate_judge(source: str, subgoals: tuple[str, ...], scene: Scene) -> PredicateJudge:
    """A program in its sandbox as a judge.

    Raises:
        RewardError: It is refused, or fails to load.
    """
    program = CodeReward(PRELUDE + source, tuple(sorted(scene.inputs)), "achieved")
    return PredicateJudge(subgoals, program, scene.before, scene.after, scene.maps)


def _tried(reply: str, subgoals: list[str], scene: Scene, sample: Transition) -> str:
    """The program in a reply, once it has shown itself to be one on random transitions.

    Raises:
        ValueError: It is no use; the message is fit for its author.
    """
    source = parse_reply(reply, "achieved")
    judge = predicate_judge(source, tuple(subgoals), scene)
    program = judge.program
    assert isinstance(program, CodeReward)
    try:
        check_reward(judge, sample, skip=("save", "update"))
        for name, verdicts in judge(sample.flatten()).items():
            share = float(verdicts.mean())
            if share > OFTEN:
                raise ValueError(
                    f"{name!r} comes out as achieved in {share:.0%} of the steps of a player who acts at random: it "
                    "must hold only in the step in which it comes true"
                )
    finally:
        program.close()
    return source


class _Probe(RewardFn):
    """Keeps the transitions that it is shown."""

    def __init__(self, scene: Scene):
        self.inputs = scene.inputs
        self.seen: list[Transition] = []

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        self.seen.append(t.map(np.copy))
        return {"probe": np.zeros(len(t))}


def random_transitions(config: TrainConfig, scene: Scene, steps: int = STEPS) -> Transition:
    """``(steps, ENVS)`` transitions of a player who acts at random, with what ``scene`` shows."""
    from agents.build import make_venv

    probe = _Probe(scene)
    venv = make_venv(config, ENVS, probe)
    venv.seed(0)  # whatever the run's seed: what a program's author is told of them is part of a stored request
    venv.action_space.seed(0)
    venv.reset()
    for _ in range(steps):
        venv.step(np.array([venv.action_space.sample() for _ in range(ENVS)]))
    venv.close()

    def stacked(states: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: np.stack([state[name] for state in states]) for name in scene.inputs}

    seen = probe.seen
    return Transition(
        stacked([dict(t.state) for t in seen]),
        np.stack([t.action for t in seen]),
        stacked([dict(t.next_state) for t in seen]),
        np.stack([t.terminated for t in seen]),
        np.stack([t.truncated for t in seen]),
    )
