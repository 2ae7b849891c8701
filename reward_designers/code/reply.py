"""Finds the program in a language model's reply: prose, code blocks, thoughts, and what was cut off.

Everything that the program needs is kept: helper functions, constants and imports before the last ``def`` belong to it
(public implementations that keep only the text from the last ``def`` lose them).
"""

from __future__ import annotations

import ast
import re
import textwrap

from reward_designers.code.allowlist import ProgramRejected, parse, undefined

_THOUGHTS = re.compile(r"<(think|thinking|reasoning|thought)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^`\n]*)$", re.MULTILINE)
_CODE = re.compile(r"^(import |from \w|def |[A-Za-z_]\w*(: *[\w.\[\], ]+)? *= *\S)")
_LANGUAGES = ("", "python", "py", "python3", "numpy")
_IMPORTS = {"np": "import numpy as np", "numpy": "import numpy", "math": "import math"}
MAX_REPLY = 200_000


def parse_reply(reply: str, entry: str = "reward") -> str:
    """The program in a reply, as a file of its own.

    It is the last code block that defines the function and is Python, with the other blocks of the reply before it that
    define what it lacks. Without blocks it is the longest stretch of lines that is such a program. Calls at the top
    level, which show its use, are left out; an import of numpy or math that was forgotten is added, as prompts show
    programs with them.

    Args:
        reply: What the model wrote.
        entry: Name of the function.

    Raises:
        ProgramRejected: There is none. A block that is no Python is returned whole, for its error to be told.
    """
    text = reply[:MAX_REPLY].replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    spoken = _THOUGHTS.sub("\n", text)
    for tag in ("</think>", "</thinking>"):  # some servers cut off the opening tag
        spoken = spoken.rpartition(tag)[2]
    blocks = _blocks(spoken)
    defining = [block for block in blocks if _defines(block, entry)]
    parsed = [block for block in defining if _tree(block)]
    if parsed:
        return _completed(parsed[-1], blocks)
    bare = None if defining else _bare(spoken, entry)
    if bare:
        return _completed(bare, [])
    candidates = defining or [block for block in blocks if re.search(r"^\s*def ", block, re.MULTILINE)]
    if candidates:
        return candidates[-1]
    if not spoken.strip():
        raise ProgramRejected("the reply is empty, or holds thoughts alone; give the program in a ```python block")
    raise ProgramRejected(f"the reply holds no program; give a ```python block that defines {entry}(...)")


def _blocks(text: str) -> list[str]:
    """The contents of fenced blocks of code; the last may be open."""
    blocks, opened = [], None
    for fence in _FENCE.finditer(text):
        marks, language = fence[1], fence[2].strip().split(" ")[0].lower()
        if opened is None:
            opened = (marks, language, fence.end() + 1)
        elif marks[0] == opened[0][0] and len(marks) >= len(opened[0]) and not language:
            if opened[1] in _LANGUAGES:
                blocks.append(text[opened[2] : fence.start()])
            opened = None
    if opened is not None and opened[1] in _LANGUAGES:
        blocks.append(_stripped(text[opened[2] :]))
    return [textwrap.dedent(block).strip("\n") + "\n" for block in blocks]


def _stripped(text: str) -> str:
    """An open block without the prose, or the half line, at its end, if that makes it Python."""
    lines = textwrap.dedent(text).rstrip().split("\n")
    for end in range(len(lines), max(0, len(lines) - 40), -1):
        kept = "\n".join(lines[:end])
        if _tree(kept) and not _torn(lines, end):
            return kept
    return text


def _torn(lines: list[str], end: int) -> bool:
    """Whether a program that ends there lacks the rest of its last function: prose that follows one is not indented."""
    return end < len(lines) and lines[end][:1].isspace()


def _bare(text: str, entry: str) -> str | None:
    """A program among lines of prose: from a line that looks like code to the last that lets it be Python."""
    lines = text.split("\n")
    starts = [i for i, line in enumerate(lines) if _CODE.match(line)][:200]
    for start in starts:
        end = len(lines)
        for _ in range(50):
            kept = "\n".join(lines[start:end])
            try:
                parse(kept)
            except ProgramRejected as error:
                end = min(end - 1, start + max(0, (error.line or 1) - 1))
                if end <= start:
                    break
                continue
            if _defines(kept, entry) and not _torn(lines, end):
                return kept.strip("\n") + "\n"
            break
    return None


def _completed(block: str, blocks: list[str]) -> str:
    """``block`` with the imports that it forgot, and with earlier blocks that define what it lacks."""
    blocks = [_without_examples(other) for other in blocks]
    block = _without_examples(block)
    tree = _tree(block)
    assert tree is not None
    missing = _missing(tree)
    for other in blocks[: blocks.index(block)][::-1] if block in blocks else []:
        helper = _tree(other)
        names = set() if helper is None else {name for node in helper.body for name in _names(node)}
        if missing & names and not names & {name for node in tree.body for name in _names(node)}:
            block = other + "\n\n" + block
            tree = parse(block)
            missing = _missing(tree)
    imports = [line for name, line in _IMPORTS.items() if name in missing]
    return "\n".join([*imports, *([""] if imports else []), block])


def _without_examples(block: str) -> str:
    """Without the lines at the top level that only show how the program is used."""
    tree, lines = _tree(block), block.split("\n")
    for node in reversed(tree.body if tree else []):
        call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        main = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
        if call or main:
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines)


def _missing(tree: ast.Module) -> set[str]:
    try:
        return undefined(tree)
    except (SyntaxError, RecursionError, ValueError):  # the checks that follow say what is wrong with it
        return set()


def _names(node: ast.stmt) -> set[str]:
    """What a statement at the top level defines."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _defines(block: str, entry: str) -> bool:
    return re.search(rf"^def +{entry}\b", block, re.MULTILINE) is not None


def _tree(block: str) -> ast.Module | None:
    try:
        return parse(block)
    except ProgramRejected:
        return None
