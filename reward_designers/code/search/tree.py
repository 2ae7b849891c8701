"""RF-Agent: Monte-Carlo tree search over reward programs (Gao et al. 2025, arXiv 2602.23876).

A node is a trained program, its children are programs that were written from it. A walk from the root goes to the child
with the highest

    UCT = Q' + lambda * sqrt(2 ln(N_parent + 1) / N_child) + lambda * softmax(verification)

until it comes to a leaf, which is expanded by all operations at once; then the path's values are updated,
Q <- (1 - a - b) Q + a max(Q of children) + b mean(scores below). Q' is Q brought to [0, 1] by the extremes met so far,
lambda falls over the search, and the verification is the model's own judgement whether a program fits the task. The
constants are those of the authors' public code.

A program that failed has no value: in the public code it counts as -10000, which flattens Q' of all others.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from reward_designers.code.search.candidates import Candidate, History, Note
from reward_designers.code.search.designer import (
    Designer,
    Proposal,
    attempts,
    failed_rounds,
    iterations,
    last_failures,
)
from reward_designers.code.search.prompts import Prompts
from reward_designers.code.search.reflection import reflect

OPERATIONS = {"mutate_structure": 2, "mutate_parameters": 2, "crossover": 2, "path": 1, "different": 1}
"""Programs that an expansion asks for, by operation."""
EXPLORATION = (0.4, 0.1)
"""lambda at the beginning and at the end of the search."""
BEST_CHILD, MEAN = 0.7, 0.15
"""a and b of the update; b falls with the search."""
PATH_LENGTH = 4
ELITE, SHOWN = 10, 4
"""Programs that crossover chooses from, and how many are shown at most."""


@dataclass
class Node:
    """A program in the tree.

    Attributes:
        key: The candidate; empty for the root.
        parent: Its parent's key.
        depth: 0 for the root.
        score: Its mean task score over seeds; None for the root.
        verification: What the model says about it, in [-1, 1]; 0 where it said nothing that could be read.
        children: Keys, in the order in which they appeared.
        visits: How often it was chosen, or made.
        q: Its value.
    """

    key: str
    parent: str = ""
    depth: int = 0
    score: float | None = None
    verification: float = 0.0
    children: list[str] = field(default_factory=list)
    visits: int = 0
    q: float = 0.0


@dataclass
class Tree(Designer):
    """Tree search over reward programs.

    Attributes:
        prompts: What the author is told.
        roots: Programs that are written before anything is known (6 in the public code).
        programs: Trained programs at which the search ends (80 in the public code).
        verify: Ask the model how well each trained program fits the task.
        depth: Nodes at this depth are not expanded.
        seed: Of the choice of programs to cross and to differ from.
    """

    prompts: Prompts
    roots: int = 6
    programs: int = 80
    verify: bool = True
    depth: int = 16
    seed: int = 0

    name: ClassVar[str] = "tree"

    def __post_init__(self) -> None:
        """Refuse trees that cannot grow."""
        if not 1 <= self.roots <= self.programs or self.depth < 2:
            raise ValueError(
                f"roots={self.roots}, programs={self.programs}, depth={self.depth}: expected at least one root, "
                "no fewer programs than roots, and a depth of at least 2"
            )

    def propose(self, history: History) -> list[Proposal]:
        """The roots, then questions about new programs and expansions, in turns."""
        failed = failed_rounds(history)
        trained = [c for c in history.candidates.values() if c.values is not None]
        if len(trained) >= self.programs:
            return []
        if not trained:
            operation = "retry" if failed else "first"
            messages = self.prompts.ask(operation, others=last_failures(history), examples=(), **attempts(history))
            return [Proposal(operation, prompt=self.ask(history, operation, messages, self.roots))]
        unverified = [c for c in trained if not history.said("verify", c.key)]
        if self.verify and unverified:
            return [self._verification(history, candidate, i) for i, candidate in enumerate(unverified)]
        nodes = grow(history, self.programs)
        leaf = self.choose(nodes, len(trained))
        return self._expansion(history, nodes, leaf, room=self.programs - len(trained))

    def observe(self, history: History, proposal: Proposal, text: str) -> None:
        """A verification: the last ``Score: x`` in it, limited to [-1, 1]; no value if there is none."""
        found = re.findall(r"score[^\w+.-]{1,6}([+-]?\d*\.?\d+)", text, re.IGNORECASE)
        value = float(np.clip(float(found[-1]), -1, 1)) if found else None
        history.note(Note(proposal.operation, proposal.about, text.strip(), value))

    def choose(self, nodes: dict[str, Node], trained: int) -> Node:
        """Walk from the root along the highest UCT to a leaf that may be expanded."""
        weight = EXPLORATION[1] + (EXPLORATION[0] - EXPLORATION[1]) * max(0.0, 1 - trained / self.programs)
        node = nodes[""]
        while node.children and node.depth < self.depth:
            children = [nodes[key] for key in node.children]
            node = children[int(np.argmax(uct(node, children, list(nodes.values()), weight)))]
        return node if node.depth < self.depth else nodes[node.parent]

    def _verification(self, history: History, candidate: Candidate, index: int) -> Proposal:
        messages = self.prompts.ask("verify", system="system_judge", source=candidate.source)
        return Proposal("verify", "answer", (candidate.key,), self.ask(history, "verify", messages, index=index))

    def _expansion(self, history: History, nodes: dict[str, Node], leaf: Node, room: int) -> list[Proposal]:
        rng = np.random.default_rng([self.seed, len(history.rounds)])
        wanted = sorted((index, i, name) for i, name in enumerate(OPERATIONS) for index in range(OPERATIONS[name]))
        # The same prompt twice is one prompt with two samples: apart, both would bring the same stored reply.
        counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        for _, _, operation in wanted[:room]:  # one of each before the second of any
            counts[operation, tuple(self._shown(operation, nodes, leaf, rng))] += 1
        proposals = []
        for index, ((operation, keys), n) in enumerate(counts.items()):
            shown = [self._show(history[key], number) for number, key in enumerate(keys, 1)]
            messages = self.prompts.ask(operation, shown=shown, **attempts(history, leaf.key))
            prompt = self.ask(history, operation, messages, n, index)
            proposals.append(Proposal(operation, about=(leaf.key, *keys[:-1]), prompt=prompt))
        return proposals

    def _shown(self, operation: str, nodes: dict[str, Node], leaf: Node, rng: np.random.Generator) -> list[str]:
        """Keys of what an operation looks at, each once; the leaf last."""
        if operation.startswith("mutate"):
            return [leaf.key]
        if operation == "path":
            return _path(nodes, leaf)[-PATH_LENGTH:]
        others = [node for node in nodes.values() if node.key not in ("", leaf.key)]
        if operation == "crossover":
            pool = sorted(others, key=lambda node: -_score(node))[:ELITE]
            weights = np.array([1 / (rank + 2) for rank in range(len(pool))])
        else:  # the best of other branches
            branch = _path(nodes, leaf)[0]
            pool = [node for node in others if _path(nodes, node)[0] != branch] or others
            weights = np.ones(len(pool))
        if not pool:
            return [leaf.key]
        size = min(len(pool), int(rng.integers(1, SHOWN)))
        chosen = rng.choice(len(pool), size=size, replace=False, p=weights / weights.sum())
        return [*(pool[i].key for i in chosen), leaf.key]

    @staticmethod
    def _show(candidate: Candidate, number: int) -> dict[str, str]:
        return {
            "title": f"Program {number}",
            "idea": candidate.origin.idea,
            "source": candidate.source,
            "reflection": reflect(candidate),
        }


def grow(history: History, programs: int) -> dict[str, Node]:
    """The tree as the history made it, round by round.

    Args:
        history: What happened.
        programs: Trained programs at which the search ends, for the decay of the update.
    """
    nodes = {"": Node("")}
    trained = 0
    for round in iterations(history):
        made = []
        for candidate in history.new(round):
            if candidate.mean is None:
                continue
            parent = next((key for key in candidate.origin.parents[:1] if key in nodes), "")
            values = [note.value for note in history.said("verify", candidate.key) if note.value is not None]
            nodes[candidate.key] = Node(
                *(candidate.key, parent, nodes[parent].depth + 1, candidate.mean),
                verification=values[-1] if values else 0.0,
                visits=1,
                q=candidate.mean,
            )
            nodes[parent].children.append(candidate.key)
            made.append(nodes[candidate.key])
        trained += len(made)
        decay = max(0.0, 1 - trained / programs)
        for node in made:
            _update(nodes, node, decay)
    return nodes


def uct(parent: Node, children: Sequence[Node], nodes: Sequence[Node], weight: float) -> np.ndarray:
    """The UCT of each child, ``(len(children),)``; see this module's head.

    Args:
        parent: Their parent.
        children: The nodes to choose from.
        nodes: All of the tree, for the extremes of Q.
        weight: lambda.
    """
    values = np.array([node.q for node in nodes if node.key])
    low, high = values.min(), values.max()
    q = np.array([(child.q - low) / (high - low) if high > low else 0.5 for child in children])
    exploration = np.sqrt(2 * math.log(parent.visits + 1) / np.array([child.visits for child in children]))
    verification = np.exp([child.verification for child in children])
    return q + weight * exploration + weight * verification / verification.sum()


def _update(nodes: dict[str, Node], made: Node, decay: float) -> None:
    """Carry a new node's score to all nodes above it."""
    assert made.score is not None
    node = made
    while node.key:
        node = nodes[node.parent]
        node.visits += 1
        children = [nodes[key] for key in node.children]
        mean = float(np.mean([score for child in children for score in _below(nodes, child)]))
        b = MEAN * decay
        best = max(child.q for child in children)
        node.q = (1 - BEST_CHILD - b) * node.q + BEST_CHILD * best + b * mean


def _below(nodes: dict[str, Node], node: Node) -> list[float]:
    return [_score(node), *(score for key in node.children for score in _below(nodes, nodes[key]))]


def _path(nodes: dict[str, Node], node: Node) -> list[str]:
    """Keys from the root (left out) to the node."""
    keys: list[str] = []
    while node.key:
        keys.append(node.key)
        node = nodes[node.parent]
    return keys[::-1]


def _score(node: Node) -> float:
    assert node.score is not None
    return node.score
