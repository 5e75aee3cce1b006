"""Remedies that name a command: the one that was typed, or another for the same home."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

PROGRAM = "movielens"
_WITH_SOURCE = frozenset({"demo", "plan", "apply", "run", "load", "doctor", "config"})


@dataclass(frozen=True)
class Typed:
    """The current command, as its user typed it.

    Attributes:
        program: What starts the program from the user's folder.
        words: What was typed after it.
        takes: Every option the command takes.
        given: The options for settings that were typed: `home`, `target`, `source`.
    """

    program: str
    words: Sequence[str]
    takes: frozenset[str]
    given: Mapping[str, str | None]


_typed: ContextVar[Typed | None] = ContextVar("typed", default=None)


def remember(typed: Typed) -> None:
    """Remembers what was typed, for remedies. Library users typed nothing."""
    _typed.set(typed)


def again(*options: str, otherwise: Sequence[str]) -> str:
    """Repeats the typed command with more options, ready to paste.

    Args:
        *options: What to add to it.
        otherwise: The command to name if none was typed, or one without these options.
    """
    typed = _typed.get()
    if typed is None or not typed.takes.issuperset(options):
        return command(*otherwise, *options)
    more = [option for option in options if option not in typed.words]
    return shlex.join([typed.program, *typed.words, *more])


def command(*words: str) -> str:
    """Names a command with the current one's home, target and source, ready to paste."""
    typed = _typed.get()
    program, given = (typed.program, typed.given) if typed else (PROGRAM, {})
    where = [
        word
        for name, value in given.items()
        if value is not None and f"--{name}" not in words
        if name != "source" or words[0] in _WITH_SOURCE
        for word in (f"--{name}", value)
    ]
    return shlex.join([program, *words, *where])
