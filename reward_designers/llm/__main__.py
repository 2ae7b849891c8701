"""Look into recorded replies, turn a run's store into text for git, and add replies that were written by hand.

python -m reward_designers.llm show runs/NAME/replies.sqlite
python -m reward_designers.llm export runs/NAME/replies.sqlite assets/replies/Hopper.yaml --label Hopper/
python -m reward_designers.llm record pending/0123456789ab.yaml reply1.md reply2.md --by NAME-OF-THE-MODEL

A store is a SQLite file; a recording is a YAML file or a folder of them. Both can be shown and exported.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from reward_designers.llm.messages import LLMError, Reply, Request
from reward_designers.llm.store import ReplyStore, now
from reward_designers.llm.text import open_store, read, write


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m reward_designers.llm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("show", help="requests, how many replies each has, and what was spent")
    verb.add_argument("store", type=Path, help="SQLite store, YAML file, or folder of YAML files")
    verb = verbs.add_parser("export", help="write a store as YAML")
    verb.add_argument("store", type=Path)
    verb.add_argument("file", type=Path, help="the YAML file to write; an older one is replaced")
    verb.add_argument("--label", default="", help="only requests whose label starts with this")
    verb = verbs.add_parser("record", help="add replies to the request in a YAML file")
    verb.add_argument("file", type=Path, help="a YAML file with one request, such as a replay writes with llm.pending=")
    verb.add_argument("replies", type=Path, nargs="+", help="text files, one reply each, as they were given")
    verb.add_argument("--by", required=True, help="who wrote them: the exact name of the model")
    args = parser.parse_args(argv)
    try:
        {"show": show, "export": export, "record": record}[args.verb](args)
    except (LLMError, FileNotFoundError, ValueError) as error:
        print(f"llm: {error}", file=sys.stderr)
        return 1
    return 0


def show(args: argparse.Namespace) -> None:
    """Print what a store holds."""
    with open_store(args.store) as store:
        for request in store.requests():
            replies = store.replies(request.hash)
            by = ", ".join(sorted({reply.written_by for reply in replies.values()})) or "nobody yet"
            prompt = request.prompt
            print(f"{prompt.hash[:12]}  {len(replies):3} by {by}  [{prompt.label}]  {prompt.first_words}")
        for usage in store.spent():
            print(
                f"{usage.model}: {usage.calls} calls, {usage.prompt_tokens:,} prompt and {usage.completion_tokens:,} "
                f"completion tokens ({usage.estimated_tokens:,} estimated, {usage.unsettled_tokens:,} worst case)"
            )


def export(args: argparse.Namespace) -> None:
    """Write a store as YAML."""
    with open_store(args.store) as store:
        count = write(args.file, store, label=args.label)
    print(f"{count} replies in {args.file}")


def record(args: argparse.Namespace) -> None:
    """Add replies to the one request of a YAML file."""
    requests = list(read(args.file))
    if len(requests) != 1:
        raise ValueError(f"{args.file} holds {len(requests)} requests, expected one")
    ((request, replies),) = requests
    if not replies:  # a pending prompt does not know yet who will answer
        request = Request(args.by, request.prompt, request.sampling)
    replies = [replace(reply, request=request.hash) for reply in replies]
    first = max((reply.index for reply in replies), default=-1) + 1
    for index, path in enumerate(args.replies, first):
        replies.append(Reply(path.read_text(encoding="utf-8"), request.hash, index, args.by, now()))
    with ReplyStore(None) as store:
        store.add(request, replies)
        write(args.file, store)
    print(f"{len(replies)} replies in {args.file}")


if __name__ == "__main__":
    sys.exit(main())
