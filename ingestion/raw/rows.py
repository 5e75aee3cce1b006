"""Rows of RAW as dlt takes them: tables, types and the source that a load runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dlt

from ingestion.datasets import DATASETS, FILE_ID, Dataset
from ingestion.landing.listing import (
    LandingZone,
)
from ingestion.raw import manifest
from ingestion.reading.file import Outcome

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource, DltSource

Staged = Callable[[Path, int], list[tuple[Path, int]]]

_REJECTED_COLUMNS = {
    "file_id": "bigint",
    "line": "bigint",
    "raw_text": "text",
    "column_name": "text",
    "reason": "text",
}


def column_hints(columns: dict[str, str]) -> Any:
    """Gives dlt's column hints for columns by name and type."""
    return {name: {"name": name, "data_type": type_} for name, type_ in columns.items()}


def columns_of(dataset: Dataset) -> dict[str, str]:
    """Gives the RAW columns of a dataset with dlt's type names, provenance included."""
    columns: dict[str, str] = {column.name: column.type for column in dataset.columns}
    return {**columns, FILE_ID: "bigint"}


TABLES = {
    **{dataset.table: columns_of(dataset) for dataset in DATASETS.values()},
    manifest.REJECTED_ROWS: _REJECTED_COLUMNS,
    manifest.TABLE: manifest.COLUMNS,
}


def _rows_of(dataset: Dataset, outcome: Outcome, staged: Staged) -> Iterator[Any]:
    extra = dict.fromkeys(outcome.new_columns, "text")
    hints = dlt.mark.make_hints(columns=column_hints({**columns_of(dataset), **extra}))
    for file, rows in staged(cast("Path", outcome.parquet), outcome.rows):
        yield dlt.mark.with_file_import(str(file), "parquet", rows, hints=hints)


def arrow_table(rows: list[dict[str, Any]], columns: dict[str, str]) -> pa.Table:
    """Puts rows into an Arrow table in which every column is there and typed, nulls or not.

    Args:
        rows: The rows; none gives an empty table, which dlt creates as it is.
        columns: The columns in order, with dlt's type names.

    Returns:
        The table.
    """
    import pyarrow as pa

    types = {
        "bigint": pa.int64(),
        "double": pa.float64(),
        "text": pa.string(),
        "timestamp": pa.timestamp("us", "UTC"),
    }
    schema = pa.schema([(name, types[type_]) for name, type_ in columns.items()])
    # Without rows no array is made, for which PyArrow would import pandas.
    return pa.Table.from_pylist(rows, schema=schema) if rows else pa.Table.from_batches([], schema)


def rejected_rows(outcome: Outcome) -> pa.Table:
    """Gives the rejected records of a file as rows of `raw._rejected_rows`."""
    rows = [{"file_id": outcome.file_id, **vars(reject)} for reject in outcome.rejects]
    return arrow_table(rows, _REJECTED_COLUMNS)


def manifest_rows(zone: LandingZone, outcomes: Iterable[Outcome], load_id: str) -> list[Any]:
    """Writes the manifest entries of file versions.

    Args:
        zone: The landing zone they came from.
        outcomes: What was loaded.
        load_id: dlt's id of the load.

    Returns:
        One row per loaded file version, as a dictionary with the columns of the manifest.
    """
    return [
        manifest.entry(
            zone,
            load_id,
            outcome.file_id,
            outcome.file.path,
            outcome.file.dataset,
            version=outcome.file.version,
            bytes=outcome.file.bytes,
            rows_loaded=outcome.rows,
            rows_rejected=len(outcome.rejects),
            content_hash=outcome.content_hash,
            edition=outcome.edition(zone),
        )
        for outcome in outcomes
    ]


def rows_source(outcomes: Iterable[Outcome], missing: Collection[str], staged: Staged) -> DltSource:
    """Makes a dlt source of file versions that were read already.

    Args:
        outcomes: What was read; only what is loaded is taken.
        missing: Tables of RAW that are not there yet; they are made, even if nothing is in them.
        staged: Makes of a Parquet file those that are sent, with how many rows each has.

    Returns:
        A source with one resource per dataset, the rejected rows and the manifest, without rows.
    """
    loaded = [outcome for outcome in outcomes if outcome.status == "loaded"]

    def resource(table: str, columns: dict[str, str], rows: Iterable[Any]) -> DltResource:
        def items() -> Iterator[Any]:
            if table in missing:
                yield arrow_table([], columns)
            yield from rows

        return dlt.resource(
            items, name=table, write_disposition="append", columns=column_hints(columns)
        )

    def rows_of(dataset: Dataset) -> Iterator[Any]:
        for outcome in loaded:
            if outcome.file.dataset == dataset.table:
                yield from _rows_of(dataset, outcome, staged)

    @dlt.source(name="movielens", max_table_nesting=0)
    def movielens() -> Iterator[DltResource]:
        for dataset in DATASETS.values():
            yield resource(dataset.table, columns_of(dataset), rows_of(dataset))
        rejects = [rejected_rows(outcome) for outcome in loaded if outcome.rejects]
        yield resource(manifest.REJECTED_ROWS, _REJECTED_COLUMNS, rejects)
        yield resource(manifest.TABLE, manifest.COLUMNS, [])

    return movielens()
