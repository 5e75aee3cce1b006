"""Plans saved to a file, so that exactly what was looked at is carried out."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

from ingestion.errors import SettingsError
from ingestion.home import write_whole
from ingestion.plan.plan import MadeFrom, Plan
from ingestion.remedies import command


def save(plan: Plan, file: Path) -> None:
    """Writes a plan to a file.

    Raises:
        SettingsError: If the file cannot be written.
    """
    try:
        write_whole(file, json.dumps(asdict(plan), indent=2) + "\n")
    except OSError as error:
        raise SettingsError(
            f"The plan cannot be written to {file}: {error.strerror}", "name another file"
        ) from None


def read(file: Path) -> MadeFrom:
    """Reads what a saved plan was made from.

    Raises:
        SettingsError: If the file is not a saved plan.
    """
    try:
        content = json.loads(file.read_text())
        return MadeFrom(**content["made_from"])
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(f"{file} is not a saved plan", f"make one: {_again(file)}") from None


def check(saved: MadeFrom, now: MadeFrom, file: Path) -> None:
    """Checks that a saved plan still fits.

    Args:
        saved: What it was made from.
        now: What it would be made from now.
        file: Where it is saved.

    Raises:
        SettingsError: If anything has moved.
    """
    names = [field.name for field in fields(MadeFrom)]
    moved = [name for name in names if getattr(saved, name) != getattr(now, name)]
    if moved:
        raise SettingsError(
            f"The plan in {file} no longer fits: {', '.join(moved)} changed since it was made. "
            "Nothing was written",
            f"look at a new one: {_again(file)}",
        )


def _again(file: Path) -> str:
    return command("plan", "--out", str(file))
