"""What a person says about a policy: at the terminal, from a file, or nothing."""

from __future__ import annotations

import sys
import termios
from pathlib import Path

from agents.errors import UsageError
from agents.files import replacing
from agents.runs import RunDir
from reward_designers.code.search import Candidate, score


class FromFile:
    """A line of a file for each question; nothing to say once they are used up.

    Args:
        path: The file.

    Raises:
        UsageError: It cannot be read.
    """

    def __init__(self, path: str):
        try:
            self.lines = [line.strip() for line in Path(path).read_text().splitlines()]
        except OSError as error:
            raise UsageError(f"feedback={path}: {error.strerror}") from error

    def __call__(self, candidate: Candidate, run: Path, asked: int) -> str:
        """See `agents.designing.loop.Person`."""
        return self.lines[asked] if asked < len(self.lines) else ""


class AtTerminal:
    """Shows where the video is and takes a sentence; where there is no terminal, nobody says anything."""

    def __call__(self, candidate: Candidate, run: Path, asked: int) -> str:
        """See `agents.designing.loop.Person`."""
        if not sys.stdin.isatty():
            print("  nobody is at the terminal to say something about the policy; give feedback=FILE", file=sys.stderr)
            return ""
        print(f"\n{candidate.key}: {score(candidate)}\nvideo: {_video(run)}", file=sys.stderr)
        print("What should be different? One sentence, or nothing to leave it at that:", file=sys.stderr)
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # a key that was hit while trainings ran is no answer
        return sys.stdin.readline().strip()


def _video(run: Path) -> str:
    """Where an episode of the run's last policy can be seen."""
    path = run / "watched" / "video.mp4"
    if not path.exists():
        from agents.designing.training import heldout_rows
        from agents.evaluation import Video
        from envs.gl import GLError

        video = Video()
        try:
            heldout_rows(RunDir.open(run), 1, 0, video)
            path.parent.mkdir(exist_ok=True)
            with replacing(path) as temporary:
                video.save(temporary)
        except (UsageError, GLError, ValueError) as error:
            return f"none ({error})"
    return str(path)
