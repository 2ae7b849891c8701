"""A small server that speaks `/v1/chat/completions` on the loopback interface, and misbehaves when told to.

Each request takes the next entry of `script`, a function of the handler and the request's body; when the script is
empty, `answer()` serves. Real sockets, real HTTP: nothing of the client is replaced.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behavior = Callable[["Handler", dict[str, Any]], None]
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


class ChatServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: deque[Behavior] = deque()
        self.default: Behavior = answer()
        self.seen: list[tuple[float, Message, dict[str, Any]]] = []  # time, headers, body
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = self.served = 0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.seen]

    def handle_error(self, *_: Any) -> None:
        """Clients that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.seen.append((time.monotonic(), self.headers, body))
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
            behavior = self.server.script.popleft() if self.server.script else self.server.default
        try:
            if self.path == "/v1/chat/completions":
                behavior(self, body)
            else:
                self.send(404, b"no such path")
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def number(self) -> int:
        """How many replies were given before this one."""
        with self.server.lock:
            self.server.served += 1
            return self.server.served - 1

    def send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None, type: str = "") -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | dict(headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Type", type or "application/json")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def serving() -> Iterator[ChatServer]:
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def completion(texts: list[str], usage: Any = USAGE, model: str = "tiny-2026-01-01") -> dict[str, Any]:
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for i, text in enumerate(texts)
    ]
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": choices, "usage": usage}
    return whole if usage is not None else {name: value for name, value in whole.items() if name != "usage"}


def answer(
    text: str | None = None, *, most: int | None = None, usage: Any = USAGE, delay: float = 0.0, headers: Any = None
) -> Behavior:
    """As many numbered replies as asked for, at most `most`; `usage=None` leaves the field out."""

    def serve(handler: Handler, body: dict[str, Any]) -> None:
        time.sleep(delay)
        n = min(body.get("n", 1), most or 1000)
        texts = [text if text is not None else f"reply {handler.number()}" for _ in range(n)]
        handler.send(200, json.dumps(completion(texts, usage)).encode(), headers)

    return serve


def status(number: int, message: str = "", headers: Mapping[str, str] | None = None, **fields: Any) -> Behavior:
    """An error in OpenAI's format; `{authorization}` in the message is what the client sent there."""

    def serve(handler: Handler, body: dict[str, Any]) -> None:
        text = message.replace("{authorization}", handler.headers.get("Authorization", ""))
        echo = {name: value.replace("{authorization}", text) for name, value in (headers or {}).items()}
        handler.send(number, json.dumps({"error": {"message": text, "type": "error", **fields}}).encode(), echo)

    return serve


def hang(handler: Handler, body: dict[str, Any]) -> None:
    """Say nothing until the test is over."""
    handler.close_connection = True
    handler.server.closing.wait()


def trickle(handler: Handler, body: dict[str, Any]) -> None:
    """A byte now and then for ever: each restarts a clock that only watches the socket."""
    handler.close_connection = True
    handler.send(200, b"", {"Content-Length": "100000"})
    while not handler.server.closing.wait(0.05):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def truncated(handler: Handler, body: dict[str, Any]) -> None:
    """JSON that ends in the middle, though the length is as announced."""
    handler.send(200, json.dumps(completion(["lost"])).encode()[:-40])


def hang_up(handler: Handler, body: dict[str, Any]) -> None:
    """The connection closes after half of what was announced."""
    data = json.dumps(completion(["lost"])).encode()
    handler.close_connection = True
    handler.send(200, data[: len(data) // 2], {"Content-Length": str(len(data))})


def stream(*, insist: bool = False, broken: bool = False, usage: bool = True) -> Behavior:
    """Server-sent events, one word a chunk; `insist`: refuse those who do not ask for them."""

    def serve(handler: Handler, body: dict[str, Any]) -> None:
        if insist and not body.get("stream"):
            return status(400, "This model only supports streaming: set stream=true")(handler, body)
        events: list[Any] = []
        for index in range(body.get("n", 1)):
            words = [f"reply {handler.number()}", " – in", " chunks"]
            events += [{"choices": [{"index": index, "delta": {"content": word}}]} for word in words]
            if not broken:
                events.append({"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]})
        events = [{"model": "tiny-stream"} | event for event in events]
        if usage:
            events.append({"choices": [], "usage": USAGE})
        lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ([] if broken else ["data: [DONE]\n\n"])
        handler.send(200, b": comment\n\n" + "".join(lines).encode(), type="text/event-stream")
        return None

    return serve
