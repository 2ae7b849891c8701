"""EPIC, DARD and STARC of rewards that are given as arrays: exact, in float64.

They are what the estimates from samples are checked against, and they answer by themselves for any world small enough
to be written down. Everywhere below R is a reward ``(n_states, n_actions, n_states)`` indexed by (s, a, s'), T the
transition probabilities in the same shape and gamma the discount. A terminal state is one that only leads to itself,
with reward 0.

Rewards are divided by their largest absolute value before they are compared, which no distance notices, so that neither
1e-200 nor 1e200 underflows or overflows on the way.

Sources: Gleave et al. 2021 (EPIC), arXiv 2006.13900; Wulfe et al. 2022 (DARD), arXiv 2201.10081; Skalse et al. 2024
(STARC), arXiv 2309.15257.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike

from reward_designers.distances.distance import DegenerateRewardError, direction, pearson_distance, round_off
from reward_designers.errors import unknown_name

Canonicalization = Literal["value", "value_potential", "minimal"]


def epic(
    reward_a: ArrayLike,
    reward_b: ArrayLike,
    *,
    discount: float,
    state_dist: ArrayLike,
    action_dist: ArrayLike,
    coverage: ArrayLike | None = None,
) -> float:
    """The EPIC distance, sqrt((1 - rho) / 2) of the two canonical rewards (Gleave et al. 2021, section 4).

    Args:
        reward_a: ``(n_states, n_actions, n_states)``.
        reward_b: Likewise.
        discount: In [0, 1].
        state_dist: D_S, ``(n_states,)``, not negative, sum 1.
        action_dist: D_A, ``(n_actions,)``.
        coverage: ``(n_states, n_actions, n_states)``, the joint distribution of the transitions on which the canonical
            rewards are correlated. The default is D_S x D_A x D_S, which counts impossible transitions too.

    Returns:
        A number in [0, 1]: 0 if they differ by a positive factor, a constant and potential shaping, 1 for R and -R.

    Raises:
        DegenerateRewardError: A reward is a constant or shaping of one (as seen by ``coverage``).
        ValueError: An argument does not fit; the message says which and what was expected.
    """
    pair = _pair(reward_a, reward_b)
    shape = pair[0].array.shape
    states = _distribution("state_dist", state_dist, shape[:1])
    actions = _distribution("action_dist", action_dist, shape[1:2])
    weights = _coverage(coverage, shape, states[:, None, None] * actions[:, None] * states)

    def canonical(reward: np.ndarray) -> np.ndarray:
        return canonical_epic(reward, discount=discount, state_dist=states, action_dist=actions)

    return _pearson(pair, canonical, weights)


def dard(
    reward_a: ArrayLike,
    reward_b: ArrayLike,
    *,
    discount: float,
    transition: ArrayLike,
    action_dist: ArrayLike,
    coverage: ArrayLike | None = None,
) -> float:
    """The dynamics-aware reward distance, sqrt((1 - rho) / 2) of the transformed rewards (Wulfe et al. 2022).

    Args:
        reward_a: ``(n_states, n_actions, n_states)``.
        reward_b: Likewise.
        discount: In [0, 1].
        transition: T, ``(n_states, n_actions, n_states)``; each ``transition[s, a]`` sums to 1.
        action_dist: D_A, ``(n_actions,)``.
        coverage: ``(n_states, n_actions, n_states)``, the joint distribution of the transitions on which they are
            correlated. The default is D_S x D_A x D_S with D_S uniform, for the definition has no D_S of its own. To
            leave out impossible transitions, pass ``state_dist[:, None, None] * action_dist[:, None] * transition``.

    Returns:
        A number in [0, 1].

    Raises:
        DegenerateRewardError: A reward is a constant or shaping of one (as seen by ``coverage``).
        ValueError: An argument does not fit; the message says which and what was expected.
    """
    pair = _pair(reward_a, reward_b)
    shape = pair[0].array.shape
    model = _transition(transition, shape)
    actions = _distribution("action_dist", action_dist, shape[1:2])
    product = np.broadcast_to(actions[:, None] / shape[0] ** 2, shape)
    weights = _coverage(coverage, shape, product)

    def canonical(reward: np.ndarray) -> np.ndarray:
        return canonical_dard(reward, discount=discount, transition=model, action_dist=actions)

    return _pearson(pair, canonical, weights)


def starc(
    reward_a: ArrayLike,
    reward_b: ArrayLike,
    *,
    discount: float,
    transition: ArrayLike,
    canonicalization: Canonicalization = "value",
    ord: float = 2,
    coverage: ArrayLike | None = None,
) -> float:
    """The STARC distance ||c(R_a) / ||c(R_a)|| - c(R_b) / ||c(R_b)||||, not halved (Skalse et al. 2024).

    A canonical reward of zero (a constant, shaping of one, or for "value" and "minimal" anything that makes every
    policy equally good) is standardized to zero, by definition: such a reward is 1 away from every other and 0 from its
    like.

    Args:
        reward_a: ``(n_states, n_actions, n_states)``.
        reward_b: Likewise.
        discount: In [0, 1).
        transition: T, ``(n_states, n_actions, n_states)``; each ``transition[s, a]`` sums to 1.
        canonicalization: See `canonical_starc`.
        ord: The norm, p >= 1 or ``math.inf``: of sums of abs(x)^p, or the largest abs(x). "minimal" minimizes the
            2-norm whatever is given here.
        coverage: ``(n_states, n_actions, n_states)``, a distribution that weighs the entries in the norm (for "value"
            its sum over s'; with ``math.inf`` it says which entries count). All count alike by default.

    Returns:
        A number in [0, 2]. Half of it is on the scale of EPIC.

    Raises:
        ValueError: An argument does not fit; the message says which and what was expected.
    """
    if isinstance(ord, bool) or not ord >= 1:
        raise ValueError(f"ord must be a number >= 1 or math.inf, got {ord!r}")
    pair = _pair(reward_a, reward_b)
    model = _transition(transition, pair[0].array.shape)
    weights = _coverage(coverage, model.shape, np.full(model.shape, 1 / model.size))
    standardized = []
    for reward in pair:
        canonical, noise = _starc(reward.array, discount, model, canonicalization, weights, reward.precision)
        entries = weights if canonical.ndim == 3 else weights.sum(axis=2)
        size = _norm(canonical, ord, entries)
        standardized.append(canonical / size if size > noise else np.zeros_like(canonical))
    return min(2.0, _norm(standardized[0] - standardized[1], ord, entries))


def canonical_epic(reward: ArrayLike, *, discount: float, state_dist: ArrayLike, action_dist: ArrayLike) -> np.ndarray:
    """C(s, a, s') = R(s, a, s') + gamma m(s') - m(s) - gamma E[m(S)], with m(x) = E[R(x, A, S')], A ~ D_A, S, S' ~ D_S.

    The canonically shaped reward of Gleave et al. 2021, section 4. Arguments as in `epic`.

    Returns:
        ``(n_states, n_actions, n_states)`` float64. A constant added to R stays in it; the correlation removes it.
    """
    reward = _reward("reward", reward)
    _check_discount(discount, one_allowed=True)
    states = _distribution("state_dist", state_dist, reward.shape[:1])
    actions = _distribution("action_dist", action_dist, reward.shape[1:2])
    mean = (reward @ states) @ actions
    return reward + discount * mean - mean[:, None, None] - discount * (states @ mean)


def canonical_dard(reward: ArrayLike, *, discount: float, transition: ArrayLike, action_dist: ArrayLike) -> np.ndarray:
    """C(s, a, s') = R(s, a, s') + E[gamma R(s', A, S'') - R(s, A, S') - gamma R(S', A, S'')].

    The transformed reward of Wulfe et al. 2022, with *one* A ~ D_A for all terms, S' ~ T(s, A) and S'' ~ T(s', A).
    S'' follows s' and not S', which is what makes shaping cancel; so the last term reads R at (S', A, S''), near the
    possible transitions but not always one of them. Arguments as in `dard`.

    Returns:
        ``(n_states, n_actions, n_states)`` float64.
    """
    reward = _reward("reward", reward)
    _check_discount(discount, one_allowed=True)
    model = _transition(transition, reward.shape)
    actions = _distribution("action_dist", action_dist, reward.shape[1:2])
    mean = _expected(reward, model) @ actions
    by_action, weighted = model.swapaxes(0, 1), (reward * actions[:, None]).swapaxes(0, 1)
    between = (by_action @ weighted @ by_action.swapaxes(1, 2)).sum(axis=0)  # (s, s'): E[R(S', A, S'')]
    return reward + discount * mean - mean[:, None, None] - discount * between[:, None, :]


def canonical_starc(
    reward: ArrayLike,
    *,
    discount: float,
    transition: ArrayLike,
    canonicalization: Canonicalization = "value",
    coverage: ArrayLike | None = None,
) -> np.ndarray:
    """The reward without what can change no policy's rank (Skalse et al. 2024), before it is normalized.

    With V the value of the uniformly random policy under R and T:

    - ``"value"``: c(s, a) = E[R(s, a, S') + gamma V(S')] - V(s), S' ~ T(s, a): the advantages of that policy. Potential
      shaping leaves no trace, neither does S'-redistribution (another R with the same E[R(s, a, S')]) nor anything
      about impossible transitions.
    - ``"value_potential"``: c(s, a, s') = R(s, a, s') + gamma V(s') - V(s). Only shaping leaves no trace.
    - ``"minimal"``: of all rewards that differ from R by shaping and S'-redistribution the one with the smallest 2-norm
      (weighed by ``coverage``). Impossible transitions get 0.

    Args:
        reward: ``(n_states, n_actions, n_states)``.
        discount: In [0, 1).
        transition: T, ``(n_states, n_actions, n_states)``; each ``transition[s, a]`` sums to 1.
        canonicalization: One of the three.
        coverage: Read by ``"minimal"`` alone: the weights of its norm, as in `starc`. Entries without weight get 0.
            A covered (s, a) needs weight on all of its possible successors, or its reward could be hidden in the
            others.

    Returns:
        ``(n_states, n_actions)`` for ``"value"``, ``(n_states, n_actions, n_states)`` for the others, float64.
    """
    array = _reward("reward", reward)
    model = _transition(transition, array.shape)
    weights = _coverage(coverage, model.shape, np.full(model.shape, 1 / model.size))
    return _starc(array, discount, model, canonicalization, weights, _precision(reward))[0]


def _starc(
    reward: np.ndarray,
    discount: float,
    model: np.ndarray,
    canonicalization: str,
    weights: np.ndarray,
    precision: np.dtype,
) -> tuple[np.ndarray, float]:
    """The canonical reward, and the (mean) size up to which it may be nothing but round-off."""
    if canonicalization not in get_args(Canonicalization):
        raise ValueError(unknown_name("canonicalization", canonicalization, get_args(Canonicalization)))
    _check_discount(discount, one_allowed=False)
    if canonicalization != "value_potential":
        reward = np.where(model > 0, reward, 0.0)  # nor shall a large one cost the others their digits
    largest = float(np.abs(reward).max())
    noise = max(round_off(largest, precision), round_off(largest / (1 - discount)))  # values reach that far
    expected = _expected(reward, model)
    level = expected.mean()  # shaping by a constant takes it out of a reward; V then keeps more digits
    expected = expected - level
    if canonicalization == "minimal":
        return _minimal(expected, discount, model, weights), noise
    value = np.linalg.solve(np.eye(len(model)) - discount * model.mean(axis=1), expected.mean(axis=1))
    if canonicalization == "value":
        return expected + discount * (model @ value) - value[:, None], noise
    return reward - level + discount * value - value[:, None, None], noise


def _minimal(expected: np.ndarray, discount: float, model: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The reward of least weighted 2-norm with these expectations ``(n_states, n_actions)`` up to shaping.

    Redistribution first: of all r(s') with sum_s' T r = q the least sum_s' w r^2 is cost * q^2 with
    cost = 1 / sum_s' (T^2 / w), at r = q cost T / w. What remains is to choose the potential in
    q(s, a) = E[R] + gamma E[phi(S')] - phi(s), a least-squares problem with weights ``cost``.
    """
    n_states, n_actions = expected.shape
    covered = weights.sum(axis=2) > 0
    hidden = np.argwhere(covered[:, :, None] & (model > 0) & (weights == 0))
    if len(hidden):
        raise ValueError(
            f"coverage gives (s, a) = {_index(hidden[0, :2])} weight, but none to its possible successor "
            f"{hidden[0, 2]}, where a redistribution could hide its whole reward at no cost; for canonicalization "
            "'minimal' cover all possible successors of an (s, a), as state-action weights times transition do"
        )
    ratio = np.divide(model, weights, out=np.zeros_like(model), where=weights > 0)
    spread = (model * ratio).sum(axis=2)
    cost = np.divide(1.0, spread, out=np.zeros_like(spread), where=covered)
    root = np.sqrt(cost).ravel()
    shaping = (discount * model - np.eye(n_states)[:, None, :]).reshape(-1, n_states)
    potential = np.linalg.lstsq(root[:, None] * shaping, -root * expected.ravel())[0]
    moved = expected + (shaping @ potential).reshape(n_states, n_actions)
    return (moved * cost)[:, :, None] * ratio


def _expected(reward: np.ndarray, model: np.ndarray) -> np.ndarray:
    """E[R(s, a, S')], ``(n_states, n_actions)``."""
    return np.einsum("ijk,ijk->ij", model, reward)


def _norm(array: np.ndarray, ord: float, weights: np.ndarray) -> float:
    """(sum of w abs(x)^p)^(1/p); with equal weights a multiple of the usual norm, which STARC does not notice."""
    sizes = np.abs(array[weights > 0])
    largest = float(sizes.max())
    if math.isinf(ord) or largest == 0:
        return largest
    return largest * float(weights[weights > 0] @ (sizes / largest) ** ord) ** (1 / ord)


def _pearson(pair: Iterable[_Scaled], canonical: Callable[[np.ndarray], np.ndarray], weights: np.ndarray) -> float:
    """The Pearson distance of two rewards under ``canonical``, whose terms are averages of the reward."""
    directions = []
    for reward in pair:
        noise = round_off(float(np.abs(reward.array).max()), reward.precision)
        try:
            directions.append(direction(canonical(reward.array).ravel(), weights=weights.ravel(), round_off=noise))
        except DegenerateRewardError as error:
            raise DegenerateRewardError(f"{reward.name} has no direction: {error}") from None
    return pearson_distance(*directions)


class _Scaled(NamedTuple):
    """A reward as float64 with a largest absolute value of 1 (or 0)."""

    name: str
    array: np.ndarray
    precision: np.dtype


def _pair(reward_a: ArrayLike, reward_b: ArrayLike) -> list[_Scaled]:
    """Both rewards, ready to be compared."""
    pair = []
    for name, given in (("reward_a", reward_a), ("reward_b", reward_b)):
        array = _reward(name, given)
        pair.append(_Scaled(name, array / (np.abs(array).max() or 1.0), _precision(given)))
    if pair[0].array.shape != pair[1].array.shape:
        raise ValueError(f"rewards must have one shape, got {pair[0].array.shape} and {pair[1].array.shape}")
    return pair


def _reward(name: str, array: ArrayLike) -> np.ndarray:
    """As float64 ``(n_states, n_actions, n_states)``, all finite."""
    reward = _real(name, array)
    if reward.ndim != 3 or reward.shape[0] != reward.shape[2] or not reward.size:
        raise ValueError(f"{name} must have shape (n_states, n_actions, n_states), got {reward.shape}")
    return reward


def _transition(array: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    return _probabilities("transition", array, shape, axis=-1)


def _coverage(array: ArrayLike | None, shape: tuple[int, ...], default: np.ndarray) -> np.ndarray:
    return default if array is None else _distribution("coverage", array, shape)


def _distribution(name: str, array: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    return _probabilities(name, array, shape, axis=None)


def _probabilities(name: str, array: ArrayLike, shape: tuple[int, ...], axis: int | None) -> np.ndarray:
    """Not negative, with sums of 1 along ``axis``: what float32 has rounded becomes exactly 1."""
    weights = _real(name, array)
    if weights.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {weights.shape}")
    if weights.min() < 0:
        where = _index(np.argwhere(weights < 0)[0])
        raise ValueError(f"{name} must not be negative, got {weights[where]:g} at {where}")
    sums = weights.sum(axis=axis, keepdims=True)
    wrong = np.argwhere(np.abs(sums - 1) > 1e-6)
    if len(wrong):
        where = _index(wrong[0])
        row = "" if axis is None else f" for (s, a) = {where[:-1]}"
        raise ValueError(f"{name} must sum to 1, got {sums[where]:g}{row}")
    return weights / sums


def _real(name: str, array: ArrayLike) -> np.ndarray:
    values: np.ndarray[Any, Any] = np.asarray(array)
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got an array of {values.dtype}")
    if not np.isfinite(values).all():
        where = _index(np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"{name} must be finite, got {values[where]} at {where}")
    return values.astype(np.float64)


def _index(where: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(i) for i in where)


def _precision(array: ArrayLike) -> np.dtype:
    """The type whose rounding is in the numbers: float32 or less if they came in it, otherwise float64."""
    dtype = np.asarray(array).dtype
    return dtype if dtype.kind == "f" and dtype.itemsize < 8 else np.dtype(np.float64)


def _check_discount(discount: float, *, one_allowed: bool) -> None:
    if not (0 <= discount < 1 or (one_allowed and discount == 1)):
        raise ValueError(f"discount must be in [0, 1{']' if one_allowed else ')'}, got {discount!r}")
