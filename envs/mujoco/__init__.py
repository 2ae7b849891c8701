"""Gymnasium's MuJoCo environments as tasks: text, prompts, named fields, analytic rewards and fitness.

Nothing here imports mujoco before an environment is made, so that names and tasks can be listed at once.
"""
