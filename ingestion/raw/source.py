"""MovieLens as a dlt source: one resource per dataset, RAW rows with their file ids."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dlt

from ingestion.datasets import DATASETS, FILE_ID, Dataset
from ingestion.landing.listing import (
    LandingFile,
    LandingZone,
    by_time,
    list_landing_zone,
)
from ingestion.raw import manifest
from ingestion.reading.file import Outcome, read_file
from ingestion.reading.rules import RangeChecks, Rules
from ingestion.warehouse.lease import next_file_id

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


def _hints(columns: dict[str, str]) -> Any:
    return {name: {"name": name, "data_type": type_} for name, type_ in columns.items()}


def _columns(dataset: Dataset) -> dict[str, str]:
    columns: dict[str, str] = {column.name: column.type for column in dataset.columns}
    return {**columns, FILE_ID: "bigint"}


def _rows_of(dataset: Dataset, outcome: Outcome, staged: Staged) -> Iterator[Any]:
    extra = dict.fromkeys(outcome.new_columns, "text")
    hints = dlt.mark.make_hints(columns=_hints({**_columns(dataset), **extra}))
    for file, rows in staged(cast("Path", outcome.parquet), outcome.rows):
        yield dlt.mark.with_file_import(str(file), "parquet", rows, hints=hints)


def _as_it_is(parquet: Path, rows: int) -> list[tuple[Path, int]]:
    return [(parquet, rows)]


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


def _rejected_rows(outcome: Outcome) -> pa.Table:
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


def _dataset_resource(dataset: Dataset, items: Callable[[], Iterator[Any]]) -> DltResource:
    return dlt.resource(
        items,
        name=dataset.table,
        write_disposition="append",
        columns=_hints(_columns(dataset)),
    )


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

        return dlt.resource(items, name=table, write_disposition="append", columns=_hints(columns))

    def rows_of(dataset: Dataset) -> Iterator[Any]:
        for outcome in loaded:
            if outcome.file.dataset == dataset.table:
                yield from _rows_of(dataset, outcome, staged)

    @dlt.source(name="movielens", max_table_nesting=0)
    def movielens() -> Iterator[DltResource]:
        for dataset in DATASETS.values():
            yield resource(dataset.table, _columns(dataset), rows_of(dataset))
        rejects = [_rejected_rows(outcome) for outcome in loaded if outcome.rejects]
        yield resource(manifest.REJECTED_ROWS, _REJECTED_COLUMNS, rejects)
        yield resource(manifest.TABLE, manifest.COLUMNS, [])

    return movielens()


@dlt.source(name="movielens", max_table_nesting=0)
def movielens_source(
    source: str = dlt.config.value,
    *,
    reject_rows: int = 10,
    reject_share: float = 0.001,
    encoding: str = "utf-8",
    range_checks: RangeChecks = "reject",
) -> Iterator[DltResource]:
    """MovieLens CSV files as a dlt source, for any dlt pipeline and destination.

    One resource per dataset (`movies`, `ratings`, `tags`, `links`, `genome_scores`,
    `genome_tags`). Beside its rows, a resource appends to `_files` which file versions it loaded
    and to `_rejected_rows` what could not be loaded. Which versions are known is kept in dlt's
    own state, so a second run over unchanged files extracts nothing. A file that is refused is
    logged and read again by the next run.

    The guarantees are those of the pipeline and destination it runs in; `ingestion.load` adds
    verification and a commit after all rows are there.

    Args:
        source: The landing zone: a folder, or a URL such as `s3://bucket/prefix`.
        reject_rows: Rejected rows that a file may have before it is refused, at least.
        reject_share: Share of a file's rows that may be rejected, if that is more.
        encoding: What files that are not UTF-8 are read as, such as `cp1252` or `utf-16`.
        range_checks: `reject`: a row with a value out of its column's range is rejected; `warn`:
            it is loaded, and logged how many there are.

    Yields:
        The resources.

    Raises:
        SourceError: If the landing zone cannot be listed or holds no MovieLens file.
        ValueError: If the encoding or the range checks are none that there are.

    Example:
        >>> pipeline = dlt.pipeline("films", destination="duckdb", dataset_name="raw")
        >>> pipeline.run(movielens_source("ml-latest-small"))  # doctest: +SKIP
    """
    rules = Rules(reject_rows, reject_share, encoding, range_checks)
    zone = list_landing_zone(source)
    for dataset in DATASETS.values():
        yield _extracted(zone, dataset, rules)


def _extracted(zone: LandingZone, dataset: Dataset, rules: Rules) -> DltResource:
    files = sorted((f for f in zone.files.values() if f.dataset == dataset.table), key=by_time)

    def items() -> Iterator[Any]:
        if "files" not in dlt.current.resource_state():
            # The table is there even if no file of its dataset ever lands.
            yield arrow_table([], _columns(dataset))
        with tempfile.TemporaryDirectory() as folder:
            yield from _extract(zone, dataset, files, Path(folder), rules)

    return _dataset_resource(dataset, items)


def _extract(
    zone: LandingZone,
    dataset: Dataset,
    files: list[LandingFile],
    folder: Path,
    rules: Rules,
) -> Iterator[Any]:
    from dlt.common import logger

    known: dict[str, Any] = dlt.current.resource_state().setdefault("files", {})
    for file in files:
        entry = known.get(file.path, {})
        if entry.get("version") == file.version:
            continue
        file_id = next_file_id(e["file_id"] for e in known.values())
        outcome = read_file(zone, file, file_id, folder, rules, entry.get("content_hash"))
        for warning in outcome.warnings:
            logger.warning("%s: %s", file.path, warning)
        if outcome.reason:
            logger.warning("%s: %s: %s", file.path, outcome.status, outcome.reason)
            continue
        if outcome.status == "loaded":
            yield from _items(zone, dataset, outcome)
            entry = {"file_id": file_id}
        known[file.path] = {
            **entry,
            "version": file.version,
            "content_hash": outcome.content_hash,
        }


def _load_id() -> str:
    """The id of the load package that the running pipeline is extracting into."""
    from dlt.common.configuration.container import Container
    from dlt.common.storages.load_package import LoadPackageStateInjectableContext

    return str(Container()[LoadPackageStateInjectableContext].load_id)


def _items(zone: LandingZone, dataset: Dataset, outcome: Outcome) -> Iterator[Any]:
    yield from _rows_of(dataset, outcome, _as_it_is)
    if outcome.rejects:
        yield _of_table(_rejected_rows(outcome), manifest.REJECTED_ROWS, _REJECTED_COLUMNS)
    load_id = _load_id()
    entries = manifest_rows(zone, [outcome], load_id)
    yield _of_table(arrow_table(entries, manifest.COLUMNS), manifest.TABLE, manifest.COLUMNS)


def _of_table(data: Any, name: str, columns: dict[str, str]) -> Any:
    hints = dlt.mark.make_hints(
        table_name=name, write_disposition="append", columns=_hints(columns)
    )
    return dlt.mark.with_hints(data, hints, create_table_variant=True)
