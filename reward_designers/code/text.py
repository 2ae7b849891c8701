"""Text that comes from a program, made fit to be printed, logged or put into a prompt."""

from __future__ import annotations

import re

_TAGS = re.compile(r"</?[A-Za-z|][^<>\n]{0,60}>|```+|~~~+")
"""What could be taken for a chat template's markers or the end of a code block."""


def sanitized(text: str, limit: int) -> str:
    """Printable text of at most ``limit`` characters: no control characters, markers or fences."""
    text = _TAGS.sub("", text[: 4 * limit])
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    text = re.sub(r"[ \t]+", " ", text).strip()
    return text if len(text) <= limit else text[: limit - 4] + " ..."
