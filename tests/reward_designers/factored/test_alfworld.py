"""ALFWorld's words in both generations of wording, its goals, and its facts."""

from __future__ import annotations

import pytest

from reward_designers.errors import RewardError
from reward_designers.factored import AlfworldFacts, AlfworldGoals, AlfworldRules, Episode, FactoredState, score
from reward_designers.factored.alfworld import contradictions

ROOM = (
    "-= Welcome to TextWorld, ALFRED! =-\n\nYou are in the middle of a room. Looking quickly around you, you see a "
    "desk 1, a fridge 1, a shelf 2, and a shelf 1.\n\nYour task is to: {goal}"
)


def believe(*texts: str, goal: str = "put a mug in desk.") -> FactoredState:
    rules = AlfworldRules()
    (state,) = rules.begin([{"observation": ROOM.format(goal=goal)}])
    for text in texts:
        (state,) = rules.observe([state], [{"observation": text}])
    return state


def test_the_room() -> None:
    assert set(believe().objects) == {"agent", "desk 1", "fridge 1", "shelf 1", "shelf 2"}


@pytest.mark.parametrize("arrive", ["You arrive at loc 7. ", "You arrive at shelf 1. "])
@pytest.mark.parametrize("put", ["You put the mug 1 in/on the desk 1.", "You move the mug 1 to the desk 1."])
def test_a_mug_is_carried(arrive: str, put: str) -> None:
    state = believe(arrive + "On the shelf 1, you see a mug 1, a mug 2, and a apple 1.")
    assert state.get("mug 1", "location") == state.get("apple 1", "location") == ["shelf 1"]
    state = believe(
        arrive + "On the shelf 1, you see a mug 1, and a mug 2.",
        "You pick up the mug 1 from the shelf 1.",
        "You heat the mug 1 using the microwave 1.",
        "You clean the mug 1 using the sinkbasin 1.",
        "You cool the mug 1 using the fridge 1.",
        put,
    )
    mug = {"location": ["desk 1"], "temperature": "cold", "cleanliness": "clean"}
    assert state.objects["mug 1"] == mug
    assert state.get("mug 2", "location") == ["shelf 1"]


def test_what_is_gone_is_forgotten_where_it_was() -> None:
    state = believe("On the shelf 1, you see a mug 1, and a cup 1.", "On the shelf 1, you see a cup 1.")
    assert state.get("mug 1", "location") == []
    assert (
        believe("On the shelf 1, you see a mug 1.", "On the shelf 1, you see nothing.").get("mug 1", "location") == []
    )


def test_a_thing_in_two_places_at_once() -> None:
    """Taken from one of them it stays in the other, as it does in the games' facts."""
    seen = ("On the shelf 1, you see a mug 1.", "On the shelf 2, you see a mug 1.")
    assert believe(*seen).get("mug 1", "location") == ["shelf 1", "shelf 2"]
    taken = believe(*seen, "You pick up the mug 1 from the shelf 2.")
    assert taken.get("mug 1", "location") == ["shelf 1", "hand"]


def test_doors() -> None:
    assert believe("You arrive at fridge 1. The fridge 1 is closed.").get("fridge 1", "door") == "closed"
    opened = "You open the fridge 1. The fridge 1 is open. In it, you see a egg 1."
    state = believe(opened)
    assert (state.get("fridge 1", "door"), state.get("egg 1", "location")) == ("open", ["fridge 1"])
    state = believe(opened, "You close the fridge 1.")
    assert (state.get("fridge 1", "door"), state.get("egg 1", "location")) == ("closed", ["fridge 1"])


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("This is a hot and clean sliced apple 1.", {"temperature": "hot", "cleanliness": "clean", "sliced": True}),
        ("This is a cool and clean apple 1.", {"temperature": "cold", "cleanliness": "clean"}),
        ("This is a cold apple 1.", {"temperature": "cold"}),
        ("This is a sliced apple 1.", {"sliced": True}),
        ("You sliced the apple 1 with the knife 1.", {"sliced": True}),
        ("This desklamp 1 is off.", {"power": "off"}),
        ("You are carrying: a mug 1.", {"location": ["hand"]}),
        ("You are not carrying anything.", None),
        ("There's nothing special about apple 1.", None),
        ("This is a normal plate 1. In it, you see nothing.", None),
        ("Nothing happens.", None),
    ],
)
def test_looks(text: str, attributes: dict | None) -> None:
    known = set(believe().objects)
    told = [value for name, value in believe(text) if name not in known]
    assert told == ([] if attributes is None else [attributes])


def test_a_lamp_is_near_where_it_stands() -> None:
    lamp = "You arrive at desk 1. On the desk 1, you see a desklamp 1."
    lit = "You turn on the desklamp 1."
    assert believe(lamp, lit).objects["desklamp 1"] == {"location": ["desk 1"], "near": True, "power": "on"}
    away = believe(lamp, lit, "You arrive at shelf 1. On the shelf 1, you see a cd 1.")
    assert away.objects["desklamp 1"] == {"location": ["desk 1"], "power": "on"}
    # Two receptacles at one spot: the first wording names the spot, in the second it shows by what can be reached.
    spot = "You arrive at loc 3. On the {}, you see {}."
    assert believe(spot.format("desk 1", "a desklamp 1"), spot.format("shelf 1", "a cd 1")).get("desklamp 1", "near")
    facing = "You are facing the desk 1, and shelf 1. Next to it, you see nothing."
    for reached in (facing, lit, "You pick up the pen 1 from the desk 1."):
        state = believe(lamp, "You arrive at shelf 1. On the shelf 1, you see a cd 1.", reached)
        assert state.get("desklamp 1", "near") is True, reached


