"""A damaged DuckDB warehouse is set aside and rebuilt: nothing in it is the only copy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from ingestion.errors import chain
from ingestion.warehouse.base import is_damage
from ingestion.warehouse.run import Run

Result = TypeVar("Result")


def rebuild_if_damaged(run: Run, steps: Callable[[], Result]) -> Result:
    """Runs steps that begin with a load; replaces a damaged warehouse and runs them again.

    Args:
        run: The current run; gets a note of what was done.
        steps: What to run.
    """
    try:
        return steps()
    except Exception as error:
        if not any(map(is_damage, chain(error))):
            raise
        reason = str(error).splitlines()[0]
    _set_aside(run, reason)
    return steps()


def _set_aside(run: Run, reason: str) -> None:
    """Moves the file, and the log that DuckDB would replay into the new one."""
    run.forget_lease()
    file = run.settings.warehouse_file
    aside = file.with_name(f"{file.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    for suffix in (".wal", ""):
        found = file.with_name(file.name + suffix)
        if found.exists():
            found.rename(aside.with_name(aside.name + suffix))
    run.notes.append(
        f"{reason.removesuffix('. The published marts are untouched')}. It was set aside as "
        f"{aside.name}, and everything was reloaded from the landing zone; "
        "marts as of earlier loads can no longer be built (--as-of)"
    )
