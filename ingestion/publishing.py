"""`publish` and `rollback`: what readers see, all marts at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from ingestion.building import Candidate, candidate
from ingestion.errors import MovielensError
from ingestion.lease import Lease
from ingestion.lock import only_run
from ingestion.published_file import MartsFile
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse import Warehouse, warehouse


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


class Published(Protocol):
    """What readers see, and the versions that are kept; the same on every engine."""

    is_shared: bool
    """Whether runs of other homes publish there too."""

    def current(self) -> str | None:
        """The version that readers see."""

    def size(self) -> int:
        """Bytes of what readers see."""

    def versions(self) -> list[str]:
        """The versions that are kept, oldest first, without those that were rolled back."""

    def is_rolled_back(self, version: str) -> bool:
        """Tells whether a version was left by a rollback, and not published since."""

    def publish(self, lease: Lease, version: str) -> None:
        """Makes the candidate what readers see, all marts at once."""

    def roll_back(self, to: str, left: str | None) -> None:
        """Makes an earlier version what readers see."""

    def remove(self, versions: list[str]) -> None:
        """Removes versions, and what a crash left beside them."""


def published(settings: Settings) -> Published:
    """Gives what readers of the target in force see.

    Args:
        settings: Say which target.

    Returns:
        The published marts.
    """
    if settings.target == "dev":
        return MartsFile(settings)
    from ingestion.published_views import MartsViews

    return MartsViews(warehouse(settings))


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
        target, marts = warehouse(settings), published(settings)
        found = _audited(target)
        before = marts.current()
        if before == found.version:
            return _report(marts, started, before, before)
        lease = run.lease(target)
        found = _audited(target)  # nobody builds another one before this one is copied
        if marts.is_rolled_back(found.version) and not again:
            return _report(marts, started, before, before, held_back=found.version)
        marts.publish(lease, found.version)
        prune(settings)
        return _report(marts, started, found.version, before)


def _audited(target: Warehouse) -> Candidate:
    found = candidate(target)
    if found is None or not found.audited:
        raise MovielensError(
            "There is no audited candidate; what is published is untouched", command("build")
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
    return PublishReport(version, version != before, before, marts.size(), seconds, held_back)


def prune(settings: Settings, *, dry_run: bool = False) -> list[str]:
    """Removes versions beyond MOVIELENS_KEEP_VERSIONS, and what a crash left beside them.

    The published version and those after it stay.

    Args:
        settings: The settings.
        dry_run: Only tell which.

    Returns:
        The versions, oldest first.
    """
    marts = published(settings)
    current = marts.current()
    older = [version for version in marts.versions() if current and version < current]
    removed = older[: max(0, len(older) - (settings.keep_versions - 1))]
    if not dry_run:
        marts.remove(removed)
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
    with only_run(settings) as run:
        marts = published(settings)
        if marts.is_shared:
            run.lease(warehouse(settings))
        current = marts.current()
        earlier = [version for version in marts.versions() if not current or version < current]
        if not earlier:
            raise MovielensError(
                f"There is no version before {current or 'the first one'} to return to; "
                "what is published is untouched",
                f"MOVIELENS_KEEP_VERSIONS (now {settings.keep_versions}) says how many are kept",
            )
        marts.roll_back(earlier[-1], current)
        return _report(marts, started, earlier[-1], current)
