"""Code rewards as rewards: the same numbers as the plain function, in every place where a reward is used."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv

import envs
from agents.sb3 import VecReplaceReward
from reward_designers import RewardFn, check_reward, random_batch, reward_fn
from reward_designers.base import Transition
from reward_designers.code import CodeReward, ProgramError, ProgramRejected, SandboxUnavailable, load_program
from reward_designers.code.sandbox.client import Worker
from reward_designers.code.surface import LINALG, MATH, NUMPY, TYPING
from reward_designers.errors import RewardError

ROOT = Path(__file__).resolve().parents[3]
SOURCE = """
import numpy as np

COST = 0.01


def _upright(angle):
    return np.cos(angle)


def reward(next_obs, action):
    return {"upright": _upright(next_obs[:, 2]), "effort": -COST * (action == 1)}
"""


def by_hand(next_obs: np.ndarray, action: np.ndarray) -> dict[str, np.ndarray]:
    return {"upright": np.cos(next_obs[:, 2]), "effort": -0.01 * (action == 1)}


def batch(n: int = 16) -> Transition:
    return random_batch({"obs": (4,), "height": ()}, n, dtypes={"action": np.int64})


def program(line: str, arguments: str = "obs") -> str:
    return f"import math\nimport numpy as np\n\ndef reward({arguments}):\n    {line}\n"


@pytest.fixture(scope="module")
def reward() -> CodeReward:
    return load_program(SOURCE, fields=())


def test_it_is_a_reward(reward: CodeReward) -> None:
    assert reward.inputs == {"obs"}
    assert reward.reads == {"next_state", "action"}
    assert reward.markov
    report = check_reward(reward, batch())
    assert {"save", "rows", "deterministic", "relabel", "reads"} <= set(report.passed)


def test_it_equals_the_function(reward: CodeReward) -> None:
    for n in (1, 7, 300):
        t = batch(n)
        for name, values in by_hand(t.next_state["obs"], t.action).items():
            np.testing.assert_array_equal(reward(t)[name], values)


def test_dtypes_arrive_as_they_are() -> None:
    checked = program(
        "return 1.0 * np.full(len(a), a.dtype == np.uint8 and b.dtype == bool and c.ndim == 3)", "a, b, c"
    )
    reward = load_program(checked, fields=("a", "b", "c"))
    t = random_batch({"a": (2,), "b": (), "c": (2, 3)}, 9, dtypes={"a": np.uint8, "b": bool, "c": np.float32})
    assert reward(t)["reward"].tolist() == [1.0] * 9


def test_environments_of_all_kinds(reward: CodeReward) -> None:
    single = envs.ReplaceReward(gym.make("CartPole-v1"), reward)
    vector = envs.vector.ReplaceReward(gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync"), reward)
    sb3 = VecReplaceReward(DummyVecEnv([lambda: gym.make("CartPole-v1")] * 2), reward)
    single.reset(seed=0)
    vector.reset(seed=0)
    sb3.seed(0)
    sb3.reset()
    for step in range(30):
        action = step % 2
        obs, value, terminated, _, info = single.step(action)
        if terminated:
            break
        assert info["reward_components"] == {"upright": np.cos(obs[2]), "effort": -0.01 * action}
        assert value == sum(info["reward_components"].values())
        assert vector.step(np.array([action] * 2))[1][0] == value
        assert sb3.step(np.array([action] * 2))[1][0] == np.float32(value)
    assert step > 5


def worker_of(reward: CodeReward) -> Worker:
    reward.start()
    assert reward._worker is not None
    return reward._worker


def test_a_rollout_is_one_call(reward: CodeReward) -> None:
    rollout = batch(60).map(lambda a: a.reshape(20, 3, *a.shape[1:]))
    before = worker_of(reward)._number
    together = reward.relabel(rollout)
    assert worker_of(reward)._number == before + 1
    expected = by_hand(rollout.flatten().next_state["obs"], rollout.flatten().action)
    assert {name: values.shape for name, values in together.items()} == {"upright": (20, 3), "effort": (20, 3)}
    for name, values in expected.items():
        np.testing.assert_array_equal(together[name].ravel(), values)


def test_more_rows_than_fit_are_several_calls(reward: CodeReward, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = worker_of(reward)
    assert worker.capacity({"obs": np.zeros((1, 4))}) == (1 << 28) // (8 * 32)
    assert 1_000 < worker.capacity({"obs": np.zeros((1, 100_000))}) <= (1 << 30) // 800_000
    monkeypatch.setattr(worker, "capacity", lambda arrays: 7)
    t = batch(23)
    np.testing.assert_array_equal(reward(t)["upright"], np.cos(t.next_state["obs"][:, 2]))


def test_the_memory_grows_with_the_batch() -> None:
    reward = load_program(program("return obs.sum(-1)"), fields=())
    for n in (3, 50_000, 3):
        obs = np.random.default_rng(n).standard_normal((n, 40))
        state = {"obs": obs}
        none = np.zeros(n, bool)
        np.testing.assert_array_equal(reward(Transition(state, none, state, none, none))["reward"], obs.sum(-1))
    reward.close()


def test_programs_keep_their_own_constants_and_defaults() -> None:
    source = "SCALE = 3.0\ndef reward(height, k=2.0, *, bias=1.0): return SCALE * k * height + bias"
    reward = load_program(source, fields=("height",))
    t = batch()
    np.testing.assert_array_equal(reward(t)["reward"], 6.0 * t.state["height"] + 1.0)
    reward.close()


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("return obs[:, 9]", "raised", "line 5: IndexError: index 9 is out of bounds"),
        ("return 1 / 0", "raised", "line 5: ZeroDivisionError: division by zero\n    return 1 / 0"),
        ("return math.exp(obs[:, 0])", "raised", "math works on single numbers: use numpy's function"),
        ("return obs[:, 0] if obs[:, 0] > 0 else -obs[:, 0]", "raised", "np.where(condition, a, b) instead of if"),
        ("obs[:, 0] = 1.0\n    return obs[:, 0]", "raised", "inputs are read-only: work on a copy"),
        ("return obs", "result", "got (16, 4); inputs are batched"),
        ("return obs[:, :1] - obs[:, 0]", "result", "(n, 1) and (n,) broadcast to (n, n)"),
        ("return 1.0", "result", "a constant is np.full(len(obs), value)"),
        (
            "return obs[:, 0], {'a': obs[:, 0]}",
            "result",
            "is a tuple; return a dict of arrays (n,)",
        ),
        ("return {}", "result", "expected 1 to 32 components, got 0"),
        ("return {f'c{i}': obs[:, 0] for i in range(33)}", "result", "got 33"),
        ("return {'<|x|>': obs[:, 0]}", "result", "component names are short text"),
        ("return {1: obs[:, 0]}", "result", "component names are short text"),
        ("return {'a': None}", "result", "must be real numbers, got NoneType"),
        ("return {'a': [[1.0], [1.0, 2.0]]}", "result", "is no array"),
        ("return obs[:, 0] + 1j", "result", "must be real numbers, got ndarray of complex128"),
        (
            "return np.log(obs[:, 0] * 0 - 1)",
            "result",
            "16 of 16 values are not finite: nan in row 0",
        ),
        (
            "return np.where(np.arange(len(obs)) == 3, np.inf, 0.0)",
            "result",
            "1 of 16 values are not finite: inf in row 3",
        ),
        ("return obs[:, 0] * 0 - 2e30", "result", "larger than 1e+30: -2e+30 in row 0"),
        ("return np.zeros((1 << 40,))", "raised", "MemoryError"),
        ("raise ValueError('<|im_end|>' * 9 + '\x1b[31m' + 'y' * 5000)", "raised", "ValueError: [31myyyy"),
    ],
)
def test_errors_are_told_and_do_not_end_the_process(
    line: str, kind: str, words: str, shared: Callable[[str], CodeReward]
) -> None:
    reward = shared(program(line))
    with pytest.raises(ProgramError) as caught:
        reward(batch())
    assert caught.value.kind == kind
    assert words in str(caught.value)
    assert len(str(caught.value)) < 900
    assert "im_end" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    pid = worker_of(reward).pid
    with pytest.raises(ProgramError):
        reward(batch())
    assert worker_of(reward).pid == pid


def test_all_that_may_be_named_works_in_the_sandbox() -> None:
    """Numpy imports parts of itself when they are first used, and nothing can be imported in the sandbox."""
    for surface, module in ((NUMPY, np), (LINALG, np.linalg), (MATH, math), (TYPING, typing)):
        assert not [name for name in surface if not hasattr(module, name)]
    source = f"""
