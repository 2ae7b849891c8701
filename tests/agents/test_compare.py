"""The command: what it writes, that it goes on where it was stopped, and what people get wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.cli import compose
from agents.compare import compare
from agents.comparison import session
from agents.comparison.options import COMPARE
from agents.errors import UsageError
from tests.agents.forked import Forked
from tests.agents.runners import trained

WORLD = ("env=CartPole", "task=upright", "samples=512", "episodes=4", "frames=false")
MINE = '''
import numpy as np
from reward_designers.base import RewardFn

def centered(next_cart_position, next_pole_angle):
    """Upright and in the middle."""
    return {"upright": np.cos(next_pole_angle), "middle": -np.abs(next_cart_position)}



def lean(next_pole_angle):
    return np.abs(next_pole_angle)

def broken(next_pole_angle):
    with np.errstate(all="ignore"):
        return np.log(next_pole_angle)

def raising(next_pole_angle):
    raise RuntimeError("on purpose")

def misnamed(next_pole_angel):
    return next_pole_angel

def late(pole_angle, next_pole_angle):
    """Fine on what happened, not on what did not: only recombined states are far apart."""
    return np.where(np.abs(pole_angle - next_pole_angle) > 1.0, np.nan, next_pole_angle)

class Once(RewardFn):
    """Pays for the first step of an episode and for the pole's angle then."""
    name = "once"
    inputs = frozenset({"pole_angle"})
    markov = False

    def __call__(self, t, memory=None):
        seen = memory.array("seen")
        first = seen == 0
        seen += 1
        return {"first": np.where(first, t.next_state["pole_angle"], 0.0)}
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of rewards; the working directory is its folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


@pytest.fixture(autouse=True)
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the page takes seconds, and has tests of its own; other processes draw it."""
    monkeypatch.setattr("agents.comparison.report.write_report", lambda folder: folder)


def compared(*arguments: str) -> dict[str, Any]:
    given = frozenset(argument.partition("=")[0] for argument in arguments)
    return compare(compose(COMPARE, "compare", arguments), given)


def failed(run: Callable[[], Any]) -> int:
    with pytest.raises(SystemExit) as end:
        run()
    assert isinstance(end.value.code, int)
    return end.value.code


def pair(rows: list[dict[str, Any]], *names: str) -> dict[str, Any]:
    (found,) = [row for row in rows if {row["a"], row["b"]} == set(names)]
    return found


def test_what_is_written(mine: Path, capsys: pytest.CaptureFixture[str]):
    report = compared(*WORLD, "rewards=[env,zero,mine.py:centered,twin=mine.py:centered]", "output=out")
    assert report == json.loads((mine / "out" / "report.json").read_text())
    assert (report["status"], report["reference"], report["task"]) == ("complete", "env", "upright")
    assert [reward["name"] for reward in report["rewards"]] == ["env", "zero", "centered", "twin"]
    assert [reward["error"] for reward in report["rewards"]] == [None] * 4
    assert len(report["distances"]) == len(report["convergence"]) == 6
    assert pair(report["distances"], "centered", "twin")["value"] == 0
    near = pair(report["distances"], "env", "centered")
    assert 0 < near["low"] < near["value"] < near["high"] < 1
    assert "constant" in pair(report["distances"], "env", "zero")["degenerate"]
    assert list(report["rewards"][1]["degenerate"]) == ["random"]
    assert [flag["reward"] for flag in report["flags"] if flag["kind"] == "degenerate"] == ["zero"]
    parts = [row for row in report["components"] if row["reward"] == "centered"]
    assert sum(row["variance_share"] for row in parts) == pytest.approx(1)
    assert parts[0]["distance_without"]["value"] == parts[1]["distance_alone"]["value"]
    assert {row["measure"] for row in report["returns"]} == {"erc", "spearman", "trajectory_pearson"}
    assert len(report["trajectory"]["seconds"]) == len(report["trajectory"]["rewards"]["centered"]) == 200
    assert report["coverages"][0]["transitions"] == 512
    assert report["reproduce"]["hashes"]["random"] == report["coverages"][0]["hash"]
    rows = (mine / "out" / "distances.csv").read_text().splitlines()
    assert rows[0].startswith("method,coverage,a,b,value,low,high")
    assert len(rows) == 1 + len(report["distances"]) + len(report["returns"])
    said = capsys.readouterr()
    assert "EPIC to env" in said.out
    assert f"centered {near['value']:.3f} ({near['low']:.3f} to {near['high']:.3f})" in " ".join(said.out.split())


def without_clock(report: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on when, where and in how many parts the work was done."""
    kept = {key: value for key, value in report.items() if key not in ("created", "command", "reproduce", "git")}
    return json.loads(json.dumps(kept).replace("/once/", "/twice/"))


