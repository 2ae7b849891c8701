"""All that a search has paid for or computed, written down the moment it is there, by what it is the result of.

A search is a function of its journal: going on means doing everything again, where what stands in the journal is read
instead of asked, checked or trained. So a process may die at any moment and loses the step in flight at most.

journal.jsonl: a line for each entry, on disk before anything builds on it.

    round/<number>                           what a finished round changed in the history
    reply/<prompt>                           the replies to a prompt, with the prompt
    sentence/<round>/<operation>/<candidate> what a person said
    check/<candidate>                        what the ladder of checks found
    duplicate/<candidate>                    the trained program that it repeats, or null
    trajectories/<round>                     on which episodes the round's programs were checked, or null
    training/<run>/<seed>/<steps>            score and curves of one training
    distance/<candidate>                     how far it is from the programs before it, for the report's map
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from agents.errors import UsageError
from agents.files import sync_folder
from reward_designers.code.search import Candidate, History, Note


class Journal:
    """Entries under a kind and a key; none is ever changed.

    Args:
        path: The file; continued if it exists. Only one process may write to it: see `agents.runs.locked`.
        read_only: Read what is there now; leave the file as it is, whoever writes to it.

    Raises:
        UsageError: The file is damaged, other than by a last line that was cut off.
    """

    def __init__(self, path: Path, *, read_only: bool = False):
        self.path = path
        self._entries: dict[tuple[str, str], Any] = {}
        self._times: dict[tuple[str, str], str] = {}
        self._known: dict[str, Any] = {}  # candidates as the journal has them
        self._notes = 0
        good = 0
        for number, line in enumerate(_lines(path), 1):
            last = good + len(line) == path.stat().st_size
            if last and not line.endswith(b"\n"):
                break  # the process died while it was written
            try:
                entry = json.loads(line)
                self._entries[entry["kind"], entry["key"]] = entry["value"]
                self._times[entry["kind"], entry["key"]] = entry["at"]
            except (ValueError, KeyError, TypeError) as error:
                if not last:
                    raise UsageError(f"{path}, line {number} is damaged: {error}") from error
                break  # the machine died, and only a part of the line had reached the disk
            good += len(line)
        self._file: BinaryIO | None = None
        if read_only:
            return
        new = not path.exists()
        self._file = path.open("ab")
        self._file.truncate(good)
        if new:
            sync_folder(path.parent)

    def __contains__(self, entry: tuple[str, str]) -> bool:
        return entry in self._entries

    def get(self, kind: str, key: str) -> Any:
        """What was written; None if nothing was."""
        return self._entries.get((kind, key))

    def all(self, kind: str) -> dict[str, Any]:
        """Everything of a kind by key, in the order in which it was written."""
        return {key: value for (of, key), value in self._entries.items() if of == kind}

    def log(self) -> list[tuple[str, str, datetime]]:
        """Kind, key and time of every entry, in the order in which they were written."""
        return [(*entry, datetime.fromisoformat(at)) for entry, at in self._times.items()]

    def write(self, kind: str, key: str, value: Any) -> Any:
        """Add an entry, to the disk; returns the value as a later reader gets it.

        Raises:
            ValueError: The entry exists, or is nothing that JSON can hold.
        """
        if (kind, key) in self._entries:
            raise ValueError(f"{self.path} has {kind} {key} already")
        if self._file is None:
            raise ValueError(f"{self.path} was opened to be read only")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"kind": kind, "key": key, "at": at, "value": value}, allow_nan=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._entries[kind, key] = kept = json.loads(line)["value"]
        self._times[kind, key] = at
        return kept

    def once(self, kind: str, key: str, compute: Callable[[], Any]) -> Any:
        """What was written; if nothing was, what ``compute`` returns is."""
        return self.get(kind, key) if (kind, key) in self else self.write(kind, key, compute())

    def end_round(self, history: History) -> None:
        """Write what the round that has just ended changed."""
        data = json.loads(json.dumps(history.to_json(), allow_nan=False))
        changed = [each for each in data["candidates"] if self._known.get(each["key"]) != each]
        value = {
            "candidates": changed,
            "notes": data["notes"][self._notes :],
            "keys": list(history.rounds[-1]),
        }
        value = self.write("round", str(len(history.rounds) - 1), value)
        self._take(value)

    def history(self) -> History:
        """The history at the end of the last finished round."""
        self._known, self._notes = {}, 0
        rounds, notes = [], []
        for value in self.all("round").values():
            self._take(value)
            rounds.append(tuple(value["keys"]))
            notes += [Note(**{**note, "about": tuple(note["about"])}) for note in value["notes"]]
        candidates = {key: Candidate.from_json(each) for key, each in self._known.items()}
        return History(candidates, rounds, notes)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _take(self, value: dict[str, Any]) -> None:
        self._known |= {each["key"]: each for each in value["candidates"]}
        self._notes += len(value["notes"])


def trained_as(journal: Journal, key: str) -> str:
    """The program whose runs are a candidate's: its own, or that which it repeats."""
    while (found := journal.get("duplicate", key)) is not None:
        key = found[0]
    return key


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            yield from file
