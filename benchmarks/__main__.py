"""Every performance figure, one script after another.

python -m benchmarks                    # all of them, with their default options
python -m benchmarks rendering          # those named
python -m benchmarks.rendering --help   # one of them, with options of its own
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from reward_designers.errors import unknown_name

SCRIPTS = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py")))


def main(names: list[str]) -> int:
    """Run the scripts in a process each; returns how many failed."""
    for name in names:
        if name not in SCRIPTS:
            print(f"error: {unknown_name('benchmark', name, SCRIPTS)}", file=sys.stderr)
            return 2
    failed = []
    for name in names or SCRIPTS:
        print(f"\n=== {name}", flush=True)
        start = time.monotonic()
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode:
            failed.append(name)
        print(f"=== {name}: {time.monotonic() - start:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
