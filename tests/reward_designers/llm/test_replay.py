"""Recordings as text, replaying them, and the command that makes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_designers.llm import (
    LLMError,
    MissingReplyError,
    Prompt,
    ReplayLLM,
    Reply,
    ReplyStore,
    Request,
    Sampling,
    open_store,
)
from reward_designers.llm.__main__ import main
from reward_designers.llm.text import read, write

ROOT = Path(__file__).resolve().parents[3]
SYSTEM = {"role": "system", "content": "You write rewards."}
CODE = "import numpy as np\n\n\ndef reward(obs):\n    return -np.abs(obs[:, 0])  # α\n"


def ask(text: str) -> list[dict[str, str]]:
    return [SYSTEM, {"role": "user", "content": text}]


def recorded(path: Path, *entries: tuple[str, str, int], model: str = "tiny") -> Path:
    """A YAML recording of (prompt, label, number of replies)."""
    with ReplyStore(None) as store:
        for text, label, n in entries:
            request = Request(model, Prompt(ask(text), label=label), Sampling(64, 1.0))
            store.add(
                request,
                [Reply(f"{CODE}# {label} {i}", request.hash, i, f"{model}-1", "2026-01-01", "stop") for i in range(n)],
            )
        write(path, store)
    return path


# Text


def test_code_reads_as_code(tmp_path):
    text = recorded(tmp_path / "hop.yaml", ("Hop.\nAs fast as you can.", "hop/1", 1)).read_text()
    assert "\n    def reward(obs):\n        return -np.abs(obs[:, 0])  # α\n" in text
    assert "written_by: tiny-1\n" in text
    code = CODE.replace("\n\n", "\n  \n")  # models do leave spaces at the ends of lines
    with ReplyStore(None) as store:
        request = Request("m", Prompt(ask("Hop.")))
        store.add(request, [Reply(code, request.hash, 0, "m", "now")])
        write(tmp_path / "spaces.yaml", store)
    assert "\n    def reward(obs):\n" in (tmp_path / "spaces.yaml").read_text()


TEXT = st.text(" \n\tab:#-'\"\\|>&*![]{}?", max_size=20) | st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=3), TEXT)
def test_text_keeps_every_character(tmp_path_factory, contents, label):
    path = tmp_path_factory.mktemp("text") / "x.yaml"
    request = Request("m", Prompt([{"role": "user", "content": text} for text in contents], label=label))
    replies = [Reply(text, request.hash, i, "m", "now", "") for i, text in enumerate(contents)]
    with ReplyStore(None) as store:
        store.add(request, replies)
        write(path, store)
    ((found, back),) = read(path)
    assert back == replies
    assert (found.hash, found.prompt.label) == (request.hash, label)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Hop.", "Hop!", "were changed after the replies were written"),
        ("max_completion_tokens: 64", "max_completion_tokens: 65", "were changed after"),
        ("written_by", "writen_by", "Did you mean 'written_by'"),
        ("  written_by: tiny-1\n", "", "written_by is missing"),
        ("temperature", "temperatur", "Did you mean 'temperature'"),
        ("index: 1", "index: 0", "the same index"),
        ("---\n", "--- [\n", "is no YAML"),
        ("---\n", "--- text\n---\n", "expected a mapping"),
    ],
)
def test_a_recording_that_was_changed(tmp_path, old, new, said):
    path = recorded(tmp_path / "hop.yaml", ("Hop.", "hop/1", 2))
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(LLMError, match=said):
        open_store(tmp_path)


# Replaying


def test_a_run_replays_exactly_without_a_key(server, connect, store, tmp_path, monkeypatch):
    prompts = [Prompt(ask("Hop."), 3, "hop/1"), Prompt(ask("Hop higher.\n\tNow."), 2, "hop/2")]
    first = connect(sampling=Sampling(64, seed=1)).sample_all(prompts)
    write(tmp_path / "text" / "hop.yaml", store)
    monkeypatch.delenv("OPENAI_API_KEY")
    asked = len(server.seen)
    for path in (store.path, tmp_path / "text" / "hop.yaml", tmp_path / "text"):
        with ReplayLLM(path) as llm:
            assert llm.sample_all(prompts) == first
            assert llm.sample(prompts[0].messages, 2) == first[0][:2]
    assert len(server.seen) == asked


def test_a_missing_reply_says_what_to_do(tmp_path):
    recorded(tmp_path / "a.yaml", ("Swim.", "Swimmer/swim/1", 2))
    recorded(tmp_path / "b.yaml", ("Hop as far as you can.\nScore: 3.1", "Hopper/hop/2", 2))
    with ReplayLLM(tmp_path) as llm, pytest.raises(MissingReplyError) as caught:
        llm.sample_all([Prompt(ask("Hop as far as you can.\nScore: 4.0"), 2, "Hopper/hop/2"), Prompt(ask("Run."))])
    said = str(caught.value)
    wanted, near = (Prompt(ask(f"Hop as far as you can.\nScore: {score}")) for score in ("4.0", "3.1"))
    for part in (
        f"no reply to prompt {wanted.hash[:12]} [Hopper/hop/2] 'Hop as far as you can. Score: 4.0'",
        f"nearest recorded prompt is {near.hash[:12]} [Hopper/hop/2]",
        "differs where it has 'Score: 3.1' instead of 'Score: 4.0'",
        "1 more prompts",
        "match=label",
        "llm=openai",
    ):
        assert part in said


def test_fewer_replies_than_asked_for(tmp_path):
    recorded(tmp_path / "a.yaml", ("Hop.", "hop/1", 4))
    with ReplayLLM(tmp_path) as llm, pytest.raises(MissingReplyError, match=r"holds 4 of 16 replies .*Ask for 4"):
        llm.sample(ask("Hop."), 16)


def test_matching_by_label(tmp_path, caplog):
    recorded(tmp_path / "a.yaml", ("Hop. Score: 3.1", "hop/2", 2), ("Hop.", "hop/1", 1))
    with ReplayLLM(tmp_path, match="label") as llm:
        assert [r.exact for r in llm.sample(ask("Hop."), 1, "hop/2")] == [True]  # the very prompt comes first
        assert caplog.records == []
        replies = llm.sample(ask("Hop. Score: 4.0"), 2, "hop/2")
        assert [(r.text, r.exact) for r in replies] == [(f"{CODE}# hop/2 {i}", False) for i in range(2)]
        assert "written for a prompt with other numbers" in caplog.text
        for label in ("hop/3", ""):
            with pytest.raises(MissingReplyError):
                llm.sample(ask("Hop. Score: 4.0"), 1, label)


def test_two_models_answered_the_same_prompt(tmp_path):
    recorded(tmp_path / "a.yaml", ("Hop.", "hop/1", 1))
    recorded(tmp_path / "b.yaml", ("Hop.", "hop/1", 1), model="large")
    with ReplayLLM(tmp_path) as llm, pytest.raises(LLMError, match=r"several recordings.*llm\.model="):
        llm.sample(ask("Hop."))
    with ReplayLLM(tmp_path, model="large") as llm:
        assert llm.sample(ask("Hop."))[0].written_by == "large-1"


def test_nothing_to_replay(tmp_path):
    for path in (tmp_path, tmp_path / "none.yaml", tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="no recorded replies"):
            ReplayLLM(path)


# The command


def test_recording_by_hand(tmp_path, capsys):
    """The whole way: a replay lacks replies, writes the prompt, somebody answers, the replay goes on."""
    recorded(tmp_path / "replies" / "hop.yaml", ("Hop.", "hop/1", 1))
    pending = tmp_path / "replies" / "pending"
    prompt = Prompt(ask("Hop, then stop.\n"), 3, "hop/2")
    with ReplayLLM(tmp_path / "replies", pending=pending) as llm, pytest.raises(MissingReplyError) as caught:
        llm.sample_all([prompt])
    (file,) = pending.iterdir()
    assert f"llm record {file} REPLY.txt" in str(caught.value)
    for name, text in (("one", CODE), ("two", "Sorry."), ("three", " \n")):
        (tmp_path / name).write_text(text)
    assert main(["record", str(file), str(tmp_path / "one"), "--by", "someone-7b"]) == 0
    assert main(["record", str(file), str(tmp_path / "two"), str(tmp_path / "three"), "--by", "someone-7b"]) == 0
    with ReplayLLM(tmp_path / "replies") as llm:
        replies = llm.sample_all([prompt])[0]
    assert [(r.text, r.index, r.written_by) for r in replies] == [
        (CODE, 0, "someone-7b"),
        ("Sorry.", 1, "someone-7b"),
        (" \n", 2, "someone-7b"),
    ]
    assert yaml.safe_load(file.read_text())["model"] == "someone-7b"
    capsys.readouterr()


def test_show_and_export(server, connect, store, tmp_path, capsys):
    connect(sampling=Sampling(64)).sample_all(
        [Prompt(ask("Hop."), 2, "Hopper/1"), Prompt(ask("Swim."), 1, "Swimmer/1")]
    )
    assert main(["show", str(store.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split("  ", 1)[1].strip() for line in lines[:2]) == [
        "1 by tiny-2026-01-01  [Swimmer/1]  Swim.",
        "2 by tiny-2026-01-01  [Hopper/1]  Hop.",
    ]
    assert lines[2] == "tiny: 2 calls, 20 prompt and 10 completion tokens (0 estimated, 0 worst case)"
    file = tmp_path / "assets" / "Hopper.yaml"
    assert main(["export", str(store.path), str(file), "--label", "Hopper/"]) == 0
    ((request, replies),) = read(file)
    assert request.prompt.label == "Hopper/1"
    assert replies == list(store.replies(request.hash).values())
    assert main(["show", str(tmp_path / "none")]) == 1
    assert "no recorded replies" in capsys.readouterr().err


def test_the_command_says_how_it_is_used():
    command = [sys.executable, "-m", "reward_designers.llm", "--help"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "export runs/NAME/replies.sqlite" in said
