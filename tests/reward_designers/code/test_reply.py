"""What language models write around a program, and that all of the program is found in it."""

from __future__ import annotations

import ast

import pytest

from reward_designers.code import ProgramRejected, load_program, parse_reply

HELPER = "SCALE = 2.0\n\n\ndef helper(x):\n    return SCALE * x\n"
REWARD = "def reward(obs, action):\n    return {'a': helper(obs[:, 0])}\n"
PROGRAM = f"import numpy as np\n\n{HELPER}\n\n{REWARD}"


def same(found: str, expected: str = PROGRAM) -> bool:
    return ast.dump(ast.parse(found)) == ast.dump(ast.parse(expected))


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\n{PROGRAM}```",
        f"Sure! Here is a *reward*:\n\n```python\n{PROGRAM}```\n\nIt rewards `a`.\nreward = 3 is not part.",
        f"~~~py\n{PROGRAM}~~~",
        f"````python\n{PROGRAM}````",
        f"```Python title=\"reward.py\"\n{PROGRAM}```",
        f"```\n{PROGRAM}```",
        f"```python\n{PROGRAM}",
        f"```python\n{PROGRAM}\nThis reward makes it hop",
        f"```python\r\n{PROGRAM}```".replace("\n", "\r\n"),
        f"- first:\n\n    ```python\n{''.join('    ' + line for line in PROGRAM.splitlines(True))}    ```\n",
        PROGRAM,
        f"Here is the code:\n\n{PROGRAM}\nI hope that it helps!",
        f"The idea = simple\n\n{PROGRAM}\n",
        f"<think>\nMaybe\n```python\ndef reward(obs):\n    return wrong\n```\n</think>\n```python\n{PROGRAM}```",
        f"maybe ```def reward(obs): return 1```\n</think>\n```python\n{PROGRAM}```",
        f"First try:\n```python\ndef reward(obs):\n    return obs\n```\nBetter:\n```python\n{PROGRAM}```",
        f"```python\n{PROGRAM}```\nRun:\n```bash\npython train.py\n```\nUse:\n```python\nr = reward(o, a)\n```",
        f"```python\n{PROGRAM}```\n```python\ndef reward(obs:\n    return broken\n```",
        f"Helpers:\n```python\nimport numpy as np\n{HELPER}```\nThe reward:\n```python\n{REWARD}```",
        f"```json\n{{\"def reward(\": 1}}\n```\n```python\n{PROGRAM}```",
    ],
)  # fmt: skip
def test_the_whole_program_is_found(reply: str) -> None:
    assert same(parse_reply(reply))


def test_what_comes_before_the_last_def_is_kept() -> None:
    source = PROGRAM + "\n\ndef after(x):\n    return x\n"
    assert same(parse_reply(f"```python\n{source}```"), source)


def test_examples_of_its_use_are_left_out() -> None:
    used = f"{PROGRAM}\nprint(reward(1, 2))\nif __name__ == '__main__':\n    import sys\n    sys.exit(reward(1, 2))\n"
    assert same(parse_reply(f"```python\n{used}```"))
    assert "main" not in parse_reply(used)


def test_forgotten_imports_are_added() -> None:
    found = parse_reply("```python\ndef reward(obs):\n    return np.exp(obs[:, 0]) + math.pi\n```")
    assert same(found, "import numpy as np\nimport math\ndef reward(obs):\n    return np.exp(obs[:, 0]) + math.pi\n")
    load_program(found, fields=())


def test_older_versions_are_not_mixed_in() -> None:
    old = "def helper(x):\n    return -x\n\n\ndef reward(obs):\n    return helper(obs[:, 0])\n"
    assert same(parse_reply(f"```python\n{old}```\nNow:\n```python\n{PROGRAM}```"))
    assert same(parse_reply(f"```python\nLIMIT = 1\n```\n```python\n{PROGRAM}```"))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("", "the reply is empty"),
        ("<think>def reward(obs): return 1", "the reply is empty, or holds thoughts alone"),
        ("I cannot help with that.", "the reply holds no program"),
        ("```bash\nls\n```", "the reply holds no program"),
    ],
)
def test_no_program(reply: str, words: str) -> None:
    with pytest.raises(ProgramRejected, match=words):
        parse_reply(reply)


@pytest.mark.parametrize("end", ["```\n", "", "    return {'a': a}\n```", "    return {'a': a}\n```\nIt rewards a."])
def test_programs_that_break_off_in_a_function_are_not_cut_to_what_is_python(end: str) -> None:
    """Otherwise a function without its `return` is checked, and its author reads about None instead of the error."""
    found = parse_reply(f"```python\ndef reward(obs):\n    a = obs[:, 0]\n    b = np.tanh((a + 1)\n{end}")
    with pytest.raises(ProgramRejected, match="line 3: syntax error, '\\(' was never closed"):
        load_program(found, fields=())


def test_broken_programs_are_returned_for_their_error() -> None:
    found = parse_reply("```python\ndef reward(obs):\n    return obs +\n```")
    with pytest.raises(ProgramRejected, match="line 2: syntax error"):
        load_program(found, fields=())
    found = parse_reply("```python\ndef compute_reward(obs):\n    return obs[:, 0]\n```")
    with pytest.raises(ProgramRejected, match="there is compute_reward"):
        load_program(found, fields=())


def test_potentials() -> None:
    source = "def potential(obs):\n    return obs[:, 0]\n"
    assert same(parse_reply(f"```python\n{source}```", "potential"), source)


def test_long_replies_take_no_time() -> None:
    with pytest.raises(ProgramRejected):
        parse_reply("x = 1 and\n" * 15_000 + "```" * 1000)
