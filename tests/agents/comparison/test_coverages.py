"""How coverages are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.comparison.coverages import parse_coverages
from agents.errors import UsageError


def test_names_and_kinds(tmp_path: Path):
    (tmp_path / "config.yaml").touch()
    (tmp_path / "a.npz").touch()
    texts = ["random", f"noised:0.5:{tmp_path}", f"noised:{tmp_path}", f"good=expert:{tmp_path}", "iid", "mixture"]
    specs = parse_coverages([*texts, f"file:{tmp_path}/a.npz"])
    assert [s.name for s in specs] == ["random", "noised", "noised_2", "good", "iid", "mixture", "file"]
    assert [s.noise for s in specs[1:3]] == [0.5, 0.3]
    assert [part.name for part in specs[5].parts] == ["random", "noised", "noised_2", "good"]
    assert specs[6].path == f"{tmp_path}/a.npz"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["randm"], r"unknown coverage 'randm'. Did you mean 'random'\?"),
        (["expert"], "expected expert:RUN_DIR, got 'expert'"),
        (["random:x"], "expected random, got 'random:x'"),
        (["expert:nowhere"], "nowhere does not exist"),
        (["file:none.npz"], "no such file 'none.npz'"),
        (["noised:1.5:nowhere"], "between 0 and 1, got 1.5"),
        (["a=random", "a=iid"], "two are named 'a'"),
        (["random", "mixture"], "a mixture needs two policies"),
    ],
)
def test_what_is_not_understood(texts: list[str], message: str):
    with pytest.raises(UsageError, match=message):
        parse_coverages(texts)
