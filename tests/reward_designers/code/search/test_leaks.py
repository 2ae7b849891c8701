"""Neither the ground truth nor an environment's own reward reaches a prompt: by search, and by non-interference."""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace

import numpy as np
import pytest

import envs
from agents.designing.setting import how_scored
from envs.expose import state_readers
from reward_designers.base import FunctionReward, RewardFn, Transition
from reward_designers.code.search import (
    Critic,
    Designer,
    Eureka,
    Example,
    Prompts,
    Proposal,
    Secrets,
    Text2Reward,
    Tree,
    WorldDescription,
    describe,
)
from reward_designers.llm import Message
from tests.reward_designers.code.search.scripted import Script

TASKS = [(name, task) for name in envs.names() for task in envs.tasks(name)]


def describe_task(task: envs.Task) -> WorldDescription:
    """As the command line does it: from the task's text and fields, and a state of its environment."""
    env = envs.make(task.env, task.name)
    obs, _ = env.reset(seed=0)
    readers = state_readers(env)
    raw = {name: np.asarray(reader() if callable(reader) else reader)[None] for name, reader in readers.items()}
    raw["obs"] = np.asarray(obs)[None]
    state = {"obs": raw["obs"]}
    for name, field in task.fields.items():
        state[name] = field.compute(*(raw[key] for key in field.reads))
    env.close()
    flags = np.zeros(1, bool)
    action = np.asarray(env.action_space.sample())[None]
    about = {name: (field.unit, field.description) for name, field in task.fields.items()}
    transition = Transition(state, action, state, flags, flags)
    return describe(task.env, task.text, transition, about=about, gamma=0.99, score=how_scored(task, True))


def secrets_of(task: envs.Task) -> Secrets:
    """All that judges the task, and its environment's own reward."""
    secret = [measure.function for measure in (task.fitness, task.success) if isinstance(measure, FunctionReward)]
    assert secret
    if task.reward is not None:
        made = task.reward()
        secret.append(made.function if isinstance(made, FunctionReward) else type(made))
    return Secrets.of(*secret, allowed=task.fields)


def conversations(world: WorldDescription) -> list[tuple[str, list[Message]]]:
    """Every prompt of short searches with all designers, by operation."""
    prompts = Prompts(world)
    field = next((f"next_{f.name}" for f in world.fields if f.shape == ()), "obs")
    value = f"{field}.reshape(len({field}), -1)[:, 0]"
    example = Example("Reacher", "Bring the fingertip to the target.", "def reward(obs):\n    return 0 * obs[:, 0]")
    designers: list[Designer] = [
        Eureka(prompts, samples=2, iterations=2, feedback=True),
        Text2Reward(prompts, examples=[example], refinements=1),
        Tree(prompts, roots=2, programs=7),
        Critic(prompts, samples=2, iterations=2),
    ]
    found = []
    for designer in designers:
        script = Script(designer, Author(field, value), lambda c: {0: len(c.source) / 2, 1: len(c.source) / 3}).run()
        for proposals in script.log:
            found += [(p.operation, list(p.prompt.messages)) for p in proposals if p.prompt is not None]
    operations = {"first", "improve", "refine", "crossover", "path", "different", "verify", "critique", "revise"}
    assert operations | {"mutate_structure", "mutate_parameters", "analyse"} == {name for name, _ in found}
    return found


class Author:
    """A model that writes another program at each call, and is sent back by the critic at first."""

    def __init__(self, field: str, value: str):
        self.field, self.value, self.written = field, value, 0

    def __call__(self, proposal: Proposal, i: int) -> str:
        if proposal.wants == "sentence":
            return "It leans to the left."
        if proposal.wants == "answer":
            return "Score: 0.5. Verdict: accept" if self.written > 2 else "It pays for standing still. Verdict: revise"
        self.written += 1
        part = f"{self.written} * {self.value}"
        if proposal.prompt is not None and "`sparse`" in proposal.prompt.messages[0]["content"]:
            return f"def sparse({self.field}):\n    return {part}\ndef dense({self.field}):\n    return {part}\n"
        return f'def reward({self.field}):\n    return {{"part": {part}}}\n'


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_no_prompt_of_any_task_has_a_secret(name: str, task: str) -> None:
    known = envs.find_task(name, task)
    secrets = secrets_of(known)
    assert len(secrets.fragments) > 0
    for operation, messages in conversations(describe_task(known)):
        assert not (leaks := secrets.find(messages)), f"{operation}: {leaks[0]}"


