"""A reward among proposals: the best, ties, and what is looked up for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from agents.acting.planning import Planner, Play, best
from agents.acting.react import Proposal
from agents.prediction.data import Trajectory
from agents.prediction.sources import Source
from envs.text.blocks import Blocks
from reward_designers.llm import LLM, Prompt, Reply


def proposal(command: str | None) -> Proposal:
    return Proposal("", command, command or "?")


class Told(LLM):
    """Predicts by a table; remembers what it was asked."""

    def __init__(self, table: dict[str, str]):
        self.table, self.asked = table, []

    def sample_all(self, prompts: Sequence[Prompt]) -> list[list[Reply]]:
        self.asked += prompts
        commands = [p.messages[-1]["content"].splitlines()[-2].removeprefix("Command: ") for p in prompts]
        return [[Reply(self.table[command], "", 0, "", "")] for command in commands]

    def close(self) -> None: ...


class Words(Source):
    """The number of words in the last observation; remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[Trajectory] = []

    def predict(self, domain: str, trajectories: Sequence[Trajectory]) -> list[np.ndarray]:
        self.seen += trajectories
        return [np.array([len(step.observation.split()) for step in t.steps], float) for t in trajectories]


def test_ties_are_broken_by_votes_then_by_order() -> None:
    some = [proposal(None), proposal("a"), proposal("b"), proposal("c"), proposal("c")]
    assert best(some, {"a": 0.2, "b": 0.9, "c": 0.2}).command == "b"
    assert best(some, {"a": 0.9, "b": 0.9, "c": 0.9}).command == "c"
    assert best(some[:3], {"a": 0.9, "b": 0.9}).command == "a"
    assert best(some, {"a": -3.0}).command == "a"  # the judge did not answer about the others
    assert best(some, {}).command == "c"
    assert best(some[:1], {}).command is None
    assert best(some[:2], {}).command == "a"


@pytest.fixture
def play() -> Play:
    game = Blocks(3, 4)
    play = Play(game, game.reset())
    first = play.state.admissible[0]
    play.done.append((first, game.step(first)))
    return play


def test_the_simulator_tells_what_happens_and_the_game_itself_stays(play: Play) -> None:
    source, before = Words(), play.state
    commands = before.admissible
    assert len(commands) > 1
    ((chosen, worth),) = Planner(source, "blocksworld", None).choose([play], [list(map(proposal, commands))])
    assert play.game.step(commands[0]).feedback == source.seen[0].steps[-1].observation
    assert play.state is before
    assert list(worth) == list(commands)
    assert chosen.command == max(worth, key=lambda command: worth[command])
    for trajectory, command in zip(source.seen, commands, strict=True):
        assert [step.action for step in trajectory.steps] == ["", play.done[0][0], command]
        assert trajectory.steps[1].observation == before.feedback
        assert trajectory.goal == play.game.goal


def test_predictions_come_from_the_model(play: Play) -> None:
    source, llm = Words(), Told({"one": "short", "two": " a much longer text "})
    planner = Planner(source, "blocksworld", llm)
    some = [proposal("one"), proposal("two"), proposal("one"), proposal(None)]
    ((chosen, worth),) = planner.choose([play], [some])
    assert (chosen.command, worth) == ("two", {"one": 1.0, "two": 4.0})
    assert [t.steps[-1].observation for t in source.seen] == ["short", "a much longer text"]
    assert play.game.goal in llm.asked[0].messages[-1]["content"]
    assert play.start.feedback in llm.asked[0].messages[-1]["content"]


def test_nothing_is_looked_up_where_there_is_no_choice(play: Play) -> None:
    source, llm = Words(), Told({})
    planner = Planner(source, "blocksworld", llm)
    chosen = planner.choose([play, play], [[proposal("one")] * 3, [proposal(None)] * 2])
    assert [(p.command, worth) for p, worth in chosen] == [("one", {}), (None, {})]
    assert not llm.asked
    assert not source.seen
