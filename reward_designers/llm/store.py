"""Replies by content address, and the ledger of what they cost, in one SQLite file.

A reply and the settlement of its call are one transaction, synced to disk when the reply arrives: whatever kills the
process, nothing paid for is lost and nothing stored is paid for again. Several processes may share a file; a sample
that one of them is asking for is claimed, and the others wait for it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reward_designers.llm.budget import Usage
from reward_designers.llm.messages import LLMError, Prompt, Reply, Request, Sampling

VERSION = 1
SCHEMA = """
CREATE TABLE requests (hash TEXT PRIMARY KEY, prompt TEXT NOT NULL, label TEXT NOT NULL, model TEXT NOT NULL,
    messages TEXT NOT NULL, sampling TEXT NOT NULL) STRICT;
CREATE INDEX by_prompt ON requests (prompt);
CREATE TABLE replies (request TEXT NOT NULL REFERENCES requests, idx INTEGER NOT NULL, text TEXT NOT NULL,
    finish_reason TEXT NOT NULL, written_by TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (request, idx)) STRICT;
CREATE TABLE calls (id INTEGER PRIMARY KEY, request TEXT NOT NULL, model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL, settled INTEGER NOT NULL, at TEXT NOT NULL) STRICT;
CREATE TABLE claims (request TEXT NOT NULL, idx INTEGER NOT NULL, call INTEGER NOT NULL, owner TEXT NOT NULL,
    pid INTEGER NOT NULL, expires REAL NOT NULL, PRIMARY KEY (request, idx)) STRICT;
