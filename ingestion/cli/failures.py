"""Turns any exception into a message and a remedy."""

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
    """A failure as the user sees it.

    Attributes:
        message: What happened and what was kept.
        remedy: What fixes it.
        exit_code: How the command exits.
        extra: More fields for JSON.
    """

    message: str
    remedy: str
    exit_code: int
    extra: dict[str, Any]


def explain(error: BaseException, home: Path) -> Failure:
    """Explains an exception."""
    interrupted = interruption(error)
    if interrupted is not None:
        return Failure(
            "Stopped. No partial work was committed; the published marts are untouched",
            "run it again; what was loaded is not loaded twice",
            exit_code_of(interrupted),
            {},
        )
    if any(map(is_no_room, chain(error))):
        return Failure(
            f"The disk is full at {home} (or a quota or file-size limit is reached). "
            "No partial work was committed; the published marts are untouched",
            "free some space, or choose another MOVIELENS_HOME, and run it again",
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
    return _unexpected(error, home)


def _damaged() -> Failure:
    """DuckDB notices damage in the middle of its file only when it reads that part."""
    return Failure(
        "The warehouse is damaged. The published marts are untouched",
        "movielens run sets it aside and rebuilds it from the landing zone",
        1,
        {},
    )


def _unexpected(error: BaseException, home: Path) -> Failure:
    logging.getLogger("movielens").error("".join(traceback.format_exception(error)))
    root = list(chain(error))[-1]
    if isinstance(root, PermissionError):
        return Failure(
            f"Permission denied: {root.filename or root}. The published marts are untouched",
            "grant this user access, or choose another MOVIELENS_HOME",
            1,
            {},
        )
    log = home / "logs" / "movielens.log"
    told = f"full traceback: {log}; or repeat with --debug"
    first_line = (str(root).strip().splitlines() or [""])[0]
    return Failure(
        f"{type(root).__name__}: {first_line}",
        told if log.parent.exists() else "repeat with --debug for the full traceback",
        1,
        {},
    )
