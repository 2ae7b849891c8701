"""How much each proposition holds in a state, body by body: {proposition: (n,) degree in [0, 1]}."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agents.tiny_clip.features import Features
from agents.tiny_clip.grades import all_of, bump, ramp


def degrees(species: str, f: Features) -> dict[str, np.ndarray]:
    """Degrees of every proposition about this kind of body.

    Args:
        species: Key of ``BODIES``, or ``cartpole``.
        f: n states.
    """
    return _DEGREES[species](f)


def norm(x: np.ndarray) -> np.ndarray:
    """Euclidean length over the last axis."""
    return np.linalg.norm(x, axis=-1)


def humanoid(f: Features) -> dict[str, np.ndarray]:
    """Heights are those of Gymnasium's Humanoid, whose head is at 1.48 m when it stands."""
    head, pelvis = f.geom("head")[:, 2], f.geom("butt")
    forward, left, up = f.trunk[:, :, 0], f.trunk[:, :, 1], f.trunk[:, :, 2]
    u = up[:, 2]
    trunk_upright = ramp(u, -0.2, 0.95)
    ahead = forward * [1, 1, 0] / np.maximum(norm(forward * [1, 1, 0]), 1e-6)[:, None]  # horizontal heading
    sides = ("right", "left")
    hip = {s: f.body(f"{s}_thigh") for s in sides}
    knee = {s: f.body(f"{s}_shin") for s in sides}
    foot = {s: f.geom(f"{s}_foot") for s in sides}
    shoulder = {s: f.body(f"{s}_upper_arm") for s in sides}
    elbow = {s: f.body(f"{s}_lower_arm") for s in sides}
    hand = {s: f.geom(f"{s}_hand") for s in sides}

    def mean(of: Callable[[str], np.ndarray]) -> np.ndarray:
        return (of("right") + of("left")) / 2

    def both(of: Callable[[str], np.ndarray]) -> np.ndarray:
        return all_of(of("right"), of("left"))

    def in_trunk(s: str, point: dict) -> np.ndarray:  # relative to the trunk, in its axes: forward, left, up
        return np.einsum("nij,ni->nj", f.trunk, point[s] - f.body("torso"))

    def bent(s: str) -> np.ndarray:  # knee angle, 0 straight
        thigh, shin = knee[s] - hip[s], foot[s] - knee[s]
        cosine = (thigh * shin).sum(-1) / np.maximum(norm(thigh) * norm(shin), 1e-6)
        return np.arccos(np.clip(cosine, -1, 1))

    low_pelvis = 1 - ramp(pelvis[:, 2], 0.12, 0.6)
    straight = both(lambda s: 1 - ramp(bent(s), 0.4, 1.5))
    knees_bent = both(lambda s: ramp(bent(s), 0.5, 1.6))
    feet_apart = norm((foot["right"] - foot["left"]) * [1, 1, 0])
    lifted = np.abs(foot["right"][:, 2] - foot["left"][:, 2])
    knee_height = mean(lambda s: knee[s][:, 2])

    rising = 0.5 * ramp(head, 0.15, 1.45) + 0.5 * ramp(pelvis[:, 2] - f.lowest, 0.15, 0.84)
    standing = rising * (0.4 + 0.6 * ramp(u, 0.0, 0.95))
    lying = 1 - ramp(np.maximum(head, pelvis[:, 2]), 0.15, 0.7)

    shins_flat = both(
        lambda s: 1 - ramp(np.abs(foot[s] - knee[s])[:, 2] / np.maximum(norm(foot[s] - knee[s]), 1e-6), 0.2, 0.9)
    )
    feet_behind = both(lambda s: ramp(-((foot[s] - knee[s]) * ahead).sum(-1), -0.15, 0.25))
    knees_down = both(lambda s: 1 - ramp(knee[s][:, 2], 0.08, 0.42))
    above_knees = ramp(pelvis[:, 2] - knee_height, -0.05, 0.3)
    kneeling = all_of(knees_down, shins_flat, feet_behind, trunk_upright, above_knees)

    feet_front = both(lambda s: ramp(((foot[s] - pelvis) * ahead).sum(-1), 0.0, 0.4))
    sitting = all_of(low_pelvis, trunk_upright, feet_front)
    # The hips hardly turn about the thigh (25 degrees), so shins cannot lie flat: the nearest to a lotus that the robot
    # comes is sitting with the knees bent and apart and the feet close together in front.
    near = both(lambda s: bump(((foot[s] - pelvis) * ahead).sum(-1), 0.3, 0.35))
    spread = ramp(((knee["left"] - knee["right"] - foot["left"] + foot["right"]) * left).sum(-1), -0.1, 0.25)
    lotus = all_of(low_pelvis, trunk_upright, knees_bent, near, spread)
    splits = all_of(low_pelvis, trunk_upright, straight, ramp(feet_apart, 0.4, 1.35))

    def raised(s: str) -> np.ndarray:
        return ramp(hand[s][:, 2] - shoulder[s][:, 2], -0.15, 0.35)

    def on_hip(s: str) -> np.ndarray:
        side = -1.0 if s == "right" else 1.0
        target = pelvis + left * (side * 0.17) + up * 0.08
        return 1 - ramp(norm(hand[s] - target), 0.1, 0.5)

    def elbow_out(s: str) -> np.ndarray:
        side = -1.0 if s == "right" else 1.0
        return ramp(side * (in_trunk(s, elbow) - in_trunk(s, hand))[:, 1], -0.1, 0.1)

    def crossing(s: str) -> np.ndarray:
        side = -1.0 if s == "right" else 1.0
        p = in_trunk(s, hand)
        return all_of(ramp(-side * p[:, 1], -0.2, 0.1), ramp(p[:, 0], 0.0, 0.12), bump(p[:, 2], -0.1, 0.4))

    def sideways(s: str) -> np.ndarray:
        side = -1.0 if s == "right" else 1.0
        p = in_trunk(s, hand)
        return all_of(ramp(side * p[:, 1], 0.3, 0.6), bump(p[:, 2], 0.06, 0.35))

    def down(s: str) -> np.ndarray:
        return 1 - ramp(in_trunk(s, hand)[:, 2], -0.42, 0.0)

    def in_front(s: str) -> np.ndarray:
        p = in_trunk(s, hand)
        return all_of(ramp(p[:, 0], 0.15, 0.42), bump(p[:, 2], 0.0, 0.35))

    arms_up, arms_hips, arms_crossed = both(raised), both(lambda s: on_hip(s) * elbow_out(s) ** 0.5), both(crossing)
    one_up = np.maximum(raised("right"), raised("left")) * (1 - np.minimum(raised("right"), raised("left")))
    one_leg = all_of(standing, ramp(lifted, 0.05, 0.4))
    front, side = forward[:, 2], np.abs(left[:, 2])
    down_hands = both(lambda s: 1 - ramp(hand[s][:, 2], 0.08, 0.5))
    crouching = all_of(
        bump(pelvis[:, 2] - f.lowest, 0.4, 0.35),
        knees_bent,
        ramp(u, 0.0, 0.8),
        both(lambda s: 1 - ramp(foot[s][:, 2], 0.1, 0.3)),
    )
    return {
        "standing": standing,
        "kneeling": kneeling,
        "lotus": lotus,
        "arms_raised": all_of(standing, arms_up),
        "splits": splits,
        "hands_on_hips": all_of(standing, arms_hips),
        "arms_crossed": all_of(standing, arms_crossed),
        "one_leg": one_leg,
        "lying": lying,
        "on_back": lying * ramp(front, 0.1, 0.8),
        "on_front": lying * ramp(-front, 0.1, 0.8),
        "on_side": lying * ramp(side, 0.3, 0.85),
        "sitting": sitting,
        "crouching": crouching,
        "all_fours": all_of(down_hands, knees_down, ramp(-front, 0.2, 0.8), ramp(pelvis[:, 2], 0.15, 0.4)),
        "bending_forward": all_of(ramp(pelvis[:, 2], 0.4, 0.75), ramp(-front, 0.1, 0.75)),
        "leaning_back": all_of(ramp(front, 0.05, 0.5), ramp(head, 0.4, 1.1)),
        "leaning_side": all_of(ramp(side, 0.05, 0.5), ramp(head, 0.4, 1.1)),
        "upside_down": ramp(-u, -0.1, 0.8),
        "fallen": 1 - ramp(head, 0.2, 1.35),
        "in_air": ramp(f.lowest, 0.02, 0.2),
        "head_low": 1 - ramp(head, 0.15, 0.75),
        "head_middle": bump(head, 0.8, 0.5),
        "head_high": ramp(head, 0.7, 1.45),
        "trunk_upright": ramp(u, 0.0, 0.98),
        "trunk_tilted": bump(u, 0.6, 0.5),
        "trunk_level": 1 - ramp(np.abs(u), 0.1, 0.7),
        "knees_bent": knees_bent,
        "legs_straight": straight,
        "legs_apart": ramp(feet_apart, 0.3, 0.9),
        "both_arms_up": arms_up,
        "one_arm_up": one_up,
        "arms_out": both(sideways),
        "arms_down": both(down),
        "arms_front": both(in_front),
        "on_hips": arms_hips,
        "crossed": arms_crossed,
        "kneeling_arms_up": all_of(kneeling, arms_up),
        "sitting_arms_up": all_of(sitting, arms_up),
        "standing_arms_down": all_of(standing, both(down)),
        "standing_arms_out": all_of(standing, both(sideways)),
        "moving": all_of(standing, ramp(feet_apart, 0.15, 0.6)),  # a stride: speed is not to be seen in a frame
    }


