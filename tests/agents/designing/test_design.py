"""The command: recorded replies and a server, faults of programs, kill -9, and what people get wrong."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import pytest

from agents.designing.film import record
from agents.designing.folder import DesignDir
from agents.designing.journal import Journal
from agents.designing.setting import look
from agents.errors import UsageError
from agents.files import locked
from agents.runs import RunDir
from reward_designers.code.search import History, Secrets
from tests.agents.designing import scripted
from tests.agents.designing.scripted import SMALL, designed, recording
from tests.agents.forked import Forked
from tests.reward_designers.llm.chat_server import ChatServer, Handler, completion, hang, serving


def journal(folder: Path) -> Journal:
    return Journal(folder / "journal.jsonl")


def stages(history: History) -> dict[str, str]:
    """What became of each program, by a word of its text."""
    return {
        candidate.source: candidate.rejection.stage if candidate.rejection else candidate.status
        for candidate in history.candidates.values()
    }


def test_faults_cost_one_candidate_each_and_the_best_is_trained_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = [scripted.SYNTAX, scripted.SHAPE, scripted.UNKNOWN, scripted.HANG, scripted.LATE_NAN, scripted.UPRIGHT]
    second = [scripted.SAME, scripted.UPRIGHT + "  # again", scripted.CENTERED] * 2
    store = recording(tmp_path / "replies.sqlite", first_0=first, improve_1=second)
    out = tmp_path / "out"
    summary = designed(
        *SMALL,
        f"llm.path={store}",
        "designer.samples=6",
        "designer.iterations=2",
        f"output={out}",
        "final_seeds=1",
        "baselines=false",
        page=True,
    )
    history = journal(out).history()
    by_program = {
        next(name for name in vars(scripted) if name.isupper() and str(getattr(scripted, name)) in text): stage
        for text, stage in stages(history).items()
    }
    assert by_program == {
        "SYNTAX": "program",
        "SHAPE": "laws",
        "UNKNOWN": "program",
        "HANG": "laws",
        "LATE_NAN": "training",
        "UPRIGHT": "trained",
        "SAME": "trained",
        "CENTERED": "trained",
    }
    trained = {key.split("/")[0] for key in journal(out).all("training")}
    same = next(c for c in history.candidates.values() if "1.00001" in c.source)
    assert same.key not in trained
    assert "computes nearly the same" in same.warnings[-1]
    assert len(history.rounds[1]) == 3  # the third reply is the first round's program, and the rest says it again
    assert summary["best"] in history.candidates
    assert (out / "best.py").read_text() == history[summary["best"]].source
    assert list(summary["final"]["best"]["scores"]) == ["1000000"]
    assert json.loads((out / "summary.json").read_text()) == summary
    (improve,) = [v for v in journal(out).all("reply").values() if v["label"].endswith("improve")]
    told = improve["messages"][-1]["content"]
    assert "upright" in told
    assert "Did you mean 'next_pole_angle'" in told  # what the others did wrong
    said = capsys.readouterr()
    assert "cannot be told from the best" in said.err
    assert f"reward.path={out / 'best.py'}" in said.out
    page = (out / "report.html").read_text()
    assert ">finished</span>" in page
    entry = '<details class="program"><summary><b>Program '
    assert page.count(entry) == len(history.candidates)
    passed = {"LATE_NAN", "UPRIGHT", "SAME", "CENTERED"}
    assert len(journal(out).all("distance")) == len(passed)
    (out / "report.html").unlink()
    again = designed(f"resume={out}", page=True)
    assert again == summary
    assert (out / "report.html").read_text().count('<details class="program">') == page.count(
        '<details class="program">'
    )


def test_a_round_that_failed_is_reported_and_the_search_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = recording(tmp_path / "r.sqlite", first_0=[scripted.SYNTAX, scripted.SHAPE], retry_1=[scripted.UPRIGHT] * 2)
    out = tmp_path / "out"
    options = ("designer.samples=2", "designer.iterations=1", f"llm.path={store}")
    summary = designed(*SMALL, *options, f"output={out}")
    assert summary["rounds"] == 2
    assert summary["best"] is not None
    assert "nothing of this round could be trained; the search goes on" in capsys.readouterr().err


def test_a_search_without_any_program_ends_with_the_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = [scripted.SYNTAX]
    store = recording(tmp_path / "r.sqlite", first_0=bad, retry_1=[scripted.SHAPE], retry_2=[scripted.UNKNOWN])
    with pytest.raises(SystemExit) as end:
        designed(*SMALL, "designer.samples=1", f"llm.path={store}", f"output={tmp_path / 'out'}")
    assert end.value.code == 1
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["state"] == "failed"
    assert len(summary["failed"]) == 3
    assert "3 rounds in a row brought no program" in capsys.readouterr().err


def test_a_reply_that_is_missing_can_be_added_and_the_search_goes_on(tmp_path: Path) -> None:
    store = recording(tmp_path / "r.sqlite", first_0=[scripted.UPRIGHT])
    out = tmp_path / "out"
    options = ("designer.samples=1", "designer.iterations=2", f"llm.path={store}")
    with pytest.raises(UsageError, match=r"(?s)holds no reply.*resume="):
        designed(*SMALL, *options, f"output={out}", page=True)
    assert f"python -m agents.design resume={out}" in (out / "report.html").read_text()
    recording(store, improve_1=[scripted.CENTERED])
    assert designed(f"resume={out}")["rounds"] == 2
    starts = [log.read_text().count("writing to") for log in (out / "trainings").glob("*/*.log")]
    assert starts == [1, 1]


def paid(handler: Handler, body: dict[str, Any]) -> None:
    """A model that answers by how far the search is."""
    programs = [scripted.UPRIGHT, scripted.SYNTAX] if len(body["messages"]) == 2 else [scripted.CENTERED, scripted.SAME]
    texts = [scripted.fenced(program) for program in programs][: body.get("n", 1)]
    handler.send(200, json.dumps(completion(texts)).encode())


def entries(folder: Path) -> Counter[tuple[str, str]]:
    lines = (folder / "journal.jsonl").read_text().splitlines() if (folder / "journal.jsonl").exists() else []
    return Counter((entry["kind"], entry["key"]) for entry in map(json.loads, lines))


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with serving() as server:
        server.default = paid
        yield server


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, server: ChatServer) -> tuple[Path, dict[str, Any]]:
    """A search that nothing interrupted."""
    out = tmp_path_factory.mktemp("straight") / "out"
    return out, designed(*asking(server), f"output={out}")


def asking(server: ChatServer) -> tuple[str, ...]:
    options = (*SMALL, "llm=openai", "llm.model=tiny", f"llm.base_url={server.url}", "designer.samples=2")
    return (*options, "designer.iterations=2", "final_seeds=1", "baselines=false")


@pytest.mark.slow
def test_kill_9_and_resume_come_to_the_same_without_paying_or_training_twice(
    tmp_path: Path, server: ChatServer, straight: tuple[Path, dict[str, Any]]
) -> None:
    """Killed in both calls to the model, between reply and training, in a training and in the last training."""
    whole, summary = straight
    cut, before = tmp_path / "cut", len(server.bodies)

    def begun(seeds: str) -> Callable[[], bool]:
        return lambda: any((cut / "trainings").glob(f"*/{seeds}/progress.csv"))

    moments: list[tuple[str, Callable[[], bool]]] = [
        ("in the first call", lambda: len(server.bodies) == before + 1),
        ("before the first training", lambda: any(kind == "check" for kind, _ in entries(cut))),
        ("in a training", begun("seed_0")),
        ("in the second call", lambda: len(server.bodies) == before + 3),
        ("in the last training", begun("seed_1000000")),
    ]
    for moment, reached in moments:
        if moment.endswith("call"):
            server.script.append(hang)
        how = (f"resume={cut}",) if (cut / "design.yaml").exists() else (*asking(server), f"output={cut}")
        if moment == "in a training":  # with a server of its own, from which its trainings are forked
            process: Any = subprocess.Popen([sys.executable, "-m", "agents.design", *how], stderr=subprocess.DEVNULL)
        else:
            process = Forked("agents.design", *how)
        while not reached():
            assert process.poll() is None, f"it ended before it could be killed {moment}"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        _outlived(cut)
    assert designed(f"resume={cut}") == summary
    assert len(server.bodies) - before == 2 + 2  # two were never answered
    assert journal(cut).history() == journal(whole).history()
    assert set(entries(cut).values()) == {1}
    assert entries(cut) == entries(whole)


def _outlived(search: Path) -> None:
    """See that a search's trainings have ended with it: nobody holds their locks."""
    deadline = time.monotonic() + 120
    while any(map(_held, (search / "trainings").glob("*/*/lock"))):
        assert time.monotonic() < deadline, "a training outlived its search"
        time.sleep(0.01)


