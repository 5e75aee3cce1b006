"""Plans a load by comparing a listing with the manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.errors import SettingsError
from ingestion.landing.listing import LandingFile, LandingZone
from ingestion.landing.parts import replaced, write_of
from ingestion.progress import OnEvent, silent
from ingestion.raw import manifest, readme, refusals
from ingestion.raw.refusals import Refusal
from ingestion.reading.rules import Rules
from ingestion.remedies import again, command
from ingestion.warehouse.base import Warehouse

if TYPE_CHECKING:
    from dlt.extract import DltResource


@dataclass(frozen=True)
class LoadRequest:
    """The options of a load.

    Attributes:
        source: The landing zone, as a URL or dlt's `filesystem(...)`; None for the one already in
            the warehouse.
        rules: How files are read.
        remove_missing: Record known paths that no longer exist as removed.
        switch_source: Allow a landing zone other than the one in the warehouse.
        listing: Fingerprint that the listing has to have; None for any.
        on_event: Called for each step of progress.
    """

    source: str | DltResource | None
    rules: Rules
    remove_missing: bool = False
    switch_source: bool = False
    listing: str | None = None
    on_event: OnEvent = silent


@dataclass(frozen=True)
class LoadPlan:
    """What a load would do; `str()` sums it up in a line.

    Attributes:
        zone: The listing.
        known: The current version of each path.
        comparison: How the listing differs from them.
        gone: Paths to record as removed; of these, those that were replaced only if what replaces
            them loads.
        switched: Whether a new landing zone replaces the one in the warehouse.
        refusals: The files that are still refused.
        refused: The files that would only be refused again.
        is_settled: Whether the recorded refusals and README are up to date.
    """

    zone: LandingZone
    known: dict[str, manifest.CurrentFile]
    comparison: manifest.Comparison
    gone: list[manifest.CurrentFile]
    switched: bool
    refusals: list[Refusal]
    refused: dict[str, Refusal]
    is_settled: bool

    @property
    def to_read(self) -> list[LandingFile]:
        """The files to read, earliest first."""
        return [file for file in self.comparison.to_read if file.path not in self.refused]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.to_read and not self.gone and self.is_settled

    def __str__(self) -> str:
        counts = {
            "to read": len(self.to_read),
            "unchanged": len(self.comparison.unchanged),
            "to record as removed": len(self.gone),
            "refused as before": len(self.refused),
        }
        files = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return f"{self.zone.url}: {files or 'no files'}"


def plan_load(
    target: Warehouse,
    request: LoadRequest,
    zone: LandingZone,
    known: dict[str, manifest.CurrentFile],
) -> LoadPlan:
    """Plans the load of a listing; changes nothing.

    Args:
        target: The warehouse.
        request: The options of the load.
        zone: The listing.
        known: The current file of each path.

    Raises:
        SettingsError: If the warehouse holds another landing zone, which may not be replaced, or
            the listing is not the expected one.
    """
    if request.listing not in (None, zone.fingerprint):
        raise SettingsError(
            f"The files in {zone.url} changed after the plan was checked. Nothing was written",
            command("plan"),
        )
    sources = {entry.source for entry in known.values()} - {zone.url}
    if sources and not request.switch_source:
        raise SettingsError(
            f"The warehouse holds the landing zone {', '.join(sorted(sources))}, not {zone.url}; "
            "user and movie ids of two landing zones must not be mixed. Nothing was changed",
            f"choose another MOVIELENS_HOME, or replace the old one: {_switched(zone)}",
        )
    comparison = manifest.compare(zone, known)
    standing = refusals.recall(target)
    refused = refusals.standing(standing, zone, request.rules)
    gone = comparison.missing if request.remove_missing else _replaced(comparison, zone, refused)
    if sources:
        gone = list(known.values())
    is_settled = not refusals.settled(standing, zone, {}) and zone.readme == readme.recall(target)
    return LoadPlan(
        zone=zone,
        known=known,
        comparison=comparison,
        gone=gone,
        switched=bool(sources),
        refusals=standing,
        refused=refused,
        is_settled=is_settled,
    )


def _replaced(
    comparison: manifest.Comparison, zone: LandingZone, refused: Collection[str]
) -> list[manifest.CurrentFile]:
    """Finds parts that a later write replaced, and zip members that were unpacked.

    Those whose replacement is known to be refused are left out.
    """
    paths = replaced((entry.path for entry in comparison.missing), zone.files)
    paths |= zone.unpacked.keys()
    gone = [entry for entry in comparison.missing if entry.path in paths]
    return if_replaced(gone, zone, refused)


def if_replaced(
    gone: Iterable[manifest.CurrentFile], zone: LandingZone, not_loaded: Iterable[str]
) -> list[manifest.CurrentFile]:
    """Leaves out files whose replacement is not loaded.

    Args:
        gone: Parts that a later write replaced, and zip members that were unpacked.
        zone: The listing.
        not_loaded: Paths of files that are not loaded.
    """
    failed = set(not_loaded)
    folders = {write.folder for path in failed if (write := write_of(path))}
    return [
        one
        for one in gone
        if one.path.rpartition("/")[0] not in folders and zone.unpacked.get(one.path) not in failed
    ]


def _switched(zone: LandingZone) -> str:
    return again("--switch-source", otherwise=("load", "--source", zone.url))
