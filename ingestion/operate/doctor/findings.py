"""What a check reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ingestion.settings import Settings


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        about: What was checked.
        status: `ok`; `warning`: a run works; `problem`: it fails, or would expose too much;
            `skipped`: not checked, for the reason given.
        found: What was found.
        code: A stable name for what is wrong; empty if nothing is.
        remedy: The command or setting that fixes it.
    """

    about: str
    status: Literal["ok", "warning", "problem", "skipped"]
    found: str
    code: str = ""
    remedy: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def ok(about: str, found: str) -> Finding:
    """All is well."""
    return Finding(about, "ok", found)


def skipped(about: str, because: str) -> Finding:
    """Not checked."""
    return Finding(about, "skipped", because)


def warning(about: str, code: str, found: str, remedy: str) -> Finding:
    """A run works, but something is wrong."""
    return Finding(about, "warning", found, code, remedy)


def problem(about: str, code: str, found: str, remedy: str) -> Finding:
    """A run would fail, or would expose too much."""
    return Finding(about, "problem", found, code, remedy)
