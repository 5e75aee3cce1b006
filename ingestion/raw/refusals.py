"""Records refused files, which every run and status names until they load or are deleted.

A file is not reread if it would only be refused again, that is, if its version, the settings and
the readers are unchanged. A change to what the readers refuse must raise `rules.READER_VERSION`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime

from ingestion.landing.listing import LandingZone
from ingestion.raw import manifest
from ingestion.reading.file import Outcome
from ingestion.reading.rules import READER_VERSION, Rules
from ingestion.warehouse.base import Warehouse, inserts

TABLE = f"{manifest.SCHEMA}._refusals"
# A path has up to 1,024 bytes, a statement of Snowflake's 1 MB.
PATHS_AT_ONCE = 500
_COLUMNS = (
    "path varchar, dataset varchar, bytes bigint, reason varchar, refused_at timestamp, "
    "version varchar, judged_by varchar, source varchar"
)


@dataclass(frozen=True)
class Refusal:
    """A file and the last version of it that was refused.

    Attributes:
        path: Path in the landing zone.
        dataset: The RAW table its rows belong to.
        bytes: Its size as stored.
        reason: Why, in words; may quote the file.
        refused_at: When it was refused, UTC.
        version: Its `LandingFile.version` when it was listed.
        judged_by: The settings and readers that refused its content; None if it could not be read,
            which the next run retries.
        source: URL of the landing zone.
    """

    path: str
    dataset: str
    bytes: int
    reason: str
    refused_at: datetime
    version: str
    judged_by: str | None
    source: str


def judged_by(rules: Rules) -> str:
    """Describes what a refusal depends on besides the file: the readers and the settings."""
    return f"readers {READER_VERSION}, {rules}"


def recall(target: Warehouse) -> list[Refusal]:
    """Reads the files that are still refused, of the landing zone loaded last, by path."""
    if not target.has_table(*TABLE.split(".")):
        return []
    columns = ", ".join(field.name for field in fields(Refusal))
    return [Refusal(*row) for row in target.fetch(f"select {columns} from {TABLE} order by path")]


def standing(refusals: Iterable[Refusal], zone: LandingZone, rules: Rules) -> dict[str, Refusal]:
    """Finds the files that would only be refused again, by path.

    Their listed version was refused by the same readers and settings.
    """
    listed = {path: file.version for path, file in zone.files.items()}
    return {
        refusal.path: refusal
        for refusal in refusals
        if refusal.source == zone.url
        and refusal.judged_by == judged_by(rules)
        and refusal.version == listed.get(refusal.path)
    }


def settled(
    refusals: Iterable[Refusal], zone: LandingZone, read: Mapping[str, Outcome]
) -> list[str]:
    """Finds the files that are no longer refused, or will be recorded again.

    Args:
        refusals: What was refused before.
        zone: The listing.
        read: The outcome of each file that was read, by path.

    Returns:
        The paths of files that are gone, were read, or are listed in a version that is loaded.
    """

    def is_settled(refusal: Refusal) -> bool:
        file, outcome = zone.files.get(refusal.path), read.get(refusal.path)
        if file is None or refusal.source != zone.url:
            return True
        if outcome is not None:
            return outcome.status != "put off"
        return file.version != refusal.version

    return [refusal.path for refusal in refusals if is_settled(refusal)]


def update(
    target: Warehouse,
    zone: LandingZone,
    rules: Rules,
    before: Iterable[Refusal],
    read: Iterable[Outcome],
) -> None:
    """Records what was refused, and forgets what was loaded or has left the landing zone.

    Args:
        target: The warehouse.
        zone: The listing.
        rules: The settings that were applied.
        before: What was refused before.
        read: The outcomes of the files that were read.
    """
    outcomes = {outcome.file.path: outcome for outcome in read}
    gone = settled(before, zone, outcomes)
    refused = [_refusal(zone, rules, o) for o in outcomes.values() if o.status == "refused"]
    if not gone and not refused:
        return
    with target.connect() as connection:
        # Before the transaction, as Snowflake commits at each DDL statement.
        connection.execute(f"create table if not exists {TABLE} ({_COLUMNS})")
    statements = []
    for start in range(0, len(gone), PATHS_AT_ONCE):
        listed = ", ".join(map(target.literal, gone[start : start + PATHS_AT_ONCE]))
        statements.append(f"delete from {TABLE} where path in ({listed})")
    statements += inserts(TABLE, map(astuple, refused), target.literal)
    target.execute(*statements)


def _refusal(zone: LandingZone, rules: Rules, outcome: Outcome) -> Refusal:
    file = outcome.file
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    by = judged_by(rules) if outcome.refused_for_good else None
    return Refusal(
        path=file.path,
        dataset=file.dataset,
        bytes=file.bytes,
        reason=outcome.reason,
        refused_at=now,
        version=file.version,
        judged_by=by,
        source=zone.url,
    )