def test_prompts_do_not_depend_on_the_ground_truth() -> None:
    """Non-interference: with another fitness and reward, every prompt is the same to the byte.

    What is told of the score, its unit and limits, is data of the task of its own.
    """

    def other(next_speed: np.ndarray) -> np.ndarray:
        return next_speed

    task = envs.find_task("Hopper")
    changed = replace(task, fitness=FunctionReward(other), reward=None)
    assert conversations(describe_task(task)) == conversations(describe_task(changed))


def fitness_of_kneeling(next_torso_height: np.ndarray, target_height: float = 0.8) -> np.ndarray:
    """1 when the torso is at the height that it has on both knees, less the farther away it is."""
    return scaled_bump(np.abs(next_torso_height - target_height), 0.3)


def scaled_bump(distance: np.ndarray, margin: float) -> np.ndarray:
    """A helper of the ground truth."""
    return 1.0 / (1.0 + 9.0 * np.square(distance / margin))


CANARIES = {
    "code": inspect.getsource(fitness_of_kneeling),
    "its helper, laid out anew": "gain = 1.0/(1.0 + 9.0*np.square(\n  distance / margin ) )",
    "its docstring": "Best is when the torso is at the height that it has on both knees.",
    "a name": "It is judged by fitness_of_kneeling.",
    "a name in it": "The target_height is 0.8.",
    "the word": "This raises the fitness.",
    "the own reward's name in logs": "env_reward: [1, 2, 3]",
}


@pytest.mark.parametrize("canary", CANARIES)
def test_planted_secrets_are_found(canary: str) -> None:
    secrets = Secrets.of(fitness_of_kneeling, allowed=["torso_height"])
    clean = "def reward(next_torso_height):\n    return {'height': next_torso_height}\n"
    assert not secrets.find([{"role": "user", "content": clean}])
    found = secrets.find(
        [{"role": "system", "content": ""}, {"role": "user", "content": f"{clean}\n{CANARIES[canary]}"}]
    )
    assert found
    assert found[0].where in CANARIES[canary]


def test_what_the_model_wrote_itself_is_no_leak_but_what_stands_beside_it_is() -> None:
    secrets = Secrets.of(fitness_of_kneeling, allowed=["torso_height"])
    own = "def reward(next_torso_height):\n    return 1.0 / (1.0 + 9.0 * np.square(distance / margin))"
    message = {"role": "user", "content": f"Yours:\n{own}\nBetter."}
    assert secrets.find([message])
    assert not secrets.find([message], quoted=[own])
    assert secrets.find([{**message, "content": message["content"] + "Raise target_height."}], quoted=[own])


def test_secrets_are_read_through_partials_and_classes_with_their_parents() -> None:
    class Parent(RewardFn):
        def __call__(self, t, memory=None):
            hidden_gain = 3.0
            return {"x": hidden_gain * np.ones(len(t))}

    class Child(Parent):
        own_weight = 2.0

    assert {"hidden_gain", "own_weight"} <= Secrets.of(Child).names.keys()
    assert "target_height" in Secrets.of(functools.partial(fitness_of_kneeling, target_height=1.0)).names


def test_secrets_whose_code_cannot_be_read_are_refused() -> None:
    with pytest.raises((OSError, TypeError)):
        Secrets.of(len)
    table = {
        "speed": lambda next_speed: next_speed,
    }
    with pytest.raises(ValueError, match="give its text instead"):
        Secrets.of(table["speed"])


def test_short_secrets_are_looked_for_as_a_whole() -> None:
    secrets = Secrets.of("7 * next_speed")
    assert secrets.find([{"role": "user", "content": "return 7*next_speed"}])
    assert not secrets.find([{"role": "user", "content": "return 8*next_speed"}])


def test_objects_that_are_called_are_read_through_their_class() -> None:
    class Judge:
        def __call__(self, next_speed):
            secret_gain = 2
            return secret_gain * next_speed

    assert "secret_gain" in Secrets.of(Judge()).names
