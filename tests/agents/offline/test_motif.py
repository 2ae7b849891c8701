"""`agents.motif`: captions, comparisons, a ranking and a page; stopped and resumed it pays for nothing twice."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from agents.cli import compose
from agents.config.saved import read_config
from agents.errors import UsageError
from agents.motif import motif
from agents.offline.options import MOTIF
from agents.runs import read_progress
from tests.agents.forked import Forked
from tests.agents.runners import numbers, resumed, trained
from tests.reward_designers.intrinsic.llm_server import judge
from tests.reward_designers.llm.chat_server import ChatServer, Handler, hang
from tests.reward_designers.llm.conftest import server

__all__ = ["server"]

HALLWAY = "env.id=tests.agents.hallway:Hallway-v0"
SMALL = (HALLWAY, "goal=Find the key and open the door", "steps=2000", "num_envs=8", "comparisons=3")


@pytest.fixture(autouse=True)
def _few_gradient_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reward_designers.intrinsic.motif.FEWEST", 30)


def made(folder: Path, *arguments: str) -> dict[str, Any]:
    return motif(compose(MOTIF, "motif", (f"output={folder}", *SMALL, *arguments)))


def went_on(folder: Path, *arguments: str) -> dict[str, Any]:
    given = frozenset(argument.partition("=")[0] for argument in arguments) | {"resume"}
    return motif(compose(MOTIF, "motif", (f"resume={folder}", *arguments)), given)


def asked(server: ChatServer) -> tuple[str, ...]:
    return "llm=openai", "llm.model=tiny", f"llm.base_url={server.url}", "llm.retries=0"


def pairs(server: ChatServer) -> Counter[tuple[str, ...]]:
    """How often each two captions were asked about, in whichever order."""
    return Counter(tuple(sorted(pair)) for body in server.bodies for pair in _pairs(body))


def _pairs(body: Any) -> list[list[str]]:
    return list(json.loads(body["messages"][-1]["content"]).values())


def test_rules_order_captions_and_an_agent_is_paid_by_that_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = made(tmp_path / "motif")
    counts = json.loads((tmp_path / "motif" / "captions.json").read_text())
    assert sum(counts.values()) == summary["steps"] == 2000
    assert summary["captions"] == summary["compared"] == len(counts) == 8  # six places, a key, a door
    rows = json.loads((tmp_path / "motif" / "preferences.json").read_text())
    assert len(rows) == summary["preferences"]
    assert min(Counter(c for a, b, _ in rows for c in (a, b)).values()) >= 3
    page = (tmp_path / "motif" / "report.html").read_text()
    assert page.index("You pick up a key.") < page.index("You walk to place 0.")
    assert f"reward=motif reward.path={tmp_path / 'motif'}" in capsys.readouterr().out

    train = (HALLWAY, "reward=motif", f"reward.path={tmp_path / 'motif'}", "algo.n_steps=16", "log_every=64")
    whole = trained(tmp_path / "whole", *train, "total_timesteps=256", "eval_every=0", "checkpoint_every=128")
    assert max(row.get("reward/intrinsic", 0) for row in read_progress(whole.progress)) > 0
    top = [caption for caption, _, _ in whole.read_summary()["captions"][:2]]
    assert "You pick up a key." in top
    (tmp_path / "motif" / "reward.npz").unlink()  # a run has a copy
    part = trained(
        tmp_path / "part",
        *train[:2],
        f"reward.path={whole.path / 'reward' / 'reward.npz'}",
        *train[3:],
        "total_timesteps=128",
        "eval_every=0",
        "checkpoint_every=64",
    )
    resumed(part, "total_timesteps=256")
    assert numbers(part) == numbers(whole)


def test_a_language_model_is_asked_once_and_stops_at_its_limit(tmp_path: Path, server: ChatServer) -> None:
    server.default = judge()
    with pytest.raises(SystemExit, match="1"):
        made(tmp_path / "motif", *asked(server), "llm.max_calls=0")
    assert not server.bodies
    summary = went_on(tmp_path / "motif", *asked(server), "llm.max_calls=50")
    assert summary["state"] == "finished"
    assert summary["calls"] == len(server.bodies) > 0
    assert set(pairs(server).values()) == {1}
    before = len(server.bodies)
    again = went_on(tmp_path / "motif", "quantile=1.0")
    assert len(server.bodies) == before
    assert again["preferences"] == summary["preferences"]
    assert again["threshold"] > summary["threshold"]
    more = went_on(tmp_path / "motif", "comparisons=6")
    assert more["preferences"] > summary["preferences"]
    assert set(pairs(server).values()) == {1}
    assert read_config(tmp_path / "motif" / "motif.yaml", MOTIF).comparisons == 6
    assert "calls of the judge" in (tmp_path / "motif" / "report.html").read_text()


def test_interrupted_it_goes_on_with_what_was_paid_for(tmp_path: Path, server: ChatServer) -> None:
    answered = Event()

    def first(handler: Handler, body: dict[str, Any]) -> None:
        answered.wait()
        judge()(handler, body)

    server.script.append(first)
    server.default = hang  # whoever does not heed the interrupt never ends
    arguments = (f"output={tmp_path / 'motif'}", *SMALL, *asked(server), "llm.concurrency=1")
    process = Forked("agents.motif", *arguments)
    while not server.bodies and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)  # nothing more is asked from now on
    answered.set()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert len(server.bodies) == 1
    assert f"interrupted after 8 answers; go on with resume={tmp_path / 'motif'}" in told
    server.default = judge()
    summary = went_on(tmp_path / "motif")
    assert summary["state"] == "finished"
    assert set(pairs(server).values()) == {1}


def test_a_policy_of_a_run_plays(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", HALLWAY, "reward=env", "total_timesteps=64", "algo.n_steps=16", "eval_every=0")
    config = compose(MOTIF, "motif", (f"output={tmp_path / 'motif'}", f"run={run.path}", *SMALL[1:]))
    assert motif(config)["captions"] > 1
    assert read_config(tmp_path / "motif" / "motif.yaml", MOTIF).env.id == HALLWAY.partition("=")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("judge=llm",), r"^judge=llm needs a language model"),
        (("llm=openai", "llm.model=tiny", "judge=lexicon"), r"is not asked by judge=lexicon"),
        (("run=nowhere",), "nowhere does not exist"),
        (("caption=captain",), "unknown state array 'captain'"),
    ],
)
def test_what_people_get_wrong(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        made(tmp_path / "motif", *arguments)


def test_only_what_may_change_is_changed_on_resume(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no motif\.yaml"):
        went_on(tmp_path)
    made(tmp_path / "motif", "steps=200")
    with pytest.raises(UsageError, match=r"steps cannot change.*Only llm, comparisons, quantile may be given"):
        went_on(tmp_path / "motif", "steps=400")
    with pytest.raises(UsageError, match="holds a reward already: go on with resume="):
        made(tmp_path / "motif")


def test_a_file_that_is_no_such_reward_is_refused(tmp_path: Path) -> None:
    from reward_designers import Constant

    Constant(1.0).save(tmp_path / "constant.npz")
    for path, message in ((tmp_path / "constant.npz", "holds a Constant"), (tmp_path / "none.npz", "none.npz")):
        with pytest.raises(UsageError, match=message):
            trained(tmp_path / "run", HALLWAY, "reward=motif", f"reward.path={path}", "total_timesteps=64")
    assert not (tmp_path / "run").exists()
