"""Plans saved to a file, so that exactly what was looked at is carried out."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

from ingestion.build.environments import PRODUCTION, Environment
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


def read(file: Path, environment: Environment | None = None) -> MadeFrom:
    """Reads what a saved plan was made from.

    Args:
        file: The plan.
        environment: The environment that it has to be for; None for any.

    Raises:
        SettingsError: If the file is not a saved plan, or one for another environment.
    """
    name = environment.name if environment else None
    try:
        content = json.loads(file.read_text())
        saved = MadeFrom(**content["made_from"])
    except (OSError, ValueError, KeyError, TypeError):
        again = _again(file, name)
        raise SettingsError(f"{file} is not a saved plan", f"make one: {again}") from None
    if name not in (None, saved.environment):
        raise SettingsError(
            f"The plan in {file} is for {saved.environment}, not for {name}. Nothing was written",
            f"make one: {_again(file, name)}",
        )
    return saved


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
            f"look at a new one: {_again(file, saved.environment)}",
        )


def _again(file: Path, environment: str | None) -> str:
    named = [] if environment in (None, PRODUCTION.name) else [str(environment)]
    return command("plan", *named, "--out", str(file))
