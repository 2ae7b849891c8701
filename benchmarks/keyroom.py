"""Does it learn to use a key? MiniHack's KeyRoom with its sparse reward, and with captions that rules judge.

python -m benchmarks.keyroom                     five seeds of each, 2 jobs at a time, into runs/keyroom
python -m benchmarks.keyroom --only Dark         a part of it
python -m benchmarks.keyroom --report            figure and table of what is there

Jobs are ordinary runs of `agents.train`, as in `benchmarks.learning`: called again, the script skips what is finished
and resumes what is not.
"""

from __future__ import annotations

from benchmarks.learning import Cell, main

CELLS = (
    Cell("MiniHack-KeyRoom-S5", "staircase", 120_000, ("video=false",)),
    Cell("MiniHack-KeyRoom-Dark-S5", "staircase", 120_000, ("video=false",)),
)

if __name__ == "__main__":
    main(__doc__, CELLS, ("env", "intrinsic"), "keyroom", seeds=5)
