"""One run at a time per home, and one writer at a time per warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from ingestion.engine import engine_of
from ingestion.errors import BusyError
from ingestion.home import make_home
from ingestion.operate import snapshot
from ingestion.settings import Settings
from ingestion.warehouse.run import Run


@contextmanager
def exclusive_run(settings: Settings, *, take_over: bool = False) -> Iterator[Run]:
    """Holds a home's lock. Only entry points call this; the steps of a run receive the `Run`.

    Args:
        settings: Which home.
        take_over: Whether the run may take a lease that another run still holds.

    Yields:
        The current run; no other can start meanwhile.

    Raises:
        BusyError: If another run holds the lock.
        SettingsError: If the home is not writable, or a newer version published its marts.
    """
    make_home(settings.home)
    lock = FileLock(settings.home / "run.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"Another run is in progress in {settings.home}; this one changed nothing",
            "wait for it to finish, then run this again",
        ) from None
    run = Run(settings, take_over)
    try:
        engine_of(settings).published().check_layout()
        yield run
    finally:
        try:
            with run.end() as written:
                if written is not None and written.is_exclusive:
                    snapshot.keep(settings, written)
        finally:
            lock.release()