"""
_OWNERS: set[str] = set()  # of the stores open in this process


@dataclass(frozen=True)
class Claim:
    """Permission to ask for some samples of a request, with its worst case reserved in the ledger."""

    call: int
    request: Request
    indexes: tuple[int, ...]


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class ReplyStore:
    """Replies and their ledger; safe for several threads and processes.

    Args:
        path: The SQLite file, made if it does not exist; None: in memory.
        read_only: Open an existing file and never write to it.

    Raises:
        FileNotFoundError: `read_only`, and there is no such file.
        LLMError: The file is no reply store.
    """

    def __init__(self, path: str | os.PathLike[str] | None, *, read_only: bool = False):
        self.path = None if path is None else Path(path)
        if read_only and self.path is not None and not self.path.is_file():
            raise FileNotFoundError(f"there is no reply store {self.path}")
        self._owner = uuid.uuid4().hex
        _OWNERS.add(self._owner)
        self._lock = threading.RLock()
        name = ":memory:"
        if self.path is not None:
            name = self.path.absolute().as_uri() + ("?mode=ro" if read_only else "")
            wal = self.path.with_name(self.path.name + "-wal")
            if read_only and not wal.exists() and not os.access(self.path.parent, os.W_OK):
                name += "&immutable=1"  # else SQLite fails, as it has nowhere to put its shared memory
        if self.path is not None and not read_only:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            name, timeout=60, isolation_level=None, check_same_thread=False, uri=self.path is not None
        )
        self._db.row_factory = sqlite3.Row
        try:
            if not read_only:
                self._prepare()
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise LLMError(f"{self.path} cannot be used as a reply store: {error}") from error
        if version != VERSION:
            self._db.close()
            raise LLMError(f"{self.path} is no reply store of this version (found {version}, expected {VERSION})")

    def _prepare(self) -> None:
        self._db.execute("PRAGMA synchronous = FULL")  # a reply that was paid for survives a power cut, too
        deadline = time.monotonic() + 60
        while True:  # changing to WAL does not wait for other processes by itself
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        with self._write():
            empty = not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if empty:
                for statement in filter(str.strip, SCHEMA.split(";")):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Close the file."""
        _OWNERS.discard(self._owner)
        with self._lock:
            self._db.close()

    def __enter__(self) -> ReplyStore:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    @contextmanager
    def _write(self) -> Iterator[None]:
        """One transaction, alone among all processes."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _all(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    # Replies

    def replies(self, request: str) -> dict[int, Reply]:
        """The stored replies to the request with this hash, by index."""
        rows = self._all("SELECT * FROM replies WHERE request = ? ORDER BY idx", request)
        return {
            row["idx"]: Reply(row["text"], request, row["idx"], row["written_by"], row["created"], row["finish_reason"])
            for row in rows
        }

    def requests(self, *, prompt: str | None = None, label: str | None = None) -> list[Request]:
        """Stored requests in the order of arrival: all, or those with this prompt's hash, or with this label."""
        rows = self._all(
            "SELECT * FROM requests WHERE prompt = coalesce(?, prompt) AND label = coalesce(?, label) ORDER BY rowid",
            prompt,
            label,
        )
        return [
            Request(
                row["model"],
                Prompt(json.loads(row["messages"]), label=row["label"]),
                Sampling(**json.loads(row["sampling"])),
            )
            for row in rows
        ]

    def add(self, request: Request, replies: Iterable[Reply]) -> None:
        """Store replies that were not paid for here: read from a file, or written by hand. Known ones are kept."""
        with self._write():
            self._insert(request, replies)

    def _insert(self, request: Request, replies: Iterable[Reply]) -> None:
        prompt, key = request.prompt, request.hash
        messages = json.dumps([dict(message) for message in prompt.messages])
        sampling = json.dumps(request.sampling.to_json())
        self._db.execute(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (key, prompt.hash, prompt.label, request.model, messages, sampling),
        )
        self._db.executemany(
            "INSERT INTO replies VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(key, r.index, r.text, r.finish_reason, r.written_by, r.created) for r in replies],
        )

    # The ledger

    def spent(self) -> list[Usage]:
        """What all calls ever made through this file took, by model."""
        rows = self._all(
            "SELECT model, count(*), sum(prompt_tokens), sum(completion_tokens),"
            " sum((prompt_tokens + completion_tokens) * (estimated AND settled)),"
            " sum((prompt_tokens + completion_tokens) * (NOT settled)) FROM calls GROUP BY model ORDER BY model"
        )
        return [Usage(*row) for row in rows]

    def claim(
        self,
        request: Request,
        indexes: Sequence[int],
        admit: Callable[[list[Usage], Usage], None],
        seconds: float,
    ) -> Claim | None:
        """Reserve the worst case of asking for `indexes`, less those that are stored or being asked for elsewhere.

        Args:
            request: What would be asked.
            indexes: Samples that the caller lacks.
            admit: Raises if what is spent and the call's worst case are too much together.
            seconds: How long the claim holds if this process is neither seen to settle it nor to die.

        Returns:
            None if nothing is left to ask for: look again, or wait.
        """
        key, limit = request.hash, request.sampling.max_completion_tokens
        with self._write():
            stored = {row["idx"] for row in self._all("SELECT idx FROM replies WHERE request = ?", key)}
            taken = {row["idx"] for row in self._all("SELECT * FROM claims WHERE request = ?", key) if self._alive(row)}
            mine = tuple(index for index in indexes if index not in stored | taken)
            if not mine:
                return None
            worst = Usage(request.model, 1, request.prompt.most_tokens, len(mine) * limit)
            admit(self.spent(), worst)
            cursor = self._db.execute(
                "INSERT INTO calls VALUES (NULL, ?, ?, ?, ?, 1, 0, ?)",
                (key, request.model, worst.prompt_tokens, worst.completion_tokens, now()),
            )
            call, expires = int(cursor.lastrowid or 0), time.time() + seconds
            self._db.executemany(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?)",
                [(key, index, call, self._owner, os.getpid(), expires) for index in mine],
            )
        return Claim(call, request, mine)

    def settle(self, claim: Claim, replies: Sequence[Reply], usage: Usage) -> None:
        """Store the replies that a call brought and what it took, in one transaction."""
        with self._write():
            self._insert(claim.request, replies)
            self._db.execute(
                "UPDATE calls SET prompt_tokens = ?, completion_tokens = ?, estimated = ?, settled = 1 WHERE id = ?",
                (usage.prompt_tokens, usage.completion_tokens, bool(usage.estimated_tokens), claim.call),
            )
            self._db.execute("DELETE FROM claims WHERE call = ?", (claim.call,))

    def release(self, claim: Claim, *, charged: bool) -> None:
        """Give up a claim. `charged`: the server may have worked for it, so its worst case stays in the ledger."""
        with self._write():
            self._db.execute("DELETE FROM claims WHERE call = ?", (claim.call,))
            if not charged:
                self._db.execute("DELETE FROM calls WHERE id = ?", (claim.call,))

    def _alive(self, claim: Mapping[str, object] | sqlite3.Row) -> bool:
        """Whether someone may still settle a claim. In a container a restarted process often has the old id."""
        pid = int(str(claim["pid"]))
        if time.time() > float(str(claim["expires"])):
            return False
        if pid == os.getpid():
            return claim["owner"] in _OWNERS
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True
