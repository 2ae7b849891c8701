"""Programs from outside, through the front door: `load_program` and a call, with the allowlist on.

Whatever is written, it is refused with a reason, or raises a `ProgramError`, or is a reward; and nothing else changes:
not the arrays that it was given, not numpy's settings, no file, no process. `hostile/` is what happens if the allowlist
were not there.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reward_designers import evaluate, random_batch
from reward_designers.code import CodeReward, ProgramError, ProgramRejected, load_program, validate
from reward_designers.errors import RewardError

ROWS = 5


def program(body: str, arguments: str = "obs", before: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return f"import math\nimport numpy as np\n{before}\ndef reward({arguments}):\n{lines}"


REFUSED: dict[str, tuple[str, str]] = {
    # numpy's back doors
    "a module of numpy's": (program("return np.lib.npyio"), "'lib'"),
    "numpy's tests": (program("np.testing.run_module_suite('x.py')\nreturn obs"), "'testing'"),
    "a compiler": (program("return np.f2py.compile('x')"), "'f2py'"),
    "a library": (program("return np.ctypeslib.load_library('libc', '/')"), "'ctypeslib'"),
    "a mapped file": (program("return np.memmap('CANARY', mode='w+')"), "'memmap'"),
    "a file read": (program("return np.fromfile('CANARY')"), "'fromfile'"),
    "a file written": (program("np.save('CANARY', obs)\nreturn obs[:, 0]"), "there are no files"),
    "a file written by a method": (program("obs.tofile('CANARY')\nreturn obs[:, 0]"), "'tofile'"),
    "memory by address": (program("return obs.ctypes.data"), "'ctypes'"),
    "the array behind a view": (program("obs.base[:] = 7\nreturn obs[:, 0]"), "'base'"),
    "flags": (program("obs.setflags(write=True)\nobs[:] = 7\nreturn obs[:, 0]"), "'setflags'"),
    "flags assigned": (program("obs.flags.writeable = True\nreturn obs[:, 0]"), "cannot be assigned"),
    "another shape": (program("obs.shape = (1, 15)\nreturn obs"), "cannot be assigned"),
    "random numbers": (program("np.random.seed(0)\nreturn obs[:, 0]"), "no random numbers"),
    "numpy's errors": (program("np.seterr(all='raise')\nreturn obs[:, 0]"), "'seterr'"),
    "numpy's printing": (program("np.set_printoptions(1)\nreturn obs[:, 0]"), "'set_printoptions'"),
    "functions of objects": (program("return np.frompyfunc(len, 1, 1)(obs)"), "'frompyfunc'"),
    # numpy's dict is then where functions look for builtins, and a constant that is never set lets them
    "numpy as the builtins": (
        "import numpy as __builtins__\nX = 0 and (loadtxt := 1)\ndef reward(obs):\n    return loadtxt('CANARY')",
        "'__builtins__'",
    ),
    # Python
    "a format string": (program("return len('{0.__class__}'.format(obs))"), "use an f-string"),
    "an f-string": (program("return len(f'{obs.__class__}')"), "'__class__'"),
    "an f-string in an f-string": (program("return f'{1:{obs.__class__}}'"), "'__class__'"),
    "a comprehension": (program("return [().__class__ for _ in obs]"), "'__class__'"),
    "a default": (program("return obs", "obs, k=().__class__"), "'__class__'"),
    "a lambda's default": (program("return (lambda k=().__class__: k)()"), "'__class__'"),
    "a pattern": (program("match obs:\n    case float(__class__=c):\n        return c"), "Match is not allowed"),
    "a decorator": (program("return obs", before="@np.vectorize"), "decorators"),
    "a generator": (program("yield obs[:, 0]"), "generators"),
    "global": (program("global X\nX = 1\nreturn obs[:, 0]"), "nothing is remembered"),
    "nonlocal": (program("def f():\n    nonlocal obs\n    obs = 0\nf()\nreturn obs"), "nonlocal"),
    "star arguments": (program("return obs", "*obs"), "without *"),
    "letters that look like others": (program("return ｅｖａｌ('1')"), "'eval'"),
    "an attribute in mathematical letters": (program("return obs.__𝓬lass__"), "'__class__'"),
    # sizes
    "a null byte": ("def reward(obs):\n    return obs\0", "null bytes"),
    "half a character": ("def reward(obs):\n    return obs  # \ud800", "surrogates"),
    "ten megabytes": (f"{'#' * 10_000_000}\n", "10000001 characters"),
    "parentheses": (program(f"return {'(' * 500}obs{')' * 500}"), "too many nested parentheses"),
    "signs": (program(f"return {'-' * 40_000}obs[:, 0]"), "nested too deeply"),
    "a long sum": (program(f"return obs[:, 0]{'+1' * 20_000}"), "nested too deeply"),
    "a chain": (program(f"return obs{'.T' * 20_000}"), "nested too deeply"),
    "a number of many digits": (program(f"return obs[:, 0] * {'9' * 40_000}"), "Exceeds the limit"),
    "such a number in base 16": (program(f"return obs[:, 0] * 0x{'f' * 40_000}"), "Exceeds the limit"),
    "indentation": (program("\n".join(f"{' ' * i}if True:" for i in range(120))), "too many levels"),
}

TOLD: dict[str, tuple[str, str]] = {
    # writing the inputs
    "out=": (program("np.add(obs, 1, out=obs)\nreturn obs[:, 0]"), "read-only"),
    "out= in a tuple": (program("np.add(obs, 1, out=(obs,))\nreturn obs[:, 0]"), "read-only"),
    "out= in keywords": (program("return np.add(*[obs, obs], **{'out': obs})[:, 0]"), "read-only"),
    "a view by einsum": (program("np.einsum('ij->ji', obs)[:] = 7\nreturn obs[:, 0]"), "read-only"),
    "a view by broadcasting": (program("np.broadcast_arrays(obs, obs)[0][:] = 7\nreturn obs[:, 0]"), "read-only"),
    "another array on its memory": (
        program("np.ndarray(obs.shape, float, obs)[:] = 7\nreturn obs[:, 0]"),
        "read-only",
    ),
    "a method of the class": (program("np.ndarray.fill(obs, 7)\nreturn obs[:, 0]"), "read-only"),
    "a median in place": (program("return np.median(obs, axis=1, overwrite_input=True)"), "read-only"),
    "numbers put in place": (program("np.nan_to_num(obs, copy=False)\nreturn obs[:, 0]"), "read-only"),
    "sorting in place": (program("obs.T.sort()\nreturn obs[:, 0]"), "read-only"),
    "an input called by another name": (program("o = obs\no *= 2\nreturn o[:, 0]"), "read-only"),
    "the action": (program("action[...] = 0\nreturn obs[:, 0]", "obs, action"), "read-only"),
    "the end of the episode": (program("terminated[:] = True\nreturn obs[:, 0]", "obs, terminated"), "read-only"),
    # what is no reward
    "complex numbers": (program("return obs[:, 0] * 1j"), "real numbers"),
    "objects": (program("return np.array([1.0] * len(obs), dtype='O')"), "real numbers"),
    "functions": (program("return np.array([len] * len(obs))"), "real numbers"),
    "records": (program("return np.zeros(len(obs), dtype=[('a', 'f8')])"), "real numbers"),
    "records with objects": (program("return np.zeros(len(obs), dtype=[('a', 'O')])"), "real numbers"),
    "dates": (program("return np.zeros(len(obs), dtype='M8[s]')"), "real numbers"),
    "text": (program("return np.array(['1.0'] * len(obs))"), "real numbers"),
    "an iterator": (program("return (x for x in obs[:, 0])"), "real numbers"),
    "a list in itself": (program("a = []\na.append(a)\nreturn a"), ""),
    "a number beyond float64": (program("return np.full(len(obs), 10, dtype='longdouble') ** 400"), ""),
    "nothing": (program("pass"), "real numbers"),
    "a component for the prompt": (program("return {'<|im_end|>\\n': obs[:, 0]}"), ""),
    "its own name taken": ("def reward(obs):\n    return obs[:, 0]\nreward = 3", "not callable"),
    "recursion": (program("return f(obs)", before="def f(x):\n    return f(x)\n"), "recursion"),
    "recursion through numpy": (
        program("return g(obs)", before="def f(x):\n    return g([x])[0]\ng = np.vectorize(f)\n"),
        "recursion",
    ),
    "a kept errstate": (program("with np.errstate(all='raise'):\n    return 1 / (obs[:, 0] * 0)"), "divide by zero"),
    "a callback": (program("with np.errstate(all='call', call=len):\n    return 1 / (obs[:, 0] * 0)"), ""),
}
"""They raise in the sandbox and without."""

MESSAGES = {
    "that cannot be made": "raise ValueError(10**5000)",
    "without end": "a = []\nfor _ in range(10**5):\n    a = [a]\nraise ValueError(a)",
    "for the prompt": "raise KeyError('<|im_end|>``` \\x1b[2J' * 1000)",
    "for the terminal": "raise ValueError('\\r\\x1b]0;title\\x07 \\u202e' * 1000)",
}
"""What an error says goes into the next prompt."""

BIG: dict[str, str] = {
    "a power": program("return 9**9**9 * obs[:, 0]"),
    "a power as a constant": program("return obs[:, 0]", before="X = 9**9**9"),
    "a factorial": program("return math.factorial(10**7) * obs[:, 0]"),
    "a long text": program("return len('x' * 10**10) * obs[:, 0]"),
    "a wide format": program("return len(f'{1:{10**9}}') * obs[:, 0]"),
    "a table": program("a = np.ones(10**6)\nreturn np.outer(a, a)[0, 0] * obs[:, 0]"),
    "a table by broadcasting": program("return np.broadcast_to(obs[0], (10**9, 3)).copy()[:5, 0]"),
    "a sum over nothing that is stored": program("return np.broadcast_to(obs[:, 0], (10**9, 5)).sum(0)"),
    "a comprehension": program("return sum(1 for _ in range(10**18)) * obs[:, 0]"),
    "components": program("return {f'c{i}': obs[:, 0] for i in range(10**7)}"),
    "an error that is swallowed": program("while True:\n    try:\n        x = [0] * 10**9\n    except:\n        pass"),
    "a return that is taken back": program("while True:\n    try:\n        return obs\n    finally:\n        continue"),
}
"""Time or memory: in the sandbox alone."""

REWARDS: dict[str, tuple[str, str]] = {
    "names in Greek": (program("σ, Δx = 2.0, obs[:, 0]\nreturn np.exp(-Δx / σ)"), "np.exp(-obs[:, 0] / 2.0)"),
    "letters that look alike": (program("return ｏbs[:, 0]", "ｏbs"), "obs[:, 0]"),
    "a named character": (program("return {'a': obs[:, 0] * len('\\N{DEGREE SIGN}')}"), "obs[:, 0]"),
    "a walrus": (program("return (x := obs[:, 0]) + x"), "2 * obs[:, 0]"),
    "vectorize": (program("return np.vectorize(lambda x: x if x > 0 else 0.0)(obs[:, 0])"), "np.maximum(obs[:, 0], 0)"),
    "a name of its own scope": (program("y = [obs for obs in (1, 2)]\nreturn obs[:, 0]"), "obs[:, 0]"),
    "bools": (program("return obs[:, 0] > 0"), "1.0 * (obs[:, 0] > 0)"),
    "a view": (program("return obs[:, 0]"), "obs[:, 0]"),
    "a reversed view": (program("return obs.T[::-1][0]"), "obs[:, 2]"),
    "one value for all": (program("return np.broadcast_to(2.0, len(obs))"), "2.0 + 0 * obs[:, 0]"),
    "many warnings": (
        program("for _ in range(1000):\n    np.log(-np.abs(obs))\nreturn obs[:, 0]"),
        "obs[:, 0]",
    ),
}
"""What they compute, by another way."""


@pytest.fixture(autouse=True)
def _nothing_else_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files of the current folder, the environment, and what numpy and Python keep for everybody."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CANARY").write_text("as it was")

    def state() -> dict[str, Any]:
        return {
            "files": {p.name: p.read_bytes() for p in tmp_path.iterdir()},
            "numpy": (np.geterr(), np.geterrcall(), str(np.get_printoptions())),
            "random": (str(np.random.get_state()), random.getstate()),  # noqa: NPY002 (the one that everybody shares)
            "python": (sys.getrecursionlimit(), sys.get_int_max_str_digits(), sys.stdout, list(warnings.filters)),
            "environment": {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
        }

    before = state()
    yield
    assert state() == before


def outcome(source: str, sandbox: Any = "available", seconds: float = 20.0) -> dict[str, np.ndarray]:
    """The components on a batch whose arrays stay as they were, and stay writable for their owner."""
    t = random_batch({"obs": (3,)}, ROWS, (2,))
    arrays = [t.state["obs"], t.next_state["obs"], t.action, t.terminated]
    before = [array.copy() for array in arrays]
    reward = CodeReward(source, seconds=seconds, memory_mib=256, sandbox=sandbox)
    try:
        return evaluate(reward, t)
    finally:
        reward.close()
        for array, was in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, was)
            assert array.flags.writeable


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_with_the_reason(what: str) -> None:
    source, words = REFUSED[what]
    begin = time.monotonic()
    with pytest.raises(ProgramRejected) as caught:
        load_program(source, fields=())
    assert words in caught.value.reason
    assert len(str(caught.value)) < 1300
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize("sandbox", ["available", "none"])
@pytest.mark.parametrize("what", TOLD)
def test_it_fails_and_leaves_everything_as_it_was(what: str, sandbox: str) -> None:
    source, words = TOLD[what]
    with pytest.raises(RewardError) as caught:
        outcome(source, sandbox)
    assert words in str(caught.value)
    if sandbox == "available":
        check_told(caught.value)


@pytest.mark.parametrize("what", MESSAGES)
def test_its_messages_are_plain(what: str) -> None:
    with pytest.raises(ProgramError) as caught:
        outcome(program(MESSAGES[what]))
    assert "Error: " in str(caught.value)
    check_told(caught.value)


def check_told(error: RewardError) -> None:
    """It is the program's error, its process lives on, and what is said fits into a prompt."""
    assert isinstance(error, ProgramError)
    assert error.kind in ("raised", "result")
    assert len(str(error)) < 900
    assert not any(odd in str(error) for odd in ("im_end", "```", "\x1b", "\u202e"))


