"""The lease: one writer at a time per warehouse, from any machine and home.

`raw._lease` has one row: who may write, until when, and the next free file id. A home's lock ends
with its process; a lease outlives a lost machine, so it expires. Each acquisition raises the fence.
A run that outlives its lease finds the fence raised when it commits, and commits nothing; its file
ids were reserved, so no other run has used them.

A heartbeat thread renews the lease during a run, so no step is too long for it. A process that is
paused or dead renews nothing.
"""

from __future__ import annotations

import getpass
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from ingestion.datasets import RAW
from ingestion.engine import engine_of
from ingestion.errors import BusyError, LeaseLost, MovielensError
from ingestion.home import write_whole
from ingestion.remedies import again
from ingestion.settings import Settings
from ingestion.warehouse import layout
from ingestion.warehouse.base import Connection, Warehouse, create_schema, has_table, transaction

TABLE = f"{RAW}._lease"
# One statement creates the table with its row: two runs that each inserted one could both hold the
# lease.
_FIRST_ROW = (
    "select cast(0 as bigint) as fence, cast(null as varchar) as holder, "
    "cast(null as varchar) as home, cast(null as timestamptz) as taken_at, "
    "cast(null as timestamptz) as expires_at, cast(0 as bigint) as next_file_id"
)
# Allowed clock skew between machines; a lease from further in the future is ignored.
_SKEW = "interval '1 minute'"
_IS_LIVE = (
    "holder is not null and expires_at > current_timestamp "
    f"and taken_at < current_timestamp + {_SKEW}"
)


@dataclass
class _Extension:
    """When a lease was last renewed, and the lock for the threads that renew it.

    Two concurrent transactions on the row fail within one process just as between two.
    """

    at: float = field(default_factory=time.monotonic)
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass
class Lease:
    """The right to write to a warehouse, until another run takes it.

    Attributes:
        target: The warehouse.
        fence: Raised by each acquisition; the lease is held while the table has this number.
        home: The home that holds it; a replaced table may reach the same fence.
        seconds: How long it lasts unless renewed.
        taken_from: The abandoned run it was taken from, with its expiry, in words; else empty.
    """

    target: Warehouse
    fence: int
    home: str
    seconds: int
    taken_from: str = ""
    _extended: _Extension = field(default_factory=_Extension)

    def of(self, target: Warehouse) -> Lease:
        """Returns the same lease for another user of the warehouse."""
        return replace(self, target=target)

    def renew(self) -> None:
        """Renews the lease if a third of its time has passed.

        Raises:
            LeaseLost: If another run took it.
        """
        if self._is_due():
            with self._extended.lock, self.target.connect() as connection:
                if self._is_due():  # Another thread may have just renewed it.
                    self.renew_in(connection)

    def _is_due(self) -> bool:
        return time.monotonic() - self._extended.at > self.seconds / 3

    @contextmanager
    def transaction(self, connection: Connection, *, commit: bool = True) -> Iterator[None]:
        """Renews the lease and runs a block of statements in the same transaction.

        Args:
            connection: A connection to the warehouse.
            commit: Whether to commit at the end, or to roll back.

        Raises:
            LeaseLost: If another run took it; nothing is run.
        """
        with self._extended.lock, transaction(connection, commit=commit):
            self.renew_in(connection)
            yield

    def execute(self, *statements: str) -> None:
        """Renews the lease and runs statements, if any, in the same transaction.

        Raises:
            LeaseLost: If another run took it; nothing is run.
        """
        with self.target.connect() as connection:
            if not statements:
                self.renew_in(connection)
                return
            with self.transaction(connection):
                for statement in statements:
                    connection.execute(statement)

    def renew_in(self, connection: Connection, changes: str = "") -> None:
        """Renews the lease, which proves that the transaction belongs to its holder.

        A run that takes the lease updates the same row, so one of the two transactions waits or
        fails; both never commit.

        Args:
            connection: A connection to the warehouse; its open transaction, if any, is used.
            changes: More columns to set, such as `next_file_id = 1`.

        Raises:
            LeaseLost: If another run took it.
        """
        more = f", {changes}" if changes else ""
        with self._extended.lock:
            held = connection.execute(
                f"update {TABLE} set expires_at = {_in(self.seconds)}{more} "
                f"where {self._is_it(connection)}"
            ).fetchall()
            self._extended.at = time.monotonic()
        if not held[0][0]:
            self._extended.at = -float("inf")  # The next thread to renew finds out too.
            raise LeaseLost(
                "Another run took over the warehouse while this one was paused; "
                "its uncommitted work was discarded",
                "run it again; MOVIELENS_LEASE_SECONDS sets how long a run may pause",
            )

    def _is_it(self, connection: Connection) -> str:
        return f"fence = {self.fence} and home = {connection.literal(self.home)}"

    def reserve(self, connection: Connection, count: int, taken: str = "") -> int:
        """Reserves file ids for this run alone.

        Args:
            connection: A connection to the warehouse.
            count: How many.
            taken: A query for file ids in the manifest, if there is one.

        Returns:
            The first one, larger than any earlier id.
        """
        ids = f"select next_file_id - 1 as file_id from {TABLE}"
        found = connection.execute(f"{ids} union all {taken}" if taken else ids).fetchall()
        first = next_file_id(row[0] for row in found if row[0] is not None)
        self.renew_in(connection, f"next_file_id = {first + count}")
        return first

    def release(self) -> None:
        """Releases the lease; a run that lost it has nothing to release."""
        with self.target.connect() as connection:
            connection.execute(
                f"update {TABLE} set holder = null, expires_at = current_timestamp "
                f"where {self._is_it(connection)}"
            )


