"""CartPole, as in Gymnasium, and going on after the pole has fallen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

from envs.task import Field, Task
from reward_designers.base import Components, FunctionReward, RewardFn, Transition
from reward_designers.memory import EpisodeMemory

ANGLE_LIMIT = math.radians(12)
"""Gymnasium's limit for an upright pole, rad."""


class CartPoleUpright(CartPoleEnv):
    """CartPole whose episodes go on after a fall, so that every state needs a judgement.

    It differs from ``CartPole-v1``, whose actions, layout of observations, masses and initial states it has, in this:

    - Nothing terminates. The pole turns freely, its angle is given in [-pi, pi].
    - The track ends at ±2.4 m in buffers that stop the cart.
    - Speeds are limited to 10 m/s and 4 pi rad/s (a pole that falls from upright reaches 7.7), which bounds the
      observations.
    - Semi-implicit Euler steps: the explicit ones of CartPole-v1 make a hanging pole swing ever higher by itself.
    - The reward is 1 while the pole is within 12 degrees of the vertical, else 0.
    """

    MAX_SPEED = 10.0
    MAX_TURNING_SPEED = 4 * math.pi

    def __init__(self, render_mode: str | None = None):
        super().__init__(render_mode=render_mode)
        self.kinematics_integrator = "semi-implicit euler"
        high = np.array([self.x_threshold, self.MAX_SPEED, math.pi, self.MAX_TURNING_SPEED], np.float32)
        self.observation_space = gym.spaces.Box(-high, high, dtype=np.float32)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Step; never terminated."""
        self.steps_beyond_terminated = None  # what lies beyond the parent's limits is defined here
        super().step(action)
        assert self.state is not None
        x, speed, angle, turning_speed = self.state
        if abs(x) >= self.x_threshold:
            x, speed = math.copysign(self.x_threshold, x), 0.0
        self.state = np.array(
            [
                x,
                np.clip(speed, -self.MAX_SPEED, self.MAX_SPEED),
                math.remainder(angle, 2 * math.pi),
                np.clip(turning_speed, -self.MAX_TURNING_SPEED, self.MAX_TURNING_SPEED),
            ]
        )
        space: Any = self.observation_space
        obs = np.clip(self.state.astype(np.float32), space.low, space.high)
        return obs, float(abs(self.state[2]) <= ANGLE_LIMIT), False, False, {}


gym.register("reward_designers/CartPoleUpright-v0", entry_point="envs.classic:CartPoleUpright", max_episode_steps=200)


def _state(env: CartPoleEnv) -> np.ndarray:
    """``(4,)`` position, velocity, angle and angular velocity, whatever wrappers make of the observation."""
    return np.zeros(4) if env.state is None else np.asarray(env.state)


ARRAYS = {"cart_pole": _state}
FIELDS = {
    "cart_position": Field(
        "m", "position of the cart, the track ends at -2.4 and 2.4", lambda cart_pole: cart_pole[:, 0]
    ),
    "cart_velocity": Field("m/s", "velocity of the cart", lambda cart_pole: cart_pole[:, 1]),
    "pole_angle": Field(
        "rad", "angle of the pole to the vertical, > 0 leans to the right", lambda cart_pole: cart_pole[:, 2]
    ),
    "pole_velocity": Field("rad/s", "angular velocity of the pole", lambda cart_pole: cart_pole[:, 3]),
    "uprightness": Field(
        "1", "cosine of the angle between pole and vertical", lambda cart_pole: np.cos(cart_pole[:, 2])
    ),
}


@dataclass(eq=False)
class CartPole(RewardFn):
    """CartPole-v1: 1 for every step, the last one included; or 0 and a final -1.

    Attributes:
        sutton_barto_reward: As in ``gymnasium.make("CartPole-v1", sutton_barto_reward=True)``.
    """

    sutton_barto_reward: bool = False

    name = "cartpole"
    inputs = frozenset()
    reads = frozenset()

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """See `RewardFn`."""
        return {"survive": -1.0 * t.terminated if self.sutton_barto_reward else np.ones(len(t))}


def upright(next_pole_angle: np.ndarray) -> np.ndarray:
    """1 while the pole is within 12 degrees of the vertical, else 0."""
    return (np.abs(next_pole_angle) <= ANGLE_LIMIT).astype(np.float64)


def _upright_reward() -> FunctionReward:
    return FunctionReward(upright)


BALANCING = Task(
    env="CartPole",
    name="balancing",
    env_id="CartPole-v1",
    text="Push the cart left or right so that the pole on it stays upright and the cart on its track.",
    goal_prompts=("pole vertically upright on top of the cart",),
    baseline_prompts=("pole and cart",),
    fields=FIELDS,
    arrays=ARRAYS,
    fitness=FunctionReward(upright),
    fitness_unit="1",
    fitness_best=1.0,
    success=1.0,
    max_episode_steps=500,
    env_kwargs={"render_mode": "rgb_array"},  # CartPole draws itself, at once when asked and not before
    reward=CartPole,
)
UPRIGHT = Task(
    env="CartPole",
    name="upright",
    env_id="reward_designers/CartPoleUpright-v0",
    text="Push the cart left or right so that the pole on it stays upright; a fallen pole may be swung up again.",
    goal_prompts=BALANCING.goal_prompts,
    baseline_prompts=BALANCING.baseline_prompts,
    fields=FIELDS,
    arrays=ARRAYS,
    fitness=FunctionReward(upright),
    fitness_unit="1",
    fitness_best=1.0,
    success=1.0,
    max_episode_steps=200,
    env_kwargs={"render_mode": "rgb_array"},
    reward=_upright_reward,
)
TASKS = (BALANCING, UPRIGHT)
