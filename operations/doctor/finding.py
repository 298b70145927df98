"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    level: Level
    text: str
    """A sentence without its full stop."""
    cure: str = ""
    """What to do about it; empty where all is well."""


def ok(text: str) -> Finding:
    return Finding(Level.OK, text)


def warning(text: str, cure: str) -> Finding:
    return Finding(Level.WARNING, text, cure)


def problem(text: str, cure: str) -> Finding:
    return Finding(Level.PROBLEM, text, cure)
