"""The page of a search: `report.html`, one file that needs no network, for light and dark screens of any width.

python -m agents.designing.report DIR        writes it anew, from what is in the search's directory

Programs, replies and prompts are somebody else's text: on the page they are text, and the page runs no scripts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.designing import graphs, highlight, plots
from agents.designing.distances import OWN, Distances, Plane, lay_out, matrix
from agents.designing.duplicates import SAMPLES
from agents.designing.film import filmed
from agents.designing.folder import DesignDir
from agents.designing.journal import Journal
from agents.designing.results import STATES, Results
from agents.drawing import Plot
from agents.errors import UsageError, fail
from agents.files import write_text
from agents.pages import embedded, render
from reward_designers.code.search import Candidate, Score, diagnose

if TYPE_CHECKING:
    from agents.designing.loop import Search

TAGS = {"best": "the best", "tied": "tied with the best"}
NAMED = 6
"""Programs that a sentence lists."""
MAPPED = 3
"""Least programs that a map shows something of."""


class Report:
    """The page of a search that is going on. If it cannot be written, this is said and the search goes on.

    Args:
        search: The search.
    """

    def __init__(self, search: Search):
        self.search = search
        self.distances = Distances(search.duplicates, search.setting.own)
        self._drawn: dict[str, str] = {}

    def update(self, *, measure: bool = True) -> None:
        """Write the page as far as the search is.

        Args:
            measure: Run programs to learn how far they are from each other, for the map.
        """
        folder, journal = self.search.folder, self.search.journal
        try:
            if measure:
                checked = Results(folder, journal).checked
                self.distances.update(journal, {c.key: c.source for c in checked})
        except Exception as error:  # whatever it is, trainings are worth more than a picture
            self._warn("the report has no map of programs", error)
        try:
            write_report(folder, journal, self._drawn)
        except Exception as error:
            self._warn("no report was written", error)

    @contextmanager
    def at_the_end(self) -> Iterator[None]:
        """Write the page when a search ends, whatever ends it."""
        try:
            yield
        except BaseException:
            self.update(measure=False)
            raise
        self.update()

    def _warn(self, what: str, error: Exception) -> None:
        self.search.display.say(f"warning: {what}: {type(error).__name__}: {error}")


def write_report(folder: DesignDir, journal: Journal, drawn: dict[str, str] | None = None) -> Path:
    """Write the page of a search from what is in its directory; returns its path.

    Args:
        folder: The directory.
        journal: In it.
        drawn: Figures of programs that an earlier page had; new ones are added.

    Raises:
        UsageError: The search's options are damaged.
        OSError: The file cannot be written.
    """
    results = Results(folder, journal)
    figures = {name: plot.svg(f"{name}-") for name, plot in _figures(results).items()}
    figures |= _trainings(results, {} if drawn is None else drawn)
    filters: dict[str, Callable[..., Any]] = {
        "code": highlight.program,
        "score": _score,
        "short": lambda value: f"{value:.3g}",
        "duration": duration,
        "anchor": plots.anchor,
        "day": lambda text: text[:10],
    }
    page = render(
        "design.html",
        filters,
        results=results,
        title=f"{results.env}: {results.designer} search for a reward",
        verdict=verdict(results),
        states=STATES,
        figures=figures,
        scale=graphs.color_scale(results),
        plane=_plane(results),
        own=OWN,
        samples=SAMPLES,
        tags=TAGS,
        entries=[_entry(results, candidate) for candidate in results.candidates],
        prompts=_prompts(results),
        film=_film(results),
        settings=_flat(results),
    )
    write_text(folder.report, page)
    return folder.report


def verdict(results: Results) -> list[tuple[str, str]]:
    """What came out, in sentences with a kind each: ``good``, ``warn`` or nothing."""
    best = results.best
    if best is None:
        if results.state == "partial":
            return [("", "No program has a score yet.")]
        return [("warn", "No program could be trained. The reasons are listed under rejected programs.")]
    number, unit = results.number[best.key], plots.unit(results)
    told: list[tuple[str, str]] = []
    found = {name: results.final_scores(name)[0] for name in plots.NAMES}
    if found["best"] is None:
        told.append(("", f"Program {number} is the best so far: {unit} {_score(results.score(best))}."))
        if results.state == "partial":
            told.append(("", "It was chosen by these scores, so they flatter it; fresh seeds come at the end."))
    else:
        told.append(("", f"Program {number} is the best: {unit} {_score(found['best'])} on fresh seeds."))
    if found["best"] is not None and found["env"] is not None:
        told.append(_beside(results, "env", "the environment's own reward", found["env"]))
    if found["best"] is not None and found["zero"] is not None:
        told.append(_beside(results, "zero", "no reward at all", found["zero"]))
    if "human_normalized" in results.final:
        value = results.final["human_normalized"]
        if value is None:
            told.append(("warn", "No human-normalised score: the environment's own reward cannot be told from none."))
        else:
            told.append(
                ("", f"Human-normalised score {value:.2f} (0: as good as no reward, 1: as the environment's own).")
            )
    if results.selection.tied:
        several = [str(results.number[key]) for key in results.selection.tied if key != best.key]
        if several:
            told.append(("warn", f"In the search it could not be told from {_programs(several)}."))
    return told


def _beside(results: Results, name: str, words: str, found: Score) -> tuple[str, str]:
    """The best program's final score beside another one."""
    best = results.final_scores("best")[0]
    assert best is not None
    if not results.apart("best", name):
        return "warn", f"It cannot be told from {words} ({_score(found)}) with as many seeds as there were."
    if best.mean > found.mean:
        return "good", f"It is better than {words} ({_score(found)})."
    return "warn", f"It is worse than {words} ({_score(found)})."


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _score(found: Score | None) -> str:
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.mean:.3g} (1 seed)"
    return f"{found.mean:.3g} [{found.low:.3g} to {found.high:.3g}]"


