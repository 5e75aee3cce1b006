"""The rows of RAW for dlt: tables, types and the source that a load runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlt

from ingestion.datasets import DATASETS, EVERY_DATASET, FILE_ID, Dataset
from ingestion.landing.listing import LandingZone
from ingestion.raw import manifest
from ingestion.reading.file import Outcome

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.extract import DltResource, DltSource

Staged = Callable[[Mapping[Path, int]], Iterable[tuple[Path, int]]]

_REJECTED_COLUMNS = {
    "file_id": "bigint",
    "line": "bigint",
    "raw_text": "text",
    "column_name": "text",
    "reason": "text",
}


def column_hints(columns: dict[str, str]) -> Any:
    """Returns dlt's column hints for columns by name and type."""
    return {name: {"name": name, "data_type": type_} for name, type_ in columns.items()}


def columns_of(dataset: Dataset) -> dict[str, str]:
    """Returns a dataset's RAW columns, including provenance, with dlt's type names."""
    columns: dict[str, str] = {column.name: column.type for column in dataset.columns}
    return {**columns, FILE_ID: "bigint"}


TABLES = {
    **{dataset.table: columns_of(dataset) for dataset in EVERY_DATASET.values()},
    manifest.REJECTED_ROWS: _REJECTED_COLUMNS,
    manifest.TABLE: manifest.COLUMNS,
}


def parquets_of(outcomes: Iterable[Outcome]) -> dict[Path, int]:
    """Returns the Parquet files that hold what was read, with the rows in each."""
    found: dict[Path, int] = {}
    for outcome in outcomes:
        if outcome.parquet:
            found[outcome.parquet] = found.get(outcome.parquet, 0) + outcome.rows
    return found


def _rows_of(dataset: Dataset, outcomes: Iterable[Outcome], staged: Staged) -> Iterator[Any]:
    alike: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        alike.setdefault(outcome.new_columns, []).append(outcome)
    for new_columns, group in alike.items():
        columns = columns_of(dataset) | dict.fromkeys(new_columns, "text")
        if not any(outcome.rows for outcome in group):
            # dlt makes neither tables nor columns for a file to import without rows.
            yield arrow_table([], columns)
            continue
        hints = dlt.mark.make_hints(columns=column_hints(columns))
        for file, rows in staged(parquets_of(group)):
            yield dlt.mark.with_file_import(str(file), "parquet", rows, hints=hints)


def arrow_table(rows: list[dict[str, Any]], columns: dict[str, str]) -> pa.Table:
    """Builds an Arrow table with every column present and typed, even if all null.

    Args:
        rows: The rows; if empty, so is the table, and dlt still creates it.
        columns: The columns in order, with dlt's type names.
    """
    import pyarrow as pa

    types = {
        "bigint": pa.int64(),
        "double": pa.float64(),
        "text": pa.string(),
        "timestamp": pa.timestamp("us", "UTC"),
    }
    schema = pa.schema([(name, types[type_]) for name, type_ in columns.items()])
    # Without rows, avoid making arrays, for which PyArrow would import pandas.
    return pa.Table.from_pylist(rows, schema=schema) if rows else pa.Table.from_batches([], schema)


def rejected_rows(outcome: Outcome) -> pa.Table:
    """Returns a file's rejected records as rows of `raw._rejected_rows`."""
    rows = [{"file_id": outcome.file_id, **vars(reject)} for reject in outcome.rejects]
    return arrow_table(rows, _REJECTED_COLUMNS)


def manifest_rows(zone: LandingZone, outcomes: Iterable[Outcome], load_id: str) -> list[Any]:
    """Returns the manifest entries of loaded file versions, as dictionaries by column."""
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
    """Makes a dlt source of file versions that were already read.

    Args:
        outcomes: What was read; only what was loaded is used.
        missing: RAW tables that do not exist yet; they are created even if they get no rows.
        staged: Prepares Parquet files for upload; see `Warehouse.staged`.

    Returns:
        A source with a resource per dataset, one for rejected rows, and one for the manifest,
        which creates it but adds no rows.
    """
    loaded = [outcome for outcome in outcomes if outcome.status == "loaded"]

    def resource(table: str, columns: dict[str, str], rows: Iterable[Any]) -> DltResource:
        def items() -> Iterator[Any]:
            given = iter(rows)
            first = next(given, None)
            if first is not None:
                yield first
                yield from given
            elif table in missing:
                yield arrow_table([], columns)

        return dlt.resource(
            items, name=table, write_disposition="append", columns=column_hints(columns)
        )

    def rows_of(dataset: Dataset) -> Iterator[Any]:
        of_dataset = (outcome for outcome in loaded if outcome.file.dataset == dataset.table)
        yield from _rows_of(dataset, of_dataset, staged)

    @dlt.source(name="movielens", max_table_nesting=0)
    def movielens() -> Iterator[DltResource]:
        there = {outcome.file.dataset for outcome in loaded} | DATASETS.keys()
        for dataset in (EVERY_DATASET[table] for table in EVERY_DATASET if table in there):
            yield resource(dataset.table, columns_of(dataset), rows_of(dataset))
        rejects = [rejected_rows(outcome) for outcome in loaded if outcome.rejects]
        yield resource(manifest.REJECTED_ROWS, _REJECTED_COLUMNS, rejects)
        yield resource(manifest.TABLE, manifest.COLUMNS, [])

    return movielens()
