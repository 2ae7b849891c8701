"""Games played by a language model: `python -m agents.evaluate env=ALFWorld agent=react llm=openai llm.model=NAME`.

evaluation.json   what came out: a row for each game, means with intervals, and every step with its proposals
report.html       the same for people, with transcripts
replies.sqlite    the model's replies: asked again, they cost nothing
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agents import cli
from agents.acting.games import makers
from agents.acting.options import ACT, AGENTS, ActConfig, Lookahead
from agents.acting.planning import Planner, Play
from agents.acting.react import Turn, prompt, read_reply, rejected
from agents.config.language_models import NoModel
from agents.errors import UsageError, reason
from agents.files import dated, locked, make_writable, removed_if_empty, write_text
from agents.prediction.sources import Source, make_source, needs_llm
from agents.provenance import made_by
from agents.spending import spending
from agents.terminal import tell
from envs.text.game import Maker
from reward_designers.errors import RewardError, unknown_name
from reward_designers.llm import LLM, LLMError, connect

ABOUT = """A language model as the agent in a world of words: a thought and a command at each step (ReAct).

python -m agents.evaluate env=ALFWorld agent=react llm=openai llm.model=NAME
python -m agents.evaluate env=ALFWorld agent=react llm=openai llm.model=NAME judge=factored proposals=4
python -m agents.evaluate env=BlocksWorld agent=react llm=replay llm.path=evaluations/DIR/replies.sqlite"""


def main() -> None:
    """The command."""
    cli.run(ACT, "evaluate", ABOUT, evaluate)


def evaluate(config: ActConfig, given: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Play games with a language model, and write down how it did.

    Args:
        config: See `agents.acting.options`.
        given: The keys that were set, rather than left at their defaults.

    Returns:
        What is written to ``evaluation.json``.

    Raises:
        UsageError: What was asked for is not there, or the model could not be asked; its replies so far are kept.
    """
    if config.agent not in AGENTS:
        raise UsageError(unknown_name("agent", config.agent, AGENTS))
    if isinstance(config.llm, NoModel):
        raise UsageError(
            "agent=react needs a language model: llm=openai llm.model=NAME (llm.base_url=...), or llm=replay"
        )
    if config.judge is None and (extra := {"proposals", "lookahead"} & given):
        raise UsageError(f"{' and '.join(sorted(extra))} say how a judge chooses: name one, as in judge=factored")
    cli.settle_libraries()
    folder = Path(config.output) if config.output else dated("evaluations", f"{config.env.name}_react")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "replies.sqlite").exists():
        raise UsageError(f"{folder} holds something else: choose another output")
    make_writable(folder)
    with removed_if_empty(folder), locked(folder, "output"):
        try:
            games = makers(config.env, config.episodes, config.seed, folder / "games")
            source = None if config.judge is None or needs_llm(config.judge) else _source(config, None)
            with connect(asdict(config.llm), folder / "replies.sqlite", seed=config.seed) as llm:
                planner = None if config.judge is None else _planner(config, llm, source or _source(config, llm))
                plays = play(games, llm, planner, config.max_steps, config.proposals)
                cost = spending(llm)
        except (LLMError, RewardError, ModuleNotFoundError, OSError, RuntimeError, ValueError) as error:
            kept = f"\nthe replies so far are kept: output={folder} goes on from there"
            raise UsageError(reason(error, folder) + (kept if (folder / "replies.sqlite").exists() else "")) from error
        result = _result(config, plays, cost)
        _write(folder, result)
    from agents.evaluate import table

    print(table(result["metrics"], config.episodes))
    print(f"{cost}{'; ' if cost else ''}written to {folder}", file=sys.stderr)
    return result


def play(makers: Sequence[Maker], llm: LLM, planner: Planner | None, max_steps: int, proposals: int = 1) -> list[Play]:
    """Play games to their ends, all at once: the questions of one step are asked concurrently.

    Args:
        makers: Of the games.
        llm: The agent.
        planner: Chooses among proposals; None: one is asked for, and done.
        max_steps: A game is given up after so many.
        proposals: How many are asked for, if there is a planner.

    Raises:
        LLMError: The model could not be asked.
        RewardError: The judge failed.
    """
    plays = [_begin(make) for make in makers]
    try:
        for number in range(1, max_steps + 1):
            active = [play for play in plays if not play.state.over]
            if not active:
                break
            prompts = [
                prompt(
                    p.game.goal,
                    p.start.feedback,
                    p.turns,
                    p.state.admissible,
                    n=proposals if planner else 1,
                    label=f"{p.game.name}/{number}",
                )
                for p in active
            ]
            replies = llm.sample_all(prompts)
            read = [
                [read_reply(r.text, p.state.admissible) for r in some] for p, some in zip(active, replies, strict=True)
            ]
            chosen = planner.choose(active, read) if planner else [(some[0], {}) for some in read]
            for p, some, (best, values) in zip(active, read, chosen, strict=True):
                if best.command is None:
                    p.turns.append(Turn(some, best, rejected(best), values))
                    continue
                state = p.game.step(best.command)
                p.done.append((best.command, state))
                p.turns.append(Turn(some, best, state.feedback, values))
            tell(f"step {number}: {sum(p.state.won for p in plays)} of {len(plays)} games won")
    finally:
        for p in plays:
            p.game.close()
        tell("")
    return plays


def _begin(make: Maker) -> Play:
    game = make()
    return Play(game, game.reset())


def _source(config: ActConfig, llm: LLM | None) -> Source:
    source = make_source(config.judge or "", config.seed, llm)
    if source.privileged and config.lookahead is Lookahead.predicted:
        raise UsageError(
            f"judge={config.judge} reads the true state, which predictions do not have: ask for lookahead=simulator, "
            "or for another judge such as factored"
        )
    return source


def _planner(config: ActConfig, llm: LLM, source: Source) -> Planner:
    return Planner(source, (config.env.name or "").lower(), llm if config.lookahead is Lookahead.predicted else None)


def _result(config: ActConfig, plays: Sequence[Play], cost: str) -> dict[str, Any]:
    from agents.evaluate import summarize

    rows = [
        {
            "success": float(p.state.won),
            "goal_conditions": float(p.state.score),
            "steps": float(len(p.turns)),
            "commands_not_possible": sum(turn.chosen.command is None for turn in p.turns) / max(len(p.turns), 1),
        }
        for p in plays
    ]
    return made_by() | {
        "env": config.env.name,
        "agent": config.agent,
        "judge": config.judge,
        "lookahead": config.lookahead.name if config.judge else None,
        "model": getattr(config.llm, "model", None),
        "cost": cost,
        "episodes": config.episodes,
        "config": asdict(config) | {"lookahead": config.lookahead.name},
        "metrics": summarize(rows),
        "rows": rows,
        "games": [
            {
                "name": p.game.name,
                "goal": p.game.goal,
                "start": p.start.feedback,
                "turns": [asdict(turn) for turn in p.turns],
            }
            for p in plays
        ],
    }


def _write(folder: Path, result: dict[str, Any]) -> None:
    from agents.pages import render

    write_text(folder / "evaluation.json", json.dumps(result, indent=1))
    write_text(folder / "report.html", render("acting.html", data=result, folder=folder))
