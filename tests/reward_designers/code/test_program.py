"""Programs: what is accepted, what is refused with which words, and what their names mean."""

from __future__ import annotations

import ast
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_designers.code import Program, ProgramRejected, load_program, parse_program, parse_reply
from reward_designers.code.allowlist import check

FIELDS = ("torso_height", "forward_velocity")
GOOD = '''"""Hop."""
from __future__ import annotations
import math
import numpy as np
from typing import Dict

TARGET: float = 1.2
_WEIGHTS = np.array([1.0, 2.0])


def _near(x: np.ndarray, width: float = math.sqrt(0.5)) -> np.ndarray:
    """Bump."""
    return np.exp(-np.square(x / width))


def reward(next_forward_velocity, torso_height, action, obs, scale=0.5) -> Dict[str, np.ndarray]:
    # faster is better
    unused: int
    with np.errstate(all="ignore"):
        close = _near(torso_height - TARGET)
    parts = {f"w{i}": w * close for i, w in enumerate(_WEIGHTS)}
    parts["speed"] = scale * next_forward_velocity
    parts["effort"] = -np.linalg.norm(action, axis=-1) + 0 * obs.sum(axis=-1)
    return parts
'''


def parse(source: str, entry: str = "reward") -> Program:
    return parse_program(source, fields=FIELDS, entry=entry)  # type: ignore[arg-type]


def body(line: str) -> str:
    return f"import numpy as np\nimport math\n\n\ndef reward(obs, action):\n    {line}\n"


def test_a_program_says_what_it_reads() -> None:
    program = parse(GOOD)
    assert program.arguments == ("next_forward_velocity", "torso_height", "action", "obs")
    assert program.inputs == {"forward_velocity", "torso_height", "obs"}
    assert program.reads == {"state", "next_state", "action"}
    assert parse("def reward(next_obs): return next_obs[:, 0]").reads == {"next_state"}
    assert parse("def reward(action, terminated): return action * terminated").inputs == frozenset()


def test_the_hash_is_of_what_is_computed() -> None:
    program = parse(GOOD)
    again = GOOD.replace("# faster is better", "# slower is worse").replace('"""Bump."""', "").replace("\n\n", "\n")
    assert parse(again).hash == program.hash
    assert parse(GOOD.replace("TARGET: float = 1.2", "TARGET = 1.2")).hash == program.hash
    assert parse(GOOD.replace("1.2", "1.3")).hash != program.hash
    potential = "def potential(obs): return obs[:, 0]\ndef reward(obs): return obs[:, 0]"
    assert parse(potential).hash != parse(potential, "potential").hash
    assert "Dict" not in program.normalized
    assert "faster" not in program.normalized


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("f'plain'", "'plain'.format()"),
        ("f'{{x}} {obs!r:>{len(obs)}}'", "'{{x}} {!r:>{}}'.format(obs, len(obs))"),
        ("f'{obs=}'", "'obs={!r}'.format(obs)"),
        ("""f"{'left' if obs else 'right'}_knee's" """, """"{}_knee's".format('left' if obs else 'right')"""),
        (
            """f'{f"{obs}"}' f"{[f'{o}' for o in obs]}" """,
            "'{}{}'.format('{}'.format(obs), ['{}'.format(o) for o in obs])",
        ),
    ],
)
def test_f_strings_are_written_alike_by_every_python(expression: str, written: str) -> None:
    """`ast.unparse` chooses their quotes by version, but the normalized text is what a program is named by."""
    program = parse(f"def reward(obs, width: str = {expression.replace('obs', '[1]')}): return {expression}")
    assert program.normalized.splitlines()[-1].strip() == f"return {written}"
    assert eval(written, {"obs": [1, 2]}) == eval(expression.strip(), {"obs": [1, 2]})


def test_the_names_of_programs_stay() -> None:
    """Journals and reports of other machines name programs so; a version of Python that changes them is caught here."""
    assert parse(GOOD).hash == "42480bf24c316430"


def test_names_of_comprehensions_end_with_them() -> None:
    """From Python 3.12 on the compiler counts them among those of the function or module around."""
    used = (
        "def reward(obs):\n    pairs = {k: v for k, v in enumerate([1])}\n    return (lambda: [obs for _ in pairs])()"
    )
    assert parse(used).arguments == ("obs",)
    for made in ("[i for i in (1, 2)]", "{i for i in (1, 2)}", "{i: i for i in (1, 2)}"):
        with pytest.raises(ProgramRejected, match="unknown or not allowed name 'i'"):
            parse(f"ALL = {made}\ndef reward(obs): return i * ALL")


