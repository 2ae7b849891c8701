"""What a comparison found, in plain sentences made from its numbers, no stronger than its intervals allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agents.comparison.results import Json, Results, interval, listed, number, symbol

SAME = 0.0005
"""Lower ends below this are shown as 0.000: no difference was measured."""
DEPENDS = 0.1
"""Distances that differ by this much between coverages are remarked upon, where the intervals do not overlap."""


@dataclass(frozen=True)
class Finding:
    """A sentence.

    Attributes:
        title: What it is about, in a few words.
        text: The sentence.
        kind: ``plain``, ``warn`` or ``bad``.
    """

    title: str
    text: str
    kind: str = "plain"


def findings(results: Results) -> list[Finding]:
    """The findings, in the order in which they should be read."""
    found = [*_failed(results)]
    method = results.method
    if method is not None:
        found += [*_extremes(results, method), *_like_reference(results, method)]
        found += [*_depends(results, method), *_unsettled(results, method)]
    return found + [*_degenerate(results), *_policies(results), *_flags(results)]


def _failed(results: Results) -> Iterator[Finding]:
    for reward in results.rewards:
        if reward.get("error"):
            yield Finding("Failed", f"{reward['name']} could not be compared: {reward['error']}", "bad")


def _extremes(results: Results, method: str) -> Iterator[Finding]:
    """The pairs whose largest distance over the coverages is smallest and largest."""
    used = _used(results, method)
    complete = [pair for pair in results.pairs if used and len(_entries(results, method, pair)) == len(used)]
    if not complete:
        return
    most = {pair: max(e["value"] for e in _entries(results, method, pair).values()) for pair in complete}
    if len(most) == 1:
        yield Finding("How far apart", f"{_of(results, method, complete[0])}.")
        return
    for title, pair in (
        ("Most alike", min(most, key=most.__getitem__)),
        ("Most different", max(most, key=most.__getitem__)),
    ):
        rivals = _not_told_apart(results, method, pair, complete)
        yield Finding(title, f"{_of(results, method, pair)}.{rivals}")
    if left_out := len(results.pairs) - len(complete):
        yield Finding(
            "Not judged",
            f"{left_out} of {len(results.pairs)} pairs have no distance on some coverage and were left "
            "out when the most alike and the most different were looked for.",
        )


def _like_reference(results: Results, method: str) -> Iterator[Finding]:
    """Candidates whose interval reaches zero, then those that intervals cannot put in order of nearness."""
    reference = results.reference
    if reference is None or len(results.names) < 3:
        return
    others = {name: _entries(results, method, (reference, name)) for name in results.names if name != reference}
    same, partly = {}, []
    for name, entries in others.items():
        at_zero = {c: e for c, e in entries.items() if e.get("low") is not None and e["low"] < SAME}
        highest = number(max((e["high"] for e in at_zero.values()), default=None))
        if at_zero and len(at_zero) == len(entries):
            same[name] = f"{name} (up to {highest})"
        elif at_zero:
            partly.append(f"{name} (up to {highest}, on {listed(list(at_zero))} only)")
    if same or partly:
        yield Finding(
            f"Not told apart from {reference}",
            f"{listed([*same.values(), *partly])}: the interval of the distance to {reference} reaches from 0 to the "
            "number in parentheses. These samples show no difference but in scale, shift and shaping, which does not "
            "prove that there is none.",
        )
    elif any(e.get("low") is not None for entries in others.values() for e in entries.values()):
        yield Finding(
            f"Told apart from {reference}", "Every candidate that has a distance to it: no interval reaches 0."
        )
    yield from _nearest(results, method, {name: e for name, e in others.items() if name not in same})


def _nearest(results: Results, method: str, others: dict[str, dict[str, Json]]) -> Iterator[Finding]:
    """Which candidate is nearest to the reference on each coverage, and where the intervals leave that open."""
    nearest: dict[str, list[str]] = {}
    open_on = []
    for coverage in _used(results, method):
        entries = {name: e[coverage] for name, e in others.items() if coverage in e}
        if len(entries) < 2:
            continue
        first, *rest = sorted(entries, key=lambda name: entries[name]["value"])
        nearest.setdefault(first, []).append(coverage)
        if tied := [name for name in rest if _overlap(entries[first], entries[name])]:
            open_on.append(f"on {coverage} the intervals of {listed([first, *tied])} overlap")
    if nearest:
        every = len(nearest) == 1 and len(_used(results, method)) > 1
        text = "; ".join(f"{name} on {'every coverage' if every else listed(on)}" for name, on in nearest.items())
        not_settled = f" This is not settled: {'; '.join(open_on)}." if open_on else ""
        yield Finding(f"Nearest to {results.reference}", f"{text}.{not_settled}")


def _depends(results: Results, method: str) -> Iterator[Finding]:
    """The pair whose distance depends on the coverage the most."""
    gaps = {}
    for pair in results.pairs:
        entries = _entries(results, method, pair)
        if len(entries) < 2:
            continue
        low = min(entries, key=lambda c: entries[c]["value"])
        high = max(entries, key=lambda c: entries[c]["value"])
        gap = entries[high]["value"] - entries[low]["value"]
        if gap >= DEPENDS and not _overlap(entries[low], entries[high]):
            gaps[pair] = gap, low, high
    if not gaps:
        if len(_used(results, method)) > 1:
            yield Finding(
                "Coverage", f"No distance differs between coverages by {DEPENDS:g} or more beyond its intervals."
            )
        return
    (a, b), (_, low, high) = max(gaps.items(), key=lambda item: item[1][0])
    entries = _entries(results, method, (a, b))
    some = "is the only pair" if len(gaps) == 1 else f"is the most extreme of {len(gaps)} pairs"
    yield Finding(
        "The answer depends on coverage",
        f"{a} vs {b}: {_text(entries[low])} on {low}, {_text(entries[high])} on {high}. "
        f"This {some} whose distance differs by {DEPENDS:g} or more. A small distance on one coverage says nothing "
        "about states that it does not visit.",
        "warn",
    )


def _unsettled(results: Results, method: str) -> Iterator[Finding]:
    entries = [e for e in results.data.get("convergence") or [] if e["method"] == method]
    outside = [e for e in entries if is_unsettled(e)]
    chance = 1 - entries[0]["full"].get("confidence", 0.95) if entries else 0.0
    if len(outside) > max(1, 2 * chance * len(entries)):
        yield Finding(
            "Too few samples",
            f"{len(outside)} of {len(entries)} {symbol(method)} distances with half of the samples lie outside the "
            f"interval found with all of them, where chance alone puts about {chance:.0%}. Take more samples before "
            "you trust small differences.",
            "warn",
        )


def _degenerate(results: Results) -> Iterator[Finding]:
    for reward in results.rewards:
        where: dict[str, list[str]] = {}
        for coverage, reason in (reward.get("degenerate") or {}).items():
            where.setdefault(str(reason).rstrip("."), []).append(coverage)
        for reason, coverages in where.items():
            text = (
                f"{reward['name']} on {listed(coverages)}: {reason}. Its distance to others is undefined there, not 0."
            )
            yield Finding("No direction", text, "warn")


def _policies(results: Results) -> Iterator[Finding]:
    policies = {p["reward"]: p for p in results.data.get("policies") or [] if _fitness(p) is not None}
    if len(policies) < 2:
        return
    order = sorted(policies, key=lambda name: -policies[name]["fitness"]["mean"])
    best, worst = order[0], order[-1]
    tied = [name for name in order[1:] if _overlap(policies[best]["fitness"], policies[name]["fitness"])]
    text = f"Policies trained on {best} reach the highest fitness, {_mean(policies[best])}; on {worst} the lowest, "
    text += f"{_mean(policies[worst])}."
    if tied:
        text += f" The intervals of {listed(tied)} overlap with the best one's: their order is not settled."
    yield Finding("After training", text)


def _flags(results: Results) -> Iterator[Finding]:
    flags = results.data.get("flags")
    for flag in flags or []:
        if flag.get("severity") in ("high", "medium") and flag.get("kind") != "degenerate":  # that was said above
            kind = "bad" if flag["severity"] == "high" else "warn"
            who = f"{flag['reward']}: " if flag.get("reward") else ""
            yield Finding("Hacking flag", f"{who}{flag['title']}", kind)
    if flags == []:
        yield Finding("Hacking flags", "None was raised, which does not prove that there is nothing to exploit.")


def _used(results: Results, method: str) -> list[str]:
    return [c for c in results.coverages if results.has(method, c)]


def _entries(results: Results, method: str, pair: tuple[str, str]) -> dict[str, Json]:
    """Distances of a pair by coverage, where they are defined."""
    found = {c: results.distance(method, c, *pair) for c in results.coverages}
    return {c: e for c, e in found.items() if e is not None and e.get("value") is not None}


def _not_told_apart(results: Results, method: str, pair: tuple[str, str], others: list[tuple[str, str]]) -> str:
    """A sentence on the other pairs whose largest distance has an interval that overlaps with this pair's."""
    largest = {p: max(_entries(results, method, p).values(), key=lambda e: e["value"]) for p in others}
    tied = [p for p in others if p != pair and _overlap(largest[pair], largest[p])]
    if not tied:
        return ""
    named = listed([f"{a} vs {b}" for a, b in tied]) if len(tied) <= 2 else f"{len(tied)} other pairs"
    return f" The intervals of {named} overlap with this one, so the choice may be chance."


