"""A reply store as text that people review in git: YAML, one document a request, prompts and replies as written.

request: 5c0f...                  # hash of model, messages and sampling; checked when read
label: Hopper/hop fast/eureka/1
model: gpt-5-mini
sampling: {max_completion_tokens: 4096, temperature: 1.0}
messages:
- role: user
  content: |-
    ...
replies:
- index: 0
  written_by: gpt-5-mini-2025-08-07
  created: '2026-11-21T15:00:00+00:00'
  finish_reason: stop
  text: |-
    ...
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from reward_designers.errors import unknown_name
from reward_designers.llm.messages import LLMError, Prompt, Reply, Request, Sampling
from reward_designers.llm.store import ReplyStore

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What no block holds to the letter: control characters, and line breaks other than \n.
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
REQUEST = ("request", "label", "model", "sampling", "messages", "replies")
REPLY = ("index", "written_by", "created", "finish_reason", "text")


class _Dumper(yaml.SafeDumper):
    """Text of several lines in block style, so that code reads as code, also where lines end in spaces."""

    def analyze_scalar(self, scalar: str) -> Any:
        analysis = super().analyze_scalar(scalar)
        analysis.allow_block = _fits_a_block(scalar)
        return analysis


def _fits_a_block(text: str) -> bool:
    return "\n" in text and text.strip() != "" and text[0] != "\t" and not _ODD.search(text)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if _fits_a_block(text) else '"' if "\n" in text or _ODD.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def open_store(path: str | os.PathLike[str]) -> ReplyStore:
    """A store to read from: a SQLite file, a YAML file, or a folder of YAML files (with those below it).

    Raises:
        FileNotFoundError: There is nothing at `path`.
        LLMError: A file is malformed, or a prompt in it was changed after its replies were recorded.
    """
    path = Path(path)
    if path.is_file() and path.suffix not in (".yaml", ".yml"):
        return ReplyStore(path, read_only=True)
    files = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise FileNotFoundError(f"no recorded replies at {path}: expected a SQLite store, a .yaml file or a folder")
    store = ReplyStore(None)
    for file in files:
        for request, replies in read(file):
            store.add(request, replies)
    return store


def read(path: Path) -> Iterator[tuple[Request, list[Reply]]]:
    """The requests in a YAML file, each with its replies (there may be none yet)."""
    try:
        documents = [d for d in yaml.load_all(path.read_text(encoding="utf-8"), _Loader) if d is not None]
    except yaml.YAMLError as error:
        raise LLMError(f"{path} is no YAML: {error}") from error
    for number, document in enumerate(documents, 1):
        try:
            yield _request(document)
        except (ValueError, TypeError, KeyError) as error:
            raise LLMError(f"{path}, request {number}: {error}") from error


def write(path: Path, store: ReplyStore, *, label: str = "") -> int:
    """Write the requests whose label starts with `label`, and their replies; returns how many replies."""
    documents, count = [], 0
    for request in store.requests():
        if request.prompt.label.startswith(label):
            replies = list(store.replies(request.hash).values())
            documents.append(_document(request, replies))
            count += len(replies)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(
        yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, explicit_start=True),
        encoding="utf-8",
    )
    partial.replace(path)
    return count


def _document(request: Request, replies: list[Reply]) -> dict[str, Any]:
    return {
        "request": request.hash,
        "label": request.prompt.label,
        "model": request.model,
        "sampling": request.sampling.to_json(),
        "messages": [{"role": m["role"], "content": m["content"]} for m in request.prompt.messages],
        "replies": [{name: getattr(reply, name) for name in REPLY} for reply in replies],
    }


def _request(document: Any) -> tuple[Request, list[Reply]]:
    _check(document, "field", REQUEST)
    _check(document["sampling"], "sampling parameter", [f.name for f in fields(Sampling)], required=())
    prompt = Prompt(document["messages"], label=document["label"])
    request = Request(document["model"], prompt, Sampling(**document["sampling"]))
    if request.hash != document["request"]:
        raise ValueError(
            f"its hash is {request.hash}, the file says {document['request']}: the model, messages or sampling were "
            "changed after the replies were written. Undo that, or record replies to the new prompt."
        )
    replies = []
    for reply in document["replies"]:
        _check(reply, "field of a reply", REPLY)
        replies.append(Reply(request=request.hash, **reply))
    if len({reply.index for reply in replies}) != len(replies):
        raise ValueError("two replies have the same index")
    return request, replies


def _check(value: Any, kind: str, names: Any, required: Any = None) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping, got {value!r:.80}")
    for name in value:
        if name not in names:
            raise ValueError(unknown_name(kind, name, names))
    missing = set(names if required is None else required) - set(value)
    if missing:
        raise ValueError(f"{kind} {', '.join(sorted(missing))} is missing")
