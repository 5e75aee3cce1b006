"""The published marts of the dev target: one DuckDB file, replaced by an atomic rename."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.build.environments import CANDIDATE, PRODUCTION
from ingestion.errors import NewerLayout
from ingestion.home import write_whole
from ingestion.layout import MARKED, MARTS, marts_comment, marts_layout
from ingestion.literals import duckdb_literal
from ingestion.project import DISTRIBUTION
from ingestion.publish.place import SEEN, Place
from ingestion.publish.published import Version
from ingestion.settings import Settings
from ingestion.warehouse.lease import Lease

# Earlier releases put the tables here; now they are in the file's default schema.
_EARLIER_SCHEMA = "marts"
_SUFFIX = ".duckdb"
_ROLLED_BACK = ".rolled-back"


class MartsFile:
    """The file that readers open, and the kept versions, one file each."""

    is_shared = False

    def __init__(self, settings: Settings) -> None:
        self._file = settings.marts_file
        self._folder = settings.versions_dir

    def current(self) -> str | None:
        """The version that readers see."""
        return published_version(self._file)

    def place(self) -> Place | None:
        """Where the marts are that readers see; None if nothing is published."""
        version = self.current()
        if version is None:
            return None
        schemas = ("main", _EARLIER_SCHEMA)
        return Place(name=SEEN, version=version, schemas=schemas, file=self._file)

    def size(self) -> int:
        """Bytes of what readers see."""
        return self._file.stat().st_size if self._file.exists() else 0

    def check_layout(self) -> None:
        """Raises `NewerLayout` if a newer version published the file."""
        self.current()

    def bring_up_to_date(self) -> None:
        """Rewrites files in which an earlier release put the tables in another schema."""
        for file in (self._file, *self._folder.glob(f"*{_SUFFIX}")):
            # One that cannot be rewritten stays: the dashboard and published_version read both.
            with suppress(duckdb.Error), duckdb.connect() as connection:
                if _attach(connection, file) == _EARLIER_SCHEMA:
                    connection.execute("use opened")
                    write_marts(connection, _EARLIER_SCHEMA, file)

    def kept(self) -> list[Version]:
        """The kept versions in the order in which readers saw them, including those held back."""
        names = (file.name.removesuffix(_SUFFIX) for file in self._folder.glob(f"*{_SUFFIX}"))
        return sorted(map(self._described, names), key=lambda version: version.order)

    def versions(self) -> tuple[str | None, list[Version]]:
        """The version that readers see, and those that are kept."""
        return self.current(), self.kept()

    def _described(self, name: str) -> Version:
        version = name.removesuffix(_ROLLED_BACK)
        note = self._read_note(version)
        at = note.get("published_at")
        published_at = datetime.fromisoformat(at) if at else None
        return Version(version, note.get("source"), published_at, name != version)

    def select(self, columns: str, mart: str, condition: str = "true") -> list[tuple[Any, ...]]:
        """Rows of a mart that readers see; none if no such mart is published."""
        if not self._file.exists():
            return []
        try:
            with duckdb.connect() as connection:
                schema = _attach(connection, self._file)
                return connection.execute(
                    f"select {columns} from opened.{schema}.{mart} where {condition}"
                ).fetchall()
        except duckdb.Error:
            return []  # it holds no such mart, so there is nothing to compare with

    def publish(self, lease: Lease, version: str, source: str | None) -> None:
        """Publishes the candidate, all marts at once.

        Args:
            lease: The warehouse's lease, held since before the candidate was chosen.
            version: Its version.
            source: URL of the landing zone it was built from.

        Raises:
            BusyError: If another run has taken the lease.
        """
        held_back = self._of(version + _ROLLED_BACK)
        if held_back.exists():
            held_back.rename(self._of(version))
        elif self._of(version).exists():  # promoted or reverted to
            lease.execute()
        else:
            export_marts(lease, PRODUCTION.schema(CANDIDATE), self._of(version))
        self._install(version, source)
        for rolled_back in self._folder.glob(f"*{_ROLLED_BACK}{_SUFFIX}"):
            rolled_back.unlink()
            self._note(rolled_back.name.removesuffix(_ROLLED_BACK + _SUFFIX)).unlink(
                missing_ok=True
            )

    def roll_back(self, to: str, left: str | None) -> None:
        """Returns readers to an earlier version.

        Args:
            to: The version to return to.
            left: The version to leave.
        """
        # Marked first: if this process dies in between, the next run does not republish it.
        if left and self._of(left).exists():
            self._of(left).rename(self._of(left + _ROLLED_BACK))
        self._install(to, self._read_note(to).get("source"))

    def remove(self, versions: list[str]) -> None:
        """Removes versions, and leftovers of a crash."""
        for version in versions:
            self._of(version).unlink()
            self._note(version).unlink(missing_ok=True)
        for leftover in self._folder.glob("*.unfinished*"):
            leftover.unlink()

    def _of(self, version: str) -> Path:
        return self._folder / f"{version}{_SUFFIX}"

    def _note(self, version: str) -> Path:
        return self._folder / f"{version}.json"

    def _read_note(self, version: str) -> dict[str, str]:
        """Reads a version's note, kept out of its marts file because readers must not see it."""
        note = self._note(version)
        return dict(json.loads(note.read_text())) if note.exists() else {}

    def _write_note(self, version: str, source: str | None) -> None:
        now = datetime.now(UTC).replace(tzinfo=None).isoformat()
        write_whole(self._note(version), json.dumps({"source": source, "published_at": now}))

    def _install(self, version: str, source: str | None) -> None:
        """Puts a version where readers look, with one rename.

        Its note is there before, but says only afterwards that readers saw it last.
        """
        if not self._note(version).exists():
            self._write_note(version, source)
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
        self._write_note(version, source)


