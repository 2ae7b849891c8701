"""Independent states: every reset puts the simulator into a random state, from which one step is made.

Rewards are compared on such transitions where no policy's habits shall count. In MuJoCo a state is drawn so:

- a hinge or slide joint with limits: uniform within them; a hinge without: uniform in [-pi, pi];
- a slide joint without limits, and the position of a free joint: uniform within 1 m of where the model starts;
- the orientation of a free or ball joint: uniform over rotations;
- velocities: normal, with a standard deviation of 1 m/s or 3 rad/s;
- a body that would begin in the floor is lifted out of it, if it can move up.

Limbs may begin inside each other (the simulator pushes them apart), and loops closed by constraints may begin open.
Other environments must hold their state, the observation itself, in an attribute ``state``, and bound it (MountainCar,
CartPole's task ``upright``): it is then uniform over the observation space.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

SPREAD = 1.0
"""m, around a model's initial position."""
SPEED, TURNING_SPEED = 1.0, 3.0
"""Standard deviations of velocities, m/s and rad/s."""
LIFTS = 5
"""Attempts to lift a body out of the floor; each clears the deepest contact."""


class RandomStates(gym.Wrapper, RecordConstructorArgs):
    """Episodes of one step from random states; each is truncated then, unless it terminates.

    Args:
        env: A MuJoCo environment of Gymnasium's, or one with a bounded ``state``. No wrapper may change observations.

    Raises:
        ValueError: Its state cannot be set.
    """

    def __init__(self, env: gym.Env):
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        obs, _ = env.reset(seed=0)
        world: Any = env.unwrapped
        self._mujoco = hasattr(world, "set_state") and hasattr(getattr(world, "data", None), "qpos")
        space = env.observation_space
        if self._mujoco:
            unchanged = np.array_equal(world._get_obs(), obs)
        else:
            bounded = isinstance(space, gym.spaces.Box) and space.is_bounded() and np.all(space.high < 1e6)
            state = np.asarray(getattr(world, "state", None), dtype=object)
            if not bounded or state.shape != space.shape:
                raise ValueError(
                    f"{env} cannot be put into a random state: that takes a MuJoCo environment, or one whose "
                    "observation is its attribute `state` and is bounded"
                )
            unchanged = np.array_equal(state.astype(space.dtype), obs)
        if not unchanged:
            raise ValueError(f"{env} cannot be put into a random state: a wrapper changes its observations")

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset, then go to a random state."""
        _, info = self.env.reset(seed=seed, options=options)
        world: Any = self.env.unwrapped
        rng = self.env.unwrapped.np_random
        if self._mujoco:
            world.set_state(*random_state(world.model, world.init_qpos, rng))
            return world._get_obs(), info
        space: Any = self.env.observation_space
        world.state = rng.uniform(space.low, space.high)
        return world.state.astype(space.dtype), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """The one step."""
        obs, reward, terminated, _, info = self.env.step(action)
        return obs, reward, terminated, not terminated, info


def random_state(model: Any, init_qpos: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions ``(nq,)`` and velocities ``(nv,)`` of a MuJoCo model, drawn as this module says.

    Args:
        model: An ``mjModel``.
        init_qpos: ``(nq,)``, where the model starts.
        rng: Source of the draws.
    """
    import mujoco

    qpos, qvel = np.array(init_qpos, np.float64), rng.normal(0, SPEED, model.nv)
    lifts: dict[int, int] = {}  # bodies that can move up: the root of their tree, and where its height is in qpos
    for joint in range(model.njnt):
        kind, at, dof = model.jnt_type[joint], model.jnt_qposadr[joint], model.jnt_dofadr[joint]
        body = model.jnt_bodyid[joint]
        if kind == mujoco.mjtJoint.mjJNT_FREE:
            qpos[at : at + 3] += rng.uniform(-SPREAD, SPREAD, 3)
            qpos[at + 3 : at + 7] = _rotation(rng)
            qvel[dof + 3 : dof + 6] *= TURNING_SPEED / SPEED
            lifts[body] = at + 2
        elif kind == mujoco.mjtJoint.mjJNT_BALL:
            qpos[at : at + 4] = _rotation(rng)
            qvel[dof : dof + 3] *= TURNING_SPEED / SPEED
        elif kind == mujoco.mjtJoint.mjJNT_HINGE:
            low, high = model.jnt_range[joint] if model.jnt_limited[joint] else (-np.pi, np.pi)
            qpos[at] = rng.uniform(low, high)
            qvel[dof] *= TURNING_SPEED / SPEED
        elif model.jnt_limited[joint]:
            qpos[at] = rng.uniform(*model.jnt_range[joint])
        else:
            qpos[at] += rng.uniform(-SPREAD, SPREAD)
            if model.body_parentid[body] == 0 and np.allclose(model.jnt_axis[joint], (0, 0, 1)):
                lifts[body] = at
    if lifts:
        _lift(model, qpos, lifts)
    return qpos, qvel


def _rotation(rng: np.random.Generator) -> np.ndarray:
    """A unit quaternion, uniform over rotations."""
    quaternion = rng.normal(size=4)
    return quaternion / np.linalg.norm(quaternion)


def _lift(model: Any, qpos: np.ndarray, lifts: dict[int, int]) -> None:
    """Raise bodies in ``qpos`` until they touch nothing that is fixed to the world."""
    import mujoco

    data = mujoco.MjData(model)
    for _ in range(LIFTS):
        data.qpos[:] = qpos
        mujoco.mj_fwdPosition(model, data)
        bodies = model.geom_bodyid[data.contact.geom] if data.ncon else np.zeros((0, 2), int)
        roots = model.body_rootid[bodies]
        deepest: dict[int, float] = {}
        for distance, pair in zip(data.contact.dist, roots, strict=True):
            for root, other in (pair, pair[::-1]):
                if other == 0 and root in lifts and distance < 0:
                    deepest[root] = max(deepest.get(root, 0.0), -float(distance))
        if not deepest:
            return
        for root, depth in deepest.items():
            qpos[lifts[root]] += depth + 1e-3