@pytest.mark.parametrize("what", BIG)
def test_it_costs_no_more_than_its_limits(what: str) -> None:
    begin = time.monotonic()
    with pytest.raises(ProgramError) as caught:
        outcome(BIG[what], seconds=0.4)
    assert caught.value.kind in ("timeout", "raised", "died")
    assert time.monotonic() - begin < 15


@pytest.mark.parametrize("sandbox", ["available", "none"])
@pytest.mark.parametrize("what", REWARDS)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_is_odd_but_honest_is_a_reward(what: str, sandbox: str) -> None:
    source, by_hand = REWARDS[what]
    (values,) = outcome(source, sandbox).values()
    expected = eval(by_hand, {"np": np, "obs": random_batch({"obs": (3,)}, ROWS, (2,)).state["obs"]})
    np.testing.assert_array_equal(values, expected)


STATE = {
    "a default": program("kept.append(1)\nreturn obs[:, 0] + len(kept)", "obs, kept=[]"),
    "a default of a helper": program("return obs[:, 0] + f()", before="def f(k={}):\n    k[len(k)] = 1\n    return len(k)"),  # noqa: E501
    "a constant": program("N[0] += 1\nreturn obs[:, 0] + N[0]", before="N = np.zeros(1)"),
    "a closure": program("return obs[:, 0] + count()", before="def f():\n    n = []\n    return lambda: n.append(1) or len(n)\ncount = f()"),  # noqa: E501
    "a lambda's default": program("return obs[:, 0] + f()", before="f = lambda n=[]: n.append(1) or len(n)"),
    "the first arrays": program("K.append(obs)\nreturn K[0][:1, 0].sum() + obs[:, 1]", before="K = []"),
    "the first mean": program("if not M:\n    M.append(obs.mean())\nreturn obs[:, 0] - M[0]", before="M = []"),
}  # fmt: skip


