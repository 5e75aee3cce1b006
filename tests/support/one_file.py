"""Reading one file the way a load does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ingestion.datasets import FILE_ID
from ingestion.landing.listing import list_landing_zone
from ingestion.reading.file import Outcome, read_file
from ingestion.reading.rules import Rules

ANY_NUMBER_OF_REJECTS = Rules(reject_rows=1_000_000, reject_share=1)


@dataclass
class Read:
    """What reading a file gave."""

    outcome: Outcome
    rows: list[tuple[Any, ...]]

    @property
    def rejects(self) -> list[tuple[int, str | None, str]]:
        return [(r.line, r.column_name, r.reason) for r in self.outcome.rejects]

    @property
    def lines(self) -> list[int]:
        return [reject.line for reject in self.outcome.rejects]


Reader = Callable[..., Read]


def read_as_a_load_does(
    folder: Path, name: str, content: bytes | str, rules: Rules = ANY_NUMBER_OF_REJECTS
) -> Read:
    """Writes a file into an empty landing zone and reads it."""
    zone_folder, work = folder / "zone", folder / "work"
    zone_folder.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    file = zone_folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    zone = list_landing_zone(str(zone_folder))
    outcome = read_file(zone, zone.files[name], 7, work, rules)
    rows: list[tuple[Any, ...]] = []
    if outcome.status == "loaded":
        assert outcome.parquet is not None
        found = pq.read_table(outcome.parquet).to_pylist()
        assert {row.pop(FILE_ID) for row in found} <= {7}
        rows = [tuple(row.values()) for row in found]
        assert len(rows) == outcome.rows
    return Read(outcome, rows)
