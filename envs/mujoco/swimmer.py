"""Swimmer: swim forward in a viscous plane."""

from __future__ import annotations

from envs.mujoco import rewards
from envs.mujoco.fields import Fields, coordinate, hinges, velocity
from envs.mujoco.measures import forward
from envs.mujoco.model import Model
from envs.task import Task

MODEL = Model("swimmer.xml")
FIELDS: Fields = {
    "x_position": coordinate(MODEL, "slider1", "m", "position of the front part along x"),
    "y_position": coordinate(MODEL, "slider2", "m", "position of the front part along y"),
    "forward_velocity": velocity(MODEL, "slider1", "m/s", "velocity along x"),
    "lateral_velocity": velocity(MODEL, "slider2", "m/s", "velocity along y"),
    "heading": coordinate(MODEL, "free_body_rot", "rad", "rotation of the front part from the x axis"),
    "heading_velocity": velocity(MODEL, "free_body_rot", "rad/s", "angular velocity of the front part"),
    **hinges(MODEL, {"motor1_rot": "front_joint", "motor2_rot": "back_joint"}),
}

SWIMMING = Task(
    env="Swimmer",
    name="swimming",
    env_id="Swimmer-v5",
    text="Swim forward, in the direction of +x, as fast as possible.",
    goal_prompts=("a snake robot swimming to the right",),
    baseline_prompts=("a snake robot",),
    fields=FIELDS,
    fitness=forward(timestep=0.01, frame_skip=4),
    fitness_unit="m/s",
    success=0.1,
    max_episode_steps=1000,
    reward=rewards.Swimmer,
)
TASKS = (SWIMMING,)
