"""The recorded judge that ships with the kit."""

from __future__ import annotations

import pytest

import envs
from reward_designers.assets import asset
from reward_designers.intrinsic import Replay
from reward_designers.intrinsic.forms import LabelForm

GOAL = envs.find_task("NetHackScore").text
PATH = asset("judgements", "NetHackScore.yaml")


@pytest.fixture
def judge():
    judge = Replay(PATH)
    judge.open(None)
    yield judge
    judge.close()


def test_every_answer_is_valid_and_to_the_prompt_of_today(judge):
    labels, preferences = judge.known(GOAL)
    assert (len(labels), preferences) == (480, [])
    assert all(label.value is not None for label in labels)
    assert {request.prompt.messages[0]["content"] for request in judge.store.requests()} == {LabelForm(GOAL).system}


def test_it_tells_progress_from_noise(judge):
    captions = ["You kill the jackal!", "It's a wall.", "You descend the stairs.; descended to level 2", "Zorkmids!"]
    assert [label.value for label in judge.label(GOAL, captions)] == [0.75, 0.0, 0.75, None]
