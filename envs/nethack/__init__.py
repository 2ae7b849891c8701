"""NetHack (NLE) and MiniHack as environments of the kit: seeded, fast, with named fields, tasks and captions.

They are made by `envs.make("MiniHack-KeyRoom-S5")` or `envs.make("NetHackScore")` and need the extra ``nethack``. Names
and tasks are known without it: nothing here imports nle before an environment is made.
"""
