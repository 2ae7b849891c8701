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
        "two poles and a cart",
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


def subject_key(species: str) -> str:
    """Which list of subjects names this body."""
    return {"cartpole": "pole", "pendulum": "pole", "double_pendulum": "double"}.get(species, species)


# Tables of "proposition: wording; wording; ... | wording kept for the test". Those of robots follow a subject, those of
# poles are complete. The Humanoid's first eight are VLM-RM's tasks (arXiv 2310.12921), in its own words and in others.

_HUMANOID = """
standing: standing up; standing; standing upright; standing tall on both feet; on its feet; upright and standing |
    that stands up straight
kneeling: kneeling; kneeling down; on its knees; kneeling on the floor; in a kneeling pose | that kneels on the
    ground
lotus: seated down, meditating in the lotus position; sitting in the lotus position; meditating cross-legged;
    sitting cross-legged on the floor; meditating; in a lotus pose | seated cross-legged in meditation
arms_raised: standing up, with both arms raised; standing with arms raised; standing with both hands in the air;
    standing upright with its arms up; standing, arms raised above its head | upright, raising both arms
splits: practicing gymnastics, doing the side splits; doing the splits; doing the side splits; in a split; doing
    gymnastics, legs in a split | performing side splits
hands_on_hips: standing up with hands on hips; standing with its hands on its hips; standing, hands on its hips;
    standing upright with both hands on hips | upright, hands placed on its hips
arms_crossed: standing up, with its arms crossed; standing with arms crossed; standing, arms folded on the chest;
    standing upright with crossed arms | upright with folded arms
one_leg: standing up on one leg; standing on one leg; balancing on one leg; standing on one foot; standing with
    one leg lifted | on a single leg
lying: lying on the floor; lying down; lying flat on the ground; on the ground | flat on the floor
on_back: lying on its back; on its back; lying face up | face up on the floor
on_front: lying on its front; lying on its stomach; lying face down | face down on the floor
on_side: lying on its side; on its side | lying sideways
sitting: sitting; sitting on the floor; seated; sitting down; sitting upright on the ground | seated on the floor
crouching: crouching; squatting; in a squat; crouching with bent knees | that squats
all_fours: on all fours; crawling; on its hands and knees | crawling on the floor
bending_forward: bending forward; bowing; bent over forward | leaning far forward
leaning_back: leaning back; leaning backward; falling backward
leaning_side: leaning to the side; tilting sideways; falling to the side
upside_down: upside down; standing on its head; with its head down
fallen: fallen over; that has fallen down; that fell over; falling down; with its head near the ground | that has
    fallen to the floor
in_air: in the air; jumping; off the ground
head_low: with its head low; with its head near the floor
head_middle: with its head at half height; half way up; getting up; half standing
head_high: with its head high; with its head high above the floor; tall
trunk_upright: with an upright torso; with its torso upright; with a vertical torso; upright
trunk_tilted: with a tilted torso; with its torso tilted; tilted
trunk_level: with a horizontal torso; with its torso horizontal; horizontal
knees_bent: with bent knees; with its knees bent
legs_straight: with straight legs; with its legs straight
legs_apart: with its legs apart; with legs wide apart; with its legs spread
both_arms_up: with both arms raised; with its arms up; raising its arms; with both hands up | with raised arms
one_arm_up: with one arm raised; raising one arm; raising one hand; waving
arms_out: with its arms out to the sides; with arms stretched to the sides; in a T pose
arms_down: with its arms down; with its arms hanging down
arms_front: with its arms in front; with arms stretched forward
on_hips: with its hands on its hips; with both hands on hips | hands on its hips
crossed: with its arms crossed; with crossed arms; with arms folded on the chest | with folded arms
kneeling_arms_up: kneeling with both arms raised; on its knees with its arms up
sitting_arms_up: sitting with both arms raised; seated with its arms up
standing_arms_down: standing with its arms down; standing with arms hanging down
standing_arms_out: standing with its arms out to the sides; standing in a T pose
moving: running forward; running; walking forward; walking; taking a step; moving forward
"""

_PLANAR = """
standing: standing upright; standing up; standing; upright and standing tall; standing upright on the ground |
    that stands up straight
fallen: fallen over; that has fallen down; that fell over; falling down | that has fallen to the floor
lying: lying on the floor; lying down; lying flat on the ground | flat on the floor
upside_down: upside down; with its head down
leaning_forward: leaning forward; tilted forward; falling forward
leaning_back: leaning back; leaning backward; tilted backward; falling backward
low: low above the ground; with its torso near the floor
middle: half way up; at half height; half standing
high: high above the ground; with its torso high; tall
trunk_upright: with an upright torso; with its torso upright; with a vertical torso; upright
trunk_level: with a horizontal torso; with its torso horizontal
in_air: in the air; jumping; hopping in the air
crouching: crouching; with a bent leg; bending its knees
straight: with a straight leg; with straight legs; stretched out
"""

