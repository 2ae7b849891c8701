"""How much of a goal a state fulfils: the hierarchical match of StateFactory (arXiv 2603.09400), made exact.

    score([("mug 1", {"temperature": "hot", "location": ["hand"]})],
          [("mug", {"temperature": "hot", "location": "sidetable"})], similarity="exact")        # 0.5

For each goal object: similarity of identities, times the mean over the goal's attributes of the similarity of values
at the best-matching attribute; a goal object without attributes counts by its identity alone. The score is the mean
over goal objects of what the best assignment of state objects to goal objects gives. Where this departs from the paper
(docs/factored-states.md says why): a state object serves one goal object only, instances are told apart, and a goal may
say that two objects belong in one and the same place, and what is halfway there.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Real

import numpy as np

from reward_designers.factored.similarity import Similarity, make_similarity
from reward_designers.factored.state import Attributes, Objects, Value, kind_and_number

ANYTHING = "*"
"""In a graded goal value: any value that is known."""
_PLACEHOLDER = re.compile(r"(.*\S) \?(\w+)")


def score(state: Objects, goal: Objects, *, similarity: str | Callable[[str, str], float] = "exact") -> float:
    """How much of `goal` holds in `state`, from 0 to 1.

    Args:
        state: Objects as ``(identity, {attribute: value})``. A list as a value holds several at once.
        goal: The same. An identity or value without a number (``mug``) means any instance (``mug 2``), one with a
            number means that instance. ``drawer ?r`` is some instance, the same wherever ``?r`` occurs. A dict as a
            value grades what will do, ``{"drawer": 1.0, "hand": 0.5, "*": 0.25}``, where ``*`` is anything known.
        similarity: ``exact``: the same words; ``embedding``: cosine of the embeddings that ship with the extra of that
            name; ``sentence-transformers/MODEL``; or a function of two phrases (goal's, state's) to [0, 1].

    Raises:
        ValueError: The goal has no objects, or there is no similarity of that name.
        RewardError: Embeddings could not be made. That is never a score of 0.
    """
    if not goal:
        raise ValueError("the goal has no objects: there is nothing to be like")
    alike = make_similarity(similarity)
    alike.prepare(itertools.chain(_phrases(state), _phrases(goal)))
    return max(_match(state, bound, alike) for bound in _bindings(state, goal))


def _match(state: Objects, goal: Objects, alike: Similarity) -> float:
    """The score of a goal without placeholders."""
    worth = np.zeros((len(goal), max(len(state), 1)))
    for row, (wanted, attributes) in enumerate(goal):
        for column, (identity, known) in enumerate(state):
            same = _text_similarity(wanted, identity, alike)
            if same > 0.0:
                worth[row, column] = same * _attributes(attributes, known, alike)
    total = _best_assignment(worth)
    return float(min(max(total / len(goal), 0.0), 1.0))


def _best_assignment(worth: np.ndarray) -> float:
    """The largest sum over rows ``(goal objects, state objects)`` that uses each column at most once."""
    if len(worth) == 1:
        return float(worth[0].max())
    best = worth.argmax(axis=1)
    if len(set(best.tolist())) == len(best):
        return float(worth.max(axis=1).sum())
    from scipy.optimize import linear_sum_assignment

    return float(worth[linear_sum_assignment(worth, maximize=True)].sum())


def _attributes(wanted: Attributes, known: Attributes, alike: Similarity) -> float:
    """The mean over the wanted attributes of how alike the values are; 1 if none is wanted."""
    if not wanted:
        return 1.0
    total = 0.0
    for name, value in wanted.items():
        key = alike.best(name, known)
        if key is not None:
            total += _values(value, known[key], alike)
    return total / len(wanted)


def _values(wanted: Value, known: Value, alike: Similarity) -> float:
    if isinstance(wanted, Mapping):
        return max(
            (
                worth * (float(known not in (None, [], ())) if option == ANYTHING else _values(option, known, alike))
                for option, worth in wanted.items()
            ),
            default=0.0,
        )
    if isinstance(wanted, (list, tuple, set, frozenset)):  # all of these
        return sum(_values(item, known, alike) for item in wanted) / len(wanted) if wanted else 1.0
    if isinstance(known, (list, tuple, set, frozenset)):
        return max((_values(wanted, item, alike) for item in known), default=0.0)
    if isinstance(wanted, Real) and isinstance(known, Real):
        same_type = isinstance(wanted, bool) == isinstance(known, bool)
        return float(same_type and math.isclose(float(wanted), float(known), rel_tol=1e-9, abs_tol=1e-12))
    return _text_similarity(str(wanted), str(known), alike)


def _text_similarity(wanted: str, known: str, alike: Similarity) -> float:
    """Of two phrases; another number is another thing."""
    kind, number = kind_and_number(wanted)
    other, instance = kind_and_number(known)
    return 0.0 if number and number != instance else alike(kind, other)


def _bindings(state: Objects, goal: Objects) -> Iterator[Objects]:
    """The goal, with each placeholder as each instance that the state knows; with none, as any instance."""
    placeholders = dict.fromkeys(filter(_PLACEHOLDER.fullmatch, _texts(goal)))
    if not placeholders:
        yield goal
        return
    known = dict.fromkeys(text for text in _texts(state) if kind_and_number(text)[1])
    options = []
    for placeholder in placeholders:
        kind = kind_and_number(placeholder.rpartition(" ?")[0])[0]
        options.append([text for text in known if kind_and_number(text)[0] == kind] or [kind])
    for chosen in itertools.product(*options):
        names = dict(zip(placeholders, chosen, strict=True))
        yield [(names.get(i, i), {key: _bound(v, names) for key, v in attributes.items()}) for i, attributes in goal]


def _bound(value: Value, names: Mapping[str, str]) -> Value:
    if isinstance(value, Mapping):
        return {names.get(option, option): worth for option, worth in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [names.get(item, item) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _texts(objects: Objects) -> Iterator[str]:
    """All identities and values in words, options of graded ones included."""
    for identity, attributes in objects:
        yield identity
        for value in attributes.values():
            items: Iterable[Value] = value if isinstance(value, (list, tuple, set, frozenset, Mapping)) else (value,)
            yield from (item for item in items if isinstance(item, str))


def _phrases(objects: Objects) -> Iterator[str]:
    """All that may be compared as a phrase, placeholders as what they stand for."""
    for text in _texts(objects):
        match = _PLACEHOLDER.fullmatch(text)
        yield kind_and_number(match[1] if match else text)[0]
    for _, attributes in objects:
        yield from attributes
        for value in attributes.values():
            items = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
            yield from (str(item).casefold() for item in items if isinstance(item, Real))
