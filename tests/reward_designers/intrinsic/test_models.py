"""Models of what helps: they recover a known order from noisy comparisons, and judge captions that nobody judged."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau

from reward_designers.intrinsic.labels import Label, Preference
from reward_designers.intrinsic.models import (
    MODELS,
    CaptionModel,
    Classification,
    Ranking,
    Retrieval,
    make_model,
)

VERBS = {"You pick up": 1.0, "You see here": 0.4, "You drop": -0.5, "You are hit by": -1.0}
THINGS = {"a key": 1.0, "an apple": 0.2, "a rock": 0.0, "3 gold pieces": 0.5, "a small mimic": -0.6}
TRUTH = {f"{verb} {thing}.": a + b for (verb, a), (thing, b) in itertools.product(VERBS.items(), THINGS.items())}
CAPTIONS = list(TRUTH)


def compared(captions: list[str], pairs: int, noise: float, rng: np.random.Generator) -> list[Preference]:
    """Comparisons by an annotator whose sense of worth is off by a normal error; near ones are ties."""
    found = []
    for _ in range(pairs):
        first, second = rng.choice(captions, 2, replace=False)
        difference = TRUTH[first] - TRUTH[second] + noise * rng.normal()
        outcome = 0.5 if abs(difference) < 0.1 else float(difference > 0)
        found.append(Preference(str(first), str(second), outcome))
    return found


@pytest.mark.parametrize(("noise", "at_least"), [(0.0, 0.9), (0.5, 0.8), (1.0, 0.65)])
def test_a_ranking_is_recovered_from_noisy_comparisons(noise: float, at_least: float, rng: np.random.Generator) -> None:
    model = Ranking(threshold=-10)
    for _ in range(3):
        model.learn([], compared(CAPTIONS, 200, noise, rng), dict.fromkeys(CAPTIONS, 1))
    tau = kendalltau(model(CAPTIONS), list(TRUTH.values())).statistic
    assert tau > at_least


def test_captions_that_were_never_compared_are_placed_by_their_words(rng: np.random.Generator) -> None:
    unseen = CAPTIONS[::4]
    model = Ranking(threshold=-10)
    model.learn([], compared([c for c in CAPTIONS if c not in unseen], 400, 0.1, rng), dict.fromkeys(CAPTIONS, 1))
    assert kendalltau(model(unseen), [TRUTH[c] for c in unseen]).statistic > 0.6


def test_ties_are_learned_as_ties(rng: np.random.Generator) -> None:
    equal, better = Ranking(threshold=-10), Ranking(threshold=-10)
    a, b = CAPTIONS[:2]
    equal.learn([], [Preference(a, b, 0.5)], {a: 1, b: 1})
    better.learn([], [Preference(a, b, 1.0)], {a: 1, b: 1})
    gap = [abs(np.subtract(*model.network.predict([a, b]))) for model in (equal, better)]
    assert gap[0] < 0.5 < gap[1]
    assert equal.log_nu > 0 > better.log_nu


def test_a_ranking_pays_by_standard_deviations_above_the_mean_of_all_steps(rng: np.random.Generator) -> None:
    model = Ranking(threshold=0.25)
    counts = {caption: 1 + i for i, caption in enumerate(CAPTIONS)}
    model.learn([], compared(CAPTIONS, 300, 0.1, rng), counts)
    raw = model.network.predict(CAPTIONS)
    steps = np.repeat(raw, list(counts.values()))
    np.testing.assert_allclose(model(CAPTIONS), np.maximum((raw - steps.mean()) / steps.std() - 0.25, 0), atol=1e-9)
    assert (model(CAPTIONS) == 0).any()
    assert (model(CAPTIONS) > 0).any()


def test_a_classifier_judges_unseen_captions_and_knows_what_it_does_not_know() -> None:
    model = Classification(steps=200)
    known = [c for c in CAPTIONS if "rock" not in c]
    model.learn([Label(c, float(c.startswith(("You pick up", "You see")))) for c in known], [], {})
    assert model(["You pick up a rock.", "You see here a rock."]).tolist() == [1, 1]
    assert model(["You drop a rock.", "You are hit by a rock."]).tolist() == [0, 0]
    assert model.uncertainty(known).max() < model.uncertainty(["Strange feelings overcome thee"])[0]


def test_probabilities_mean_what_they_say(rng: np.random.Generator) -> None:
    """Labels of which a fifth are wrong: whoever learns them by heart is far too sure of the next ones."""
    colors = ("red", "blue", "green", "black", "white", "gray", "pink", "violet", "brown", "golden")
    captions = [f"{verb} {thing} {color}" for verb in VERBS for thing in THINGS for color in colors]
    chance = np.array([0.8 if c.startswith(("You pick up", "You see")) else 0.2 for c in captions])
    labels = (rng.random(len(captions)) < chance).astype(float)
    order = rng.permutation(len(captions))
    known, rest = order[:80], order[80:]
    model = Classification(steps=60)
    model.learn([Label(captions[i], labels[i]) for i in known[:60]], [], {})
    model.learn([Label(captions[i], labels[i]) for i in known[60:]], [], {})
    p = model.probability([captions[i] for i in rest])
    raw = 1 / (1 + np.exp(-model.network.predict([captions[i] for i in rest])))
    assert model.temperature > 1.5

    def loss(p: np.ndarray) -> float:
        said = labels[rest]
        return float(-(said * np.log(p) + (1 - said) * np.log(1 - p)).mean())

    assert loss(p) < min(loss(raw), np.log(2))  # better than by heart, and than not knowing anything
    assert ((p > 0.5) == (raw > 0.5)).all()


def test_retrieval_pays_for_what_was_labeled_helpful_only() -> None:
    model = Retrieval(threshold=0.5)
    assert model.uncertainty(CAPTIONS[:2]).tolist() == [1, 1]
    model.learn([Label(CAPTIONS[0], 1.0), Label(CAPTIONS[1], 0.3), Label(CAPTIONS[2], None)], [], {})
    assert model(CAPTIONS[:4]).tolist() == [1, 0, 0, 0]
    assert model.uncertainty(CAPTIONS[:4]).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("kind", MODELS)
def test_invalid_answers_teach_nothing(kind: str) -> None:
    model = make_model(kind)
    before = model(CAPTIONS).tolist()
    model.learn([Label(CAPTIONS[0], None)], [Preference(*CAPTIONS[:2], None)], {})
    assert model.version == 0
    assert model(CAPTIONS).tolist() == before == [0] * len(CAPTIONS)


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_known_already_teaches_nothing(kind: str) -> None:
    model = make_model(kind)
    for _ in range(2):
        model.learn([Label(CAPTIONS[0], 1.0)], [Preference(*CAPTIONS[:2], 1.0)], dict.fromkeys(CAPTIONS[:2], 1))
        assert model.version == 1


@pytest.mark.parametrize("kind", MODELS)
def test_saved_and_loaded_a_model_goes_on_alike(kind: str, rng: np.random.Generator) -> None:
    def teach(model: CaptionModel, seed: int) -> None:
        rng = np.random.default_rng(seed)
        labels = [Label(c, float(TRUTH[c] > 0)) for c in rng.choice(CAPTIONS, 8)]
        model.learn(labels, compared(CAPTIONS, 20, 0.1, rng), dict.fromkeys(CAPTIONS, 1))

    model, other = make_model(kind, seed=3), make_model(kind, seed=3)
    teach(model, 0)
    teach(other, 2)
    other.load_state_dict({name: np.array(array) for name, array in model.state_dict().items()})
    for _ in range(2):
        assert other.version == model.version
        np.testing.assert_array_equal(model(CAPTIONS), other(CAPTIONS))
        np.testing.assert_array_equal(model.uncertainty(CAPTIONS), other.uncertainty(CAPTIONS))
        teach(model, 1)
        teach(other, 1)


def test_a_caption_is_worth_the_same_in_any_company() -> None:
    """So that a resumed run, which evaluates captions in another order, goes on to the bit."""
    model = Ranking()
    together = model.network.predict(CAPTIONS)
    assert together.tolist() == [model.network.predict([caption])[0] for caption in CAPTIONS]
    assert together[::-1].tolist() == model.network.predict(CAPTIONS[::-1]).tolist()


def test_wrong_names_and_numbers_are_named() -> None:
    with pytest.raises(ValueError, match=r"unknown reward model 'retrival'\. Did you mean 'retrieval'"):
        make_model("retrival")
    with pytest.raises(ValueError, match="threshold=nan"):
        make_model("ranking", float("nan"))
