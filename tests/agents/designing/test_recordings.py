"""The replies that ship with the kit: complete, honest about their origin, flawed as models are, and up to date."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agents.cli import compose
from agents.designing.options import DESIGN
from agents.designing.setting import Setting, look
from reward_designers.assets import asset
from reward_designers.code import ProgramRejected, parse_reply
from reward_designers.code.search import Eureka, History, Prompts
from reward_designers.code.validate import Validation, validate
from reward_designers.llm import Message, Reply, Request
from reward_designers.llm.text import read
from tests.agents.designing.scripted import SMALL, designed

Recorded = list[tuple[Request, list[Reply]]]
FILES = sorted(asset("replies").glob("*.yaml"))
LABEL = re.compile(r"(?P<env>\w+)/(?P<task>[a-z0-9-]+)/(?P<designer>[a-z0-9]+)/(?P<round>\d+)/(?P<operation>\w+)")
SEARCHES = {  # what has to be there: `agents.design` with these options, three rounds of four
    "Hopper, the command of the README": ("env=Hopper", 'task="hop forward as fast as possible"'),
    "Hopper": ("env=Hopper",),
    "HalfCheetah": ("env=HalfCheetah",),
    "InvertedPendulum": ("env=InvertedPendulum",),
    "CartPole": ("env=CartPole",),
    "Ant": ("env=Ant",),
    "Humanoid, running": ("env=Humanoid", "task=running"),
    "Humanoid, standing": ("env=Humanoid", "task=standing"),
    "Humanoid, kneeling": ("env=Humanoid", "task=kneeling"),
}


@cache
def recorded(file: Path) -> Recorded:
    """What a file holds; reading it checks that prompts, model and sampling are those that were answered."""
    return list(read(file))


def label_of(request: Request) -> re.Match[str]:
    found = LABEL.fullmatch(request.prompt.label)
    assert found, f"label {request.prompt.label!r}"
    return found


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The setting of a search with the given options, on few transitions, and its designer's first question."""

    @cache
    def make(*options: str) -> tuple[Setting, str, list[Message]]:
        config = compose(DESIGN, "design", [*options, "transitions=128"])
        setting = look(config, 1_000, tmp_path_factory.mktemp("transitions"))
        (first,) = Eureka(Prompts(setting.world), 4, 3).propose(History())
        assert first.prompt is not None
        return setting, first.prompt.label.removesuffix("0/first"), first.prompt.messages

    return make


def without_ranges(messages: list[Message]) -> list[Message]:
    """Without what random actions led to, whose digits depend on the machine."""
    return [{**m, "content": re.sub(r" \(seen: [^)]*\)", "", m["content"])} for m in messages]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_recordings_say_who_answered_what_and_when(file: Path) -> None:
    labels: Counter[str] = Counter()
    for request, replies in recorded(file):
        label = label_of(request)
        labels[label[0]] += 1
        assert label["env"] == file.stem
        assert request.model not in ("", "unknown")
        assert request.prompt.messages[-1]["role"] == "user"
        assert [reply.index for reply in replies] == list(range(len(replies))) != []
        assert all(reply.text.strip() and reply.written_by for reply in replies)
        assert all(datetime.fromisoformat(reply.created).tzinfo for reply in replies)
        assert len({reply.text for reply in replies}) == len(replies)
    assert labels
    assert max(labels.values()) == 1, "two recordings with one label: a replay could not choose"


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_of_three_rounds_are_shipped(name: str, at: Any) -> None:
    _, label, _ = at(*SEARCHES[name])
    rounds = defaultdict(int)
    for request, replies in recorded(asset("replies", f"{label.split('/')[0]}.yaml")):
        if request.prompt.label.startswith(label):
            rounds[int(label_of(request)["round"])] += len(replies)
    assert sorted(rounds) == list(range(len(rounds)))
    assert len(rounds) >= 3
    assert min(rounds.values()) >= 4


@pytest.mark.parametrize("name", SEARCHES)
def test_first_prompts_are_those_that_were_answered(name: str, at: Any) -> None:
    """Edited templates ask something else than what was answered; replays would go on as if nothing had happened."""
    _, label, messages = at(*SEARCHES[name])
    answered = {r.prompt.label: r.prompt.messages for r, _ in recorded(asset("replies", f"{label.split('/')[0]}.yaml"))}
    assert without_ranges(answered[f"{label}0/first"]) == without_ranges(messages), (
        "the kit asks something else today than what the shipped replies answer: undo that, or record them anew "
        "(docs/llm.md, Recording)"
    )


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of programs that do not guard their logarithms
def test_programs_have_the_faults_that_models_make(at: Any) -> None:
    """Of all replies to the searches; in this process, for these programs are known and do not harm."""
    fates: Counter[str] = Counter()
    reasons: list[str] = []
    for options in SEARCHES.values():
        setting, label, _ = at(*options)
        for request, replies in recorded(asset("replies", f"{label.split('/')[0]}.yaml")):
            if not request.prompt.label.startswith(label):
                continue
            for reply in replies:
                checked = climbed(reply.text, setting)
                fates["accepted" if checked and checked.accepted else "refused"] += 1
                reasons.append(checked.feedback() if checked else "no program")
    told = "\n".join(reasons)
    for fault in ("syntax error", "must have shape", "nan in row", "no program", "Warning"):
        assert fault in told, f"no reply with {fault!r} among {fates}"
    assert 0.1 < fates["refused"] / fates.total() < 0.4, fates


def climbed(reply: str, setting: Setting) -> Validation | None:
    """What the ladder finds in a reply; None if it holds no program."""
    try:
        source = parse_reply(reply)
    except ProgramRejected:
        return None
    return validate(source, fields=setting.fields, transitions=setting.transitions, sandbox="none")


@pytest.mark.slow
def test_a_search_needs_nothing_but_what_is_shipped(tmp_path: Path) -> None:
    """Three rounds; of each the first two replies, of which one cannot be trained."""
    few = ("designer.samples=2", "transitions=256", "baselines=false")
    summary = designed(*SMALL, *few, f"output={tmp_path / 'out'}", page=True)
    assert summary["rounds"] == 3
    assert summary["programs"] == 6
    assert (tmp_path / "out" / "best.py").is_file()
