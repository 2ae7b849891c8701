"""Programs and their differences as colored HTML. Whatever they hold comes out as text."""

from __future__ import annotations

import difflib

from markupsafe import Markup


def program(source: str) -> Markup:
    """Python, colored."""
    from pygments.lexers.python import PythonLexer

    return _colored(source, PythonLexer(stripnl=False))


def difference(old: str, new: str, old_name: str, new_name: str) -> Markup:
    """What changed between two programs, as a unified diff; empty if nothing did."""
    from pygments.lexers.diff import DiffLexer

    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), old_name, new_name, lineterm="")
    text = "\n".join(lines)
    return _colored(text, DiffLexer(stripnl=False)) if text else Markup()


def _colored(text: str, lexer: object) -> Markup:
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter

    return Markup(highlight(text, lexer, HtmlFormatter(nowrap=True)))
