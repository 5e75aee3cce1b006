"""`publish` and `rollback`: switch what readers see, all marts at once."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ingestion.build.registry import Build, candidate
from ingestion.engine import engine_of
from ingestion.errors import MovielensError, SettingsError
from ingestion.publish.published import Published, Version
from ingestion.remedies import again, command
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.run import Run


@dataclass(frozen=True)
class PublishReport:
    """What readers see after a publish or a rollback.

    Attributes:
        version: The published version.
        published: Whether it changed.
        before: The version that was published before, if any.
        bytes: Size of all published marts.
        seconds: Wall time.
        held_back: A version that was rolled back: no run publishes it by itself.
    """

    version: str | None
    published: bool
    before: str | None
    bytes: int
    seconds: float
    held_back: str | None = None


def publish_candidate(run: Run, *, again: bool = True) -> PublishReport:
    """Publishes the audited candidate: readers see the old version or the new, never a mix.

    Args:
        run: The current run.
        again: Publish a version even if it was rolled back.

    Returns:
        What readers see now.

    Raises:
        MovielensError: If there is no audited candidate.
        BusyError: If another run has taken the lease; readers see no change.
    """
    started = time.perf_counter()
    target, marts = engine_of(run.settings).warehouse(), engine_of(run.settings).published()
    marts.bring_up_to_date()
    had_lease = run.has_lease
    found = _audited(target)
    before, kept = marts.versions()
    if before == found.version:
        return _report(marts, started, before, before)
    lease = run.lease(target)
    if not had_lease:  # from here on, no run can replace it before it is copied
        found = _audited(target)
        _, kept = marts.versions()
    if not again and any(v.is_held_back for v in kept if v.version == found.version):
        return _report(marts, started, before, before, held_back=found.version)
    marts.publish(lease, found.version, found.source)
    prune(run.settings)
    return _report(marts, started, found.version, before)


def _audited(target: Warehouse) -> Build:
    found = candidate(target)
    if found is None:
        raise MovielensError(
            "There is no audited candidate; the published marts are untouched", command("build")
        )
    return found


def _report(
    marts: Published,
    started: float,
    version: str | None,
    before: str | None,
    held_back: str | None = None,
) -> PublishReport:
    seconds = time.perf_counter() - started
    return PublishReport(
        version=version,
        published=version != before,
        before=before,
        bytes=marts.size(),
        seconds=seconds,
        held_back=held_back,
    )


def prune(settings: Settings, *, dry_run: bool = False) -> list[str]:
    """Removes versions beyond MOVIELENS_KEEP_VERSIONS, and leftovers of a crash.

    The published version and those after it stay.

    Returns:
        The versions removed, or to be removed in a dry run, oldest first.
    """
    marts = engine_of(settings).published()
    current, kept = marts.versions()
    older = [v.version for v in _before(kept, current) if not v.is_held_back]
    removed = older[: max(0, len(older) - (settings.keep_versions - 1))]
    if not dry_run:
        marts.remove(removed)
    return removed


def _before(kept: list[Version], current: str | None) -> list[Version]:
    """The versions that readers saw before the current one.

    Without a note of when they saw it, a version counts by its name: an earlier release published
    it, or a publish died before readers saw it.
    """
    if current is None:
        return kept
    names = [version.version for version in kept]
    seen = kept[: names.index(current)] if current in names else kept
    return [
        version
        for version in seen
        if version.version < current or (version.published_at and current in names)
    ]


def roll_back(run: Run, *, switch_source: bool = False) -> PublishReport:
    """Returns to the version before the published one.

    The version rolled back from is kept, but no `run` publishes it again by itself.

    Args:
        run: The current run.
        switch_source: Return to it even if it was built from another landing zone.

    Returns:
        What readers see now.

    Raises:
        MovielensError: If there is no earlier version.
        SettingsError: If the earlier version was built from another landing zone.
        BusyError: If another run holds the lease of the warehouse.
    """
    started = time.perf_counter()
    settings = run.settings
    marts = engine_of(settings).published()
    if marts.is_shared:
        run.lease(engine_of(settings).warehouse())
    marts.bring_up_to_date()
    current, versions = marts.versions()
    kept = {version.version: version for version in versions}
    earlier = [v for v in _before(versions, current) if not v.is_held_back]
    if not earlier:
        raise MovielensError(
            f"There is no version before {current or 'the first one'} to return to; "
            "the published marts are untouched",
            f"MOVIELENS_KEEP_VERSIONS (now {settings.keep_versions}) sets how many are kept",
        )
    to = earlier[-1]
    if not switch_source:
        _check_same_zone(to, kept.get(current or "", Version("")))
    marts.roll_back(to.version, current)
    return _report(marts, started, to.version, current, held_back=current)


def _check_same_zone(to: Version, current: Version) -> None:
    if to.source == current.source:
        return
    unknown = "an unknown one"
    raise SettingsError(
        f"The previous version, {to.version}, was built from another landing zone: "
        f"{to.source or unknown}; the published one from {current.source or unknown}. "
        "The published marts are untouched",
        "if readers should see that landing zone: "
        + again("--switch-source", otherwise=("rollback",)),
    )