def published_version(marts_file: Path) -> str | None:
    """Finds the version of a marts file.

    Returns:
        The version; None if there is no such file, or it does not hold published marts.
    """
    if not marts_file.exists():
        return None
    try:
        return read_version(marts_file)
    except (duckdb.Error, IndexError):
        return None


def read_version(marts_file: Path) -> str:
    """Reads the version of a marts file, whichever release wrote it.

    Raises:
        duckdb.Error: If the file does not hold published marts.
        IndexError: If mart_dataset_status is empty.
    """
    with duckdb.connect() as connection:
        schema = _attach(connection, marts_file)
        rows = connection.execute(f"select data_version from opened.{schema}.mart_dataset_status")
        return str(rows.fetchall()[0][0])


def _attach(connection: duckdb.DuckDBPyConnection, marts_file: Path) -> str:
    """Attaches a marts file as `opened`; returns the schema of its tables."""
    connection.execute(f"attach {duckdb_literal(marts_file)} as opened (read_only)")
    refuse_newer(connection, "opened", marts_file)
    earlier = connection.execute(
        "from duckdb_schemas() where database_name = 'opened' and schema_name = ?",
        [_EARLIER_SCHEMA],
    )
    return _EARLIER_SCHEMA if earlier.fetchall() else "main"


def refuse_newer(connection: duckdb.DuckDBPyConnection, database: str, marts_file: Path) -> None:
    """Checks that this version can read an attached file of marts.

    Raises:
        NewerLayout: If a newer version published it.
    """
    marked = connection.execute(
        "select comment from duckdb_tables() where database_name = ? and table_name = ?",
        [database, MARKED],
    ).fetchone()
    if marked and marts_layout(marked[0]) > MARTS:
        raise NewerLayout(
            f"A newer version published {marts_file}; this one cannot read it. Nothing was changed",
            f"pip install --upgrade {DISTRIBUTION}",
        )


def export_marts(lease: Lease, schema: str, file: Path) -> None:
    """Writes the marts of a schema, and nothing else, to a separate file.

    Args:
        lease: The warehouse's lease, held since before the marts were chosen.
        schema: The schema.
        file: The file; it appears once it is complete.

    Raises:
        BusyError: If another run has taken the lease, and may have built others meanwhile.
    """
    file.parent.mkdir(exist_ok=True)
    with lease.target.connect() as session:
        lease.renew_in(session)
        write_marts(session.native, schema, file)


def write_marts(connection: duckdb.DuckDBPyConnection, schema: str, file: Path) -> None:
    """Writes a schema's marts to a file, which appears or is replaced once it is complete."""
    unfinished = file.with_suffix(".unfinished")
    # A crash may have left it, with a log that DuckDB would replay into the new file.
    for leftover in file.parent.glob(f"{unfinished.name}*"):
        leftover.unlink()
    tables = connection.execute(
        "select table_name from information_schema.tables "
        "where table_schema = ? and table_name like 'mart\\_%' escape '\\' order by 1",
        [schema],
    ).fetchall()
    # By default a file is attached as the one that is open, which may be only read.
    connection.execute(f"attach {duckdb_literal(unfinished)} as published (read_write)")
    for (table,) in tables:
        connection.execute(f"create table published.{table} as from {schema}.{table}")
    if (MARKED,) in tables:
        comment = duckdb_literal(marts_comment())
        connection.execute(f"comment on table published.{MARKED} is {comment}")
    connection.execute("detach published")
    _sync(unfinished)
    unfinished.rename(file)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
