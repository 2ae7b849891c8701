"""Shipped files are found, and a wrong name is answered with the right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from reward_designers import assets


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout-like tree: `<tmp>/reward_designers/` beside `<tmp>/assets/model/config.json`."""
    (tmp_path / "reward_designers").mkdir()
    (tmp_path / "assets" / "model").mkdir(parents=True)
    (tmp_path / "assets" / "model" / "config.json").write_text("{}")
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "reward_designers")
    return tmp_path


def test_root_of_this_project_is_found() -> None:
    assert (assets.asset() / "README.md").is_file()


@pytest.mark.parametrize("parts", [("model", "config.json"), ("model/config.json",)])
def test_file_by_parts_or_joined(shipped: Path, parts: tuple[str, ...]) -> None:
    assert assets.asset(*parts) == shipped / "assets" / "model" / "config.json"


def test_packaged_copy_wins_over_a_neighbour(shipped: Path) -> None:
    (shipped / "reward_designers" / "_assets" / "mine").mkdir(parents=True)
    assert assets.asset("mine").parent == shipped / "reward_designers" / "_assets"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("model", "confg.json"), r"no asset 'model/confg\.json'.*did you mean 'config\.json'"),
        (("modle", "config.json"), r"has no 'modle'; did you mean 'model'"),
        (("model", "config.json", "deeper"), r"no asset 'model/config\.json/deeper'"),
        (("zzz",), r"there are model"),
    ],
)
def test_wrong_name_says_what_is_missing_and_near(shipped: Path, parts: tuple[str, ...], expected: str) -> None:
    with pytest.raises(FileNotFoundError, match=expected):
        assets.asset(*parts)


def test_no_assets_at_all_says_where_it_looked(shipped: Path) -> None:
    (shipped / "assets").rename(shipped / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"_assets nor .*assets exists"):
        assets.asset("model")
