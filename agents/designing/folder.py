"""A search's directory.

design.yaml       what was asked for; `resume` goes on with it
journal.jsonl     everything that was paid for or computed, see `agents.designing.journal`
replies.sqlite    what a server answered, as it came
coverages/        the transitions on which programs are checked
trainings/        a folder for each program, with a run directory of `agents.train` for each seed
best.py           the best program; `agents.train reward=code reward.path=best.py` trains on it
summary.json      what came out
report.html       the same for people, with all programs; see `agents.designing.report`
video.mp4         an episode of what the best program taught
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.config.saved import read_config, write_config
from agents.designing.options import DESIGN, DesignConfig
from agents.errors import UsageError
from agents.files import dated, make_writable, require, write_text
from agents.provenance import made_by


class DesignDir:
    """The directory of a search. `create` a new one, or `open` one that exists."""

    def __init__(self, path: Path):
        self.path = path
        self.config = path / "design.yaml"
        self.meta = path / "meta.json"
        self.journal = path / "journal.jsonl"
        self.replies = path / "replies.sqlite"
        self.coverages = path / "coverages"
        self.trainings = path / "trainings"
        self.best = path / "best.py"
        self.summary = path / "summary.json"
        self.report = path / "report.html"
        self.video = path / "video.mp4"

    @classmethod
    def create(cls, path: str | None, name: str) -> DesignDir:
        """A new, empty directory.

        Args:
            path: Where; None makes a dated folder under ``designs/``.
            name: Says what is searched for, in the default folder's name.

        Raises:
            UsageError: There is a search in it already, or it cannot be written.
        """
        folder = cls(Path(path) if path else dated("designs", name))
        folder.require_unused()
        make_writable(folder.path)
        return folder

    def require_unused(self) -> None:
        """Refuse a directory that has a search already.

        Raises:
            UsageError: Saying how to go on.
        """
        if self.config.exists():
            raise UsageError(
                f"{self.path} holds a search already: go on with resume={self.path}, or choose another output"
            )

    @classmethod
    def open(cls, path: str) -> DesignDir:
        """An existing search's directory.

        Raises:
            UsageError: There is none.
        """
        folder = cls(Path(path))
        require(folder.path, folder.config.name, "a search", "searches")
        return folder

    def discard_unused(self) -> None:
        """Remove what was made for a search that never began; what is not ours stays."""
        if self.journal.exists() and self.journal.stat().st_size:
            return
        for file in (self.config, self.meta, self.journal, self.replies, self.report, self.path / "lock"):
            file.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()

    def read_meta(self) -> dict[str, Any]:
        """What `write_config` and `begin` saved; empty if there is nothing."""
        return json.loads(self.meta.read_text()) if self.meta.exists() else {}

    def begin(self) -> None:
        """Note that a process begins to work here: times between entries of the journal may be those of no process."""
        meta = self.read_meta()
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        write_text(self.meta, json.dumps(meta | {"begun": [*meta.get("begun", []), now]}, indent=2))

    def write_config(self, config: DesignConfig) -> None:
        """Save what was asked for, and what is needed to repeat it."""
        write_text(self.meta, json.dumps(made_by(), indent=2))
        write_config(self.config, config)

    def read_config(self) -> DesignConfig:
        """What `write_config` saved.

        Raises:
            UsageError: The file is damaged.
        """
        return read_config(self.config, DESIGN)