def _legged(f: Features, tall: float, up: np.ndarray, pitch_forward: np.ndarray) -> dict[str, np.ndarray]:
    """What all planar walkers share; ``tall``: height of the trunk's origin when standing, m."""
    height = f.body("torso")[:, 2]
    standing = ramp(height, 0.1, tall) * (0.35 + 0.65 * ramp(up, -0.2, 0.98))
    return {
        "standing": standing,
        "fallen": 1 - standing,
        "lying": 1 - ramp(height, 0.1, 0.5 * tall),
        "upside_down": ramp(-up, -0.1, 0.8),
        "leaning_forward": bump(pitch_forward, 0.55, 0.5),
        "leaning_back": bump(pitch_forward, -0.55, 0.5),
        "low": 1 - ramp(height, 0.1, 0.6 * tall),
        "middle": bump(height, 0.6 * tall, 0.4 * tall),
        "high": ramp(height, 0.5 * tall, tall),
        "trunk_upright": ramp(up, 0.0, 0.99),
        "trunk_level": 1 - ramp(np.abs(up), 0.1, 0.8),
        "in_air": ramp(f.lowest, 0.02, 0.25),
    }


def _planar_trunk(f: Features) -> tuple[np.ndarray, np.ndarray]:
    up = f.trunk[:, 2, 2]
    return up, np.arctan2(f.trunk[:, 0, 2], up)  # positive: pitched towards +x


