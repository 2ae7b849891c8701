"""A language model as extractor: a loopback server that reads ALFWorld by the rules plays it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reward_designers import RewardError, RewardFn, check_reward
from reward_designers.factored import AlfworldRules, Episode, FactoredReward, FactoredState, LLMExtractor, LLMGoals
from reward_designers.llm import LLMError, Questions
from tests.reward_designers.factored.test_reward import GOAL, HEATED, PUT, ROOM, SEEN, TAKEN, episodes
from tests.reward_designers.llm.asked import model, replying
from tests.reward_designers.llm.chat_server import ChatServer

WANTED = [{"name": "mug", "attributes": {"temperature": "hot", "location": "desk"}}]


def nodes(state: FactoredState) -> list[dict[str, Any]]:
    return [{"name": name, "attributes": attributes} for name, attributes in state]


def reader(told: dict[str, Any], system: str) -> Any:
    """A model that follows the instructions."""
    if "observation" in told:
        assert "task" not in told, "the goal must not be shown where the state is recalled"
        known = FactoredState({node["name"]: node["attributes"] for node in told["known before"]})
        return {"objects": nodes(AlfworldRules().next(known, told))}
    if "first observation" in told:
        return {"objects": WANTED}
    if "wanted" in told:
        return {"objects": told["wanted"]}
    return {"objects": [node for node in told["known"] if node["name"].split()[0] in ("mug", "desk", "agent")]}


def test_three_steps(server: ChatServer) -> None:
    server.default = replying(reader)
    questions = Questions(model(server))
    episode = Episode(LLMExtractor(questions), LLMGoals(questions))
    values = [episode.begin(observation=ROOM, goal=GOAL)]
    values += [episode.step(observation=text, command="go") for text in (SEEN, TAKEN, HEATED, PUT)]
    assert values == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert set(episode.state.objects) == {"agent", "desk 1", "mug 1"}  # the shelves do not matter
    assert questions.asked == 3 + 4 * 3
    assert questions.invalid == 0


def test_laws(server: ChatServer) -> None:
    server.default = replying(reader)
    reward = FactoredReward("llm", llm=model(server))
    assert reward.inputs == {"observation", "command", "goal"}
    batch = episodes([SEEN, TAKEN, HEATED, PUT], [SEEN, TAKEN, SEEN, TAKEN])
    for arrays in (batch.state, batch.next_state):
        arrays["command"] = np.full(batch.batch_shape, "go", object)  # type: ignore[index]
    check_reward(reward, batch)
    assert reward.update(batch) == {"invalid_answers": 0.0}


def test_a_saved_reward_asks_again_and_pays_nothing(server: ChatServer, tmp_path: Path) -> None:
    server.default = replying(reader)
    batch = episodes([SEEN, TAKEN])
    for arrays in (batch.state, batch.next_state):
        arrays["command"] = np.full(batch.batch_shape, "go", object)  # type: ignore[index]
    reward = FactoredReward("llm", llm=model(server), store=str(tmp_path / "replies.sqlite"))
    first = reward.relabel(batch)
    asked = len(server.bodies)
    reward.save(tmp_path / "reward.npz")
    reward.questions.close()
    again = RewardFn.load(tmp_path / "reward.npz").relabel(batch)
    np.testing.assert_array_equal(again["progress"], first["progress"])
    assert len(server.bodies) == asked


@pytest.mark.parametrize(
    "bad",
    [
        "no JSON",
        {"objects": [{"attributes": {}}]},
        {"objects": [{"name": "mug 1", "attributes": {"location": {"in": "desk"}}}]},
        {"objects": [{"name": "mug 1", "attributes": {}}, {"name": "mug 1", "attributes": {}}]},
        {"things": []},
    ],
)
def test_an_invalid_answer_leaves_the_belief_as_it_was(server: ChatServer, bad: Any) -> None:
    server.default = replying(lambda told, system: bad if told.get("observation") == TAKEN else reader(told, system))
    questions = Questions(model(server))
    episode = Episode(LLMExtractor(questions), LLMGoals(questions))
    episode.begin(observation=ROOM, goal=GOAL)
    episode.step(observation=SEEN)
    before = str(episode.state)
    episode.step(observation=TAKEN)
    assert str(episode.state) == before
    assert questions.invalid == 1


def test_what_matters_is_part_of_what_is_known(server: ChatServer) -> None:
    def inventive(told: dict[str, Any], system: str) -> Any:
        return {"objects": WANTED} if "known" in told and "wanted" not in told else reader(told, system)

    server.default = replying(inventive)
    questions = Questions(model(server))
    (state,) = LLMExtractor(questions).begin([{"observation": SEEN, "goal": GOAL}])
    assert not state
    assert questions.invalid == 1


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ([{"name": "mug 1", "attributes": {"temperature": "hot", "location": "desk 1"}}], True),
        ([*WANTED, {"name": "microwave", "attributes": {"door": "open"}}], True),
        ([{"name": "mug", "attributes": {"temperature": "hot", "location": "desk", "cleanliness": "clean"}}], True),
        ([{"name": "mug", "attributes": {"temperature": "hot"}}], False),
        ([{"name": "cup", "attributes": {"temperature": "hot", "location": "desk"}}], False),
        ([{"name": "mug", "attributes": {"temperature": "hot", "location": "shelf 1"}}], False),
        ([], False),
    ],
)
def test_goals_may_be_extended_only(server: ChatServer, answer: list, taken: bool) -> None:
    server.default = replying(lambda told, system: {"objects": answer} if "wanted" in told else reader(told, system))
    goals = LLMGoals(Questions(model(server)))
    before = goals.begin([{"observation": ROOM, "goal": GOAL}])
    (after,) = goals.update(before, [FactoredState()], [{"goal": GOAL}])
    expected = [(node["name"], node["attributes"]) for node in answer]
    assert after == (expected if taken else before[0])


def test_no_goal_is_an_error(server: ChatServer) -> None:
    server.default = replying(lambda told, system: {"objects": []})
    with pytest.raises(RewardError, match=r"gave no valid description of the goal 'put a hot mug in desk.'"):
        LLMGoals(Questions(model(server))).begin([{"observation": ROOM, "goal": GOAL}])
    with pytest.raises(LLMError, match="this needs a language model"):
        FactoredReward("llm").open()


def test_the_wording_asks_for_one_form() -> None:
    from reward_designers.factored import llm

    example = json.loads(llm.FORM[llm.FORM.index("{") : llm.FORM.rindex("}") + 1])
    assert llm._objects(example) == [("mug 1", {"location": "desk 1", "temperature": "hot"})]