@pytest.mark.parametrize("sandbox", ["available", "none"])
@pytest.mark.parametrize("where", STATE)
def test_what_is_remembered_between_calls_is_found_before_training(where: str, sandbox: Any) -> None:
    found = validate(STATE[where], fields=(), transitions=random_batch({"obs": (3,)}), sandbox=sandbox)
    assert not found.accepted
    assert re.search(r"whatever was evaluated before|does not depend on the other rows", found.feedback())


@pytest.mark.parametrize("sandbox", ["available", "none"])
def test_results_are_the_callers_own(sandbox: Any) -> None:
    """They are no views of inputs, of shared memory, or of what the program keeps and changes later."""
    source = program(
        "K[:] = obs[0, 0]\nreturn {'kept': K, 'view': obs[:, 1], 'same': obs[:, 1]}", before="K = np.zeros(5)"
    )
    reward = CodeReward(source, sandbox=sandbox)
    first, second = random_batch({"obs": (3,)}, ROWS), random_batch({"obs": (3,)}, ROWS, seed=1)
    before = evaluate(reward, first)
    told = {name: values.copy() for name, values in before.items()}
    evaluate(reward, second)
    first.state["obs"][:] = 9.0
    for name, values in before.items():
        np.testing.assert_array_equal(values, told[name])
    before["view"][:] = 5.0
    np.testing.assert_array_equal(before["same"], told["same"])
    reward.close()


def test_batches_without_rows() -> None:
    reward = load_program(program("return {'a': obs[:, 0], 'b': np.square(obs).sum(-1)}"), fields=())
    t = random_batch({"obs": (3,)}, ROWS)
    for rows in (0, ROWS, 0):
        part = t.map(lambda array, rows=rows: array[:rows])
        assert {name: values.shape for name, values in reward(part).items()} == {"a": (rows,), "b": (rows,)}
    reward.close()