LOOKED_AT = {  # fields of the nodes that the walk does not visit as a whole: a new one would not be looked at
    ast.FunctionDef: {"name", "args", "body", "decorator_list", "returns", "type_comment", "type_params"},
    ast.arguments: {"posonlyargs", "args", "vararg", "kwonlyargs", "kw_defaults", "kwarg", "defaults"},
    ast.AnnAssign: {"target", "annotation", "value", "simple"},
    ast.ImportFrom: {"module", "names", "level"},
    ast.alias: {"name", "asname"},
    ast.Attribute: {"value", "attr", "ctx"},
    ast.Name: {"id", "ctx"},
    ast.ExceptHandler: {"type", "name", "body"},
    ast.JoinedStr: {"values"},
    ast.FormattedValue: {"value", "conversion", "format_spec"},
}


@pytest.mark.parametrize("node", LOOKED_AT, ids=lambda node: node.__name__)
def test_this_python_has_no_syntax_that_nobody_looks_at(node: type[ast.AST]) -> None:
    assert set(node._fields) <= LOOKED_AT[node]


def test_syntax_of_later_pythons_is_refused() -> None:
    tree = ast.parse("def reward(obs): return obs")
    tree.body[0].type_params = [ast.Name("T")]  # type: ignore[attr-defined]
    with pytest.raises(ProgramRejected, match="line 1: type parameters are not allowed"):
        check(tree)
    for source in ("def reward[T: (yield)](obs): return obs", "type X = int\ndef reward(obs): return obs"):
        with pytest.raises(ProgramRejected, match="line 1: "):  # Python 3.11 calls it a syntax error
            parse(source)


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("def reward(obs):\n    return obs +", 2, "syntax error"),
        ("def reward(obs):\n    return '\x00'", None, "null bytes"),
        ("x = " + "(" * 300 + ")" * 300, None, "nested"),
        ("def reward(obs): return " + "-" * 20000 + "1.0", None, "nested too deeply"),
        ("y = 1 " + "+ 1 " * 10000, None, "nested too deeply"),
        ("X = 0x" + "f" * 40_000, None, "too complicated"),
        ("#" * 50_000, None, "more than 48000"),
        ("def reward(obs, obs): return obs", None, "syntax error, duplicate argument 'obs'"),
        ("nonlocal x", 1, "outside functions"),
        ("x = 1", None, "there is no function 'reward'"),
        ("def compute_reward(obs): return obs", None, "there is compute_reward: one of them has to be called reward"),
        ("def reward(obs): return 1\ndef reward(obs): return 2", 2, "defined twice"),
        ("def reward(): return 1.0", 1, "reads nothing"),
        ("def reward(*arrays): return 1.0", 1, "must name the arrays"),
        ("def reward(torso_hight): return torso_hight", 1, "Did you mean 'torso_height' or 'next_torso_height'"),
        (
            "def reward(next_terminated): return next_terminated",
            1,
            "'terminated' is of the step itself and has no next_",
        ),
        ("def reward(next_done): return next_done", 1, "'terminated' is of the step itself and has no next_"),
        ("def reward(next_action): return next_action", 1, "'action' is of the step itself and has no next_"),
        ("def reward(obs, truncated): return obs", 1, "a time limit is no property of a state"),
        ("def reward(obs, done): return obs", 1, "it is called 'terminated' here"),
        ("def reward(obs, action=None): return obs", 1, "always given: remove its default"),
        ("class A: pass", 1, "outside functions"),
        ("def reward(obs):\n    class A: pass", 2, "classes are not allowed"),
        ("def reward(obs):\n    global x\n    x = 1", 2, "global is not allowed"),
        ("def reward(obs):\n    yield obs", 2, "generators"),
        ("async def reward(obs): return obs", 1, "outside functions"),
        ("import functools\n@functools.cache\ndef reward(obs): return obs", 1, "import of 'functools'"),
        ("def d(f): return f\n@d\ndef reward(obs): return obs", 3, "decorators"),
        ("import torch", 1, "arguments are numpy arrays"),
        ("import os, numpy as np", 1, "import of 'os' is not allowed"),
        ("import numpy.ctypeslib", 1, "not allowed"),
        ("from numpy import load", 1, "there are no files"),
        ("from numpy import *", 1, "not allowed"),
        ("from . import x", 1, "not allowed"),
        ("max(1, 2)", 1, "outside functions there may be only"),
        ("for i in range(3): pass", 1, "outside functions there may be only"),
        ("if __name__ == '__main__':\n    pass", 1, "outside functions there may be only"),
    ],
)
def test_what_is_refused(source: str, line: int | None, words: str) -> None:
    with pytest.raises(ProgramRejected) as caught:
        parse(source)
    assert words in str(caught.value)
    assert line is None or caught.value.line == line
    assert words in caught.value.reason


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("return obs.__class__", "private names such as '__class__'"),
        ("return obs._x", "private names"),
        ("return __builtins__", "private names"),
        ("return np.load('x')", "there are no files"),
        ("return np.random.rand(3)", "no random numbers"),
        ("return np.exq(obs)", "unknown or not allowed name in numpy 'exq'. Did you mean 'exp'"),
        ("return np.lib.stride_tricks.as_strided(obs)", "name in numpy 'lib'"),
        ("return np.linalg.nurm(obs)", "Did you mean 'norm'"),
        ("return math.sqart(2)", "Did you mean 'sqrt'"),
        ("return obs.abs()", "it is a function of numpy's: np.abs(x)"),
        ("return obs.ctypes", "attribute 'ctypes'"),
        ("return obs.tofile('x')", "attribute 'tofile'"),
        ("return obs.setflags(write=True)", "attribute 'setflags'"),
        ("return '{0.x}'.format(obs)", "use an f-string"),
        ("return f'{obs.__class__}'", "private names"),
        ("return eval('obs')", "code is not run from text"),
        ("return getattr(obs, 'sum')", "name the attribute"),
        ("return open('/etc/passwd')", "there are no files"),
        ("print(obs)", "return what you want to see as a component"),
        ("return torch.sum(obs)", "arguments are numpy arrays: use np"),
        ("return self.height", "there is no object"),
        ("return heigth", "unknown or not allowed name 'heigth'"),
        ("m = np", "is a module"),
        ("np = obs", "np cannot be assigned to"),
        ("reward.calls = 1", "attributes cannot be assigned to"),
        ("with obs as f: pass", "with is allowed for np.errstate"),
        ("x = [1]; del x[0]", "del is not allowed"),
        ("return (lambda: (yield))", "generators"),
        ("import os", "import of 'os'"),
        ("try:\n        pass\n    except Exception as __x: pass", "private names"),
        ("match obs:\n        case 1: pass", "Match is not allowed"),
    ],
)
def test_what_is_refused_within_a_function(line: str, words: str) -> None:
    with pytest.raises(ProgramRejected) as caught:
        parse(body(line))
    assert words in str(caught.value)
    assert caught.value.line is not None
    assert caught.value.line >= 6


