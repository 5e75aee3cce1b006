"""File versions that were refused: named by every run, but read again only if that may help."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ingestion import manifest
from ingestion.file_versions import Outcome
from ingestion.landing import LandingZone
from ingestion.rules import Rules
from ingestion.warehouse import Warehouse

TABLE = "_refused_files"
_COLUMNS = "source varchar, path varchar, version varchar, judged_by varchar, reason varchar"
_READERS = ("careful", "datasets", "encoding", "header", "reading", "staging")


def _judged_by(rules: Rules) -> str:
    """What a refusal depends on beside the file: the settings, and the code that read it."""
    folder = Path(__file__).parent
    code = b"".join((folder / f"{name}.py").read_bytes() for name in _READERS)
    return f"{rules} {hashlib.sha256(code).hexdigest()}"


def recall(target: Warehouse, zone: LandingZone, rules: Rules) -> dict[str, str]:
    """Finds the files that would only be refused again.

    Args:
        target: The warehouse.
        zone: The listing.
        rules: The settings in force.

    Returns:
        The reason by path, of the files that are listed in the version that was refused.
    """
    if not target.has_table(manifest.SCHEMA, TABLE):
        return {}
    source, judged_by = target.literal(zone.url), target.literal(_judged_by(rules))
    rows = target.fetch(
        f"select path, version, reason from {manifest.SCHEMA}.{TABLE} "
        f"where source = {source} and judged_by = {judged_by}"
    )
    listed = {path: file.version for path, file in zone.files.items()}
    return {path: reason for path, version, reason in rows if listed.get(path) == version}


def remember(
    target: Warehouse, zone: LandingZone, rules: Rules, outcomes: Iterable[Outcome]
) -> None:
    """Keeps what was refused, and forgets it of files that were not.

    Args:
        target: The warehouse.
        zone: The listing.
        rules: The settings in force.
        outcomes: What became of the files that were read.
    """
    read = list(outcomes)
    refused = [outcome for outcome in read if outcome.refused_for_good]
    if not refused and not target.has_table(manifest.SCHEMA, TABLE):
        return
    table = f"{manifest.SCHEMA}.{TABLE}"
    paths = ", ".join(target.literal(outcome.file.path) for outcome in read)
    statements = [
        f"create table if not exists {table} ({_COLUMNS})",
        f"delete from {table} where source <> {target.literal(zone.url)} or path in ({paths})",
    ]
    for outcome in refused:
        key = (zone.url, outcome.file.path, outcome.file.version, _judged_by(rules), outcome.reason)
        statements.append(f"insert into {table} values ({', '.join(map(target.literal, key))})")
    target.execute(*statements)
