"""The stepper says what TextWorld says, forgets nothing and keeps nothing."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envs.alfworld.games import TASK_TYPES, Game, load_games
from envs.alfworld.simulator import NOTHING_HAPPENS, Simulator
from tests.envs.alfworld import traces

RECORDED = traces.read()
GAMES = {game.name: game for game in traces.chosen_games()}


def test_the_recording_is_of_all_types_and_has_all_kinds_of_commands() -> None:
    assert set(RECORDED["games"]) == set(GAMES)
    assert {game.task_type for game in GAMES.values()} == set(TASK_TYPES)
    done = {
        step["command"].split()[0]
        for episodes in RECORDED["games"].values()
        for steps in episodes
        for step in steps[1:]
        if step["feedback"] != NOTHING_HAPPENS
    }
    verbs = {"go", "open", "close", "take", "move", "put", "examine", "look", "inventory", "help", "use"}
    assert done >= verbs | {"heat", "cool", "clean", "slice"}
    assert all(any(step["won"] for step in winning) for _, winning in RECORDED["games"].values())


@pytest.mark.parametrize("name", GAMES)
def test_every_step_is_textworlds(name: str) -> None:
    for recorded in RECORDED["games"][name]:
        episode = [step["command"] for step in recorded[1:]]
        for mine, step in zip(traces.ours(GAMES[name], episode), recorded, strict=True):
            assert mine == step


def test_every_step_of_genuine_games_is_textworlds(genuine: Path) -> None:
    games = {game.name: game for game in load_games(genuine)}
    assert set(RECORDED["genuine"]) == set(games)
    for name, episodes in RECORDED["genuine"].items():
        for episode, digest in episodes:
            assert traces.digest(traces.ours(games[name], episode)) == digest, name


@pytest.mark.skipif(importlib.util.find_spec("alfworld") is None, reason="needs the extra 'alfworld'")
def test_textworld_still_says_what_was_recorded() -> None:
    name = next(iter(GAMES))
    recorded = RECORDED["games"][name][1][:6]
    with traces.stock_env() as env:
        assert list(traces.theirs(env, GAMES[name], [step["command"] for step in recorded[1:]])) == recorded


def test_nothing_depends_on_hashes() -> None:
    names = list(GAMES)[2:4]
    code = (
        "from tests.envs.alfworld import traces\n"
        "games = {game.name: game for game in traces.chosen_games()}\n"
        f"for name in {names}:\n"
        "    for steps in traces.read()['games'][name]:\n"
        "        episode = [step['command'] for step in steps[1:]]\n"
        "        print(traces.digest(traces.ours(games[name], episode)))"
    )
    expected = [traces.digest(steps) for name in names for steps in RECORDED["games"][name]]
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == expected


def episode(simulator: Simulator, seed: int, steps: int) -> list[Any]:
    rng = random.Random(seed)
    seen = [simulator.reset()]
    for _ in range(steps):
        seen.append(simulator.step(rng.choice(seen[-1].admissible)))
    return [(state.feedback, state.admissible, state.won, state.conditions) for state in seen]


def test_games_side_by_side_do_not_disturb_each_other() -> None:
    games = list(GAMES.values())[:3]
    alone = [episode(Simulator(game), 0, 40) for game in (*games, games[0])]
    several = [Simulator(game) for game in (*games, games[0])]
    rngs = [random.Random(0) for _ in several]
    states = [simulator.reset() for simulator in several]
    for step in range(40):
        for number, simulator in enumerate(several):
            states[number] = simulator.step(rngs[number].choice(states[number].admissible))
            state = states[number]
            assert (state.feedback, state.admissible, state.won, state.conditions) == alone[number][step + 1]


def test_a_state_can_be_returned_to() -> None:
    simulator = Simulator(next(iter(GAMES.values())))
    rng = random.Random(1)
    simulator.reset()
    for _ in range(10):
        here = simulator.step(rng.choice(simulator.state.admissible))
    command = here.admissible[0]
    once = simulator.step(command)
    simulator.step(once.admissible[-1])
    simulator.state = here
    again = simulator.step(command)
    assert (again.feedback, again.admissible, again.facts) == (once.feedback, once.admissible, once.facts)


def test_conditions_are_counted_as_alfred_counts_them() -> None:
    """Along the shortest plan; the last command of each meets the last condition."""
    growth = {
        "pick_and_place_simple": [0, 1],
        "look_at_obj_in_light": [0, 1 / 2, 1],
        "pick_clean_then_place_in_recep": [0, 1 / 3, 1],
        "pick_heat_then_place_in_recep": [0, 1 / 3, 1],
        "pick_cool_then_place_in_recep": [0, 1 / 3, 1],
        "pick_two_obj_and_place": [0, 1 / 2, 1],
    }
    games = {game.task_type: game for game in load_games(split="valid_unseen")}
    for kind, shares in growth.items():
        simulator = Simulator(games[kind])
        seen = [simulator.reset(), *map(simulator.step, games[kind].walkthrough)]
        assert list(dict.fromkeys(state.conditions for state in seen)) == shares, kind
        assert [state.won for state in seen] == [False] * (len(seen) - 1) + [True]


def test_all_conditions_hold_exactly_when_the_game_is_won() -> None:
    for name in GAMES:
        for recorded in RECORDED["games"][name]:
            simulator = Simulator(GAMES[name])
            for step in recorded:
                state = simulator.step(step["command"]) if step["command"] else simulator.reset()
                assert (state.conditions == 1) == state.won == step["won"]


def test_what_is_wrong_with_a_game_is_said() -> None:
    game: Game = next(iter(GAMES.values()))
    for change, says in (
        ({"problem": game.problem[:-200]}, "cut off"),
        ({"problem": game.problem.replace("(:goal", "(:gaol")}, r"no \(:goal"),
        ({"domain": "(define (domain alfred))"}, "no actions"),
        ({"grammar": "nothing"}, "no actions"),
        ({"grammar": game.grammar.replace("action look ", "action lok ")}, "Did you mean 'lok'"),
        ({"grammar": game.grammar.replace("#look.feedback#\\n", "#lok#\\n")}, "no rule for #lok#"),
        ({"task_type": "look_at_obj_in_light"}, "not of type look_at_obj_in_light"),
    ):
        with pytest.raises(ValueError, match=says) as caught:
            Simulator(replace(game, **change))
        assert game.name in str(caught.value)


def without(game: Game, line: str) -> Game:
    """The game without facts that contain a text; the goal stays."""
    facts, goal, rest = game.problem.partition("(:goal")
    kept = [text for text in facts.split("\n") if line not in text]
    assert len(kept) < facts.count("\n") + 1
    return replace(game, problem="\n".join(kept) + goal + rest)


@pytest.mark.parametrize(
    ("kind", "line", "says"),
    [
        ("pick_heat_then_place_in_recep", " MicrowaveType)", "no microwave"),
        ("pick_clean_then_place_in_recep", " SinkBasinType)", "no sinkbasin"),
        ("pick_cool_then_place_in_recep", "(coolable ", "no coolable {thing} that can be taken"),
        ("pick_and_place_simple", "(objectType {Thing}_bar", "no {thing} that can be taken"),
        ("pick_and_place_simple", "(receptacleType {Place}_bar", "no {place}"),
        ("pick_and_place_simple", "(canContain {Place}Type {Thing}Type", "no {place} that can hold a {thing}"),
        ("pick_two_obj_and_place", "(pickupable {Thing}_bar", "no {thing} that can be taken, of two"),
        ("look_at_obj_in_light", "(toggleable ", "no {place} that can be switched on"),
    ],
)
def test_a_goal_that_can_never_be_reached(kind: str, line: str, says: str) -> None:
    game = next(
        game
        for game in load_games(task_types=kind)
        if not re.search(r"Basin|LaundryHamper", game.name)  # whose ids are written otherwise
    )
    _, thing, _, place, _ = game.name.split("/")[0].split("-")
    broken = without(game, line.format(Thing=thing, Place=place))
    with pytest.raises(ValueError, match="can never be reached") as caught:
        Simulator(broken)
    assert str(caught.value).endswith(f"the room has {says.format(thing=thing.lower(), place=place.lower())}")
    assert game.name in str(caught.value)


def test_memory_does_not_grow() -> None:
    simulator = Simulator(next(iter(GAMES.values())))

    def play() -> None:
        for seed in range(4):
            episode(simulator, seed, 50)

    play()
    tracemalloc.start()
    try:
        play()
        before = tracemalloc.get_traced_memory()[0]
        play()
        play()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 40_000  # 100 bytes a step, which Python keeps for reuse; a command kept for each would be more
