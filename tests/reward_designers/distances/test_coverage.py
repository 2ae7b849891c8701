"""Coverages: what belongs together, each state once, the same bytes after a trip to the disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.distances import Coverage, CoverageError, concatenate, mixture
from reward_designers.encoders import Encoder
from reward_designers.memory import EpisodeMemory


def walk(lengths=(4, 3), *, name="walk", start=0.0, cut=()) -> Coverage:
    """Episodes along a line: places are 100 * episode + step, so that every state tells where it belongs."""
    place = np.concatenate([start + 100.0 * e + np.arange(n) for e, n in enumerate(lengths)])
    episode = np.repeat(np.arange(len(lengths)), lengths)
    ends = np.append(episode[1:] != episode[:-1], True)
    ends &= ~np.isin(episode, cut)
    note = np.array([f"at {p:.0f}" for p in place], object)
    after = np.array([f"at {p + 1:.0f}" for p in place], object)
    return Coverage(
        name,
        Transition(
            {"obs": place[:, None].astype(np.float32), "note": note},
            10 * place,
            {"obs": (place + 1)[:, None].astype(np.float32), "note": after},
            ends,
            np.zeros(len(place), bool),
        ),
        episode,
        place / 2,
        {"fitness": -place},
        {"env": "Walk", "seed": 3},
    )


def test_each_state_is_in_the_pool_once():
    coverage = walk()
    assert coverage.states["obs"][:, 0].tolist() == [0, 1, 2, 3, 4, 100, 101, 102, 103]  # 4 + 1 and 3 + 1
    assert coverage.states["note"][4] == "at 4"
    gap = coverage.subset(np.array([0, 1, 3, 5]))
    assert gap.states["obs"][:, 0].tolist() == [0, 1, 2, 3, 4, 101, 102]  # 2 is reached by one, 3 left by another


def test_steps_that_look_alike_but_are_not_are_kept_apart(tmp_path: Path):
    zero = np.array([[0.0], [-0.0], [np.nan]])  # 0.0 == -0.0, NaN != NaN: only the bits say what is the same
    t = Transition({"obs": zero}, np.zeros(3), {"obs": np.array([[0.0], [np.nan], [1.0]])}, *np.zeros((2, 3), bool))
    coverage = Coverage("odd", t, np.zeros(3, int))
    assert len(coverage.states["obs"]) == 5
    coverage.save(tmp_path / "odd.npz")
    loaded = Coverage.load(tmp_path / "odd.npz").transitions
    np.testing.assert_array_equal(np.signbit(loaded.state["obs"]), np.signbit(zero))


def test_saved_and_loaded_it_is_the_same(tmp_path: Path):
    coverage = walk(cut=[1])
    coverage.save(tmp_path / "a.npz")
    loaded = Coverage.load(tmp_path / "a.npz")
    for (name, array), (_, other) in zip(coverage._arrays(), loaded._arrays(), strict=True):
        assert array.dtype == other.dtype, name
        np.testing.assert_array_equal(array, other, err_msg=name)
    assert (loaded.name, loaded.about) == ("walk", {"env": "Walk", "seed": 3})
    assert loaded.content_hash == coverage.content_hash
    loaded.save(tmp_path / "b.npz")
    assert Coverage.load(tmp_path / "b.npz").content_hash == coverage.content_hash
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_files_hold_each_state_once(tmp_path: Path, rng: np.random.Generator):
    states = rng.normal(size=(1001, 50))
    t = Transition({"obs": states[:-1]}, np.zeros(1000), {"obs": states[1:]}, *np.zeros((2, 1000), bool))
    Coverage("large", t, np.zeros(1000, int)).save(tmp_path / "large.npz")
    assert (tmp_path / "large.npz").stat().st_size < 1.2 * states.nbytes


def test_the_hash_is_of_names_types_shapes_and_values():
    base = walk()
    assert walk().content_hash == base.content_hash
    assert walk(name="other").content_hash == base.content_hash
    t = base.transitions
    doubles = Coverage("walk", t.map(lambda a: a.astype(float) if a.dtype == np.float32 else a), base.episode)
    singles = Coverage("walk", t, base.episode)
    flat = Coverage("walk", t.map(lambda a: a[:, 0] if a.ndim == 2 else a), base.episode)
    renamed = Coverage(
        "walk",
        Transition({"x": t.state["obs"]}, t.action, {"x": t.next_state["obs"]}, t.terminated, t.truncated),
        base.episode,
    )
    hashes = {c.content_hash for c in (base, doubles, singles, flat, renamed, walk(start=1e-6), walk(cut=[0]))}
    assert len(hashes) == 7


def test_the_hash_does_not_depend_on_the_layout_in_memory():
    t = walk().transitions
    strided = t.map(lambda a: np.repeat(a, 2, 0)[::2])
    one, other = (Coverage("w", batch, np.repeat([0, 1], [4, 3])) for batch in (t, strided))
    assert one.content_hash == other.content_hash


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "text", "format", "missing"])
def test_a_damaged_file_is_told(tmp_path: Path, damage: str):
    path = tmp_path / "c.npz"
    walk().save(path)
    arrays = dict(np.load(path))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "flipped":
        arrays["action"][2] += 1
        np.savez(path, **arrays)
    elif damage == "foreign":
        np.savez(path, x=np.zeros(3))
    elif damage == "format":
        header = json.loads(str(arrays["header"])) | {"format": 99}
        np.savez(path, **{**arrays, "header": np.array(json.dumps(header))})
    elif damage == "missing":
        del arrays["fresh"]
        np.savez(path, **arrays)
    else:
        path.write_text("not a zip")
    with pytest.raises(CoverageError, match=r"c\.npz is (damaged|no saved coverage)"):
        Coverage.load(path)
    with pytest.raises(FileNotFoundError):
        Coverage.load(tmp_path / "none.npz")


def test_objects_other_than_text_are_not_pickled(tmp_path: Path):
    things = np.array([{}, {}], object)
    t = Transition({"x": things}, np.zeros(2), {"x": things}, *np.zeros((2, 2), bool))
    with pytest.raises(CoverageError, match="x holds Python objects"):
        Coverage("c", t, np.zeros(2, int)).save(tmp_path / "c.npz")
    assert not list(tmp_path.iterdir())


def test_what_does_not_belong_together_is_refused():
    t = walk().transitions
    episode = walk().episode
    with pytest.raises(CoverageError, match="consecutive"):
        Coverage("c", t, np.array([0, 0, 1, 1, 0, 1, 1]))
    with pytest.raises(CoverageError, match=r"measure/fitness has 3 rows, expected 7"):
        Coverage("c", t, episode, measures={"fitness": np.zeros(3)})
    with pytest.raises(CoverageError, match="must be bool, got float64"):
        Coverage("c", Transition(t.state, t.action, t.next_state, np.zeros(7), t.truncated), episode)
    with pytest.raises(CoverageError, match="not both have note"):
        Coverage("c", Transition({"obs": t.state["obs"]}, t.action, t.next_state, t.terminated, t.truncated), episode)
    with pytest.raises(CoverageError, match=r"obs is \(7, 1\) float32 in s, \(7, 2\)"):
        Coverage(
            "c",
            Transition(t.state, t.action, {**t.next_state, "obs": np.zeros((7, 2))}, t.terminated, t.truncated),
            episode,
        )
    with pytest.raises(CoverageError, match="at least one transition"):
        Coverage("c", t[:0], episode[:0])


def test_whether_an_episode_is_complete():
    coverage = walk((4, 3, 2), cut=[1])
    assert coverage.complete.tolist() == [True, False, True]
    later = coverage.subset(np.arange(1, 9))  # the first lost its beginning
    assert later.complete.tolist() == [False, False, True]
    gap = coverage.subset(np.array([0, 1, 3, 7, 8]))
    assert gap.complete.tolist() == [False, True]
    assert [(s.start, s.stop) for s in gap.episodes] == [(0, 3), (3, 5)]


def test_a_subset_keeps_all_in_step():
    part = walk().subset(np.array([5, 1]))
    assert part.transitions.action.tolist() == [10.0, 1010.0]  # in the order of the coverage
    assert (part.episode.tolist(), part.step.tolist()) == ([0, 1], [1, 1])
    assert part.env_reward.tolist() == [0.5, 50.5]
    assert part.measures["fitness"].tolist() == [-1, -101]
    sample = walk((100,)).sample(10, seed=1)
    assert len(np.unique(sample.step)) == 10
    assert sample.step.tolist() == walk((100,)).sample(10, seed=1).step.tolist()
    with pytest.raises(CoverageError, match="has 7 transitions, 8 were asked for"):
        walk().sample(8, seed=0)


def test_recombining_draws_each_part_on_its_own():
    coverage = walk((50, 50)).recombined(2000, seed=0)
    t = coverage.transitions
    place, after = t.state["obs"][:, 0], t.next_state["obs"][:, 0]
    assert [f"at {p:.0f}" for p in place] == t.state["note"].tolist()  # a state stays whole
    assert set(place) == set(after) == {float(100 * e + s) for e in (0, 1) for s in range(51)}
    assert set(t.action / 10) == {float(100 * e + s) for e in (0, 1) for s in range(50)}
    assert abs(np.corrcoef([place, t.action, after])[np.triu_indices(3, 1)]).max() < 0.1
    assert (
        np.corrcoef(walk((50, 50)).transitions.action, walk((50, 50)).transitions.next_state["obs"][:, 0])[0, 1] > 0.99
    )


class Doubler(Encoder):
    source = "obs"

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, source: np.ndarray) -> np.ndarray:
        self.seen += len(source)
        return 2 * source[:, 0]


class Doubled(RewardFn):
    name = "doubled"
    inputs = frozenset({"twice"})

    def __init__(self, encoder: Encoder):
        self._encoder = encoder

    @property
    def encoders(self) -> dict[str, Encoder]:
        return {"twice": self._encoder}

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        return {"doubled": t.next_state["twice"]}


def test_encoding_sees_each_state_once():
    encoder = Doubler()
    reward = Doubled(encoder)
    with pytest.raises(CoverageError, match="lacks twice, which reward 'doubled' reads; it has note, obs"):
        walk().require([reward])
    encoded = walk().encoded([reward])
    encoded.require([reward])
    assert encoder.seen == 9
    np.testing.assert_array_equal(encoded.transitions.state["twice"], 2 * walk().transitions.state["obs"][:, 0])
    np.testing.assert_array_equal(
        reward(encoded.transitions)["doubled"], 2 * walk().transitions.next_state["obs"][:, 0]
    )
    assert encoded.encoded([reward]) is encoded


def test_joining_numbers_episodes_anew():
    both = concatenate([walk(), walk((2,), name="b", start=1000.0)], "both")
    assert both.episode.tolist() == [0] * 4 + [1] * 3 + [2] * 2
    assert both.transitions.action[-1] == 10010
    assert both.step.tolist() == [0, 1, 2, 3, 0, 1, 2, 0, 1]
    assert [part["name"] for part in both.about["parts"]] == ["walk", "b"]
    assert both.measures["fitness"][-1] == -1001
    extra = walk().derived(lambda states: {"more": states["obs"]})
    with pytest.raises(CoverageError, match="only one has more"):
        concatenate([walk(), extra], "both")


def test_a_mixture_has_equal_shares_of_whole_episodes():
    a, b = walk((10,) * 20), walk((3,) * 100, name="b", start=1e6)
    mixed = mixture([a, b], 101, seed=0)
    from_b = mixed.transitions.action >= 1e7
    assert (len(mixed), int(from_b.sum())) == (101, 50)
    lengths = [s.stop - s.start for s in mixed.episodes]
    assert lengths.count(10) == 5
    assert sorted(set(lengths)) in ([1, 2, 3, 10], [1, 3, 10], [1, 2, 10, 3])
    assert mixture([a, b], 101, seed=0).content_hash == mixed.content_hash
    assert mixture([a, b], 101, seed=1).content_hash != mixed.content_hash
    with pytest.raises(CoverageError, match="needs 250 transitions of each, but 'walk' has 200"):
        mixture([a, b], 500, seed=0)
