"""What a reward program finds in its namespace: harmless builtins, and an import that knows three modules.

This keeps honest programs honest and gives good errors. It contains nobody: what contains is the kernel (`lockdown`).
"""

from __future__ import annotations

import builtins
from typing import Any

_NAMES = """
    abs all any bool dict divmod enumerate filter float frozenset int isinstance len list map max min pow range reversed
    round set slice sorted str sum tuple zip True False None
    ArithmeticError AssertionError Exception FloatingPointError IndexError KeyError RuntimeError TypeError ValueError
    ZeroDivisionError
"""
BUILTINS = frozenset(_NAMES.split())
MODULES = ("numpy", "math", "typing")


def namespace(unrestricted: bool = False) -> dict[str, Any]:
    """Globals for a program; ``unrestricted`` ones, with every builtin, are for tests of the containment."""
    known = vars(builtins) if unrestricted else {name: getattr(builtins, name) for name in sorted(BUILTINS)}
    found = dict(known) if unrestricted else known | {"__import__": _import}
    return {"__builtins__": found, "__name__": "reward_program"}


def _import(name: str, *arguments: Any, **options: Any) -> Any:
    """Numpy's C code imports its own modules by the importer of whoever calls it, so a filter must be there."""
    if name.partition(".")[0] not in MODULES:
        raise ImportError(f"import of {name!r} is not allowed: numpy and math are")
    return builtins.__import__(name, *arguments, **options)