def _held(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_what_people_get_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = recording(tmp_path / "r.sqlite", first_0=[scripted.UPRIGHT])
    for arguments, words in [
        (("env=Hoper",), "Did you mean 'Hopper'"),
        (("designer=eurka",), "Did you mean 'eureka'"),
        (("task=hoping",), "hopping"),
        (("designer=random", "designer.samples=2"), "designer=random has no option 'samples'"),
        (("designer=random", "potential=true"), "potential=true does not go with designer=random"),
        (("designer=tree", "rungs=2"), "designer=tree needs rungs=1"),
        (("feedback=nowhere.txt",), "no such file 'nowhere.txt'"),
        (("designer.start=nowhere.py",), "designer.start: no such file 'nowhere.py'"),
        (("resume=nowhere",), "nowhere does not exist"),
        (("ray.adress=auto",), "Did you mean 'ray.address'"),
        (("llm.path=nowhere.sqlite",), "nowhere.sqlite"),
        (("env.id=Acrobot-v1", f"llm.path={store}"), "say in a sentence what is wanted"),
        (("env=CartPole", f"llm.path={store}", "designer.start=nowhere.py"), "nowhere.py"),
        (("llm=openai", "llm.model=tiny", "llm.base_url=nonsense"), "base_url must look like"),
    ]:
        with pytest.raises(UsageError, match=words):
            designed(*arguments)
    left = {path.name for path in (tmp_path / "designs").glob("*/*")} if (tmp_path / "designs").exists() else set()
    assert left <= {"coverages"}


def test_a_directory_has_one_search(tmp_path: Path) -> None:
    store = recording(tmp_path / "r.sqlite", first_0=[scripted.UPRIGHT])
    out = tmp_path / "out"
    options = (*SMALL, "designer.samples=1", "designer.iterations=1", f"llm.path={store}")
    summary = designed(*options, f"output={out}")
    with pytest.raises(UsageError, match="holds a search already"):
        designed(*options, f"output={out}")
    with locked(out, "output"), pytest.raises(UsageError, match="is in use by process"):
        designed(f"resume={out}")
    with pytest.raises(UsageError, match=r"seeds cannot change when a search is resumed"):
        designed(f"resume={out}", "seeds=2")
    assert DesignDir.open(str(out)).read_config().total_timesteps == 256
    run = RunDir.open(out / "trainings" / summary["best"] / "seed_0")
    assert run.read_config().reward.path == "reward/program.py"
    record(run, out / "video.mp4")
    assert imageio.imread(out / "video.mp4").shape[1:] == (320, 320, 3)


def obliging(handler: Handler, body: dict[str, Any]) -> None:
    """A model that gives each designer what it asks for."""
    told = body["messages"][0]["content"] + body["messages"][-1]["content"]
    number = handler.number()
    if "sparse" in told and "Verdict" not in told:
        text = scripted.fenced(
            "def sparse(next_pole_angle):\n    return next_pole_angle * 0\n\n\n"
            f"def dense(next_pole_angle):\n    return {0.1 + 0.01 * number} - np.abs(next_pole_angle)"
        )
    elif "def reward" in told and "Write" not in told:
        text = "It fits.\nVerdict: accept\nScore: 0.5"
    else:
        text = scripted.fenced(scripted.UPRIGHT.replace("np.cos(", f"np.cos({1 + number} * "))
    handler.send(200, json.dumps(completion([text])).encode())


@pytest.mark.parametrize("designer", ["tree", "critic", "text2reward"])
def test_every_designer_goes_through_the_same_loop(tmp_path: Path, server: ChatServer, designer: str) -> None:
    (tmp_path / "said.txt").write_text("It leans to the left, so make it stay upright.\n")
    options = {
        "tree": ("designer.roots=1", "designer.programs=2"),
        "critic": ("designer.samples=1", "designer.iterations=2"),
        "text2reward": (f"feedback={tmp_path / 'said.txt'}", "designer.refinements=1"),
    }[designer]
    out = tmp_path / "out"
    asked = [option for option in asking(server) if not option.startswith("designer.")]
    server.default = obliging
    try:
        summary = designed(*asked, f"designer={designer}", *options, "total_timesteps=128", f"output={out}")
    finally:
        server.default = paid
    found = journal(out)
    history = found.history()
    assert summary["best"] in history.candidates
    assert sum(c.values is not None for c in history.candidates.values()) == 2
    said = {(note.operation, note.text, note.value) for note in history.notes}
    if designer == "text2reward":
        assert list(found.all("sentence").values()) == ["It leans to the left, so make it stay upright."]
        prompts = [value["messages"][-1]["content"] for value in found.all("reply").values()]
        assert "It leans to the left" in prompts[1]
    else:
        operation, value = {"tree": ("verify", 0.5), "critic": ("critique", 1.0)}[designer]
        analyses = [v["messages"][-1]["content"] for v in found.all("reply").values() if "analyse" in v["label"]]
        assert all("pole_angle: " in text and "ended by itself" in text for text in analyses)
        assert len(analyses) == (designer == "critic")
        assert (operation, "It fits.\nVerdict: accept\nScore: 0.5", value) in said


def test_an_environment_that_the_kit_does_not_know(tmp_path: Path) -> None:
    world = ("env.id=Acrobot-v1", "env.kwargs.max_episode_steps=50", "task=Swing the tip up, above the line.")
    summary = designed(
        *SMALL[1:],
        *world,
        "designer=random",
        "designer.programs=2",
        "designer.population=2",
        "final_seeds=1",
        "total_timesteps=128",
        "episodes=1",
        f"output={tmp_path / 'out'}",
    )
    assert (summary["judged_by"], summary["wanted"]) == ("env_reward", "Swing the tip up, above the line.")
    config = DesignDir.open(str(tmp_path / "out")).read_config()
    assert look(config, 128, tmp_path / "out" / "coverages").world.name == "Acrobot-v1"  # not the default's
    final = summary["final"]
    assert final["best"]["mean"] == final["env"]["mean"] == -50
    assert final["human_normalized"] is None
    assert {path.parent.name for path in (tmp_path / "out" / "trainings").glob("*/seed_1000000")} == {
        "env",
        "zero",
        summary["best"],
    }
    cached = list((tmp_path / "baselines").glob("*.json"))
    assert len(cached) == 2


def test_a_full_disk_is_told_with_the_folder_and_the_search_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = recording(tmp_path / "r.sqlite", first_0=[scripted.SYNTAX], retry_1=[scripted.UPRIGHT])
    out = tmp_path / "out"
    write, left = Journal.write, [2]

    def fill_up(self: Journal, kind: str, key: str, value: Any) -> Any:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        return write(self, kind, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", fill_up)
        options = ("designer.samples=1", "designer.iterations=1", f"llm.path={store}", f"output={out}")
        with pytest.raises(UsageError, match=rf"{out}: No space left on device\n.*resume={out} goes on"):
            designed(*SMALL, *options)
    assert designed(f"resume={out}")["rounds"] == 2


def test_a_prompt_that_shows_what_judges_is_not_sent(
    tmp_path: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaky = Secrets({}, {"pole_angle": "the fitness"})
    monkeypatch.setattr("agents.designing.setting._secrets", lambda *_: (leaky, ""))
    before = len(server.bodies)
    with pytest.raises(UsageError, match=r"was not sent, for it shows .*'pole_angle' of the fitness"):
        designed(*asking(server), f"output={tmp_path / 'out'}")
    assert len(server.bodies) == before


@pytest.mark.slow
def test_a_search_is_repeated_from_its_store_without_a_server(
    tmp_path: Path, straight: tuple[Path, dict[str, Any]]
) -> None:
    whole, summary = straight
    replayed = ("llm=replay", f"llm.path={whole / 'replies.sqlite'}", "llm.match=exact")
    small = ("designer.samples=2", "designer.iterations=2", "final_seeds=1", "baselines=false")
    again = designed(*SMALL, *replayed, *small, f"output={tmp_path / 'out'}")
    assert again == summary
