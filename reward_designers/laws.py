"""The laws that every reward keeps, each with what it takes to find it broken; `checker.check_reward` runs them."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.encoders import encode
from reward_designers.errors import RewardError, unknown_name
from reward_designers.evaluation import total
from reward_designers.memory import EpisodeMemory

LAWS: dict[str, str] = {
    "runs": "a batch evaluates without an error",
    "inputs": "no state arrays are needed but those in `inputs`",
    "components": "the result is a dict of named components, the same for every batch",
    "dtype": "components are real numbers",
    "shape": "a component has one value per row",
    "finite": "no value, and no sum, is NaN or infinite",
    "unmutated": "inputs are left as they were",
    "total": "no component is the sum of the others, which would count them twice",
    "deterministic": "the same batch gives the same result, whatever was evaluated before",
    "rows": "a row's result does not depend on the other rows of its batch",
    "reads": "what is not in `reads` makes no difference",
    "memory": "a Markov reward leaves the episode memory alone",
    "episodes": "each row has a memory of its own, which a finished episode empties and a saved one restores",
    "relabel": "a rollout relabelled at once equals stepping through it",
    "pure": "evaluation changes neither configuration nor learned state",
    "save": "what is saved and loaded has the same configuration and state, and gives the same results",
    "update": "`update` returns finite metrics, and what it learned can be evaluated and saved",
}
"""Name and statement of each law, in the order in which they are checked."""

BASIC = ("runs", "inputs", "components", "dtype", "shape", "finite", "unmutated")
"""The laws that are checked at every evaluation, which the others build on."""


class RewardCheckError(RewardError):
    """A reward breaks a law.

    Attributes:
        law: The law's name in `LAWS`.
        reward: The reward's name.
        component: The component that shows it, if one does.
        rows: The rows of the batch that show it.
    """

    def __init__(
        self, law: str, reward: str, detail: str, component: object = None, rows: Iterable[int | np.integer] = ()
    ):
        self.law, self.reward, self.component = law, reward, component
        self.rows = tuple(int(row) for row in rows)
        where = f"reward {reward!r}" + ("" if component is None else f", component {component!r}")
        super().__init__(f"{where} breaks the law {law!r} ({LAWS[law]}): {detail}")


class Check:
    """One run of `checker.check_reward`: the reward, the batch it is tried on, and a method for each law."""

    def __init__(self, reward: RewardFn, batch: Transition, rtol: float):
        self.reward, self.rtol = reward, rtol
        self.deterministic_calls = True
        flat = batch.flatten()
        n = len(flat)
        if n < 8:
            raise ValueError(f"check_reward needs at least 8 transitions, got {n}")
        self.batch = _declared(reward, flat)
        self.rollout = _rollout(self.batch, batch.batch_shape)

    def run(self, skip: frozenset[str]) -> dict[str, str | None]:
        """Check one law after the other; None, or why it was skipped, for each."""
        self.deterministic_calls = "deterministic" not in skip
        before = _snapshot(self.reward)
        self.expected = self.evaluate(self.reward, self.batch)
        outcome: dict[str, str | None] = dict.fromkeys(BASIC)
        reads_all = self.reward.reads >= {"state", "action", "next_state"}
        unsavable = _unsavable(self.reward)
        uncopied = "`save` is not checked, and a copy is needed" if unsavable or "save" in skip else None
        checks: dict[str, tuple[Callable[[], None], str | None]] = {
            "total": (self.total, None if len(self.expected) > 1 else "it has one component"),
            "deterministic": (self.deterministic, None),
            "rows": (self.rows, None),
            "reads": (self.reads, "it reads state, action and next_state" if reads_all else None),
            "memory": (self.memory, None if self.reward.markov else "it is not Markov"),
            "episodes": (self.episodes, "it is Markov" if self.reward.markov else None),
            "relabel": (self.relabel, None),
            "pure": (lambda: self.same_snapshot("pure", before, _snapshot(self.reward)), None),
            "save": (self.save, unsavable),
            "update": (self.update, uncopied),
        }
        for law, (check, reason) in checks.items():
            outcome[law] = "asked to" if law in skip else reason
            if outcome[law] is None:
                check()
        return outcome

    def fail(
        self, law: str, detail: str, component: object = None, rows: Iterable[int | np.integer] = ()
    ) -> RewardCheckError:
        return RewardCheckError(law, self.reward.name, detail, component, rows)

    # Evaluation, under the basic laws

    def evaluate(self, reward: RewardFn, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """The components as float64, from read-only copies of the batch."""
        given = _guarded(reward, t, writeable=False)
        if memory is None and not reward.markov:
            memory = EpisodeMemory(len(t))
        try:
            components = reward(given, memory)
        except RewardCheckError:
            raise
        except Exception as error:
            if "read-only" in str(error):
                self.find_mutation(reward, t)
            raise self.fail("runs", f"{type(error).__name__}: {error}") from error
        self.compare_inputs(t, given)
        return self.validated(components, len(t))

    def validated(self, components: Any, n: int) -> Components:
        if not isinstance(components, Mapping) or not components:
            raise self.fail("components", f"expected a dict of arrays, got {components!r}")
        arrays = {}
        for name, values in components.items():
            if not isinstance(name, str):
                raise self.fail("components", f"names are text, got {name!r}", name)
            try:
                array = np.asarray(values)
            except ValueError as error:
                raise self.fail("shape", str(error), name) from error
            if array.dtype.kind not in "biuf":
                raise self.fail("dtype", f"got {type(values).__name__} of {array.dtype}", name)
            if array.shape != (n,):
                hint = ""
                if array.shape == (n, n):
                    hint = "; (n, 1) and (n,) broadcast to (n, n), so index or sum until both are (n,)"
                elif array.ndim == 2:
                    hint = "; index features from the end (obs[:, 0]) or sum over the last axis"
                raise self.fail("shape", f"expected ({n},), got {array.shape}{hint}", name)
            array = array.astype(np.float64)
            if len(bad := np.flatnonzero(~np.isfinite(array))):
                raise self.fail("finite", f"{_shown(bad, array)}", name, bad)
            arrays[name] = array
        with np.errstate(over="ignore"):
            summed = total(arrays)
        if len(bad := np.flatnonzero(~np.isfinite(summed))):
            raise self.fail("finite", f"the sum of all components is {_shown(bad, summed)}", rows=bad)
        return arrays

    def compare_inputs(self, t: Transition, given: Transition) -> None:
        after = _named_arrays(given)
        for name, array in _named_arrays(t).items():
            if name not in after or array.tobytes() != after[name].tobytes():
                raise self.fail("unmutated", f"it changed {name}")
        if added := sorted(set(after) - set(_named_arrays(t))):
            raise self.fail("unmutated", f"it added {added[0]}")

    def find_mutation(self, reward: RewardFn, t: Transition) -> None:
        """It wrote to a read-only array: let it, to see which one."""
        given = _guarded(reward, t, writeable=True)
        try:
            reward(given, None if reward.markov else EpisodeMemory(len(t)))
        except Exception as error:  # a sandbox's inputs are read-only whatever it is given
            raise self.fail("unmutated", str(error)) from error
        finally:
            self.compare_inputs(t, given)

    def same(
        self,
        law: str,
        expected: Mapping[str, np.ndarray],
        got: Mapping[str, np.ndarray],
        what: str,
        rows: np.ndarray | None = None,
        exact: bool = False,
    ) -> None:
        """Compare components, ``(n,)``, of which ``rows`` says where they come from, or ``(T, num_envs)``."""
        if list(expected) != list(got):
            raise self.fail("components", f"{what} has {_listed(got)}, expected {_listed(expected)}")
        for name, values in expected.items():
            if values.shape != got[name].shape:
                raise self.fail(law, f"{what} has shape {got[name].shape}, expected {values.shape}", name)
            scale = max(np.abs(known).max() for known in (values, self.expected.get(name, values)))
            tolerance = 0 if exact and self.deterministic_calls else self.rtol * scale
            if (wrong := np.argwhere(~(np.abs(values - got[name]) <= tolerance))).size:
                at = np.arange(len(values)) if rows is None else rows
                shown = ", ".join(
                    f"{got[name][tuple(i)]:.6g} instead of {values[tuple(i)]:.6g} "
                    + (f"in row {at[i[0]]}" if values.ndim == 1 else f"at step {i[0]} in env {i[1]}")
                    for i in wrong[:3]
                )
                raise self.fail(law, f"{what} gives {shown}", name, at[wrong[:, 0]] if values.ndim == 1 else ())

    # The laws

    def total(self) -> None:
        for name, values in self.expected.items():
            others = total({other: array for other, array in self.expected.items() if other != name})
            named_total = len(self.expected) > 2 or name.lower() in ("total", "total_reward", "reward", "sum")
            if named_total and np.any(values) and np.allclose(values, others, rtol=1e-9, atol=0):
                raise self.fail("total", "leave it out: the reward is the sum of the components", name)

    def deterministic(self) -> None:
        self.evaluate(self.reward, self.batch[::-1])
        self.same("deterministic", self.expected, self.evaluate(self.reward, self.batch), "a second call", exact=True)

    def rows(self) -> None:
        n = len(self.batch)
        order = np.random.default_rng(0).permutation(n)
        for rows in (order, *(np.array([row]) for row in np.unique(np.linspace(0, n - 1, 6).astype(int)))):
            what = "the batch in another order" if len(rows) > 1 else "the row alone"
            expected = {name: values[rows] for name, values in self.expected.items()}
            self.same("rows", expected, self.evaluate(self.reward, self.batch[rows]), what, rows)

    def reads(self) -> None:
        # State and successor are missing from the batch where they are not read; an action always has a value.
        if "action" in self.reward.reads:
            return
        t = self.batch
        other = t.action + 1 if t.action.dtype.kind in "iuf" else t.action[::-1]
        changed = Transition(t.state, other, t.next_state, t.terminated, t.truncated)
        got = self.evaluate(self.reward, changed)
        self.same("reads", self.expected, got, f"another action (reads: {_listed(self.reward.reads)})", exact=True)

    def memory(self) -> None:
        memory = EpisodeMemory(len(self.batch))
        self.evaluate(self.reward, self.batch, memory)
        if kept := list(memory.state_dict()):
            raise self.fail("memory", f"it keeps {_listed(kept)}; set markov = False")

    def episodes(self) -> None:
        expected = self.scan(self.rollout)
        steps, num_envs = self.rollout.batch_shape
        for env in range(num_envs):
            alone = self.scan(self.rollout.map(lambda a, env=env: a[:, [env]]))  # type: ignore[misc]
            what = f"env {env} alone"
            self.same("episodes", {name: values[:, [env]] for name, values in expected.items()}, alone, what)
        half = steps // 2
        rest = {name: values[half:] for name, values in expected.items()}
        self.same("episodes", rest, self.scan(self.rollout[half:]), "a new episode without the one before it")
        # A memory saved in mid-episode, as checkpoints are.
        middle = (half + steps) // 2
        memory = EpisodeMemory(num_envs)
        self.scan(self.rollout[:middle], memory)
        restored = EpisodeMemory(num_envs)
        restored.load_state_dict(memory.state_dict())
        rest = {name: values[middle:] for name, values in expected.items()}
        self.same("episodes", rest, self.scan(self.rollout[middle:], restored), "a restored memory", exact=True)

    def scan(self, rollout: Transition, memory: EpisodeMemory | None = None) -> Components:
        """Stepwise evaluation, ``(T, num_envs)``."""
        memory = EpisodeMemory(rollout.batch_shape[1]) if memory is None else memory
        steps = []
        for step in range(len(rollout)):
            t = rollout[step]
            steps.append(self.evaluate(self.reward, t, memory))
            memory.reset(t.terminated | t.truncated)
        return {name: np.stack([components[name] for components in steps]) for name in steps[0]}

    def relabel(self) -> None:
        expected = self.scan(self.rollout)
        self.same("relabel", expected, self.reward.relabel(self.rollout), "relabel")
        # Cut where all episodes end, and within them.
        steps, memory = len(self.rollout), EpisodeMemory(self.rollout.batch_shape[1])
        cuts = [0, steps // 2, (steps // 2 + steps) // 2, steps]
        parts = [self.reward.relabel(self.rollout[i:j], memory) for i, j in itertools.pairwise(cuts)]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in expected}
        self.same("relabel", expected, joined, "relabel in parts with one memory")

    def same_snapshot(self, law: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        if changed := [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]:
            raise self.fail(law, f"{_listed(changed)} changed")

    def save(self) -> None:
        loaded = self.reloaded(self.reward, "save")
        self.same("save", self.expected, self.evaluate(loaded, self.batch), "the loaded reward", exact=True)

    def reloaded(self, reward: RewardFn, law: str) -> RewardFn:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "reward.npz"
            try:
                reward.save(path)
                loaded = RewardFn.load(path)
            except Exception as error:
                raise self.fail(law, f"{type(error).__name__}: {error}") from error
        if type(loaded) is not type(reward):
            raise self.fail(law, f"a {type(reward).__name__} came back as a {type(loaded).__name__}")
        self.same_snapshot(law, _snapshot(reward), _snapshot(loaded))
        return loaded

    def update(self) -> None:
        learner = self.reloaded(self.reward, "save")
        try:
            metrics = learner.update(self.rollout)
        except Exception as error:
            raise self.fail("update", f"{type(error).__name__}: {error}") from error
        for name, value in metrics.items():
            if not np.isscalar(value) or not np.isfinite(value):
                raise self.fail("update", f"metric {name!r} is {value!r}, expected a finite number")
        learned = self.evaluate(learner, self.batch)
        again = self.evaluate(self.reloaded(learner, "update"), self.batch)
        self.same("update", learned, again, "loaded after an update, the reward", exact=True)


class _Declared(dict[str, np.ndarray]):
    """The state arrays that a reward declares; to ask for any other breaks a law."""

    def __init__(self, arrays: Mapping[str, np.ndarray], reward: RewardFn, side: str):
        super().__init__(arrays)
        self._reward, self._side = reward, side

    def __missing__(self, name: str) -> np.ndarray:
        asked = f"it asked for {self._side}[{name!r}]"
        if self._side in self._reward.reads:
            declared = f"`inputs` are {_listed(self._reward.inputs)}"
            raise RewardCheckError("inputs", self._reward.name, f"{asked}, but its {declared}")
        raise RewardCheckError(
            "reads", self._reward.name, f"{asked}, but its `reads` are {_listed(self._reward.reads)}"
        )


def _declared(reward: RewardFn, batch: Transition) -> Transition:
    """A copy of the batch with the declared state arrays alone, on the sides that the reward reads."""
    sides: dict[str, dict[str, np.ndarray]] = {"state": {}, "next_state": {}}
    for side in reward.reads & set(sides):
        state = encode(reward.encoders, getattr(batch, side))
        for name in sorted(reward.inputs):
            if name not in state:
                raise ValueError(unknown_name(f"{side} array that reward {reward.name!r} reads", name, state))
            sides[side][name] = np.array(state[name])
    ends = np.array(batch.terminated, bool), np.array(batch.truncated, bool)
    return Transition(sides["state"], np.array(batch.action), sides["next_state"], *ends)


def _rollout(batch: Transition, shape: tuple[int, ...]) -> Transition:
    """The batch as a rollout, in its own ``shape`` if it came as one; a flat or short one is drawn from in any order.

    All episodes end in the middle, so that what is not forgotten shows whatever flags came with the batch.
    """
    if len(shape) == 1 or shape[0] < 4:
        shape = (12, 3)
        batch = batch[np.random.default_rng(0).integers(len(batch), size=shape).ravel()]
    rollout = batch.map(lambda array: array.reshape(*shape, *array.shape[1:]).copy())
    rollout.terminated[shape[0] // 2 - 1] = True
    rollout.truncated[shape[0] // 2 - 1] = False
    return rollout


def _guarded(reward: RewardFn, t: Transition, writeable: bool) -> Transition:
    """Copies of the arrays, read-only unless ``writeable``, in dicts that refuse undeclared names."""

    def copied(array: np.ndarray) -> np.ndarray:
        array = np.array(array)
        array.flags.writeable = writeable
        return array

    t = t.map(copied)
    state, next_state = _Declared(t.state, reward, "state"), _Declared(t.next_state, reward, "next_state")
    return Transition(state, t.action, next_state, t.terminated, t.truncated)


def _named_arrays(t: Transition) -> dict[str, np.ndarray]:
    arrays = {f"state[{name!r}]": array for name, array in t.state.items()}
    arrays |= {f"next_state[{name!r}]": array for name, array in t.next_state.items()}
    return arrays | {"action": t.action, "terminated": t.terminated, "truncated": t.truncated}


def _snapshot(reward: RewardFn) -> dict[str, Any]:
    """Configuration and learned state, comparable."""
    arrays = {name: np.asarray(array) for name, array in reward.state_dict().items()}
    snapshot: dict[str, Any] = {f"state {name!r}": (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}
    if _unsavable(reward) is None:
        snapshot["the configuration"] = json.dumps(reward.config(), sort_keys=True)
    return snapshot


def _unsavable(reward: RewardFn) -> str | None:
    """Why the reward cannot be saved; None if it can."""
    try:
        reward.config()
    except TypeError as error:
        return str(error)
    return None


def _listed(names: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, names))) or "nothing"


def _shown(rows: np.ndarray, values: np.ndarray) -> str:
    return ", ".join(f"{values[row]} in row {row}" for row in rows[:5]) + (" ..." if len(rows) > 5 else "")