def test_a_state_that_was_handed_out_never_changes() -> None:
    rules = AlfworldRules()
    (before,) = rules.begin([{"observation": ROOM.format(goal="")}])
    said = str(before)
    rules.observe([before], [{"observation": "You arrive at desk 1. On the desk 1, you see a mug 1."}])
    assert str(before) == said


@pytest.mark.parametrize(
    ("text", "thing", "attributes"),
    [
        ("put a toiletpaper in toiletpaperhanger.", "toiletpaper", {"location": "toiletpaperhanger"}),
        ("put some vase on safe.", "vase", {"location": "safe"}),
        ("Your task is to: put a clean cloth in cabinet.", "cloth", {"cleanliness": "clean", "location": "cabinet"}),
        ("clean some cloth and put it in cabinet.", "cloth", {"cleanliness": "clean", "location": "cabinet"}),
        ("put a hot mug in sidetable.", "mug", {"temperature": "hot", "location": "sidetable"}),
        ("heat some mug and put it in sidetable.", "mug", {"temperature": "hot", "location": "sidetable"}),
        ("put a cool pot in diningtable.", "pot", {"temperature": "cold", "location": "diningtable"}),
        ("cool some pot and put it in diningtable.", "pot", {"temperature": "cold", "location": "diningtable"}),
        ("put a hot slice of apple in fridge.", "apple", {"temperature": "hot", "sliced": True, "location": "fridge"}),
    ],
)
def test_goals_of_one_thing(text: str, thing: str, attributes: dict) -> None:
    assert AlfworldGoals(credit=False)(text) == [(thing, attributes)]


def test_goals_of_two_things() -> None:
    goals = AlfworldGoals(credit=False)
    two = [("spraybottle", {"location": "garbagecan ?r"})] * 2
    assert (
        goals("put two spraybottle in garbagecan.") == goals("find two spraybottle and put them in garbagecan.") == two
    )
    look = [("cd", {"location": "hand"}), ("desklamp", {"power": "on", "near": True})]
    assert goals("look at cd under the desklamp.") == goals("examine the cd with the desklamp.") == look


def test_goals_with_credit_have_the_same_end() -> None:
    (wanted,) = AlfworldGoals()("put a hot mug in sidetable.")
    assert wanted[1]["location"] == {"sidetable": 1.0, "hand": 0.5, "*": 0.25}
    assert score([("mug 1", {"temperature": "hot", "location": ["sidetable 1"]})], [wanted]) == 1.0


def test_other_goals_are_refused() -> None:
    with pytest.raises(RewardError, match=r"'bring me tea' is none of ALFWorld's goals.*extractor=llm"):
        AlfworldGoals()("bring me tea")


FACTS = """\
atlocation(agent 1: agent, loc 3: location)
cancontain(desktype : rtype, mugtype : otype)
holds(agent 1: agent, mug 1: object)
inreceptacle(desklamp 1: object, desk 1: receptacle)
inreceptacle(mug 1: object, shelf 1: receptacle)
ishot(mug 1: object)
istoggled(desklamp 1: object)
openable(fridge 1: receptacle)
receptacleatlocation(desk 1: receptacle, loc 3: location)
receptacleatlocation(fridge 1: receptacle, loc 4: location)
toggleable(desklamp 1: object)"""


def test_facts() -> None:
    (state,) = AlfworldFacts().begin([{"facts": FACTS}])
    assert state.objects["mug 1"] == {"temperature": "hot", "location": ["hand", "shelf 1"]}
    assert state.objects["desklamp 1"] == {"power": "on", "location": ["desk 1"], "near": True}
    assert state.objects["fridge 1"] == {"place": "loc 4", "door": "closed"}
    with pytest.raises(RewardError, match="expected facts such as"):
        AlfworldFacts().begin([{"facts": "You see a mug."}])


def test_contradictions_are_found() -> None:
    (truth,) = AlfworldFacts().begin([{"facts": FACTS}])
    assert not list(contradictions(truth, truth))
    assert not list(contradictions(FactoredState({"mug 1": {"location": ["shelf 1"]}}), truth))  # less is no lie
    for false in (
        {"mug 1": {"location": ["shelf 1", "desk 1"]}},
        {"mug 1": {"cleanliness": "clean"}},
        {"fridge 1": {"door": "open"}},
        {"vase 1": {}},
        {"desk 1": {"place": "here"}, "fridge 1": {"place": "here"}},
    ):
        assert len(list(contradictions(FactoredState(false), truth))) == 1, false


def test_an_episode_without_an_environment() -> None:
    episode = Episode(AlfworldRules(), AlfworldGoals())
    goal = "put a hot mug in desk."
    scores = [episode.begin(observation=ROOM.format(goal=goal), goal=goal)]
    texts = (
        "You arrive at shelf 1. On the shelf 1, you see a mug 1.",
        "You pick up the mug 1 from the shelf 1.",
        "You heat the mug 1 using the microwave 1.",
        "You move the mug 1 to the desk 1.",
    )
    scores += [episode.step(observation=text) for text in texts]
    assert scores == [0.0, 0.125, 0.25, 0.75, 1.0]
    with pytest.raises(RewardError, match="goal is needed to begin an episode"):
        episode.begin(observation="hello")
    with pytest.raises(RewardError, match="call begin"):
        Episode(AlfworldRules(), AlfworldGoals()).step(observation="hello")
