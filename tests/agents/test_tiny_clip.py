"""How the embedded CLIP is made: degrees that mean what their captions say, and a training that can be interrupted."""

from __future__ import annotations

import json
from dataclasses import replace

import gymnasium as gym
import mujoco
import numpy as np
import pytest
import torch

import envs
from agents.tiny_clip import bodies, captions, frames, train
from agents.tiny_clip.card import write_card
from agents.tiny_clip.degrees import degrees
from agents.tiny_clip.features import Features, lowest_point
from agents.tiny_clip.frames import SHARES, SPECIES
from agents.tiny_clip.grades import all_of, bump, ramp
from agents.tiny_clip.model import CONFIG, Words, build, encode_text
from reward_designers.assets import asset


def grades_of(species: str, *qpos: np.ndarray) -> dict[str, np.ndarray]:
    """Degrees in states of a body, put on the floor."""
    model = gym.make(bodies.BODIES[species].env_id).unwrapped.model
    data = mujoco.MjData(model)
    rows = []
    for q in qpos:
        data.qpos[:] = q
        mujoco.mj_forward(model, data)
        if bodies.BODIES[species].root != "cart":
            height = 2 if bodies.BODIES[species].root == "free" else 1
            data.qpos[height] -= lowest_point(model, data)
            mujoco.mj_forward(model, data)
        rows.append(Features.row(model, data))
    return degrees(species, Features.of(model, np.stack(rows)))


def humanoid(pitch: float = 0.0, **joints: float) -> np.ndarray:
    """Joint angles in degrees; ``knee`` means both knees, and so on."""
    model = gym.make("Humanoid-v5").unwrapped.model
    qpos = np.zeros(model.nq)
    mujoco.mju_axisAngle2Quat(qpos[3:7], np.array([0.0, 1.0, 0.0]), np.radians(pitch))
    for name, angle in joints.items():
        for side in (name,) if name.startswith(("abdomen", "right", "left")) else (f"right_{name}", f"left_{name}"):
            qpos[model.joint(side).qposadr[0]] = np.radians(angle)
    return qpos


def test_grades_by_hand():
    np.testing.assert_allclose(ramp(np.array([0.0, 1.0, 1.5, 3.0]), 1.0, 2.0), [0, 0, 0.5, 1])
    np.testing.assert_allclose(ramp(np.array([0.0, 0.5, 2.0]), 1.0, 0.0), [1, 0.5, 0])
    np.testing.assert_allclose(bump(np.array([1.0, 1.5, 3.0]), 1.0, 1.0), [1, 0.5, 0])
    one, half, none = np.ones(1), np.full(1, 0.5), np.zeros(1)
    assert all_of(one, one) == 1
    assert all_of(none, none) == 0
    # more of one part alone still counts, which a plain product would hide
    assert 0 < all_of(half, none) < all_of(one, none) < all_of(one, half) < 1


def test_humanoid_degrees_tell_postures_apart():
    standing, lying, kneeling, half = (
        humanoid(),
        humanoid(pitch=-90),
        humanoid(knee=-90),
        humanoid(knee=-60, hip_y=-60),
    )
    d = grades_of("humanoid", standing, lying, kneeling, half)
    assert d["standing"].argmax() == 0
    assert d["standing"][0] > 0.95
    assert d["standing"][0] > d["standing"][3] > d["standing"][2] > d["standing"][1]
    assert d["kneeling"].argmax() == 2
    assert d["kneeling"][2] > 0.8
    assert d["on_back"].argmax() == 1
    assert d["on_back"][1] > 0.8
    assert d["on_front"][1] == 0
    for values in d.values():
        assert values.min() >= 0
        assert values.max() <= 1


def test_arms_and_legs_are_told_apart():
    raised = humanoid(right_shoulder1=60, right_shoulder2=-80, left_shoulder1=-60, left_shoulder2=80)
    one_leg = humanoid(right_hip_y=-90, right_knee=-90)
    d = grades_of("humanoid", humanoid(), raised, one_leg)
    assert d["one_leg"].argmax() == 2
    assert d["one_leg"][2] > 0.7
    assert (d["one_leg"][:2] < 0.4).all()


@pytest.mark.parametrize(("species", "joint"), [("hopper", 2), ("walker", 2)])
def test_planar_robots_stand_less_the_more_they_tilt(species, joint):
    qpos = np.zeros((4, 6 if species == "hopper" else 9))
    qpos[:, joint] = np.radians([0, 30, 60, 90])
    d = grades_of(species, *qpos)
    assert (np.diff(d["standing"]) < 0).all()
    assert d["standing"][0] > 0.9
    assert (np.diff(d["fallen"]) > 0).all()
    assert d["leaning_forward"][1] > 0.8 > 0.2 > d["leaning_back"][1]


