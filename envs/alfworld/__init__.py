"""ALFWorld as an environment of the kit: household tasks in text, with named fields, tasks and an own fast stepper.

`envs.make("ALFWorld")` plays embedded games as well as `alfworld-download` data, and needs neither ALFWorld's packages
nor a compiler. The extra ``alfworld`` is for comparing with TextWorld itself (`envs.alfworld.stock`).
"""
