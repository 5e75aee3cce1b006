"""One run at a time in one home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ingestion.errors import BusyError, SettingsError, is_no_room
from ingestion.settings import Settings

# dlt puts the path of its working folder into patterns and statements as it is.
UNWORKABLE = "%?*['"


def make_home(home: Path) -> None:
    """Creates the folder that holds everything local.

    Args:
        home: The folder.

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
        probe.unlink()
    except OSError as error:
        if is_no_room(error):
            raise
        raise SettingsError(
            f"The home folder {home} cannot be written to ({error.strerror})",
            "give this user write permission there, or choose another with MOVIELENS_HOME",
        ) from None


@contextmanager
def only_run(settings: Settings) -> Iterator[None]:
    """Holds the lock of a home; a run that holds it already may take it again.

    Args:
        settings: Say which home.

    Yields:
        While no other run can start.

    Raises:
        BusyError: If another run holds it.
        SettingsError: If the home cannot be written to.
    """
    make_home(settings.home)
    lock = FileLock(settings.home / "run.lock", timeout=0, is_singleton=True)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"Another run is at work in {settings.home}; nothing was changed by this one",
            "wait for it to end and run this again",
        ) from None
    try:
        yield
    finally:
        lock.release()
