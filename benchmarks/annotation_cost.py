"""What having captions judged costs the training: per rollout, in steps per second, and in tokens per caption.

    python -m benchmarks.annotation_cost

1. `submit` and `collect` for rollouts of 16 x 64 captions of NetHack, in microseconds, when new and when known.
2. CPU time of a step of 16 environments with captions, with an annotator at work behind a server on the loopback
   interface (a process of its own; answers after a log-normal time, a tenth of the calls fails) and without; turns of
   some rollouts, the median ratio.
3. Tokens by the number of captions in a call, estimated (three bytes each).
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

import envs
from benchmarks.annotation_order import play
from reward_designers.intrinsic import Annotation, Lexicon, LLMAnnotator
from reward_designers.intrinsic.forms import LabelForm
from reward_designers.llm.messages import estimated_tokens

ENVS, STEPS = 16, 64
MEDIAN = 0.8
"""Seconds of an answer."""


class Judge(BaseHTTPRequestHandler):
    """Scores every caption 0, in its own time, and refuses one call in ten."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(random.lognormvariate(0.0, 0.6) * MEDIAN)
        text = body["messages"][-1]["content"]
        said = json.dumps(dict.fromkeys(json.loads(text[text.index("{") :]), 0))
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        status = 503 if random.random() < 0.1 else 200
        data = json.dumps(whole if status == 200 else {"error": {"message": "busy"}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def serve() -> None:
    """Be the server; the port is printed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def of_rollouts(captions: Sequence[Sequence[str]]) -> None:
    """Microseconds of a rollout."""
    flat = [caption for row in captions for caption in row]
    size = ENVS * STEPS
    rollouts = [flat[start : start + size] for start in range(0, len(flat) - size + 1, size)]
    with Annotation(Lexicon(), "Play NetHack for as high a score as possible.") as annotation:
        rows = []
        for known in (False, True):
            times = []
            for rollout in rollouts:
                start = time.perf_counter()
                seen = Counter(rollout)
                counted = time.perf_counter()
                annotation.submit(list(seen), list(seen.values()))
                annotation.collect()
                times.append((1e6 * (counted - start), 1e6 * (time.perf_counter() - counted), len(seen)))
                time.sleep(0.002)  # else the judge, who has two cores in common with us, could not keep up
            rows.append((known, *np.percentile(times, 25, axis=0)))
    print(f"{len(rollouts)} rollouts of {size} captions, lower quartiles")
    print("\n| | different captions | counting them, µs | submit and collect, µs |\n|---|---|---|---|")
    for known, counting, calls, different in rows:
        print(f"| {'again, all known' if known else 'first time'} | {different:.0f} | {counting:.0f} | {calls:.0f} |")


def of_steps(env: str, rounds: int) -> None:
    """CPU time of steps with and without."""
    games = [envs.make(env) for _ in range(ENVS)]
    for index, game in enumerate(games):
        game.reset(seed=index)
        game.unwrapped.follow("caption")
    rng = np.random.default_rng(0)
    actions = int(games[0].action_space.n)

    def rollout(annotation: Annotation | None) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        seen = Counter[str]()
        for row in rng.integers(actions, size=(STEPS, ENVS)).tolist():
            for game, action in zip(games, row, strict=True):
                _, _, terminated, truncated, _ = game.step(action)
                seen[game.unwrapped.follow("caption")] += 1
                if terminated or truncated:
                    game.reset()
        if annotation is not None:
            annotation.submit(list(seen), list(seen.values()))
            annotation.collect()
        return time.perf_counter() - wall, time.process_time() - cpu

    command = [sys.executable, "-c", "from benchmarks.annotation_cost import serve; serve()"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        with Annotation(LLMAnnotator("m", url), "Find gold.", store=Path(folder) / "labels.sqlite") as annotation:
            turns = [(rollout(None), rollout(annotation), rollout(annotation), rollout(None)) for _ in range(rounds)]
            status = annotation.status()
        server.kill()
    for index, name in enumerate(("wall clock", "CPU of the training's process")):
        ratios = [(a[index] + d[index]) / (b[index] + c[index]) for a, b, c, d in turns]
        without = statistics.median((a[index] + d[index]) / 2 for a, _, _, d in turns) / (ENVS * STEPS)
        low, middle, high = np.percentile(ratios, [10, 50, 90])
        print(f"{name}: {1e6 * without:.0f} µs a step without, speed with it {middle:.3f} x ({low:.3f} to {high:.3f})")
    print(status)


def of_tokens(captions: Sequence[Sequence[str]], goal: str) -> None:
    """Tokens for each caption by the size of a call."""
    different = list(dict.fromkeys(caption for row in captions for caption in row))
    print(
        "\n| captions in a call | prompt tokens for each | reply tokens for each | calls for 1,000 |\n|---|---|---|---|"
    )
    for size in (1, 5, 10, 20, 50):
        groups = [different[start : start + size] for start in range(0, len(different) - size + 1, size)]
        prompts = sum(estimated_tokens(m["content"]) for g in groups for m in LabelForm(goal).prompt(g).messages)
        replies = sum(estimated_tokens(json.dumps({str(n + 1): 0 for n in range(size)})) for _ in groups)
        asked = size * len(groups)
        print(f"| {size} | {prompts / asked:.0f} | {replies / asked:.1f} | {1000 / size:.0f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="NetHackScore")
    parser.add_argument("--steps", type=int, default=50_000, help="whose captions are submitted")
    parser.add_argument("--rounds", type=int, default=40, help="of four rollouts, with and without")
    args = parser.parse_args()
    captions = play(args.env, None, args.steps, ENVS, 0)
    of_rollouts(captions)
    of_tokens(captions, envs.find_task(args.env).text)
    print()
    of_steps(args.env, args.rounds)


if __name__ == "__main__":
    main()