_HOP = """
moving: hopping forward; hopping; moving forward
"""

_STRIDE = """
legs_apart: with its legs apart; with legs wide apart; in a split
moving: walking forward; walking; taking a step; running forward
"""

_CHEETAH = """
standing: standing on its feet; upright; standing; on its feet
upside_down: upside down; lying on its back; flipped over; fallen on its back
nose_down: with its head down; tipping forward; falling on its head
nose_up: with its head up; rearing up; tipping backward
trunk_level: with a horizontal torso; with its back level
in_air: in the air; jumping
moving: running; running forward; moving forward
"""

_ANT = """
standing: standing on its legs; standing; standing upright; on its feet; standing up
upside_down: upside down; lying on its back; flipped over; fallen on its back
tilted: tilted; tipping over; on its side
trunk_upright: upright; with an upright torso
low: low above the ground; with its torso near the floor; crouching
high: high above the ground; with its torso high
in_air: in the air; jumping
moving: running forward; walking forward; walking; running; moving forward
"""

_POLE = """
upright: pole vertically upright on top of the cart; a pole upright on the cart; an upright pole on a cart; the
    pole is vertical; the pole stands straight up on the cart; a pole balanced on top of the cart; a cart
    balancing a pole; an inverted pendulum balanced upright | the pole balanced vertically above the cart
nearly_upright: a slightly tilted pole on a cart; the pole is nearly upright; the pole leans a little
tilted: a tilted pole on a cart; the pole is tilted; a leaning pole on a cart
level: a horizontal pole on a cart; the pole is horizontal; the pole lies flat
fallen: a fallen pole; the pole has fallen; the pole has fallen down; the pole fell over | a pole that has fallen
hanging: the pole hangs down; a pole hanging below the cart
right: the pole is tilted to the right; the pole leans right
left: the pole is tilted to the left; the pole leans left
centered: the cart is in the middle; the cart is in the center; a cart in the middle of the track
cart_left: the cart is on the left; a cart on the left side
cart_right: the cart is on the right; a cart on the right side
"""

_DOUBLE = """
upright: both poles upright on top of the cart; two poles standing vertically on top of the cart; two poles
    balanced upright on a cart; a double pendulum standing upright; both poles are vertical; an inverted double
    pendulum balanced upright | both poles balanced vertically above the cart
fallen: both poles have fallen; a fallen double pendulum; the double pendulum fell over
hanging: both poles hang down; a double pendulum hanging below the cart
high: the tip of the double pendulum is high; the tip is high above the cart
low: the tip of the double pendulum is low; the tip is below the cart
folded: a folded double pendulum; the two poles are folded
in_line: the two poles are in line; a straight double pendulum
"""


def _read(table: str, *species: str, whole: bool = False) -> list[Proposition]:
    entries = re.split(r"\n(?=\S)", table.strip())
    found = []
    for entry in entries:
        name, _, said = " ".join(entry.split()).partition(": ")
        trained, _, kept = said.partition(" | ")
        unseen = tuple(kept.split("; ")) if kept else ()
        found.append(Proposition(species, name, tuple(trained.split("; ")), unseen, whole))
    return found


def _seen(*species: str, also: tuple[str, ...] = ()) -> Proposition:
    return Proposition(species, "", (*SUBJECTS[subject_key(species[0])], *also), whole=True)


_ROBOTS = ("humanoid", "hopper", "walker", "cheetah", "ant")

PROPOSITIONS = (
    *_read(_HUMANOID, "humanoid"),
    *_read(_PLANAR + _HOP, "hopper"),
    *_read(_PLANAR + _STRIDE, "walker"),
    *_read(_CHEETAH, "cheetah"),
    *_read(_ANT, "ant"),
    *_read(_POLE, "cartpole", "pendulum", whole=True),
    *_read(_DOUBLE, "double_pendulum", whole=True),
    # what is seen, whatever it does: the baselines
    *(_seen(robot) for robot in _ROBOTS),
    _seen("cartpole", "pendulum", also=("a cart and a pole", "pole on cart")),
    _seen("double_pendulum", also=("a cart with two poles",)),
    Proposition(_ROBOTS, "", ("a robot", "a simulated robot", "a robot in a simulation"), whole=True),
)


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
