"""The scores of judges of subgoals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("minihack")

from benchmarks.subgoal_judges import SHIPPED, judged, main, table, wrong
from envs.nethack import transitions
from reward_designers.assets import asset


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return transitions.load(asset("keyroom_transitions.jsonl.gz"))[::6]


def found(rows: list[dict[str, Any]], name: str, upstream: bool = False) -> np.ndarray:
    return judged(SHIPPED[name], rows, upstream)


def test_rules_see_what_the_messages_do_not_say(rows: list[dict[str, Any]]) -> None:
    labels = np.array([row["achieved"] for row in rows], bool)
    for upstream in (False, True):
        assert (found(rows, "rules, captions with events", upstream) == labels).all()
    told = found(rows, "rules, messages alone").astype(bool)
    assert (told[:, :2] == labels[:, :2]).all()
    assert not told[:, 2].any()
    clicked_away = found(rows, "rules, messages alone", upstream=True)
    assert 0 < clicked_away[:, 1].sum() < labels[:, 1].sum()


def test_who_takes_a_mention_for_a_deed_is_told_what_was_wrong(rows: list[dict[str, Any]]) -> None:
    verdicts = found(rows, "whatever is mentioned")
    assert any(
        "false alarm: Unlock and open the door. (bump into the locked door; 'This door is locked.')" in line
        for line in wrong(rows, verdicts)
    )
    (last,) = [line for line in table(rows, verdicts).splitlines() if line.startswith("| all |")]
    assert "1.000" not in last


def test_what_was_not_recorded_is_left_out_and_counted(rows: list[dict[str, Any]]) -> None:
    verdicts = found(rows, "llm (recorded)")
    unknown = np.isnan(verdicts).any(1)
    assert 0 < unknown.sum() < len(rows)
    assert np.isnan(verdicts[unknown]).all()
    assert f"answers to {len(rows) - unknown.sum()} of {len(rows)} transitions" in table(rows, verdicts)
    labels = np.array([row["achieved"] for row in rows], bool)
    assert (verdicts[~unknown].astype(bool) == labels[~unknown]).mean() > 0.9


def test_judges_are_named_as_in_training(capsys: pytest.CaptureFixture[str]) -> None:
    main(["reward.judge=rules"])
    assert "| Step on the staircase down. | 42 | 1.000" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(["reward.judge=llm"])
    assert "reward.judge=llm needs a language model" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["reward.subgoals=Fly", "llm=replay"])
    assert "leave reward.subgoals out" in capsys.readouterr().err
