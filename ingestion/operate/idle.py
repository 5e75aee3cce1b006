"""A run with nothing new never wakes a warehouse that costs money.

A run ends by leaving a marker where it can be read without a virtual warehouse: a fingerprint of
the landing zone's listing, of the settings that affect loading and of the code, and the published
version. A run that finds the same fingerprint has nothing to do. Taking the lease clears the marker
first, so it never describes an older state.
"""

from __future__ import annotations

import hashlib
import time

from ingestion.build.dbt import code_fingerprint
from ingestion.build.making import BuildReport
from ingestion.engine import engine_of
from ingestion.landing.listing import list_landing_zone
from ingestion.publish.publish import PublishReport
from ingestion.raw.load import FileReport, LoadReport, rules_of
from ingestion.settings import Settings
from ingestion.warehouse.lease import Lease


def _made_from(settings: Settings, listing: str) -> str:
    parts = (listing, str(rules_of(settings)), code_fingerprint(settings))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def leave_marker(settings: Settings, lease: Lease, listing: str, version: str) -> None:
    """Leaves the marker: everything listed is loaded, built, tested and published.

    Args:
        settings: The settings.
        lease: The loader's lease, held since before the listing was compared, and just renewed.
        listing: The listing's fingerprint.
        version: The published version.

    """
    content = {"made_from": _made_from(settings, listing), "version": version}
    lease.target.write_run_marker(content)


def nothing_to_do(settings: Settings) -> tuple[LoadReport, BuildReport, PublishReport] | None:
    """Checks whether a run would have nothing to do.

    Returns:
        What each step would report; None if only the warehouse can tell.
    """
    started = time.perf_counter()
    target = engine_of(settings).warehouse(loader=True)
    if not target.is_metered or settings.source is None:
        return None
    zone = list_landing_zone(settings.source, unmodelled=settings.load_unmodelled)
    marker = target.read_run_marker()
    if marker.get("made_from") != _made_from(settings, zone.fingerprint):
        return None
    version, seconds = marker["version"], time.perf_counter() - started
    files = [FileReport(f.path, f.dataset, "unchanged") for _, f in sorted(zone.files.items())]
    return (
        LoadReport(
            source=zone.url,
            edition=zone.edition,
            load_id=None,
            seconds=seconds,
            files=files,
            ignored=zone.ignored,
            unread=zone.unread,
        ),
        BuildReport(version=version, built=False, seconds=0.0),
        PublishReport(version=version, published=False, before=version, bytes=0, seconds=0.0),
    )
