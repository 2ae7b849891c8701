"""Programs and their differences as colored HTML. Whatever they hold comes out as text."""

from __future__ import annotations

import difflib


class Html(str):
    """Text that is HTML already, and not escaped again."""

    def __html__(self) -> str:
        """Itself: templates ask for this."""
        return self


def program(source: str) -> Html:
    """Python, colored."""
    from pygments.lexers.python import PythonLexer

    return _colored(source, PythonLexer(stripnl=False))


def difference(old: str, new: str, old_name: str, new_name: str) -> Html:
    """What changed between two programs, as a unified diff; empty if nothing did."""
    from pygments.lexers.diff import DiffLexer

    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), old_name, new_name, lineterm="")
    text = "\n".join(lines)
    return _colored(text, DiffLexer(stripnl=False)) if text else Html()


def _colored(text: str, lexer: object) -> Html:
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter

    return Html(highlight(text, lexer, HtmlFormatter(nowrap=True)))
