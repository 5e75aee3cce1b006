"""`publish` and `rollback`: what readers see, all marts at once."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.building import Candidate, candidate
from ingestion.environments import CANDIDATE, PUBLISHED, Environment
from ingestion.errors import MovielensError
from ingestion.lease import Lease
from ingestion.lock import only_run
from ingestion.settings import Settings
from ingestion.warehouse import Warehouse, warehouse

SCHEMA = "marts"
_SUFFIX = ".duckdb"
_ROLLED_BACK = ".rolled-back"


@dataclass(frozen=True)
class PublishReport:
    """What readers see after a publish or a rollback.

    Attributes:
        version: The published version.
        published: Whether that changed.
        before: The version that was published before, if any.
        bytes: Size of all published marts.
        seconds: Wall time.
        held_back: A version that was rolled back, and is therefore not published again unasked.
    """

    version: str | None
    published: bool
    before: str | None
    bytes: int
    seconds: float
    held_back: str | None = None


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
            connection.execute(f"attach '{_escaped(marts_file)}' as published (read_only)")
            row = connection.execute(
                f"select data_version from published.{SCHEMA}.mart_dataset_status"
            ).fetchone()
    except duckdb.Error:
        return None
    return str(row[0]) if row else None


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")


def versions(settings: Settings) -> list[str]:
    """Lists the versions that can be rolled back to, oldest first."""
    files = settings.versions_dir.glob(f"*{_SUFFIX}")
    names = (file.name.removesuffix(_SUFFIX) for file in files)
    return sorted(name for name in names if not name.endswith(_ROLLED_BACK))


def _file(settings: Settings, version: str) -> Path:
    return settings.versions_dir / f"{version}{_SUFFIX}"


def publish(settings: Settings, *, again: bool = True) -> PublishReport:
    """Publishes the audited candidate: readers see the old version or the new, nothing between.

    Args:
        settings: The settings.
        again: Publish a version even if it was rolled back.

    Returns:
        What readers see now.

    Raises:
        MovielensError: If there is no audited candidate.
        BusyError: If another run is at work.
    """
    started = time.perf_counter()
    with only_run(settings) as run:
        target = warehouse(settings)
        found = _audited(target)
        before = published_version(settings.marts_file)
        lease = run.lease(target) if before != found.version else None
        if lease:
            found = _audited(target)  # nobody builds another one before this one is copied
        rolled_back = _file(settings, found.version + _ROLLED_BACK)
        if rolled_back.exists() and not again:
            return _report(settings, started, before, before, held_back=found.version)
        if lease:
            if rolled_back.exists():
                rolled_back.rename(_file(settings, found.version))
            else:
                export_marts(lease, PUBLISHED, _file(settings, found.version))
            _install(settings, found.version)
            prune(settings)
            for rolled_back in settings.versions_dir.glob(f"*{_ROLLED_BACK}{_SUFFIX}"):
                rolled_back.unlink()
        return _report(settings, started, found.version, before)


def _audited(target: Warehouse) -> Candidate:
    found = candidate(target)
    if found is None or not found.audited:
        raise MovielensError(
            "There is no audited candidate; what is published is untouched", "movielens build"
        )
    return found


def _report(
    settings: Settings,
    started: float,
    version: str | None,
    before: str | None,
    held_back: str | None = None,
) -> PublishReport:
    size = settings.marts_file.stat().st_size if settings.marts_file.exists() else 0
    seconds = time.perf_counter() - started
    return PublishReport(version, version != before, before, size, seconds, held_back)


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
        connection.execute(f"attach '{_escaped(unfinished)}' as published")
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


def _install(settings: Settings, version: str) -> None:
    """Puts a version where readers look, by one rename."""
    beside = settings.marts_file.with_suffix(".next")
    beside.unlink(missing_ok=True)
    try:
        os.link(_file(settings, version), beside)
    except OSError:
        # Some file systems have no hard links.
        shutil.copyfile(_file(settings, version), beside)
        _sync(beside)
    beside.replace(settings.marts_file)
    _sync(settings.home)


def prune(settings: Settings, *, dry_run: bool = False) -> list[str]:
    """Removes versions beyond MOVIELENS_KEEP_VERSIONS, and what a crash left beside them.

    The published version and those after it stay.

    Args:
        settings: The settings.
        dry_run: Only tell which.

    Returns:
        The versions, oldest first.
    """
    current = published_version(settings.marts_file)
    older = [version for version in versions(settings) if current and version < current]
    removed = older[: max(0, len(older) - (settings.keep_versions - 1))]
    if not dry_run:
        for version in removed:
            _file(settings, version).unlink()
        for leftover in settings.versions_dir.glob("*.unfinished*"):
            leftover.unlink()
    return removed


def rollback(settings: Settings) -> PublishReport:
    """Returns to the version before the published one.

    The version that is left behind is kept, but no `run` publishes it again unasked.

    Args:
        settings: The settings.

    Returns:
        What readers see now.

    Raises:
        MovielensError: If there is no earlier version.
        BusyError: If another run is at work.
    """
    started = time.perf_counter()
    with only_run(settings):
        current = published_version(settings.marts_file)
        earlier = [version for version in versions(settings) if not current or version < current]
        if not earlier:
            raise MovielensError(
                f"There is no version before {current or 'the first one'} to return to; "
                "what is published is untouched",
                f"MOVIELENS_KEEP_VERSIONS (now {settings.keep_versions}) says how many are kept",
            )
        # Marked first: if this one dies in between, the next run does not bring it back unasked.
        if current and _file(settings, current).exists():
            _file(settings, current).rename(_file(settings, current + _ROLLED_BACK))
        _install(settings, earlier[-1])
        return _report(settings, started, earlier[-1], current)