def next_file_id(taken: Iterable[int]) -> int:
    """Chooses a file id larger than all that are taken.

    It is the microseconds since the epoch, so independent runners do not choose the same one; or,
    if the clock jumped back, one more than the largest taken.
    """
    return max(time.time_ns() // 1_000, max(taken, default=0) + 1)


class Heartbeat:
    """Renews a lease while its run reads, loads or builds, in a separate thread and session.

    If the warehouse cannot be reached, the next beat retries. It stops when the lease is lost; the
    run finds out at its next write.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease.of(lease.target.beside())
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._done.wait(self._lease.seconds / 6):
            try:
                if self._lease.target.exists():
                    self._lease.renew()
            except LeaseLost:
                return
            except Exception as error:
                logging.getLogger("movielens").info("The lease was not renewed: %s", error)

    def stop(self) -> None:
        """Stops it, waiting for a beat in progress."""
        self._done.set()
        self._thread.join()


def _in(seconds: int) -> str:
    return f"current_timestamp + interval '{seconds} seconds'"


def acquire(settings: Settings, take_over: bool = False) -> Lease:
    """Takes the lease of a warehouse.

    The caller holds its home's lock, so a lease of the same home belongs to a dead run and is taken
    at once.

    Args:
        settings: Set the warehouse, the home and the lease's duration.
        take_over: Take it even if another home's run still holds it.

    Raises:
        BusyError: If another home's run holds it, or took it first.
        SettingsError: If a newer version has written to the warehouse.
    """
    target, home = engine_of(settings).warehouse(loader=True), _home_id(settings)
    if target.read_run_marker():
        target.write_run_marker({})  # the last run's marker is about to become stale
    with target.connect() as connection:
        _make_table(connection)
        with transaction(connection):
            row = connection.execute(
                f"select fence, holder, home, expires_at, {_IS_LIVE} from {TABLE}"
            ).fetchone()
            if row is None:
                raise MovielensError(
                    f"{TABLE} has lost its row, so no run can take the lease; nothing was changed",
                    "in Snowflake, run infra/snowflake/03_database.sql again; in DuckDB, drop the "
                    "table",
                )
            fence, holder, held_by_home, expires_at, is_live = row
            if is_live and held_by_home != home and not take_over:
                raise _busy(holder, expires_at)
            # Only if no run took or renewed it: this statement may have waited for one.
            mine = connection.literal(home)
            is_free = "true" if take_over else f"not ({_IS_LIVE} and home <> {mine})"
            taken = connection.execute(
                f"update {TABLE} set fence = {fence + 1}, "
                f"holder = {connection.literal(_holder())}, "
                f"home = {mine}, taken_at = current_timestamp, "
                f"expires_at = {_in(settings.lease_seconds)} where fence = {fence} and {is_free}"
            ).fetchall()
            if not taken[0][0]:
                raise _busy("it started just now", None)
            layout.take_over(connection)
    abandoned = holder is not None and held_by_home != home
    story = f"{holder}, which had it until {_shown(expires_at)}" if abandoned else ""
    return Lease(target, fence + 1, home, settings.lease_seconds, story)


def _make_table(connection: Connection) -> None:
    """Creates the lease table; before any transaction, as some engines commit at each DDL."""
    create_schema(connection, RAW)
    layout.make_table(connection)
    if not has_table(connection, *TABLE.split(".")):
        connection.execute(f"create table if not exists {TABLE} as {_FIRST_ROW}")


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _busy(holder: str, expires_at: datetime | None) -> BusyError:
    until = f"at {_shown(expires_at)}" if expires_at else "eventually"
    return BusyError(
        f"Another run is in progress in this warehouse ({holder}); this one changed nothing",
        f"wait for it to finish; if it is dead, its lease expires {until}, "
        f"and `{again('--take-over', otherwise=('run',))}` takes over at once",
    )


def _holder() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # A container may run as a user that has no name.
        user = str(os.getuid())
    return f"{user} on {socket.gethostname()}, process {os.getpid()}"


def _home_id(settings: Settings) -> str:
    """Returns the home's unique id: host names and paths are not unique among containers."""
    file = settings.home / "id"
    if not file.exists():
        write_whole(file, f"{uuid.uuid4()}\n")
    return file.read_text().strip()