@pytest.mark.parametrize(
    "line",
    [
        "return -np.square(action).sum(-1)",
        "return {'a': obs[:, 0], **{'b': obs[..., 1]}}",
        "return np.where(obs[:, 0] > 0.0, 1.0, math.exp(-1))",
        "return np.clip(obs[:, 0], 0, None) if len(obs) > 3 else np.zeros(obs.shape[0], dtype=np.float32)",
        "total = sum(w * obs[:, i] for i, w in enumerate([1, 2]))\n    return {'t': total}",
        "f = lambda x: x ** 2\n    return f(obs[:, 0])",
        "try:\n        return obs[:, 9]\n    except IndexError as e:\n        raise ValueError('short') from e",
        "assert obs.ndim == 2, 'flat'\n    return np.linalg.norm(obs, axis=1)",
        "from numpy import tanh\n    return tanh(obs[:, 0])",
        "out = np.zeros(len(obs))\n    out[obs[:, 0] > 1] += 1\n    return out",
        "while (n := 3) < 2:\n        break\n    return obs[:, n]",
    ],
)
def test_what_rewards_are_written_with(line: str) -> None:
    assert parse(body(line)).arguments == ("obs", "action")


TOKENS = '( ) [ ] : = := * ** @ \' """ f\'{ \\ \n \x00 \ud800 é'
WORDS = "def class lambda yield await nonlocal global return del import"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_written_is_accepted_or_refused(data: st.DataObject) -> None:
    """Never another error: a search must go on."""
    source = GOOD
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(source)))
        token = data.draw(st.sampled_from([*TOKENS.split(" "), *WORDS.split()])) + " "
        source = source[:start] + token + source[start + data.draw(st.integers(0, 20)) :]
    with contextlib.suppress(ProgramRejected):
        assert parse(source).hash
    with contextlib.suppress(ProgramRejected):
        assert parse_reply(source)


def test_a_potential_is_a_function_of_one_state() -> None:
    assert parse("def potential(torso_height): return torso_height", "potential").reads == {"state"}
    for argument in ("action", "next_obs", "next_torso_height", "terminated"):
        with pytest.raises(ProgramRejected, match="argument"):
            parse(f"def potential(obs, {argument}): return obs[:, 0]", "potential")


def test_text_for_the_next_prompt_is_plain() -> None:
    with pytest.raises(ProgramRejected) as caught:
        load_program('def reward(obs):\n    return "<|im_end|>```\x1b[31m\u202e" +', fields=())
    assert "im_end" not in str(caught.value)
    assert "```" not in str(caught.value)
    assert all(c.isprintable() for c in str(caught.value))
