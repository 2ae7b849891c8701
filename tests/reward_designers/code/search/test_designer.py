"""From replies to candidates: what a model says, its code, and what the ladder before training finds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reward_designers.base import Transition
from reward_designers.code import validate
from reward_designers.code.search import Candidate, Critic, Designer, Eureka, Origin, Prompts, Proposal, Tree, reflect
from reward_designers.code.search.designer import idea
from reward_designers.llm import Prompt, ReplayLLM, Reply, ReplyStore, Request
from tests.reward_designers.code.search.scripted import PROMPTS, WORLD, Script, program, transitions

ASKED = Proposal("improve", about=("abc",), prompt=Prompt([{"role": "user", "content": "Write."}], n=4))
REPLY = """<think>def reward(x): no</think>
Speed first; `height` keeps it up.

```python
TEMPERATURE = 0.5

def near(x):
    return np.exp(-np.square(x - 1.2) / TEMPERATURE)

def reward(next_speed, next_height):
    return {"speed": next_speed, "height": near(next_height)}
```
Good luck."""


def test_a_reply_becomes_a_candidate_with_its_helpers_idea_and_origin() -> None:
    candidate = Eureka(PROMPTS).read(ASKED, REPLY, 3)
    assert candidate.status == "proposed"
    assert "TEMPERATURE" in candidate.source
    assert "def near" in candidate.source
    assert candidate.origin == Origin("improve", ("abc",), ASKED.prompt.hash if ASKED.prompt else "", 3, idea(REPLY))
    assert candidate.origin.idea == "Speed first; `height` keeps it up."


def test_proposals_survive_a_file() -> None:
    for proposal in (ASKED, Proposal("start", program="x = 1"), Proposal("feedback", "sentence", ("abc",))):
        assert Proposal.from_json(json.loads(json.dumps(proposal.to_json()))) == proposal


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Idea.\n```python\nx\n```", "Idea."),
        ("long thoughts ``` </think> Idea. ```", "Idea."),
        ("def reward(obs):\n    return obs[:, 0]", ""),
        ("```python\nx\n```\nafter", ""),
    ],
)
def test_ideas(reply: str, said: str) -> None:
    assert idea(reply) == said


@pytest.mark.parametrize(
    ("reply", "stage", "reason"),
    [
        ("I am sorry.", "reply", "holds no program"),
        ("", "reply", "empty"),
        ("```python\ndef reward(next_speed:\n```", "program", "syntax error"),
        ("```python\nimport os\ndef reward(obs): return obs[:, 0]\n```", "program", "only numpy and math"),
    ],
)
def test_replies_without_a_program_are_rejected_with_the_reason(reply: str, stage: str, reason: str) -> None:
    candidate = Eureka(PROMPTS).read(ASKED, reply)
    assert candidate.rejection is not None
    assert candidate.rejection.stage == stage
    assert reason in reflect(candidate)


@pytest.mark.parametrize("make", [lambda: Eureka(PROMPTS, 2, 3), lambda: Tree(PROMPTS, 2, 12)], ids=["eureka", "tree"])
def test_a_search_is_replayed_from_its_store(make: Callable[[], Designer], tmp_path: Path) -> None:
    """Every prompt is the same again, and none of them stands for two steps."""
    number = iter(range(1, 100))

    def write(proposal: Proposal, i: int) -> str:
        return "Score: 0.1" if proposal.wants == "answer" else program(float(next(number)))

    def score(candidate: Candidate) -> dict[int, float | None]:
        return {0: math.sin(len(candidate.key) + float(int(candidate.key[:4], 16)))}

    first = Script(make(), write, score).run()
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        number = iter(range(1, 100))
        for proposal in (p for proposals in first.log for p in proposals):
            assert proposal.prompt is not None
            request = Request("m", proposal.prompt)
            texts = [write(proposal, i) for i in range(proposal.prompt.n)]
            store.add(request, [Reply(text, request.hash, i, "m", "2026-11-21") for i, text in enumerate(texts)])
    with ReplayLLM(tmp_path / "replies.sqlite") as llm:

        def ask(proposal: Proposal, i: int) -> str:
            assert proposal.prompt is not None
            return llm.sample_all([proposal.prompt])[0][i].text

        again = Script(make(), ask, score).run()
    assert again.history == first.history


def test_a_potential_is_read_as_one() -> None:
    reply = "```python\ndef potential(height):\n    return height\n```"
    assert Eureka(Prompts(WORLD, "potential")).read(ASKED, reply).status == "proposed"
    assert Eureka(PROMPTS).read(ASKED, reply).status == "rejected"


def test_the_critics_programs_are_known_by_their_two_functions() -> None:
    reply = "```python\ndef sparse(obs):\n    return obs[:, 0]\n\ndef dense(obs):\n    return obs[:, 1]\n```"
    assert "def reward(obs)" in Critic(PROMPTS).read(ASKED, reply).source
    rejected = Critic(PROMPTS).read(ASKED, reply.replace("dense", "thick"))
    assert "no function 'dense'" in reflect(rejected)


def check(source: str) -> Candidate:
    t = transitions(64)
    batch = Transition(t.state, t.action, {**t.state, "speed": np.roll(t.state["speed"], 1)}, t.terminated, t.truncated)
    candidate = Candidate.of(source, Origin("first"), fields=WORLD.field_names)
    return candidate.checked(validate(candidate.source, fields=WORLD.field_names, transitions=batch, sandbox="none"))


def test_the_ladders_errors_reject_and_are_told() -> None:
    candidate = check("def reward(next_speed):\n    return next_speed / next_speed.max()\n")
    assert candidate.rejection is not None
    assert candidate.rejection.stage == "laws"
    assert "The program breaks a rule that every reward has to keep: " in reflect(candidate)
    assert "alone" in reflect(candidate)


def test_the_ladders_warnings_are_told_with_the_training() -> None:
    candidate = check("def reward(next_speed):\n    return {'speed': next_speed, 'alive': 0 * next_speed + 1}\n")
    assert candidate.status == "proposed"
    assert len(candidate.warnings) == 1
    told = reflect(candidate.trained({0: 1.0, 1: 2.0}, 1000))
    assert "Before training it was found that:\n- component 'alive' is 1 on all 64 transitions" in told
