"""ALFWorld as an environment of the kit: household tasks in text, with named fields, tasks and an own fast stepper.

They are made by `envs.make("ALFWorld")`, play `alfworld-download` data as well as the embedded games, and need neither
the extra ``alfworld`` nor a compiler: the packages behind it only plan (`envs.alfworld.generate`).
"""