@pytest.mark.parametrize("stopped_in", ["_play", "_components", "_trajectory"])
def test_resumed_equals_uninterrupted(mine: Path, monkeypatch: pytest.MonkeyPatch, stopped_in: str):
    arguments = (*WORLD, "rewards=[env,mine.py:centered,mine.py:Once]", "coverages=[random,iid]")
    whole = compared(*arguments, "output=once")
    with monkeypatch.context() as patch:
        patch.setattr(session.Session, stopped_in, interrupt)
        assert failed(lambda: compared(*arguments, "output=twice")) == 130
    half = json.loads((mine / "twice" / "report.json").read_text())
    assert half["status"] == "partial"
    before = {file.name: file.stat().st_mtime_ns for file in (mine / "twice" / "stages").iterdir()}
    assert 0 < len(before) < len(list((mine / "once" / "stages").iterdir()))
    (mine / "mine.py").write_text("the file has changed meanwhile")
    resumed = compared("resume=twice")
    assert without_clock(resumed) == without_clock(whole)
    after = {file.name: file.stat().st_mtime_ns for file in (mine / "twice" / "stages").iterdir()}
    assert before.items() <= after.items()  # what was there is as it was


def interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_process_leaves_what_it_has(mine: Path, number: signal.Signals):
    (mine / "slow.py").write_text(
        "import time, numpy as np\n"
        "def slow(obs, next_obs):\n"
        "    if len(obs) > 1000: time.sleep(60)\n"  # only the canonicalisation asks for so many
        "    return (obs * next_obs).sum(-1)\n"
    )
    process = Forked("agents.compare", *WORLD, "rewards=[env,slow.py:slow]", "output=out")
    try:
        wait_for(mine / "out" / "stages" / "episodes%20random.json")
        time.sleep(0.3)
        process.send_signal(number)
        _, errors = process.communicate(timeout=180)
    finally:
        process.kill()
    report = json.loads((mine / "out" / "report.json").read_text())
    assert report["status"] == "partial"
    assert [c["name"] for c in report["coverages"]] == ["random"]
    if number is signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode == 130
        assert "interrupted; go on with resume=out" in errors
        assert (mine / "out" / "report.html").exists()
    assert "Traceback" not in errors


def wait_for(path: Path, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} was not written in {seconds} s"
        time.sleep(0.05)


def test_a_failing_reward_is_told_and_the_others_go_on(mine: Path, capsys: pytest.CaptureFixture[str]):
    names = ["broken", "raising", "misnamed", "late"]
    rewards = ",".join(["env", "mine.py:centered", *(f"mine.py:{name}" for name in names)])
    assert failed(lambda: compared(*WORLD, f"rewards=[{rewards}]", "coverages=[random]", "output=out")) == 1
    report = json.loads((mine / "out" / "report.json").read_text())
    assert report["status"] == "complete"
    errors = {reward["name"]: reward["error"] for reward in report["rewards"]}
    assert errors["env"] is errors["centered"] is None
    assert "not finite" in errors["broken"]
    assert "RuntimeError: on purpose" in errors["raising"]
    assert "mine.py:" in errors["raising"]  # where
    assert "unknown state array 'pole_angel'" in errors["misnamed"]
    assert "Did you mean 'pole_angle'" in errors["misnamed"]
    assert "not finite" in errors["late"]
    assert [(row["a"], row["b"]) for row in report["distances"]] == [("env", "centered")]
    said = capsys.readouterr().err
    assert all(f"\n{name}: " in said for name in names)


