"""The janitor: drops environments that have expired, and tables that nothing can need any more.

It comes at the end of each run; but where each drop is a statement that costs, production's runs
leave it to `vacuum`.

A table stays as long as a build has it. A build stays as long as an environment shows it, or one
can return to it: it was built from the files that are current, and shown a few days ago. Published
versions are copies, and marts as of an earlier load are built from RAW: neither needs a table here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from ingestion.build import registry, views
from ingestion.build.environments import Environment
from ingestion.build.registry import Build, Registry
from ingestion.raw import manifest
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.run import Run


@dataclass(frozen=True, kw_only=True)
class Expired:
    """What nothing can need any more.

    Attributes:
        environments: Environments whose time is over.
        builds: Builds that no environment shows, and that cannot be returned to.
        tables: Tables of the store that are in no other build, left by builds that failed included.
    """

    environments: list[str] = field(default_factory=list)
    builds: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to drop."""
        return not (self.environments or self.builds or self.tables)


def expired(
    known: Registry, there: Iterable[str], last_file_id: int, settings: Settings
) -> Expired:
    """Finds what nothing can need any more; changes nothing.

    Args:
        known: What is registered.
        there: The names of all relations in the store.
        last_file_id: The last manifest entry.
        settings: Set for how long environments and builds are kept.
    """
    now = registry.now()
    ended = [
        entry.environment
        for entry in known.environments.values()
        if entry.expires_at is not None and entry.expires_at <= now
    ]
    shown = {
        entry.version for entry in known.environments.values() if entry.environment not in ended
    }
    since = now - timedelta(days=settings.environment_days)

    def is_kept(build: Build) -> bool:
        can_return = build.last_file_id == last_file_id and build.used_at > since
        return build.version in shown or can_return

    kept = [build for build in known.builds.values() if is_kept(build)]
    needed = {table for build in kept for table in build.tables}
    return Expired(
        environments=ended,
        builds=[build.version for build in known.builds.values() if build not in kept],
        tables=sorted(name for name in there if name not in needed and not name.startswith("_")),
    )


def comes_with(target: Warehouse, environment: Environment) -> Literal["run", "vacuum"]:
    """Tells which command on an environment drops what nothing can need any more."""
    return "vacuum" if target.is_metered and environment.is_production else "run"


def clean(run: Run, target: Warehouse) -> Expired:
    """Drops what nothing can need any more.

    Args:
        run: The current run.
        target: The warehouse.

    Returns:
        What was dropped.

    Raises:
        BusyError: If another run has taken the lease.
    """
    had_lease = run.has_lease
    found = find(run.settings, target)
    if found.is_empty:
        return found
    lease = run.lease(target)
    if not had_lease:
        found = find(run.settings, target)
    for name in found.environments:
        views.forget_environment(lease, Environment(name))
    views.forget(lease, found.builds, found.tables, run.settings.environment_days)
    return found


def find(settings: Settings, target: Warehouse) -> Expired:
    """Finds what nothing can need any more; changes nothing.

    Args:
        settings: Set for how long environments and builds are kept.
        target: The warehouse.
    """
    known = registry.read(target)
    if not known.environments:  # nothing was built yet, or by an earlier release
        return Expired()
    last = max(manifest.last_file_ids(target).values(), default=0)
    return expired(known, known.relations, last, settings)
