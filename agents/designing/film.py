"""What the best program taught, as a video: a score alone does not tell a walk from a trick."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.runs import RunDir
from reward_designers.code.search import History

if TYPE_CHECKING:
    from agents.designing.loop import Search

SEED = 0
"""Of the episode."""


def filmed(summary: Mapping[str, Any], history: History) -> tuple[int, float]:
    """Seed and score of the training of the best program that is filmed: the one nearest to their mean.

    Neither the luckiest nor the worst one. It is one of the final trainings, if those succeeded.
    """
    final = summary.get("final", {}).get("best", {})
    scores = final["scores"] if "mean" in final else history[summary["best"]].scores
    known = {int(seed): float(score) for seed, score in scores.items() if score is not None}
    mean = sum(known.values()) / len(known)
    seed = min(known, key=lambda seed: abs(known[seed] - mean))
    return seed, known[seed]


def film(search: Search, summary: Mapping[str, Any], history: History) -> None:
    """Write ``video.mp4`` unless it is there; if that fails, this is said."""
    folder = search.folder
    if not search.config.video or summary["best"] is None or folder.video.exists():
        return
    try:
        seed, _ = filmed(summary, history)
        record(RunDir.open(folder.trainings / summary["best"] / f"seed_{seed}"), folder.video)
    except Exception as error:  # no OpenGL, nothing to draw, a program that fails here: the search is done all the same
        search.display.say(f"warning: no video of the best program: {error}")


def record(run: RunDir, path: Path) -> None:
    """Write an episode of a run's last policy, with its reward and the fitness in the picture."""
    from agents.build import make_player, make_venv
    from agents.evaluation import Video, run_episodes
    from agents.rewarding.make import make_reward

    config = run.read_config()
    with ExitStack() as stack:
        reward = make_reward(config, run.path)
        stack.callback(getattr(reward, "close", lambda: None))
        venv = make_venv(config, 1, reward)
        stack.callback(venv.close)
        model = make_player(config, venv, run.last)
        video = Video()
        run_episodes(model, venv, 1, SEED, watch=video)
        video.save(path)