def test_rewards_with_memory_take_part_where_they_can(mine: Path):
    report = compared(*WORLD, "rewards=[env,mine.py:centered,mine.py:Once]", "output=out")
    assert [(row["a"], row["b"]) for row in report["distances"]] == [("env", "centered")]
    assert pair([r for r in report["returns"] if r["measure"] == "erc"], "centered", "Once")["value"] is not None
    once = report["rewards"][2]
    assert (once["markov"], once["error"]) == (False, None)
    assert "not Markov" in once["unsupported"]["epic"]
    (note,) = [flag for flag in report["flags"] if flag["reward"] == "Once"]
    assert (note["severity"], note["kind"]) == ("note", "unsupported")


@pytest.mark.slow
def test_runs_are_judged_under_the_reference(mine: Path):
    short = ("task=upright", "total_timesteps=256", "eval_every=0", "log_every=128")
    for seed in (0, 1):
        trained(mine / f"env{seed}", *short, "reward=env", f"seed={seed}")
    trained(mine / "lean0", *short, "reward=custom", "reward.path=mine.py:lean")
    report = compared("runs=[env0,env1,lean0]", "samples=512", "episodes=4", "output=out")
    assert (report["env"], report["task"]) == ("CartPole", "upright")
    assert [reward["name"] for reward in report["rewards"]] == ["env", "lean"]
    assert [c["name"] for c in report["coverages"]] == ["random", "env's policy", "lean's policy", "mixture"]
    of_env, of_lean = report["policies"]
    assert (of_env["reward"], of_env["seeds"], len(of_env["fitness"]["values"])) == ("env", 2, 2)
    assert (of_lean["reward"], of_lean["seeds"]) == ("lean", 1)
    assert set(of_lean["returns_under"]) == {"env", "lean"}
    assert 0 <= of_lean["fitness"]["mean"] <= 1
    # Fitness of this task is the reward of the environment: an episode's return over its 200 steps.
    assert of_env["fitness"]["mean"] == pytest.approx(of_env["returns_under"]["env"] / 200)
    assert of_lean["regret"]["mean"] is not None or "too close to measure regret" in of_lean["regret"]["reason"]
    (tau,) = [row for row in report["returns"] if row["measure"] == "kendall_tau"]
    assert (tau["coverage"], tau["samples"]["policies"]) == ("policies", 4)


def test_a_coverage_that_cannot_be_had_is_told_before_others_are_collected(mine: Path):
    (mine / "acrobot.py").write_text("def up(next_obs):\n    return -next_obs[:, 0]\n")
    arguments = ("env.id=Acrobot-v1", "rewards=[zero,acrobot.py:up]", "coverages=[random,iid]", "output=out")
    with pytest.raises(UsageError, match="coverage 'iid'") as refused:
        compared(*arguments)
    assert "resume" not in str(refused.value)
    assert not (mine / "out").exists()
    report = compared(*arguments, "coverages=[random]", "samples=256", "episodes=2", "methods=[epic,dard,erc]")
    assert {row["method"] for row in report["distances"]} == {"epic"}
    assert "cannot be put into a given state" in report["rewards"][1]["unsupported"]["dard"]
    assert report["task"] is None
    assert report["coverages"][0]["fitness"] is None


