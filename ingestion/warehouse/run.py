"""The current run, as each of its steps receives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.lease import Heartbeat, Lease, acquire


@dataclass
class Run:
    """The current run: it holds its home's lock and, once it writes, the warehouse's lease.

    Attributes:
        settings: Its settings.
        take_over: Whether it may take the lease from a run that still holds it.
        notes: Remarks to print at the end of the run.
    """

    settings: Settings
    take_over: bool
    notes: list[str] = field(default_factory=list)
    _lease: Lease | None = None
    _heartbeat: Heartbeat | None = None

    @property
    def has_lease(self) -> bool:
        """Whether it took the lease: what it has read since, no other run has changed."""
        return self._lease is not None

    def lease(self, target: Warehouse) -> Lease:
        """Takes or renews the warehouse's lease, which is held until the run ends.

        Args:
            target: The warehouse, connected as the user that will write.

        Raises:
            BusyError: If another home's run holds it, or took it over.
        """
        if self._lease is None:
            self._lease = acquire(self.settings, self.take_over)
            self._heartbeat = Heartbeat(self._lease)
            if self._lease.taken_from:
                self.notes.append(f"took over the warehouse from {self._lease.taken_from}")
        else:
            self._lease.execute()
        return self._lease.of(target)

    @contextmanager
    def end(self) -> Iterator[Warehouse | None]:
        """Releases the lease; yields the warehouse, open, if this run held its lease to the end."""
        lease = self._lease
        self.forget_lease()
        if lease is None or not lease.target.exists():
            yield None
            return
        with lease.target.kept_open():
            lease.release()
            yield lease.target

    def forget_lease(self) -> None:
        """Drops the lease without releasing it, as its warehouse is being replaced."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._lease = self._heartbeat = None