def _programs(numbers: Sequence[str]) -> str:
    shown = ", ".join(numbers[:NAMED])
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return f"program{'s' if len(numbers) > 1 else ''} {shown}{more}"


def _figures(results: Results) -> dict[str, Plot]:
    """Figures by name, those that there is something to show in."""
    figures: dict[str, Plot] = {}
    if results.final_scores("best")[0] is not None or results.final_scores("env")[0] is not None:
        figures["final"] = plots.final(results)
    if results.best is not None:
        run, seeds, steps = results.best.key, list(results.best.scores), results.best.steps
        if results.final_scores("best")[0] is not None:
            seeds, steps = results.final["seeds"], results.final["steps"]
        if curves := results.curves(run, seeds, steps):
            figures["learning"] = plots.learning(results, curves, f"program {results.number[run]}")
    if any(candidate.values is not None for candidate in results.candidates):
        figures["scores"] = plots.scores(results)
    if results.candidates:
        figures["lineage"] = graphs.lineage(results)
    if (found := _plane(results)) is not None:
        figures["map"] = graphs.plane(results, found)
    return figures


def _trainings(results: Results, drawn: dict[str, str]) -> dict[str, str]:
    """A figure for each program that was trained; drawing all of them takes longer than all the rest."""
    figures = {}
    for candidate in results.candidates:
        if candidate.record is not None:
            known = f"{candidate.key}/{candidate.steps}"
            if known not in drawn:
                drawn[known] = plots.training(results, candidate.record).svg(f"t{results.number[candidate.key]}-")
            figures[f"training-{candidate.key}"] = drawn[known]
    return figures


def _plane(results: Results) -> Plane | None:
    """The map; None where there is nothing to be seen."""
    names, values = matrix(results.journal.all("distance"))
    known = {OWN, *results.number} - set(results.twins)  # those are drawn where the other one is
    rows = [i for i, name in enumerate(names) if name in known]
    if len(rows) < MAPPED:
        return None
    found = lay_out([names[i] for i in rows], values[rows][:, rows])
    return found if len(found.names) >= MAPPED else None


def _entry(results: Results, candidate: Candidate) -> dict[str, Any]:
    """What the page tells of one program."""
    history, origin = results.history, candidate.origin
    parents = [history[key] for key in origin.parents]
    check = results.journal.get("check", candidate.key) or {"findings": []}
    reply = None
    if origin.prompt:
        replies = results.journal.get("reply", origin.prompt)["replies"]
        reply = replies[origin.reply]
    number = results.number
    return {
        "candidate": candidate,
        "what": results.what(candidate),
        "score": results.score(candidate),
        "parents": parents,
        "diff": highlight.difference(
            parents[0].source, candidate.source, f"program {number[parents[0].key]}", f"program {number[candidate.key]}"
        )
        if parents
        else "",
        "findings": check["findings"],
        "diagnoses": [] if candidate.record is None else diagnose(candidate.record),
        "twin": results.twins.get(candidate.key),
        "notes": [note for note in history.notes if note.about[:1] == (candidate.key,)],
        "reply": reply,
    }


def _prompts(results: Results) -> dict[str, list[dict[str, Any]]]:
    """Every prompt with its replies, by round: those that are programs point to them, the others are shown."""
    made: dict[tuple[str, int], str] = {(c.origin.prompt, c.origin.reply): c.key for c in results.candidates}
    found: dict[str, list[dict[str, Any]]] = {}
    for key, value in results.journal.all("reply").items():
        parts = str(value["label"]).split("/") + [""] * 5  # see `Designer.ask`
        round, operation = parts[3:5]
        replies = [(reply, made.get((key, i))) for i, reply in enumerate(value["replies"])]
        row = {"key": key, "operation": operation or key[:12], "messages": value["messages"], "replies": replies}
        found.setdefault(f"Round {int(round) + 1}" if round.isdecimal() else "Others", []).append(row)
    return found


def _film(results: Results) -> dict[str, Any] | None:
    """The video, with the training that it shows."""
    source = embedded(results.folder.video)
    if not source or not results.summary.get("best"):
        return None
    seed, score = filmed(results.summary, results.history)
    return {"source": source, "seed": seed, "score": score}


def _flat(results: Results) -> list[tuple[str, str]]:
    """Options as (key, value) rows; what was left at None was decided by the environment's tuned values."""
    from omegaconf import OmegaConf

    def rows(node: Any, prefix: str) -> list[tuple[str, str]]:
        if isinstance(node, Mapping) and node:
            return [row for key, value in node.items() for row in rows(value, f"{prefix}.{key}" if prefix else key)]
        return [] if node is None or node == {} else [(prefix, str(node))]

    return rows(OmegaConf.to_container(OmegaConf.load(results.folder.config)), "")


def main(arguments: Sequence[str]) -> None:
    """The command."""
    if len(arguments) != 1:
        fail("usage: python -m agents.designing.report DIR")
    try:
        folder = DesignDir.open(arguments[0])
        with closing(Journal(folder.journal, read_only=True)) as journal:
            print(write_report(folder, journal))
    except UsageError as error:
        fail(error)


if __name__ == "__main__":
    main(sys.argv[1:])