def hopper(f: Features) -> dict[str, np.ndarray]:
    """Hopper: trunk at 1.25 m when standing."""
    shared = _legged(f, 1.25, *_planar_trunk(f))
    bent = np.abs(f.joint("leg_joint")) + np.abs(f.joint("thigh_joint"))
    return shared | {
        "crouching": all_of(ramp(bent, 0.5, 2.0), shared["trunk_upright"]),
        "straight": 1 - ramp(bent, 0.1, 1.5),
        "moving": shared["standing"] * (0.8 + 0.2 * ramp(f.lowest, 0.0, 0.15)),
    }


def walker(f: Features) -> dict[str, np.ndarray]:
    """Walker2d: trunk at 1.25 m when standing."""
    shared = _legged(f, 1.25, *_planar_trunk(f))
    feet = np.abs(f.geom("foot_geom")[:, 0] - f.geom("foot_left_geom")[:, 0])
    bent = np.abs(f.joint("leg_joint")) + np.abs(f.joint("leg_left_joint"))
    return shared | {
        "crouching": all_of(ramp(bent, 0.5, 2.5), shared["trunk_upright"]),
        "straight": 1 - ramp(bent, 0.1, 1.5),
        "legs_apart": ramp(feet, 0.15, 0.8),
        "moving": all_of(shared["standing"], ramp(feet, 0.1, 0.6)),
    }


