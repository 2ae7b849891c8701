"""The VLM reward: its formula, its prompts, what it shares and what it refuses."""

from __future__ import annotations

import copy
import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch

import envs
from reward_designers.base import RewardFn, Transition
from reward_designers.checker import check_reward
from reward_designers.encoders import encode
from reward_designers.errors import RewardError
from reward_designers.evaluation import evaluate, total
from reward_designers.vlm.reward import VLMReward
from reward_designers.vlm.torchvision_compat import open_clip

from .conftest import pictures

GOAL, BASELINE = ("a humanoid robot kneeling",), ("a humanoid robot",)


@pytest.fixture
def make(tiny_folder):
    def make(goal=GOAL, baseline=BASELINE, alpha=0.5, **options):
        return VLMReward(goal, baseline, alpha, **{"model": str(tiny_folder), "device": "cpu", **options})

    return make


def transition(reward: VLMReward, frames: np.ndarray) -> Transition:
    n = len(frames)
    next_state = {key: array for key, array in encode(reward.encoders, {"frame": frames}).items() if key != "frame"}
    return Transition({}, np.zeros((n, 1)), next_state, np.zeros(n, bool), np.zeros(n, bool))


def explicit(s: np.ndarray, g: np.ndarray, b: np.ndarray, alpha: float) -> np.ndarray:
    """VLM-RM's definition in float64, with the D x D matrix: s, g and b as they are, s brought to norm 1."""
    s, g, b = (np.asarray(array, np.float64) for array in (s, g, b))
    d = g - b
    projection = alpha * np.outer(d, d) / (d @ d) + (1 - alpha) * np.eye(len(d))
    s = s / np.linalg.norm(s, axis=-1, keepdims=True)
    return 1 - np.linalg.norm((s - g) @ projection, axis=-1) ** 2 / 2


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.7, 1.0])
def test_the_identity_equals_the_explicit_projection(make, alpha, rng):
    reward = make(("a robot kneeling", "a humanoid standing"), ("a robot", "a humanoid robot"), alpha)
    text = reward._text
    g = text(("a robot kneeling", "a humanoid standing")).astype(np.float64).mean(0)
    b = text(("a robot", "a humanoid robot")).astype(np.float64).mean(0)
    s = rng.normal(size=(50, 64)) * rng.uniform(0.1, 10, (50, 1))
    np.testing.assert_allclose(reward.of_embeddings(s), explicit(s, g, b, alpha), atol=2e-6)