def test_pole_degrees():
    states = np.array([[0, 0, 0, 0], [0, 0, 0.2, 0], [1.5, 0, -0.8, 0], [0, 0, np.pi, 0]], float)
    none = np.zeros((4, 0, 3))
    d = degrees("cartpole", Features(None, none, none, np.zeros((4, 3, 3)), states, np.zeros(4)))
    assert d["upright"][0] == 1
    assert (np.diff(d["upright"]) < 0).all()
    assert d["hanging"][3] == 1
    assert d["left"][2] > 0.9
    assert d["right"][2] == 0
    assert d["cart_right"][2] > 0.8
    assert d["centered"][0] == 1


def test_every_proposition_has_a_degree_and_every_degree_a_caption():
    for species in SPECIES:
        if species == "cartpole":
            none = np.zeros((1, 0, 3))
            known = set(
                degrees(species, Features(None, none, none, np.zeros((1, 3, 3)), np.zeros((1, 4)), np.zeros(1)))
            )
        else:
            model = gym.make(bodies.BODIES[species].env_id).unwrapped.model
            known = set(grades_of(species, mujoco.MjData(model).qpos))
        said = {p.name for p in captions.PROPOSITIONS if species in p.species}
        assert said - {""} == known
        assert "" in said  # the baseline, always true
    assert sum(SHARES.values()) == pytest.approx(1)


def test_captions_stay_within_the_vocabulary_and_unseen_ones_do_not_repeat_them():
    rng = np.random.default_rng(0)
    known = set(captions.vocabulary())
    for p in captions.PROPOSITIONS:
        trained = {captions.caption(p, rng) for _ in range(40)}
        assert {word for text in trained for word in captions.words(text)} <= known
        assert not trained & set(captions.unseen(p).values())
    assert {"kneeling", "lotus", "humanoid", "pole", "hopper"} <= known


def test_the_shipped_model_is_the_one_that_this_script_makes():
    folder = asset("tiny_clip")
    assert (folder / "vocabulary.txt").read_text().split() == captions.vocabulary()
    assert json.loads((folder / "open_clip_config.json").read_text()) == CONFIG
    made_by = f"({train.Settings().train} frames, {train.Settings().epochs} epochs, seed {train.Settings().seed})"
    assert made_by in (folder / "README.md").read_text()


def test_frames_are_the_same_whenever_they_are_drawn(tmp_path):
    first, again = (frames.load_or_make(tmp_path / name, "pendulum", "test", 30, seed=3) for name in ("a", "b"))
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.truth, again.truth)
    other = frames.load_or_make(tmp_path / "a", "pendulum", "train", 30, seed=3)
    assert (other.frames != first.frames).any()


def test_text_cut_short_is_encoded_as_open_clip_does_and_strange_words_say_little():
    words = Words()
    model = build(words, seed=0).eval()
    says = ["a humanoid robot kneeling", "pole and cart"]
    with torch.no_grad():
        ours = encode_text(model, words(says))
        theirs = model.encode_text(words.tokenizer(says), normalize=True)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    unknown = words.tokenizer.encode("brontosaurus")
    assert not model.token_embedding.weight[unknown].any()


@pytest.mark.slow
def test_interrupted_training_ends_with_the_same_weights_and_writes_a_loadable_model(tmp_path, monkeypatch):
    monkeypatch.setattr("agents.tiny_clip.humanoid._ITERATIONS", 3)  # poorer poses, in a fifth of the time
    settings = replace(train.QUICK, train=160, test=160, epochs=2, batch=32)
    data = train.load_split("train", settings.train, settings.seed, tmp_path / "frames")
    assert sorted(path.name for path in (tmp_path / "frames").iterdir() if ".partial" in path.name) == []
    whole = train.train(data, settings, tmp_path)

    class Killed(Exception):
        pass

    (tmp_path / "again").mkdir()
    with monkeypatch.context() as context:
        original = train.os.replace

        def replace_then_die(source, target):
            original(source, target)
            raise Killed

        context.setattr(train.os, "replace", replace_then_die)
        with pytest.raises(Killed):
            train.train(data, settings, tmp_path / "again")
    resumed = train.train(data, settings, tmp_path / "again")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name

    train.export(whole, tmp_path / "model")
    from reward_designers.vlm.encoder import ClipEncoder
    from reward_designers.vlm.models import load

    clip = load(str(tmp_path / "model"), precision="fp32")
    pictures = data.take(np.arange(4))
    expected = train.encode_images(whole, torch.from_numpy(pictures), bf16=False).detach().numpy()
    np.testing.assert_allclose(ClipEncoder(clip)(pictures), expected, atol=0.02)  # stored in fp16
    assert clip.vocabulary == frozenset(captions.vocabulary())
    assert (tmp_path / "model" / "model.safetensors").stat().st_size < 10e6

    held_out = train.load_split("test", settings.test, settings.seed, tmp_path / "frames")
    write_card(tmp_path / "model", held_out.shards, settings, log=lambda text: None)
    card = (tmp_path / "model" / "README.md").read_text()
    assert "not evidence about zero-shot CLIP" in card
    for task in envs.tasks("Humanoid").keys() - {"running"}:
        assert f"| Humanoid {task} |" in card
