"""The baseline that every paper forgets: no language model, weights of the environment's named terms, searched.

By chance, or by CMA-ES (Hansen 2016, arXiv 1604.00772; the `cmaes` package). The programs are as plain as those that a
model writes, so everything else treats them alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from reward_designers.code.program import parse_program
from reward_designers.code.search.candidates import Candidate, History
from reward_designers.code.search.designer import Designer, Proposal, failed_rounds, iterations
from reward_designers.code.search.prompts import Prompts
from reward_designers.code.search.world import WorldDescription
from reward_designers.errors import unknown_name

METHODS = ("random", "cmaes")


@dataclass
class Weights(Designer):
    """Search of the weights of a sum of terms; the magnitudes of the weights sum to 1.

    Attributes:
        prompts: Holds the environment's description; nothing is asked of anybody.
        method: ``random``: weights drawn from a normal distribution; ``cmaes``: each generation from what the scores of
            the earlier ones say.
        population: Programs a round; None for what CMA-ES recommends, 4 + 3 ln(number of terms).
        programs: Programs in all, in whole rounds.
        seed: Of the draws.
        terms: Name to an expression of named arrays, ``(n,)``; None for those of `named_terms`.
    """

    prompts: Prompts
    method: Literal["random", "cmaes"] = "random"
    population: int | None = None
    programs: int = 80
    seed: int = 0
    terms: Mapping[str, str] | None = None

    name: ClassVar[str] = "random"

    def __post_init__(self) -> None:
        """Refuse unknown methods, and terms that are no programs."""
        if self.method not in METHODS:
            raise ValueError(unknown_name("method", self.method, METHODS))
        if self.prompts.entry != "reward":
            raise ValueError("weights are searched for rewards, not for potentials")
        self._terms = dict(named_terms(self.prompts.world) if self.terms is None else self.terms)
        if len(self._terms) < 2:
            raise ValueError(f"a search of weights needs at least two terms, got {', '.join(self._terms) or 'none'}")
        self._size = 4 + int(3 * np.log(len(self._terms))) if self.population is None else self.population
        if self._size < 2 or self.programs < 1:
            raise ValueError(f"population={self.population}, programs={self.programs}: expected at least 2 and 1")
        parse_program(self.program(np.ones(len(self._terms))), fields=self.prompts.world.field_names)

    def propose(self, history: History) -> list[Proposal]:
        """The next generation. A generation that failed as a whole is drawn anew; it teaches nothing."""
        failed_rounds(history)
        if len(iterations(history)) * self._size >= self.programs:
            return []
        drawn = len(history.rounds)
        draws = self._cmaes(history, drawn) if self.method == "cmaes" else self._random(drawn)
        return [Proposal(self.method, program=self.program(x)) for x in draws]

    def program(self, x: np.ndarray) -> str:
        """The program with the weights ``x / sum(|x|)``, ``(number of terms,)``."""
        size = np.abs(x).sum()
        weights = [f"{value:.6g}" for value in (x / size if size > 0 else np.full(len(x), 1 / len(x)))]
        lines = [
            f'        "{name}": {w} * ({term}),' for w, (name, term) in zip(weights, self._terms.items(), strict=True)
        ]
        arguments = ", ".join(_arguments(self._terms, self.prompts.world))
        body = "\n".join(lines)
        return f"import numpy as np\n\n\ndef reward({arguments}):\n    return {{\n{body}\n    }}\n"

    def _random(self, round: int) -> np.ndarray:
        return np.random.default_rng([self.seed, round]).standard_normal((self._size, len(self._terms)))

    def _cmaes(self, history: History, rounds: int) -> list[np.ndarray]:
        """Generation ``rounds``. The strategy is deterministic: it is run again over the scores of the earlier ones."""
        from cmaes import CMA

        strategy = CMA(np.zeros(len(self._terms)), 1.0, seed=self.seed, population_size=self._size)
        known = {candidate.source: candidate for candidate in history.candidates.values()}
        for _ in range(rounds):
            draws = [strategy.ask() for _ in range(strategy.population_size)]
            values = _ranks([known.get(self.program(x)) for x in draws])
            if values is not None:
                strategy.tell(list(zip(draws, values, strict=True)))
        return [strategy.ask() for _ in range(strategy.population_size)]


def named_terms(world: WorldDescription) -> dict[str, str]:
    """Every number that the environment names, after the step, its typical range as -1 to 1; effort; survival.

    Where it names none, the numbers of its observation. A field that is never near 0 (a height, an uprightness of 0.99)
    would otherwise pay or cost for being alive far more than what it does says: that is survival's part.
    """
    terms = {
        f.name: f"(next_{f.name} - {f.center:.6g}) / {f.scale:.6g}"
        for f in world.fields
        if f.shape == () and f.dtype != "object"
    }
    if not terms and len(world.obs.shape) == 1:
        terms = {f"obs_{i}": f"next_obs[:, {i}]" for i in range(world.obs.shape[0])}
    if len(world.action.shape) == 1 and not world.action.choices:
        terms.setdefault("effort", "-np.mean(np.square(action), axis=-1)")
    if world.terminates:
        terms.setdefault("survival", "1.0 - terminated")
    return terms


def _ranks(candidates: list[Candidate | None]) -> list[float] | None:
    """Places by score, 0 for the best; what failed shares the last. None if everything failed.

    CMA-ES uses the order alone, so places are as good as scores, and a failure needs no invented score. Longer
    trainings come before shorter ones, as in `select`.
    """
    scores = [(0, 0.0) if c is None or c.mean is None else (c.steps, c.mean) for c in candidates]
    if all(steps == 0 for steps, _ in scores):
        return None
    better = sorted({score for score in scores if score[0]}, reverse=True)
    return [float(better.index(score)) if score[0] else float(len(candidates)) for score in scores]


def _arguments(terms: Mapping[str, Any], world: WorldDescription) -> list[str]:
    """The named arrays in the terms' expressions, in the order of the description."""
    words = set(re.findall(r"[A-Za-z_]\w*", " ".join(terms.values())))
    names = ["obs", "action", "terminated", *world.field_names]
    return [name for each in names for name in (each, f"next_{each}") if name in words and name != "next_action"]
