"""Rewards written as programs, by language models or by people who are not trusted, and run in a sandbox."""

from reward_designers.code.allowlist import ProgramRejected
from reward_designers.code.program import Program, parse_program
from reward_designers.code.reply import parse_reply
from reward_designers.code.reward import CodeReward, load_program
from reward_designers.code.sandbox.client import ProgramError
from reward_designers.code.sandbox.protection import Protection, SandboxUnavailable
from reward_designers.code.validate import Finding, Validation, validate

__all__ = [
    "CodeReward",
    "Finding",
    "Program",
    "ProgramError",
    "ProgramRejected",
    "Protection",
    "SandboxUnavailable",
    "Validation",
    "load_program",
    "parse_program",
    "parse_reply",
    "validate",
]
