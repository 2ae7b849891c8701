"""What a comparison came to, in a few lines for the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any


def summary(report: Mapping[str, Any]) -> str:
    """A table with each reward's distance to the reference on each coverage, what its policies are worth, and flags."""
    reference = report["reference"]
    pairs = [*report["distances"], *({"method": r["measure"], **r} for r in report["returns"])]
    methods = [*(m["name"] for m in report["methods"]), "erc"]
    method = next(
        (m for m in methods if any(p["value"] is not None for p in pairs if _concerns(p, m, reference))), methods[0]
    )
    columns = list(dict.fromkeys(p["coverage"] for p in pairs if p["method"] == method))
    header = [f"{method.upper()} to {reference}", *columns]
    policies = {p["reward"]: p for p in report["policies"]}
    header += ["fitness", "regret"] if policies else []
    rows = []
    for reward in report["rewards"]:
        name = reward["name"]
        cells = [name]
        for coverage in columns:
            both = {name, reference}
            found = [
                p for p in pairs if p["method"] == method and p["coverage"] == coverage and {p["a"], p["b"]} == both
            ]
            cells.append("reference" if name == reference else _number(next(iter(found), None)))
        if policies:
            mine = policies.get(name, {})
            cells += [_number(mine.get("fitness"), "mean"), _number(mine.get("regret"), "mean")]
        rows.append(cells)
    lines = _table([header, *rows])
    for flag in report["flags"]:
        if flag["severity"] != "note":
            lines.append(f"{'!!' if flag['severity'] == 'high' else '! '} {flag['reward']}: {flag['title'].lower()}")
    return "\n".join(lines)


def _concerns(pair: Mapping[str, Any], method: str, *names: str) -> bool:
    return pair["method"] == method and set(names) <= {pair["a"], pair["b"]}


def _number(entry: Mapping[str, Any] | None, key: str = "value") -> str:
    if not entry:
        return "-"
    if entry.get(key) is None:
        return "undefined"
    if entry.get("low") is None:
        return f"{entry[key]:.3f}"
    return f"{entry[key]:.3f} ({entry['low']:.3f} to {entry['high']:.3f})"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text in columns; on a narrow terminal intervals are left out, not in a file."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    if sum(widths) + 2 * len(widths) > shutil.get_terminal_size((200, 50)).columns:
        rows = [[cell.partition(" (")[0] for cell in row] for row in rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
