"""``python -m agents``: the commands there are."""

from __future__ import annotations

import ast
from pathlib import Path

COMMANDS = ("setup", "train", "evaluate", "compare", "design", "motif")


def main() -> None:
    """Print a line for each command: the first of its module's docstring."""
    for name in COMMANDS:
        text = ast.get_docstring(ast.parse((Path(__file__).parent / f"{name}.py").read_text())) or ""
        print(f"python -m agents.{name:<10} {text.splitlines()[0]}")
    print("\nOptions of one: python -m agents.train --help. What to read first: README.md, docs/quickstart.md")


if __name__ == "__main__":
    main()
