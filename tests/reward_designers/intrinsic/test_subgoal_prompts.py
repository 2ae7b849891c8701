"""What a model is asked once for a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from reward_designers.intrinsic.scenes import Scene
from reward_designers.intrinsic.subgoal_prompts import decompose, read_subgoals, write_program
from reward_designers.llm import LLMError, OpenAILLM
from tests.reward_designers.llm.chat_server import ChatServer, answer

GOAL = "Find the key and open the door."
GOOD = 'Sure:\n{"subgoals": ["Pick up the key.", "Open the door. "]}'


def model(server: ChatServer, store: Path) -> OpenAILLM:
    return OpenAILLM("tiny", store=store, base_url=server.url, retries=0)


def test_a_task_is_broken_up_once(server: ChatServer, tmp_path: Path) -> None:
    server.default = answer(GOOD)
    for _ in range(2):
        with model(server, tmp_path / "replies.sqlite") as llm:
            assert decompose(llm, GOAL) == ("Pick up the key.", "Open the door.")
    (body,) = server.bodies
    assert GOAL in body["messages"][-1]["content"]


def test_what_cannot_be_used_is_answered_with_the_reason_once(server: ChatServer, tmp_path: Path) -> None:
    server.script.extend([answer('{"subgoals": ["Key!", "key"]}'), answer(GOOD)])
    with model(server, tmp_path / "replies.sqlite") as llm:
        assert decompose(llm, GOAL) == ("Pick up the key.", "Open the door.")
    assert "two subgoals are called 'key'" in server.bodies[1]["messages"][-1]["content"]
    assert [m["role"] for m in server.bodies[1]["messages"]] == ["system", "user", "assistant", "user"]


def test_after_two_answers_that_are_no_use_it_is_an_error(server: ChatServer, tmp_path: Path) -> None:
    server.default = answer("First find the key, then open the door.")
    with (
        model(server, tmp_path / "replies.sqlite") as llm,
        pytest.raises(LLMError, match="asked twice for decompose, in vain: it holds no JSON"),
    ):
        decompose(llm, GOAL)
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("[1, 2]", "no JSON object"),
        ('{"goals": ["a"]}', 'under "subgoals"'),
        ('{"subgoals": ["a", 1]}', 'under "subgoals"'),
        ('{"subgoals": []}', "no subgoals"),
        (f'{{"subgoals": {list("abcdefghi")}}}'.replace("'", '"'), "9 subgoals, more than 8"),
    ],
)
def test_malformed_lists_of_subgoals(reply: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_subgoals(reply)


def test_a_programs_author_is_told_what_there_is(server: ChatServer, tmp_path: Path) -> None:
    server.default = answer("a program")
    scene = Scene(actions=("N", "PICKUP"))
    with model(server, tmp_path / "replies.sqlite") as llm:
        assert write_program(llm, GOAL, ("Pick up the key.",), scene, str.upper, "@ is {you}.") == "A PROGRAM"
    system, user = (message["content"] for message in server.bodies[0]["messages"])
    for part in ("next_message: uint8[n, 512]", "\n  map_text: uint8[n, rows", "0 N, 1 PICKUP", "- @ is {you}.\n"):
        assert part in system
    assert '- "pick-up-the-key": Pick up the key.' in user
