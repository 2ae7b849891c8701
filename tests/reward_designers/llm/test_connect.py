"""From options to a language model; the options are those that commands offer."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from agents.config.language_models import OpenAIModel, ReplayModel
from reward_designers.llm import OpenAILLM, ReplayLLM, ReplyStore, connect, open_store
from reward_designers.llm.text import write


def test_every_option_of_a_server_arrives(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "a-key-of-mine")
    config = OpenAIModel(
        model="tiny", base_url=server.url, key_variable="MY_KEY", temperature=0.25, max_completion_tokens=64,
        extra={"top_k": 5}, max_usd=1.0, max_tokens=500, price=[1.0, 2.0], concurrency=2, timeout=9.0, retries=1,
    )  # fmt: skip
    llm = connect(asdict(config), tmp_path / "run" / "replies.sqlite", seed=4)
    assert isinstance(llm, OpenAILLM)
    with llm:
        llm.sample([{"role": "user", "content": "Hop."}])
        assert llm.spent()[1] == pytest.approx(20e-6)
        assert (llm.budget.max_usd, llm.budget.max_tokens, llm.retries) == (1.0, 500, 1)
    ((_, headers, body),) = server.seen
    assert headers["Authorization"] == "Bearer a-key-of-mine"
    sent = {"temperature": 0.25, "max_tokens": 64, "top_k": 5, "seed": 4}
    assert body == {"model": "tiny", "messages": [{"role": "user", "content": "Hop."}], **sent}
    with open_store(tmp_path / "run" / "replies.sqlite") as store:
        assert len(store.requests()) == 1


def test_the_defaults_of_a_server(server, tmp_path):
    config = OpenAIModel(model="tiny", base_url=server.url)
    with connect(asdict(config), tmp_path / "replies.sqlite") as llm:
        llm.sample([{"role": "user", "content": "Hop."}])
    messages = [{"role": "user", "content": "Hop."}]
    assert server.bodies == [{"model": "tiny", "messages": messages, "max_tokens": 4096}]


def test_every_option_of_a_replay_arrives(tmp_path):
    with ReplyStore(None) as store:
        write(tmp_path / "r.yaml", store)
    config = ReplayModel(path=str(tmp_path), match="exact", model="tiny", pending=str(tmp_path / "pending"))
    llm = connect(asdict(config), tmp_path / "unused.sqlite")
    assert isinstance(llm, ReplayLLM)
    assert (llm.match, llm.model, llm.pending) == ("exact", "tiny", tmp_path / "pending")
    assert not (tmp_path / "unused.sqlite").exists()


def test_unknown_names(tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'openai'"):
        connect(asdict(replace(OpenAIModel(model="x"), name="opena")), tmp_path / "s")
    with pytest.raises(ValueError, match="expected exact or label"):
        connect(asdict(ReplayModel(path=str(tmp_path), match="close")), tmp_path / "s")
