"""The published marts of the dev target: one DuckDB file, replaced by an atomic rename."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb

from ingestion.environments import CANDIDATE, PUBLISHED, Environment
from ingestion.lease import Lease
from ingestion.literals import duckdb_literal
from ingestion.settings import Settings

SCHEMA = "marts"
_SUFFIX = ".duckdb"
_ROLLED_BACK = ".rolled-back"


class MartsFile:
    """The file that readers open, and the versions that are kept beside it, one file each.

    Args:
        settings: Say where they are.
    """

    is_shared = False

    def __init__(self, settings: Settings) -> None:
        self._file = settings.marts_file
        self._folder = settings.versions_dir

    def current(self) -> str | None:
        """The version that readers see."""
        return published_version(self._file)

    def size(self) -> int:
        """Bytes of what readers see."""
        return self._file.stat().st_size if self._file.exists() else 0

    def versions(self) -> list[str]:
        """The versions that are kept, oldest first, without those that were rolled back."""
        names = (file.name.removesuffix(_SUFFIX) for file in self._folder.glob(f"*{_SUFFIX}"))
        return sorted(name for name in names if not name.endswith(_ROLLED_BACK))

    def is_rolled_back(self, version: str) -> bool:
        """Tells whether a version was left by a rollback, and not published since."""
        return self._of(version + _ROLLED_BACK).exists()

    def publish(self, lease: Lease, version: str) -> None:
        """Makes the candidate what readers see, all marts at once.

        Args:
            lease: The lease of the warehouse, held since before the candidate was chosen.
            version: Its version.

        Raises:
            BusyError: If another run has taken the lease.
        """
        if self.is_rolled_back(version):
            self._of(version + _ROLLED_BACK).rename(self._of(version))
        else:
            export_marts(lease, PUBLISHED, self._of(version))
        self._install(version)
        for rolled_back in self._folder.glob(f"*{_ROLLED_BACK}{_SUFFIX}"):
            rolled_back.unlink()

    def roll_back(self, to: str, left: str | None) -> None:
        """Makes an earlier version what readers see.

        Args:
            to: The version to return to.
            left: The version that readers saw.
        """
        # Marked first: if this one dies in between, the next run does not bring it back unasked.
        if left and self._of(left).exists():
            self._of(left).rename(self._of(left + _ROLLED_BACK))
        self._install(to)

    def remove(self, versions: list[str]) -> None:
        """Removes versions, and what a crash left beside them."""
        for version in versions:
            self._of(version).unlink()
        for leftover in self._folder.glob("*.unfinished*"):
            leftover.unlink()

    def _of(self, version: str) -> Path:
        return self._folder / f"{version}{_SUFFIX}"

    def _install(self, version: str) -> None:
        """Puts a version where readers look, by one rename."""
        beside = self._file.with_suffix(".next")
        beside.unlink(missing_ok=True)
        try:
            os.link(self._of(version), beside)
        except OSError:
            # Some file systems have no hard links.
            shutil.copyfile(self._of(version), beside)
            _sync(beside)
        beside.replace(self._file)
        _sync(self._file.parent)


def published_version(marts_file: Path) -> str | None:
    """Tells which version a marts file holds.

    Args:
        marts_file: The file.

    Returns:
        The version, or None if there is no such file or it is not one of published marts.
    """
    if not marts_file.exists():
        return None
    try:
        with duckdb.connect() as connection:
            connection.execute(f"attach {duckdb_literal(marts_file)} as published (read_only)")
            row = connection.execute(
                f"select data_version from published.{SCHEMA}.mart_dataset_status"
            ).fetchone()
    except duckdb.Error:
        return None
    return str(row[0]) if row else None


def export_marts(lease: Lease, environment: Environment, file: Path) -> None:
    """Writes an environment's marts, and nothing else, into a file of their own.

    Args:
        lease: The lease of the warehouse, held since before the marts were chosen.
        environment: Whose marts.
        file: The file; it appears when it is whole.

    Raises:
        BusyError: If another run has taken the lease, and may have built others meanwhile.
    """
    file.parent.mkdir(exist_ok=True)
    unfinished = file.with_suffix(".unfinished")
    # A crash may have left it, and a log that DuckDB would replay into the new one.
    for leftover in file.parent.glob(f"{unfinished.name}*"):
        leftover.unlink()
    schema = environment.schema(CANDIDATE)
    with lease.target.connect() as session:
        lease.hold(session)
        connection = session.native
        tables = connection.execute(
            "select table_name from information_schema.tables "
            "where table_schema = ? and table_name like 'mart\\_%' escape '\\' order by 1",
            [schema],
        ).fetchall()
        connection.execute(f"attach {duckdb_literal(unfinished)} as published")
        connection.execute(f"create schema published.{SCHEMA}")
        for (table,) in tables:
            connection.execute(f"create table published.{SCHEMA}.{table} as from {schema}.{table}")
        connection.execute("detach published")
    _sync(unfinished)
    unfinished.rename(file)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
