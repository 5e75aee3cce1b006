"""The home folder: what a run keeps on this machine, and how it is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.errors import SettingsError, is_no_room
from ingestion.settings import Settings

KEPT_REPORTS = 200
# dlt puts its working folder's path into patterns and statements unescaped.
UNWORKABLE = "%?*['"


def make_home(home: Path) -> None:
    """Creates the home folder.

    Raises:
        SettingsError: If it cannot be created or written to.
    """
    found = [character for character in UNWORKABLE if character in str(home)]
    if found:
        raise SettingsError(
            f"The home folder {home} has {' '.join(found)} in its path; dlt cannot write there",
            "choose another with MOVIELENS_HOME",
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # another run may have been faster
    except OSError as error:
        if is_no_room(error):
            raise
        raise SettingsError(
            f"The home folder {home} is not writable ({error.strerror})",
            "grant this user write access, or choose another with MOVIELENS_HOME",
        ) from None


def write_whole(path: Path, text: str) -> None:
    """Replaces a text file atomically: readers find the old text or the new, even after a crash.

    Args:
        path: The file. Only one file of a folder may be written at a time.
        text: Its new content.
    """
    unfinished = path.with_name(".unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)


def write_report(settings: Settings, command: str, content: dict[str, Any]) -> Path:
    """Writes a command's report to the home folder, and returns its path."""
    settings.reports_dir.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = settings.reports_dir / f"{now:%Y%m%dT%H%M%S%f}Z-{command}.json"
    report = {"command": command, "at": now.isoformat(timespec="seconds"), **content}
    write_whole(path, json.dumps(report, indent=2, default=str) + "\n")
    for old in sorted(settings.reports_dir.glob("*Z-*.json"))[:-KEPT_REPORTS]:
        old.unlink()
    return path


def last_source(settings: Settings) -> str | None:
    """Finds the landing zone of this home's last load.

    Returns:
        Its URL; None if no load has left a report.
    """
    reports = sorted(settings.reports_dir.glob("*Z-load.json"))
    return str(json.loads(reports[-1].read_text())["source"]) if reports else None