def test_from_frames_it_equals_vlm_rms_own_way(make, tiny_folder, frames):
    """Each frame transformed on its own in float32, open_clip's model as it is, the matrix of the projection."""
    clip = open_clip.create_model(f"local-dir:{tiny_folder}").eval()
    mean, std = (torch.tensor(clip.visual.preprocess_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        images = torch.stack([(torch.from_numpy(frame).permute(2, 0, 1) / 255 - mean) / std for frame in frames])
        s = clip.encode_image(images).numpy()
        tokens = open_clip.get_tokenizer(f"local-dir:{tiny_folder}")([*GOAL, *BASELINE])
        g, b = clip.encode_text(tokens, normalize=True).numpy()
    for alpha in (0.0, 0.5, 1.0):
        expected = explicit(s, g, b, alpha)
        np.testing.assert_allclose(make(alpha=alpha, precision="fp32").score(frames), expected, atol=1e-5)
        rounded = make(alpha=alpha, precision="bf16").score(frames)
        assert np.corrcoef(rounded, expected)[0, 1] > 0.995  # random weights spread embeddings little


def test_by_hand():
    """D = 2, g = (1, 0), b = (0, 1), alpha = 1/2; s = (0, 1), (-1, 0), (1, 0) before they are brought to norm 1."""
    reward = VLMReward.__new__(VLMReward)
    reward.alpha, reward._goal = 0.5, np.array([1.0, 0.0], np.float32)
    reward._direction = np.array([1.0, -1.0], np.float32) / np.sqrt(2)
    # s = b: |s - g|^2 = 2, all of it along g - b, which alpha leaves alone: 1 - 2 / 2 = 0.
    # s = -g: s - g = (-2, 0), its square 4 is half along, half across: 1 - (2 + 2 / 4) / 2 = -0.25.
    np.testing.assert_allclose(reward.of_embeddings([[0.0, 3.0], [-1.0, 0.0], [5.0, 0.0]]), [0, -0.25, 1], atol=1e-6)


def test_without_regularisation_it_is_the_cosine_similarity(make, frames):
    reward = make(alpha=0.0, baseline=())
    (key,) = reward.inputs
    s = reward.encoders[key](frames).astype(np.float64)
    s /= np.linalg.norm(s, axis=-1, keepdims=True)
    np.testing.assert_allclose(reward.score(frames), s @ reward._text(GOAL)[0], atol=1e-6)


def test_it_reads_the_successor_frame_alone(make, frames):
    reward = make()
    assert reward.reads == {"next_state"}
    assert reward.expensive
    assert reward.markov
    components = evaluate(reward, transition(reward, frames))
    assert list(components) == ["vlm"]
    np.testing.assert_array_equal(total(components), reward.score(frames))


def test_a_rollout_equals_its_steps(make, frames):
    reward = make()
    t = transition(reward, frames)
    rollout = t.map(lambda array: array.reshape(4, 3, *array.shape[1:]))
    steps = [evaluate(reward, rollout[step])["vlm"] for step in range(4)]
    np.testing.assert_allclose(reward.relabel(rollout)["vlm"], steps, atol=1e-7)


def test_new_prompts_reuse_stored_embeddings(make, frames):
    first, second = make(), make("a humanoid robot standing", alpha=0.2)
    assert first.inputs == second.inputs
    (key,) = first.inputs
    assert key.startswith("frame@")
    assert first.encoders[key].model is second.encoders[key].model
    t = transition(first, frames)
    np.testing.assert_array_equal(evaluate(second, t)["vlm"], second.score(frames))
    others = [make(precision="fp32"), make(precision="bf16"), make(precision="bf16", every=2)]
    assert len({key for reward in others for key in reward.inputs}) == 3  # what is encoded differently is kept apart


def test_looking_at_every_kth_frame_interpolates_the_embeddings(make, frames):
    reward, exact = make(every=3, precision="fp32"), make(precision="fp32")
    (key,) = reward.inputs
    ends = np.zeros((4, 3), bool)
    stored = reward.encoders[key].rollout(frames.reshape(4, 3, *frames.shape[1:]), ends)
    t = Transition({}, np.zeros((4, 3, 1)), {key: stored}, ends, ends)
    scores = exact.score(frames).reshape(4, 3)
    relabelled = reward.relabel(t)["vlm"]
    np.testing.assert_allclose(relabelled[[0, 3]], scores[[0, 3]], atol=1e-6)
    between = (2 * stored[0] + stored[3]) / 3
    np.testing.assert_allclose(relabelled[1], exact.of_embeddings(between), atol=1e-6)


def test_every_kth_frame_is_refused_step_by_step(make, frames):
    """What lies between two keys is known only later: a stepwise reward would not agree with the rollout's."""
    env = gym.make("CartPole-v1")
    with pytest.raises(ValueError, match=r"made every 3 steps, which needs whole rollouts.*or set every=1"):
        envs.ReplaceReward(env, make(every=3)).reset()


def test_several_prompts_are_averaged_then_used(make):
    one, other = make("a robot standing"), make("a robot kneeling")
    both = make(("a robot standing", "a robot kneeling"))
    np.testing.assert_allclose(both._goal, (one._goal + other._goal) / 2, atol=1e-7)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_it_keeps_every_law(make, precision, alpha, rng):
    """From raw frames, so the encoder is held to the laws as well; some frames come twice."""
    frames = pictures(16)[rng.integers(0, 16, 24)]
    n = len(frames)
    batch = Transition({}, np.zeros((n, 2)), {"frame": frames}, np.zeros(n, bool), np.arange(n) % 5 == 0)
    report = check_reward(make(alpha=alpha, precision=precision), batch, rtol=1e-5)
    assert set(report.skipped) == {"total", "episodes"}  # one component, Markov


def test_save_and_load(make, frames, tmp_path):
    reward = make()
    reward.save(tmp_path / "reward.npz")
    loaded = RewardFn.load(tmp_path / "reward.npz")
    assert loaded.config() == reward.config()
    np.testing.assert_array_equal(loaded.score(frames), reward.score(frames))
    assert (tmp_path / "reward.npz").stat().st_size < 5000  # names its weights, does not carry them


def test_changed_weights_are_noticed(make):
    config = make().config()
    config.pop("_target_")
    with pytest.raises(RewardError, match=r"weights of .* have changed.*0123456789abcdef"):
        VLMReward(**config | {"weights": "0123456789abcdef"})


def test_copies_share_the_model(make, frames):
    reward = make()
    for twin in (copy.deepcopy(reward), pickle.loads(pickle.dumps(reward))):
        assert twin._encoder.model is reward._encoder.model
        np.testing.assert_array_equal(twin.score(frames), reward.score(frames))
    assert len(pickle.dumps(reward)) < 2000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goal": ""}, "goal prompt is empty"),
        ({"goal": ("a robot", "  ")}, "goal prompt is empty"),
        ({"goal": ()}, "needs a goal prompt"),
        ({"baseline": ("",)}, "baseline prompt is empty"),
        ({"baseline": ()}, "alpha=0.5 needs a baseline prompt"),
        ({"baseline": GOAL}, "goal and baseline prompts mean the same"),
        ({"alpha": 1.5}, r"alpha must lie in \[0, 1\], got 1.5"),
        ({"alpha": float("nan")}, r"alpha must lie in \[0, 1\], got nan"),
        ({"model": "ViT-L14"}, "Did you mean 'ViT-L-14'"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"every": 0}, "every must be at least 1, got 0"),
    ],
)
def test_bad_options_are_refused(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_words_that_the_model_never_saw_are_named(make):
    with pytest.warns(UserWarning, match="never trained on 'unicycle', 'backwards' in 'A robot, unicycle") as caught:
        make("A robot, unicycle-standing backwards", alpha=0.0)
    assert len(caught) == 1


def test_known_words_give_no_warning(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make("A humanoid robot, standing!")


def test_a_prompt_that_is_cut_is_reported(make):
    with pytest.warns(UserWarning, match="reads only the beginning of 'robot robot"):
        make("robot " * 80, alpha=0.0)
