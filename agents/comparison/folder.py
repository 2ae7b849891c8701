"""A comparison's directory: what was asked for, the results of each finished stage, and the report.

comparison.json   what was asked for, command, seed, revision, versions; `resume` goes on from it
rewards/          copies of files of rewards
coverages/        the transitions that the rewards are compared on
stages/           the result of each finished stage; a stage whose file is here is not computed again
report.json       all results so far; distances.csv: a row for each distance; report.html shows them
"""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from agents.comparison.options import CompareConfig
from agents.comparison.specs import RewardSpec
from agents.config.worlds import EnvConfig, Render, Texture
from agents.errors import UsageError
from agents.files import dated, make_writable, replacing, require, write_text
from agents.provenance import made_by

COLUMNS = (
    "method",
    "coverage",
    "a",
    "b",
    "value",
    "low",
    "high",
    "confidence",
    "interval",
    "ranking_only",
    "degenerate",
)


class ComparisonDir:
    """The directory of a comparison. `create` a new one, or `open` one that exists."""

    def __init__(self, path: Path):
        self.path = path
        self.rewards = path / "rewards"
        self.coverages = path / "coverages"
        self.stages = path / "stages"
        self.about = path / "comparison.json"
        self.report = path / "report.json"
        self.distances = path / "distances.csv"

    @classmethod
    def create(cls, path: str | None, name: str) -> ComparisonDir:
        """A new, empty directory.

        Args:
            path: Where; None makes a dated folder under ``comparisons/``.
            name: Says what is compared, in the default folder's name.

        Raises:
            UsageError: There is a comparison in it already, or it cannot be written.
        """
        folder = cls(Path(path) if path else dated("comparisons", name))
        if folder.about.exists():
            raise UsageError(
                f"{folder.path} holds a comparison already: go on with resume={folder.path}, or choose another output"
            )
        make_writable(folder.path, folder.rewards, folder.coverages, folder.stages)
        return folder

    @classmethod
    def open(cls, path: str) -> ComparisonDir:
        """An existing comparison's directory.

        Raises:
            UsageError: There is none.
        """
        folder = cls(Path(path))
        require(folder.path, folder.about.name, "a comparison", "comparisons")
        return folder

    def write_about(self, config: CompareConfig, specs: Sequence[RewardSpec]) -> None:
        """Save what was asked for, with copies of the rewards' files."""
        kept = [self._with_copy(spec) for spec in specs]
        about = made_by() | {
            "config": asdict(config) | {"render": config.render.name, "texture": config.texture.name},
            "rewards": [asdict(spec) for spec in kept],
        }
        write_text(self.about, json.dumps(about, indent=2))

    def read_about(self) -> tuple[dict[str, Any], CompareConfig, list[RewardSpec]]:
        """What `write_about` saved, the config and the rewards; those of files name the copies.

        Raises:
            UsageError: The file is damaged.
        """
        try:
            about = json.loads(self.about.read_text())
            saved = dict(about["config"])
            saved |= {"render": Render[saved["render"]], "texture": Texture[saved["texture"]]}
            config = CompareConfig(**(saved | {"env": EnvConfig(**saved["env"])}))
            specs = [RewardSpec(**spec) for spec in about["rewards"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self.about} is damaged: {error}") from error
        return about, config, self._found(specs)

    def discard_unused(self) -> bool:
        """Remove what is here, if no transitions have been collected yet; what is not ours stays. Whether it was."""
        if any(file.stem not in ("rewards", "coverages") for file in self.stages.iterdir()):
            return False
        for part in (self.rewards, self.coverages, self.stages):
            shutil.rmtree(part, ignore_errors=True)
        for file in (self.about, self.report, self.distances, self.path / "lock"):
            file.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()
        return True

    def _with_copy(self, spec: RewardSpec) -> RewardSpec:
        place, _, function = spec.value.rpartition(":")
        source = Path(place if spec.kind == "code" else spec.value)
        if spec.kind not in ("code", "program", "saved") or source.suffix not in (".py", ".npz"):
            return spec
        copy = self.rewards / file_name(spec.name) / source.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
        where = str(copy.relative_to(self.path))
        return replace(spec, value=f"{where}:{function}" if spec.kind == "code" else where)

    def _found(self, specs: Sequence[RewardSpec]) -> list[RewardSpec]:
        """Paths of copies as this process finds them."""
        return [
            replace(spec, value=str(self.path / spec.value))
            if spec.value.startswith("rewards/") and spec.kind in ("code", "program", "saved")
            else spec
            for spec in specs
        ]

    # Results

    def stage(self, name: str, compute: Callable[[], Any]) -> Any:
        """The result of a stage: read if the stage is finished, else computed and saved. What JSON can hold."""
        path = self.stages / f"{file_name(name)}.json"
        if path.exists():
            return json.loads(path.read_text())
        result = plain(compute())
        write_text(path, json.dumps(result))
        return result

    def finished(self, name: str) -> bool:
        """Whether the stage has a result."""
        return (self.stages / f"{file_name(name)}.json").exists()

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Save ``report.json`` and, from it, ``distances.csv``."""
        write_text(self.report, json.dumps(plain(report), indent=1))
        rows = [*report.get("distances", ()), *({"method": r["measure"], **r} for r in report.get("returns", ()))]
        with replacing(self.distances) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", restval="")
            writer.writeheader()
            writer.writerows(rows)


def file_name(name: str) -> str:
    """``name`` as a file's name, different for different names."""
    return re.sub(r"[^\w.+-]", lambda character: f"%{ord(character[0]):x}", name)


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: arrays as lists, numbers that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
