"""One run at a time in one home, and one writer at a time in one warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ingestion.errors import BusyError, SettingsError, is_no_room
from ingestion.operate import snapshot
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse

if TYPE_CHECKING:
    from ingestion.warehouse.lease import Heartbeat, Lease

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
        probe.unlink(missing_ok=True)  # another run may have been faster
    except OSError as error:
        if is_no_room(error):
            raise
        raise SettingsError(
            f"The home folder {home} cannot be written to ({error.strerror})",
            "give this user write permission there, or choose another with MOVIELENS_HOME",
        ) from None


@dataclass
class Run:
    """One run at work: it holds the lock of its home and, once it writes, the warehouse's lease.

    Attributes:
        settings: Its settings.
        take_over: Whether it may take the lease of a run that still holds it.
        notes: What whoever started the run should know.
    """

    settings: Settings
    take_over: bool = False
    notes: list[str] = field(default_factory=list)
    _lease: Lease | None = None
    _heartbeat: Heartbeat | None = None

    def lease(self, target: Warehouse) -> Lease:
        """Takes the lease of the warehouse, or extends it; it is kept until the run ends.

        Args:
            target: The warehouse, as the user that is going to write.

        Returns:
            The lease.

        Raises:
            BusyError: If a run of another home holds it, or has taken it over.
        """
        from ingestion.warehouse.lease import Heartbeat, acquire

        if self._lease is None:
            self._lease = acquire(self.settings, self.take_over)
            self._heartbeat = Heartbeat(self._lease)
            if self._lease.taken_from:
                self.notes.append(f"took over the warehouse from {self._lease.taken_from}")
        else:
            self._lease.execute()
        return self._lease.of(target)

    def end(self) -> None:
        """Releases what it holds beside the lock."""
        lease = self._lease
        self.forget_lease()
        if lease is not None and lease.target.exists():
            lease.release()
            if self.settings.target == "dev":
                snapshot.keep(self.settings, lease.target)

    def forget_lease(self) -> None:
        """Lets go of the lease, without a word to the warehouse: it is to be set aside."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._lease = self._heartbeat = None


_at_work: dict[Path, Run] = {}


@contextmanager
def only_run(settings: Settings, *, take_over: bool = False) -> Iterator[Run]:
    """Holds the lock of a home; a run that holds it already may take it again.

    Args:
        settings: Say which home.
        take_over: Whether the run may take the lease of a run that still holds it.

    Yields:
        The run at work, while no other can start.

    Raises:
        BusyError: If another run holds the lock.
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
        if settings.home in _at_work:
            yield _at_work[settings.home]
        else:
            yield from _outermost(Run(settings, take_over))
    finally:
        lock.release()


def _outermost(run: Run) -> Iterator[Run]:
    _at_work[run.settings.home] = run
    try:
        yield run
    finally:
        del _at_work[run.settings.home]
        run.end()