def _overlap(a: Json, b: Json) -> bool:
    """Whether two intervals have a point in common; unknown ends are the value itself."""
    lows, highs = [], []
    for entry in (a, b):
        middle = entry.get("value", entry.get("mean"))
        lows.append(middle if entry.get("low") is None else entry["low"])
        highs.append(middle if entry.get("high") is None else entry["high"])
    return max(lows) <= min(highs)


def is_unsettled(entry: Json) -> bool:
    """Whether a distance with half of the samples lies outside the interval with all of them."""
    half, full = (entry.get("half") or {}).get("value"), entry.get("full") or {}
    if half is None or full.get("low") is None or full.get("high") is None:
        return False
    return not full["low"] <= half <= full["high"]


def _of(results: Results, method: str, pair: tuple[str, str]) -> str:
    """A pair and its distance, or the range of that over the coverages."""
    entries = _entries(results, method, pair)
    low, high = min(entries, key=lambda c: entries[c]["value"]), max(entries, key=lambda c: entries[c]["value"])
    if len(entries) > 1 and number(entries[low]["value"]) == number(entries[high]["value"]):
        where = f"{_text(entries[high])} on every coverage"
    else:
        where = f"{_text(entries[low])} on {low}" + (f" to {_text(entries[high])} on {high}" if low != high else "")
    return f"{pair[0]} vs {pair[1]}, {symbol(method)} distance {where}"


def _text(entry: Json) -> str:
    ends = interval(entry)
    return number(entry["value"]) + (f" [{ends}]" if ends else "")


def _mean(policy: Json) -> str:
    fitness = policy["fitness"]
    ends = interval(fitness)
    seeds = f", {policy['seeds']} seed{'s' if policy['seeds'] != 1 else ''}" if policy.get("seeds") else ""
    return f"{number(fitness['mean'])} [{ends}{seeds}]" if ends else f"{number(fitness['mean'])} [no interval{seeds}]"


def _fitness(policy: Json) -> float | None:
    return (policy.get("fitness") or {}).get("mean")
