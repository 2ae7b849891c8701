"""The loopback chat server as a judge: a caption is worth its number of `e`s, four at most."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from reward_designers.intrinsic.forms import AGAIN
from tests.reward_designers.llm.chat_server import (
    Behavior,
    ChatServer,
    Handler,
    answer,
    completion,
    hang_up,
    status,
    truncated,
)


def captions_of(body: Mapping[str, Any]) -> list[Any]:
    """What a request asks about."""
    return list(json.loads(body["messages"][-1]["content"].removeprefix(AGAIN)).values())


def score(caption: str) -> int:
    return min(caption.count("e"), 4)


def judged(item: Any) -> Any:
    if isinstance(item, str):
        return score(item)
    first, second = map(score, item)
    return "same" if first == second else "first" if first > second else "second"


def judge(*, median: float = 0.0, sigma: float = 0.6, rng: random.Random | None = None) -> Behavior:
    """Valid answers after a log-normal time with this median, in seconds."""

    def serve(handler: Handler, body: dict[str, Any]) -> None:
        if median:
            time.sleep(median * (rng or random).lognormvariate(0.0, sigma))
        said = {str(number): judged(item) for number, item in enumerate(captions_of(body), 1)}
        usage = {"prompt_tokens": 400, "completion_tokens": 100, "total_tokens": 500}
        handler.send(200, json.dumps(completion([json.dumps(said)], usage)).encode())

    return serve


def troubled(good: Behavior, *, seed: int, faults: float) -> Behavior:
    """Instead of what is `good`, a share of faults: refused, broken, cut off or garbled, each as often."""
    rng = random.Random(seed)
    kinds = [status(429, "slow down"), status(500, "oops"), truncated, hang_up, answer("I think they are all fine!")]

    def serve(handler: Handler, body: dict[str, Any]) -> None:
        (rng.choice(kinds) if rng.random() < faults else good)(handler, body)

    return serve


def answered(server: ChatServer) -> Counter[str]:
    """How often each caption was asked about, whatever came of it."""
    return Counter(caption for body in server.bodies for caption in captions_of(body))