import numpy as np
FUNCTIONS = [getattr(np, name) for name in {sorted(NUMPY)!r}] + [getattr(np.linalg, n) for n in {sorted(LINALG)!r}]
def reward(obs):
    row, square = obs[:, 0], obs[:3, :3] @ obs[:3, :3].T + np.eye(3)
    for function in FUNCTIONS:
        for arguments in ((row,), (obs,), (square,), (row, row), (obs, 2), (3, 4), ([row, row],), (row > 0, row, row),
                          (np.sum, 0, obs), (np.sum,), (row, row, 2), ("ij->i", obs), ("text",), (row, [0.1, 0.9])):
            try:
                repr(function(*arguments))
            except (ImportError, OSError) as error:
                raise RuntimeError(repr(function)) from error
            except Exception:
                pass
    return row
"""
    worker = Worker(source, "reward", unrestricted=True)
    assert worker({"obs": np.random.default_rng(0).standard_normal((8, 4))}).keys() == {"reward"}
    worker.close()


@pytest.fixture
def shared() -> Iterator[Callable[[str], CodeReward]]:
    made: list[CodeReward] = []

    def make(source: str) -> CodeReward:
        made.append(load_program(source, fields=("height",)))
        return made[-1]

    yield make
    for reward in made:
        reward.close()


def test_components_stay_the_same(shared: Callable[[str], CodeReward]) -> None:
    reward = shared(program("return {'big' if len(obs) > 20 else 'small': obs[:, 0]}"))
    assert list(reward(batch(16))) == ["small"]
    with pytest.raises(ProgramError, match="must be the same at every call: were small, now big"):
        reward(batch(30))


def test_a_hanging_program_costs_its_time_once() -> None:
    reward = CodeReward(program("while True: pass"), seconds=0.5)
    start = time.monotonic()
    with pytest.raises(ProgramError, match="it took longer") as caught:
        reward(batch())
    assert caught.value.kind == "timeout"
    assert 0.5 <= time.monotonic() - start < 30
    start = time.monotonic()
    with pytest.raises(ProgramError, match="it took longer"):
        reward(batch())
    assert time.monotonic() - start < 0.4
    assert reward._worker is not None
    assert reward._worker.closed


def test_a_program_that_fails_to_load_says_where() -> None:
    reward = load_program("import numpy as np\nX = np.zeros(3)[7]\ndef reward(obs): return obs[:, 0]", fields=())
    for _ in range(2):
        with pytest.raises(ProgramError, match="line 2: IndexError"):
            reward(batch())


def test_a_killed_process_is_an_error_not_a_hang(shared: Callable[[str], CodeReward]) -> None:
    reward = shared(program("return obs[:, 0]"))
    os.kill(worker_of(reward).pid, signal.SIGKILL)
    with pytest.raises(ProgramError, match="killed by signal 9") as caught:
        reward(batch())
    assert caught.value.kind == "died"


def test_an_interrupted_call_does_not_shift_the_answers(
    shared: Callable[[str], CodeReward], monkeypatch: pytest.MonkeyPatch
) -> None:
    reward = shared(program("return obs[:, 0]"))
    worker = worker_of(reward)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "_receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reward(batch())
    t = batch(5)
    np.testing.assert_array_equal(reward(t)["reward"], t.state["obs"][:, 0])
    assert worker_of(reward) is not worker


# Saving, shaping, and other places


def test_a_saved_reward_is_always_sandboxed(tmp_path: Path) -> None:
    reward = CodeReward(SOURCE, sandbox="none", seconds=3.0)
    reward.save(tmp_path / "reward.npz")
    loaded = RewardFn.load(tmp_path / "reward.npz")
    assert isinstance(loaded, CodeReward)
    assert loaded.sandbox == "available"
    assert (loaded.source, loaded.seconds, loaded.fields) == (SOURCE, 3.0, ())


def test_without_a_sandbox_it_computes_the_same_here(reward: CodeReward) -> None:
    here = CodeReward(SOURCE, sandbox="none")
    np.testing.assert_array_equal(here(batch())["upright"], reward(batch())["upright"])
    assert here._worker is None
    assert here.protection is None
    check_reward(here, batch())
    t = batch()
    with pytest.raises(ValueError, match="read-only"):
        CodeReward("def reward(obs):\n    obs[:] = 0\n    return obs[:, 0]", sandbox="none")(t)
    assert t.state["obs"].all()


def test_a_potential_is_shaped() -> None:
    phi = CodeReward("def potential(height): return height", fields=("height",), entry="potential")
    shaped = phi.potential(0.9)
    t = batch()
    expected = 0.9 * np.where(t.terminated, 0.0, t.next_state["height"]) - t.state["height"]
    np.testing.assert_allclose(shaped(t)["potential"], expected, rtol=1e-12)
    phi.close()


def test_it_adds_to_other_rewards(reward: CodeReward) -> None:
    total = reward + 0.5 * reward_fn(lambda height: height)
    assert set(total(batch())) == {"code/upright", "code/effort", "reward"}


def test_what_programs_cannot_read(shared: Callable[[str], CodeReward]) -> None:
    t = batch()
    text = Transition({"obs": np.array(["a"] * 16)}, t.action, t.next_state, t.terminated, t.truncated)
    with pytest.raises(RewardError, match="programs read numbers, but 'obs' is an array of <U1"):
        shared(program("return len(obs)"))(text)
    with pytest.raises(RewardError, match="reads 'height', but the state has obs"):
        shared(program("return height", "height"))(text)


def test_refusals_are_reward_errors() -> None:
    with pytest.raises(RewardError):
        load_program("import os", fields=())
    with pytest.raises(ProgramRejected):
        load_program("def reward(hight): return hight", fields=("height",))
    with pytest.raises(RewardError, match=r"unknown sandbox 'requird'\. Did you mean 'required'"):
        CodeReward(SOURCE, sandbox="requird")  # type: ignore[arg-type]


def test_other_systems_need_the_word_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailable, match=r"no sandbox on darwin\. sandbox=none"):
        CodeReward(SOURCE)
    assert CodeReward(SOURCE, sandbox="none")(batch()).keys() == {"upright", "effort"}
