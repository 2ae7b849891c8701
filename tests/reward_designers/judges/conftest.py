"""The loopback server of the tests of `reward_designers.llm`."""

from __future__ import annotations

from tests.reward_designers.llm.conftest import server

__all__ = ["server"]