def cheetah(f: Features) -> dict[str, np.ndarray]:
    """HalfCheetah: its trunk is level when all is well; the head is in front (+x)."""
    up, pitch = f.trunk[:, 2, 2], np.arctan2(f.trunk[:, 0, 2], f.trunk[:, 2, 2])
    return {
        "standing": ramp(up, -0.8, 0.98),
        "moving": ramp(up, -0.8, 0.98),
        "upside_down": ramp(-up, -0.8, 0.95),
        "nose_down": bump(pitch, 0.9, 0.8),
        "nose_up": bump(pitch, -0.9, 0.8),
        "trunk_level": ramp(np.abs(up), 0.3, 0.98),
        "in_air": ramp(f.lowest, 0.02, 0.25),
    }


def ant(f: Features) -> dict[str, np.ndarray]:
    """Ant: trunk sphere of 0.25 m, at 0.55 m or so on its legs."""
    up, height = f.trunk[:, 2, 2], f.body("torso")[:, 2]
    upright = ramp(up, -0.7, 0.98)
    return {
        "standing": upright * (0.4 + 0.6 * ramp(height, 0.22, 0.6)),
        "moving": upright * (0.4 + 0.6 * ramp(height, 0.22, 0.6)),
        "upside_down": ramp(-up, -0.7, 0.95),
        "tilted": bump(up, 0.3, 0.6),
        "trunk_upright": upright,
        "low": 1 - ramp(height, 0.22, 0.5),
        "high": ramp(height, 0.35, 0.75),
        "in_air": ramp(f.lowest, 0.02, 0.25),
    }


def _pole(angle: np.ndarray, cart: np.ndarray, reach: float) -> dict[str, np.ndarray]:
    """``angle``: from the vertical, rad, positive to the right of the picture; ``cart``: m, the same way."""
    size = np.abs(angle)
    return {
        "upright": 1 - ramp(size, 0.0, np.pi / 2),
        "nearly_upright": bump(size, 0.2, 0.2),
        "tilted": bump(size, 0.7, 0.5),
        "level": bump(size, np.pi / 2, 0.6),
        "fallen": ramp(size, 0.15, np.pi / 2),
        "hanging": ramp(size, np.pi / 2, 3.0),
        "right": bump(angle, np.pi / 4, np.pi / 4),
        "left": bump(angle, -np.pi / 4, np.pi / 4),
        "centered": 1 - ramp(np.abs(cart), 0.05 * reach, 0.7 * reach),
        "cart_left": ramp(-cart, 0.1 * reach, 0.7 * reach),
        "cart_right": ramp(cart, 0.1 * reach, 0.7 * reach),
    }


def _wrap(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def pendulum(f: Features) -> dict[str, np.ndarray]:
    """InvertedPendulum: the hinge is limited to +-90 degrees."""
    return _pole(_wrap(f.joint("hinge")), f.joint("slider"), 1.0)


def cartpole(f: Features) -> dict[str, np.ndarray]:
    """CartPole: qpos is the Gymnasium state, (cart position, its speed, angle, its speed)."""
    return _pole(_wrap(f.qpos[:, 2]), f.qpos[:, 0], 2.4)


def double_pendulum(f: Features) -> dict[str, np.ndarray]:
    """InvertedDoublePendulum: two poles of 0.6 m; the second angle is relative to the first."""
    first = _wrap(f.joint("hinge"))
    second = _wrap(f.joint("hinge") + f.joint("hinge2"))
    tip = 0.6 * np.cos(first) + 0.6 * np.cos(second)
    return {
        "upright": ramp(tip, 0.0, 1.2) ** 0.5 * (1 - ramp(np.maximum(np.abs(first), np.abs(second)), 0, np.pi)),
        "fallen": 1 - ramp(tip, -0.2, 1.1),
        "hanging": ramp(-tip, 0.0, 1.1),
        "high": ramp(tip, 0.3, 1.2),
        "low": 1 - ramp(tip, -1.0, 0.2),
        "folded": ramp(np.abs(_wrap(f.joint("hinge2"))), 0.5, 2.2),
        "in_line": 1 - ramp(np.abs(_wrap(f.joint("hinge2"))), 0.1, 1.0),
    }


_DEGREES = {
    "humanoid": humanoid,
    "hopper": hopper,
    "walker": walker,
    "cheetah": cheetah,
    "ant": ant,
    "pendulum": pendulum,
    "double_pendulum": double_pendulum,
    "cartpole": cartpole,
}
