"""Whole evaluations against a server on the loopback, and what is said when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents import cli
from agents import evaluate as evaluate_command
from agents.acting.command import evaluate
from agents.acting.games import makers
from agents.acting.options import ACT
from agents.config.worlds import EnvConfig
from agents.errors import UsageError
from tests.agents.acting.player import player
from tests.reward_designers.llm.chat_server import ChatServer, serving

SMALL = ("env=BlocksWorld", "env.kwargs.blocks=3", "episodes=3")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    with serving() as server:
        yield server


def run(*arguments: str) -> dict[str, Any]:
    given = frozenset(argument.partition("=")[0] for argument in arguments)
    return evaluate(cli.compose(ACT, "evaluate", list(arguments)), given)


def asks(server: ChatServer) -> list[str]:
    return ["llm=openai", "llm.model=tiny", f"llm.base_url={server.url}"]


Known = dict[tuple[str, str], str | None]


@pytest.fixture
def known(tmp_path: Path) -> Known:
    """What the experts do, by goal and observation, in order; nothing at the end."""
    known: Known = {}
    for make in makers(EnvConfig("BlocksWorld", kwargs={"blocks": 3}), 3, 0, tmp_path):
        game = make()
        state = game.reset()
        while not state.over:
            known[game.goal, state.feedback] = command = game.expert() or ""
            state = game.step(command)
        known[game.goal, state.feedback] = None
    return known


def last_seen(text: str) -> tuple[str, str]:
    goal = text.partition("Goal: ")[2].partition("\n")[0]
    return goal, text.rpartition("Observation: ")[2].partition("\n\nPossible commands:")[0]


def test_who_knows_the_way_wins(
    server: ChatServer, known: Known, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def policy(text: str, commands: Sequence[str], sample: int) -> str:
        return f"Thought: I know the way.\nAction: {known[last_seen(text)]}"

    server.default = player(policy)
    out = tmp_path / "out"
    result = run(*SMALL, "agent=react", *asks(server), f"output={out}")
    assert [row["success"] for row in result["rows"]] == [1.0] * 3
    calls = len(server.bodies)
    assert result["cost"] == f"{calls} calls, {15 * calls} tokens"  # the server counts 15 for each
    assert sum(row["steps"] for row in result["rows"]) == len(server.bodies) == len(known) - 3
    assert json.loads((out / "evaluation.json").read_text())["rows"] == result["rows"]
    page = (out / "report.html").read_text()
    assert "I know the way." in page
    assert result["games"][0]["goal"] in page
    assert "success" in capsys.readouterr().out
    # The replies that are there are not asked for again, by the same command or by a replay.
    run(*SMALL, "agent=react", *asks(server), f"output={out}")
    replay = run(
        *SMALL, "agent=react", "llm=replay", f"llm.path={out / 'replies.sqlite'}", f"output={tmp_path / 'again'}"
    )
    assert len(server.bodies) == len(known) - 3
    assert replay["games"] == result["games"]


def test_a_judge_finds_the_one_who_knows(server: ChatServer, known: dict[tuple[str, str], str], tmp_path: Path) -> None:
    """Of three proposals the last is good; a judge that knows the way ahead finds it by what comes of it."""

    def policy(text: str, commands: Sequence[str], sample: int) -> str:
        good = known.get(last_seen(text), commands[0])
        others = [command for command in commands if command != good] or [good]
        return f"Thought: try\nAction: {good if sample == 2 else others[sample % len(others)]}"

    server.default = player(policy)
    way = {seen: place for place, seen in enumerate(known)}
    (tmp_path / "my.py").write_text(
        f"WAY = {way!r}\ndef ahead(goal, actions, observations):\n    return WAY.get((goal, observations[-1]), -1)\n"
    )
    common = [*SMALL, "agent=react", *asks(server), "max_steps=12"]
    judged = run(
        *common, f"judge={tmp_path / 'my.py'}:ahead", "proposals=3", "lookahead=simulator", f"output={tmp_path / 'a'}"
    )
    alone = run(*common, f"output={tmp_path / 'b'}")
    assert [row["success"] for row in judged["rows"]] == [1.0] * 3
    assert sum(row["success"] for row in alone["rows"]) < 3
    turns = [turn for game in judged["games"] for turn in game["turns"]]
    assert {len(turn["proposals"]) for turn in turns} == {3}
    assert all(
        turn["worth"][turn["chosen"]["command"]] == max(turn["worth"].values()) for turn in turns if turn["worth"]
    )
    assert any(turn["worth"] for turn in turns)
    assert "a copy of the game (privileged)" in (tmp_path / "a" / "report.html").read_text()


def test_predicted_observations_are_asked_for(server: ChatServer, tmp_path: Path) -> None:
    pytest.importorskip("wordllama")

    def policy(text: str, commands: Sequence[str], sample: int) -> str:
        return f"Thought: try\nAction: {commands[sample % len(commands)]}"

    server.default = player(policy, world=lambda command: f"You {command}.")
    result = run(
        *SMALL, "agent=react", *asks(server), "judge=similarity", "proposals=2", "max_steps=2", f"output={tmp_path}/o"
    )
    predicted = [body for body in server.bodies if "Possible commands:" not in body["messages"][-1]["content"]]
    wanted = sum(len(turn["worth"]) for game in result["games"] for turn in game["turns"])
    assert len(predicted) == wanted > 0


def test_commands_that_are_not_possible_cost_a_step(server: ChatServer, tmp_path: Path) -> None:
    server.default = player(lambda text, commands, sample: "Thought: ?\nAction: dance")
    result = run(*SMALL, "agent=react", *asks(server), "max_steps=2", f"output={tmp_path}/o")
    assert [(row["success"], row["steps"], row["commands_not_possible"]) for row in result["rows"]] == [(0, 2, 1)] * 3
    assert "'dance' is not one of the possible commands" in server.bodies[-1]["messages"][-1]["content"]


def test_a_limit_stops_it_and_it_goes_on_from_there(server: ChatServer, tmp_path: Path) -> None:
    server.default = player(lambda text, commands, sample: f"Action: {commands[0]}")
    asked = [*SMALL, "agent=react", *asks(server), "max_steps=3", f"output={tmp_path}/o"]
    with pytest.raises(UsageError, match=r"(?s)max_calls=5.*the replies so far are kept"):
        run(*asked, "llm.max_calls=5")
    first = len(server.bodies)
    assert first == 5
    run(*asked)
    assert len(server.bodies) == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["agent=reakt"], "react"),
        (["agent=react"], "needs a language model"),
        (["agent=react", "llm=replay", "proposals=3"], "name one, as in judge=factored"),
        (["agent=react", "llm=replay", "llm.path=/nowhere"], "no recorded replies at /nowhere"),
        (["agent=react", "llm=replay", "env.kwargs.block=3"], "blocks"),
        (["agent=react", "llm=replay", "env.kwargs.blocks=9"], "expected 3 to 6"),
        (["agent=react", "llm=replay", "judge=conditions"], "lookahead=simulator"),
        (["agent=react", "llm=replay", "judge=factord"], "factored"),
    ],
)
def test_mistakes_are_answered(arguments: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        run("env=BlocksWorld", *arguments, f"output={tmp_path / 'o'}")
    assert not (tmp_path / "o").exists()


def test_games_differ_by_seed_and_follow_their_options(tmp_path: Path) -> None:
    def names(seed: int, **kwargs: Any) -> list[str]:
        return [make().name for make in makers(EnvConfig("ALFWorld", kwargs=kwargs), 6, seed, tmp_path)]

    assert names(0) == names(0) != names(1)
    only = names(0, split="valid_seen", task_types="pick_two_obj_and_place")
    assert all(name.startswith("pick_two_obj_and_place") for name in only)
    with pytest.raises(UsageError, match="task_types"):
        names(0, task_type="pick_two_obj_and_place")


def test_the_command_is_found_by_its_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["evaluate", "agent=react", "--help"])
    evaluate_command.main()
    assert "lookahead=" in capsys.readouterr().out
