"""Words for propositions: subjects, paraphrases and sentence frames, some of them kept out of training.

A caption is ``frame.format(subject + " " + phrase)``; how far it is true of a picture is the degree of its proposition
(:mod:`agents.tiny_clip.degrees`). "pole vertically upright on top of the cart" and its like bring their own subject.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Proposition:
    """One thing that may be said.

    Attributes:
        species: The bodies of which it may be true; of all others it is false.
        name: Key in ``degrees``; ``""`` says only what is seen, and is always true.
        phrases: Wordings trained on.
        unseen: Wordings kept for the test.
        whole: The wordings are complete and take no subject.
    """

    species: tuple[str, ...]
    name: str
    phrases: tuple[str, ...]
    unseen: tuple[str, ...] = ()
    whole: bool = False


SUBJECTS = {
    "humanoid": (
        "a humanoid robot",
        "a humanoid robot",
        "the humanoid robot",
        "a humanoid",
        "a robot person",
        "a human robot",
    ),
    "hopper": (
        "a hopper",
        "a hopper robot",
        "the hopper",
        "a one-legged robot",
        "a one-legged hopper",
        "a hopping robot",
    ),
    "walker": (
        "a walker",
        "a walker robot",
        "the walker",
        "a two-legged walker",
        "a two-legged robot",
        "a biped robot",
    ),
    "cheetah": ("a half cheetah", "a cheetah robot", "a cheetah", "the cheetah", "a robot cheetah"),
    "ant": ("an ant", "an ant robot", "the ant", "a four-legged robot", "a four-legged ant", "a quadruped robot"),
    "pole": ("a pole on a cart", "pole and cart", "a cart with a pole", "a cart pole", "an inverted pendulum"),
    "double": (
        "a double pendulum on a cart",
        "an inverted double pendulum",
        "two poles on a cart",
        "a double pendulum",
    ),
}
UNSEEN_SUBJECTS = {
    "humanoid": "the robot humanoid",
    "hopper": "the one-legged hopper robot",
    "ant": "a quadruped ant robot",
}

FRAMES = (
    *("{}", "{}", "{}", "a photo of {}", "a picture of {}", "an image of {}", "{} in a simulation"),
    *("a rendered image of {}", "this is {}"),
)
UNSEEN_FRAMES = ("a screenshot of {}", "we can see {}")

H, POLE = ("humanoid",), ("cartpole", "pendulum")


def _p(species, name, *phrases, unseen=(), whole=False) -> Proposition:
    species = (species,) if isinstance(species, str) else species
    return Proposition(species, name, phrases, (unseen,) if isinstance(unseen, str) else tuple(unseen), whole)


_UPRIGHT = "standing upright", "standing up", "standing", "upright and standing tall", "standing upright on the ground"
_FALLEN = "fallen over", "that has fallen down", "that fell over", "falling down"

PROPOSITIONS = (
    # -- Humanoid: VLM-RM's eight tasks (arXiv 2310.12921), then what distinguishes their failures
    _p(H, "standing", "standing up", "standing", "standing upright", "standing tall on both feet", "on its feet", "upright and standing",
       unseen="that stands up straight"),
    _p(H, "kneeling", "kneeling", "kneeling down", "on its knees", "kneeling on the floor", "in a kneeling pose",
       unseen="that kneels on the ground"),
    _p(H, "lotus", "seated down, meditating in the lotus position", "sitting in the lotus position", "meditating cross-legged",
       "sitting cross-legged on the floor", "meditating", "in a lotus pose", unseen="seated cross-legged in meditation"),
    _p(H, "arms_raised", "standing up, with both arms raised", "standing with arms raised", "standing with both hands in the air",
       "standing upright with its arms up", "standing, arms raised above its head", unseen="upright, raising both arms"),
    _p(H, "splits", "practicing gymnastics, doing the side splits", "doing the splits", "doing the side splits", "in a split",
       "doing gymnastics, legs in a split", unseen="performing side splits"),
    _p(H, "hands_on_hips", "standing up with hands on hips", "standing with its hands on its hips", "standing, hands on its hips",
       "standing upright with both hands on hips", unseen="upright, hands placed on its hips"),
    _p(H, "arms_crossed", "standing up, with its arms crossed", "standing with arms crossed", "standing, arms folded on the chest",
       "standing upright with crossed arms", unseen="upright with folded arms"),
    _p(H, "one_leg", "standing up on one leg", "standing on one leg", "balancing on one leg", "standing on one foot",
       "standing with one leg lifted", unseen="on a single leg"),
    _p(H, "lying", "lying on the floor", "lying down", "lying flat on the ground", "on the ground", unseen="flat on the floor"),
    _p(H, "on_back", "lying on its back", "on its back", "lying face up", unseen="face up on the floor"),
    _p(H, "on_front", "lying on its front", "lying on its stomach", "lying face down", unseen="face down on the floor"),
    _p(H, "on_side", "lying on its side", "on its side", unseen="lying sideways"),
    _p(H, "sitting", "sitting", "sitting on the floor", "seated", "sitting down", "sitting upright on the ground", unseen="seated on the floor"),
    _p(H, "crouching", "crouching", "squatting", "in a squat", "crouching with bent knees", unseen="that squats"),
    _p(H, "all_fours", "on all fours", "crawling", "on its hands and knees", unseen="crawling on the floor"),
    _p(H, "bending_forward", "bending forward", "bowing", "bent over forward", unseen="leaning far forward"),
    _p(H, "leaning_back", "leaning back", "leaning backward", "falling backward"),
    _p(H, "leaning_side", "leaning to the side", "tilting sideways", "falling to the side"),
    _p(H, "upside_down", "upside down", "standing on its head", "with its head down"),
    _p(H, "fallen", *_FALLEN, "with its head near the ground", unseen="that has fallen to the floor"),
    _p(H, "in_air", "in the air", "jumping", "off the ground"),
    _p(H, "head_low", "with its head low", "with its head near the floor"),
    _p(H, "head_middle", "with its head at half height", "half way up", "getting up", "half standing"),
    _p(H, "head_high", "with its head high", "with its head high above the floor", "tall"),
    _p(H, "trunk_upright", "with an upright torso", "with its torso upright", "with a vertical torso", "upright"),
    _p(H, "trunk_tilted", "with a tilted torso", "with its torso tilted", "tilted"),
    _p(H, "trunk_level", "with a horizontal torso", "with its torso horizontal", "horizontal"),
    _p(H, "knees_bent", "with bent knees", "with its knees bent"),
    _p(H, "legs_straight", "with straight legs", "with its legs straight"),
    _p(H, "legs_apart", "with its legs apart", "with legs wide apart", "with its legs spread"),
    _p(H, "both_arms_up", "with both arms raised", "with its arms up", "raising its arms", "with both hands up", unseen="with raised arms"),
    _p(H, "one_arm_up", "with one arm raised", "raising one arm", "raising one hand", "waving"),
    _p(H, "arms_out", "with its arms out to the sides", "with arms stretched to the sides", "in a T pose"),
    _p(H, "arms_down", "with its arms down", "with its arms hanging down"),
    _p(H, "arms_front", "with its arms in front", "with arms stretched forward"),
    _p(H, "on_hips", "with its hands on its hips", "with both hands on hips", unseen="hands on its hips"),
    _p(H, "crossed", "with its arms crossed", "with crossed arms", "with arms folded on the chest", unseen="with folded arms"),
    _p(H, "kneeling_arms_up", "kneeling with both arms raised", "on its knees with its arms up"),
    _p(H, "sitting_arms_up", "sitting with both arms raised", "seated with its arms up"),
    _p(H, "standing_arms_down", "standing with its arms down", "standing with arms hanging down"),
    _p(H, "standing_arms_out", "standing with its arms out to the sides", "standing in a T pose"),
    # -- planar robots
    *(
        p
        for s in ("hopper", "walker")
        for p in (
            _p(s, "standing", *_UPRIGHT, unseen="that stands up straight"),
            _p(s, "fallen", *_FALLEN, unseen="that has fallen to the floor"),
            _p(s, "lying", "lying on the floor", "lying down", "lying flat on the ground", unseen="flat on the floor"),
            _p(s, "upside_down", "upside down", "with its head down"),
            _p(s, "leaning_forward", "leaning forward", "tilted forward", "falling forward"),
            _p(s, "leaning_back", "leaning back", "leaning backward", "tilted backward", "falling backward"),
            _p(s, "low", "low above the ground", "with its torso near the floor"),
            _p(s, "middle", "half way up", "at half height", "half standing"),
            _p(s, "high", "high above the ground", "with its torso high", "tall"),
            _p(s, "trunk_upright", "with an upright torso", "with its torso upright", "with a vertical torso", "upright"),
            _p(s, "trunk_level", "with a horizontal torso", "with its torso horizontal"),
            _p(s, "in_air", "in the air", "jumping", "hopping in the air"),
            _p(s, "crouching", "crouching", "with a bent leg", "bending its knees"),
            _p(s, "straight", "with a straight leg", "with straight legs", "stretched out"),
        )
    ),
    _p("walker", "legs_apart", "with its legs apart", "taking a step", "walking"),
    _p("cheetah", "standing", "standing on its feet", "upright", "standing", "on its feet", "running upright"),
    _p("cheetah", "upside_down", "upside down", "lying on its back", "flipped over", "fallen on its back"),
    _p("cheetah", "nose_down", "with its head down", "tipping forward", "falling on its head"),
    _p("cheetah", "nose_up", "with its head up", "rearing up", "tipping backward"),
    _p("cheetah", "trunk_level", "with a horizontal torso", "with its back level"),
    _p("cheetah", "in_air", "in the air", "jumping"),
    _p("ant", "standing", "standing on its legs", "standing", "standing upright", "on its feet", "standing up"),
    _p("ant", "upside_down", "upside down", "lying on its back", "flipped over", "fallen on its back"),
    _p("ant", "tilted", "tilted", "tipping over", "on its side"),
    _p("ant", "trunk_upright", "upright", "with an upright torso"),
    _p("ant", "low", "low above the ground", "with its torso near the floor", "crouching"),
    _p("ant", "high", "high above the ground", "with its torso high"),
    _p("ant", "in_air", "in the air", "jumping"),
    # -- poles
    _p(POLE, "upright", "pole vertically upright on top of the cart", "a pole upright on the cart", "an upright pole on a cart",
       "the pole is vertical", "the pole stands straight up on the cart", "a pole balanced on top of the cart",
       "a cart balancing a pole", "an inverted pendulum balanced upright", unseen="the pole balanced vertically above the cart", whole=True),
    _p(POLE, "nearly_upright", "a slightly tilted pole on a cart", "the pole is nearly upright", "the pole leans a little", whole=True),
    _p(POLE, "tilted", "a tilted pole on a cart", "the pole is tilted", "a leaning pole on a cart", whole=True),
    _p(POLE, "level", "a horizontal pole on a cart", "the pole is horizontal", "the pole lies flat", whole=True),
    _p(POLE, "fallen", "a fallen pole", "the pole has fallen", "the pole has fallen down", "the pole fell over",
       unseen="a pole that has fallen", whole=True),
    _p(POLE, "hanging", "the pole hangs down", "a pole hanging below the cart", whole=True),
    _p(POLE, "right", "the pole is tilted to the right", "the pole leans right", whole=True),
    _p(POLE, "left", "the pole is tilted to the left", "the pole leans left", whole=True),
    _p(POLE, "centered", "the cart is in the middle", "the cart is in the center", "a cart in the middle of the track", whole=True),
    _p(POLE, "cart_left", "the cart is on the left", "a cart on the left side", whole=True),
    _p(POLE, "cart_right", "the cart is on the right", "a cart on the right side", whole=True),
    _p("double_pendulum", "upright", "both poles upright on top of the cart", "two poles balanced upright on a cart",
       "a double pendulum standing upright", "both poles are vertical", "an inverted double pendulum balanced upright",
       unseen="both poles balanced vertically above the cart", whole=True),
    _p("double_pendulum", "fallen", "both poles have fallen", "a fallen double pendulum", "the double pendulum fell over", whole=True),
    _p("double_pendulum", "hanging", "both poles hang down", "a double pendulum hanging below the cart", whole=True),
    _p("double_pendulum", "high", "the tip of the double pendulum is high", "the tip is high above the cart", whole=True),
    _p("double_pendulum", "low", "the tip of the double pendulum is low", "the tip is below the cart", whole=True),
    _p("double_pendulum", "folded", "a folded double pendulum", "the two poles are folded", whole=True),
    _p("double_pendulum", "in_line", "the two poles are in line", "a straight double pendulum", whole=True),
    # -- what is seen, whatever it does: the baselines
    _p(H, "", *SUBJECTS["humanoid"], whole=True),
    _p("hopper", "", *SUBJECTS["hopper"], whole=True),
    _p("walker", "", *SUBJECTS["walker"], whole=True),
    _p("cheetah", "", *SUBJECTS["cheetah"], whole=True),
    _p("ant", "", *SUBJECTS["ant"], whole=True),
    _p(POLE, "", *SUBJECTS["pole"], "a cart and a pole", "pole on cart", whole=True),
    _p("double_pendulum", "", *SUBJECTS["double"], "a cart with two poles", whole=True),
    _p(("humanoid", "hopper", "walker", "cheetah", "ant"), "", "a robot", "a simulated robot", "a robot in a simulation", whole=True),
)  # fmt: skip


def subject_key(species: str) -> str:
    """Which list of subjects names this body."""
    return {"cartpole": "pole", "pendulum": "pole", "double_pendulum": "double"}.get(species, species)


def plain(p: Proposition) -> str:
    """The first wording, in the plainest form."""
    return p.phrases[0] if p.whole else f"{SUBJECTS[subject_key(p.species[0])][0]} {p.phrases[0]}"


def caption(p: Proposition, rng: np.random.Generator) -> str:
    """A random wording among those trained on."""
    phrase = p.phrases[rng.integers(len(p.phrases))]
    if not p.whole:
        subjects = SUBJECTS[subject_key(p.species[rng.integers(len(p.species))])]
        phrase = f"{subjects[rng.integers(len(subjects))]} {phrase}"
    return FRAMES[rng.integers(len(FRAMES))].format(phrase)


def unseen(p: Proposition) -> dict[str, str]:
    """The same said in ways that training never sees: {what is new: caption}."""
    said = {f"frame {frame!r}": frame.format(plain(p)) for frame in UNSEEN_FRAMES}
    key = subject_key(p.species[0])
    if p.unseen:
        said["wording"] = p.unseen[0] if p.whole else f"{SUBJECTS[key][0]} {p.unseen[0]}"
    if not p.whole and key in UNSEEN_SUBJECTS:
        said["subject"] = f"{UNSEEN_SUBJECTS[key]} {p.phrases[0]}"
    return said


def vocabulary() -> list[str]:
    """Every word that a training caption can contain, sorted."""
    texts = [phrase for p in PROPOSITIONS for phrase in p.phrases]
    texts += [subject for subjects in SUBJECTS.values() for subject in subjects] + [
        frame.format("") for frame in FRAMES
    ]
    return sorted({word for text in texts for word in words(text)})


def words(text: str) -> list[str]:
    """Lower-case words; hyphens separate, apostrophes do not."""
    return re.findall(r"[a-z']+", text.lower())
