"""Any exception, as a message and a remedy for the person who reads it."""

from __future__ import annotations

import logging
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from ingestion.errors import MovielensError, chain, is_no_room
from ingestion.signals import exit_code_of, interruption
from ingestion.warehouse.base import is_damage


class Failure(NamedTuple):
    """What is told of a failure.

    Attributes:
        message: What happened and what was kept.
        remedy: What mends it.
        exit_code: How the command exits.
        extra: More for machines.
    """

    message: str
    remedy: str
    exit_code: int
    extra: dict[str, Any]


def explain(error: BaseException, home: Path) -> Failure:
    """Explains an exception.

    Args:
        error: The exception.
        home: The home folder in use.

    Returns:
        What to tell.
    """
    interrupted = interruption(error)
    if interrupted is not None:
        return Failure(
            "Stopped. Nothing half done counts and what is published is untouched",
            "run it again; what was loaded is not loaded twice",
            exit_code_of(interrupted),
            {},
        )
    if any(map(is_no_room, chain(error))):
        return Failure(
            f"There is no room left to write in {home} (disk full, quota or file-size limit). "
            "Nothing half done counts and what is published is untouched",
            "free some space, or choose another place with MOVIELENS_HOME, and run it again",
            1,
            {},
        )
    if not isinstance(error, MovielensError) and any(map(is_damage, chain(error))):
        return _damaged()
    if isinstance(error, MovielensError):
        failures = [asdict(test) for test in getattr(error, "failures", [])]
        findings = [asdict(finding) for finding in getattr(error, "findings", [])]
        extra = {"failures": failures} if failures else {"release": findings} if findings else {}
        return Failure(str(error), error.remedy, error.exit_code, extra)
    remedy = getattr(error, "remedy", None)
    if remedy is not None:
        message = error.args[0] if error.args else str(error)
        return Failure(str(message), str(remedy), getattr(error, "exit_code", 1), {})
    return _unexpected(error, home)


def _damaged() -> Failure:
    """DuckDB finds damage in the middle of its file only when it reads that part."""
    return Failure(
        "The warehouse is damaged. The published marts are untouched",
        "movielens run sets it aside and builds it anew from the landing zone",
        1,
        {},
    )


def _unexpected(error: BaseException, home: Path) -> Failure:
    logging.getLogger("movielens").error("".join(traceback.format_exception(error)))
    root = list(chain(error))[-1]
    if isinstance(root, PermissionError):
        return Failure(
            f"No permission: {root.filename or root}. What is published is untouched",
            "give this user permission there, or choose another MOVIELENS_HOME",
            1,
            {},
        )
    log = home / "logs" / "movielens.log"
    told = f"the whole story is in {log}; --debug shows it here"
    first_line = (str(root).strip().splitlines() or [""])[0]
    return Failure(
        f"{type(root).__name__}: {first_line}",
        told if log.parent.exists() else "--debug shows the whole story",
        1,
        {},
    )