def test_a_full_disk_is_told_and_what_was_saved_is_kept(mine: Path, monkeypatch: pytest.MonkeyPatch):
    arguments = (*WORLD, "rewards=[env,mine.py:centered]", "coverages=[random]")
    with monkeypatch.context() as patch:
        patch.setattr(session.Session, "_components", no_space)
        with pytest.raises(UsageError, match=r"out: No space left on device[\s\S]*resume=out goes on from there"):
            compared(*arguments, "output=out")
    assert compared("resume=out")["status"] == "complete"


def no_space(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_second_comparison_does_not_overwrite_the_first(mine: Path):
    compared(*WORLD, "rewards=[env,zero]", "output=out")
    with pytest.raises(UsageError, match="out holds a comparison already: go on with resume=out"):
        compared(*WORLD, "rewards=[env,zero]", "output=out")


def test_the_default_folder_is_dated(mine: Path):
    compared(*WORLD, "rewards=[env,zero]")
    (folder,) = (mine / "comparisons").iterdir()
    assert folder.name.endswith("_CartPole")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("env=CartPole",), "rewards= is needed, such as rewards="),
        (("env=CartPole", "rewards=[env]"), "only env; give two or more"),
        (("env=CartPole", "rewards=[env,emv]"), "unknown reward 'emv'. Did you mean 'env'"),
        (("env=CartPole", "rewards=[env,mine.py:centred]"), "Did you mean 'centered'"),
        (("env=CartPole", "rewards=[env,zero]", "coverages=[radnom]"), "unknown coverage 'radnom'. Did you mean 'rand"),
        (("env=CartPole", "rewards=[env,zero]", "methods=[epci]"), "unknown method 'epci'. Did you mean 'epic'"),
        (("env=CartPole", "rewards=[env,zero]", "reference=evn"), "unknown reference 'evn'. Did you mean 'env'"),
        (("env=CartPole", "rewards=[env,zero]", "task=uprigth"), "unknown task of CartPole 'uprigth'"),
        (("env=CartPole", "rewards=[env,zero]", "runs=[nowhere]"), "nowhere does not exist"),
        (("env=CartPole", "rewards=[env,zero]", "output=/proc/out"), "cannot write to /proc/out"),
        (("env.id=Acrobot-v1", "rewards=[env,zero]"), "Acrobot-v1's own reward is known only as it is paid"),
        (("env=CartPole", "rewards=[env,count]"), "agents.train reward=count ..., then compare run:DIR"),
        (("env.id=Acrobot-v1", "rewards=[zero,vlm]"), "no task with prompts, so give one, as in 'vlm:"),
        (("env=CartPole", "rewards=[env,zero]", "methods=[starc]", "discount=1"), "methods=[starc] needs less"),
        (("resume=nowhere",), "nowhere does not exist"),
        (("resume=nowhere", "seed=3"), "seed cannot change when a comparison is resumed"),
        (("resume=.",), "has no comparison.json"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(mine: Path, arguments: tuple[str, ...], expected: str):
    with pytest.raises(UsageError) as refused:
        compared(*arguments)
    assert expected in str(refused.value)
    assert {path.name for path in mine.iterdir()} <= {"mine.py", "__pycache__"}


def test_a_reward_of_a_run_in_another_environment_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained(tmp_path / "pole", "total_timesteps=128", "eval_every=0")
    with pytest.raises(UsageError, match=r"pole was trained in CartPole, not in Humanoid: .* env=CartPole"):
        compared("rewards=[env,run:pole]")


def test_rewards_of_actions_alone_are_compared_in_any_environment(mine: Path):
    (mine / "push.py").write_text(
        "def left(action):\n    return 1.0 - action\n\ndef right(action):\n    return action\n"
    )
    report = compared("env.id=Acrobot-v1", "rewards=[zero,push.py:left,push.py:right]", "samples=64", "episodes=2")
    assert report["reference"] == "left"
    assert pair(report["distances"], "left", "right")["value"] == pytest.approx(1.0)
