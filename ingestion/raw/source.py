"""MovieLens as a dlt source for any pipeline and destination, built on dlt's filesystem source."""

from __future__ import annotations

import glob
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dlt
from dlt.sources.filesystem import filesystem

from ingestion.datasets import DATASETS, Dataset
from ingestion.errors import SettingsError, SourceError
from ingestion.landing.listing import (
    RELEASE,
    LandingFile,
    LandingZone,
    by_time,
    list_landing_zone,
    zone_of,
)
from ingestion.landing.stores import configured_url, is_local
from ingestion.raw import manifest
from ingestion.raw.rows import (
    TABLES,
    arrow_table,
    column_hints,
    columns_of,
    manifest_rows,
    rejected_rows,
)
from ingestion.reading.bulk import reading_duckdb
from ingestion.reading.file import Outcome, read_file
from ingestion.reading.rules import RangeChecks, Rules
from ingestion.warehouse.lease import next_file_id

if TYPE_CHECKING:
    import pyarrow as pa
    from dlt.common.storages.fsspec_filesystem import FileItemDict
    from dlt.extract import DltResource

# The key in Arrow's metadata that names the table of rows.
_TABLE = b"table"


@dlt.source(name="movielens", max_table_nesting=0)
def movielens_source(
    source: Any = None,  # with dlt's own type, dlt would not look it up as SOURCES__…
    *,
    reject_rows: int = 10,
    reject_share: float = 0.001,
    encoding: str = "utf-8",
    range_checks: RangeChecks = "reject",
) -> Iterator[DltResource]:
    """MovieLens files as a dlt source, for any dlt pipeline and destination.

    One resource per dataset (`movies`, `ratings`, `tags`, `links`, `genome_scores`,
    `genome_tags`), fed by dlt's filesystem source. Besides its rows, a resource appends the file
    versions it loaded to `_files`, and the rows it could not load to `_rejected_rows`. dlt's state
    keeps the versions already loaded, so a second run over unchanged files extracts nothing. A
    refused file is logged, and read again by the next run.

    The guarantees are those of the pipeline and destination it runs in; `ingestion.load` adds
    verification, a commit once all rows are there, and the removal of parts that Spark replaced.

    Args:
        source: The landing zone: a folder, a URL such as `s3://bucket/prefix`, or a
            `filesystem(...)` of `dlt.sources.filesystem`; default: dlt's setting
            `sources.filesystem.bucket_url`.
        reject_rows: How many rows of a file may be rejected before it is refused.
        reject_share: The same as a share of the file's rows; the larger limit applies.
        encoding: The encoding of files that are not UTF-8, such as `cp1252` or `utf-16`.
        range_checks: `reject` rejects rows with a value outside its column's range; `warn` loads
            them and logs their number.

    Yields:
        The resources.

    Raises:
        SettingsError: If no landing zone is given or configured.
        SourceError: If the landing zone cannot be listed or holds no MovieLens file.
        ValueError: If the encoding or the range checks are not supported.

    Example:
        >>> pipeline = dlt.pipeline("films", destination="duckdb", dataset_name="raw")
        >>> pipeline.run(movielens_source("s3://bucket/ml-latest-small"))  # doctest: +SKIP
    """
    rules = Rules(reject_rows, reject_share, encoding, range_checks)
    zones = _zones(source or configured_url())
    for dataset in DATASETS.values():
        yield zones | _rows(dataset, rules)


@dlt.transformer(
    name="read_movielens",
    write_disposition="append",
    max_table_nesting=0,
    table_name=lambda item: _table_of(item),
    columns=lambda item: column_hints(TABLES[_table_of(item)]),
)
def read_movielens(
    files: list[FileItemDict],
    reject_rows: int = 10,
    reject_share: float = 0.001,
    encoding: str = "utf-8",
    range_checks: RangeChecks = "reject",
) -> Iterator[Any]:
    """Reads the MovieLens files that dlt's filesystem source lists, all datasets in one resource.

    It fills the same tables as `movielens_source`, with the same guarantees. This resource's state
    keeps the file versions already loaded, so it needs no `incremental`. With `incremental` on the
    filesystem source, dlt never offers an old file again; so a file that cannot be read then fails
    the run, lest it be skipped.

    Args:
        files: A page of files from `filesystem(...)`.
        reject_rows: As for `movielens_source`.
        reject_share: As for `movielens_source`.
        encoding: As for `movielens_source`.
        range_checks: As for `movielens_source`.

    Yields:
        Rows by table, as Arrow tables or as Parquet files to import.

    Raises:
        SourceError: If the files cannot be listed, or one cannot be read and would not be offered
            again.
        ValueError: If the encoding or the range checks are not supported.

    Example:
        >>> from dlt.sources.filesystem import filesystem
        >>> files = filesystem("s3://bucket/ml-latest-small", file_glob="**")
        >>> pipeline.run(files | read_movielens())  # doctest: +SKIP
    """
    rules = Rules(reject_rows, reject_share, encoding, range_checks)
    for table, item in _extracted(zone_of(files), DATASETS.values(), rules):
        # A file to import is already marked, and dlt takes its table from `table_name` above.
        is_import = not hasattr(item, "schema")
        yield item if is_import else dlt.mark.with_table_name(item, table)


def _zones(source: str | DltResource | None) -> DltResource:
    """Returns the landing zone, which dlt's filesystem source lists while it extracts."""
    if source is None:
        raise SettingsError(
            "No landing zone is given",
            'pass one, as in movielens_source("s3://bucket/prefix"), or set '
            "SOURCES__FILESYSTEM__BUCKET_URL",
        )
    if not isinstance(source, str):
        return source | _zone_of_page()
    zone = list_landing_zone(source)
    # dlt's glob fails on broken links, and on [ ] * ? in a folder's name.
    if is_local(source) or glob.has_magic(source):
        return dlt.resource([zone], name="landing_zone")
    # A single page, so that files get their ids in the order of their times.
    files = filesystem(source, zone.fs, file_glob="**", files_per_page=sys.maxsize)
    return files | _zone_of_page()


@dlt.transformer(name="landing_zone")
def _zone_of_page(files: list[FileItemDict]) -> Iterator[LandingZone]:
    yield zone_of(files)


def _rows(dataset: Dataset, rules: Rules) -> DltResource:
    @dlt.transformer(
        name=dataset.table, write_disposition="append", columns=column_hints(columns_of(dataset))
    )
    def rows(zone: LandingZone) -> Iterator[Any]:
        _keep_apart(dlt.current.resource())
        for table, item in _extracted(zone, [dataset], rules):
            yield item if table == dataset.table else dlt.mark.with_table_name(item, table)

    return rows


def _keep_apart(resource: DltResource) -> None:
    """Keeps a resource's hints for its dataset off `_files` and `_rejected_rows`."""
    none: dict[str, Any] = {}
    for table in (manifest.TABLE, manifest.REJECTED_ROWS):
        for columns in (none, column_hints(TABLES[table])):  # hints accumulate, so start from none
            resource.apply_hints(
                table_name=table,
                write_disposition="append",
                columns=columns,
                primary_key=(),
                merge_key=(),
                create_table_variant=True,
            )


def _extracted(
    zone: LandingZone, datasets: Collection[Dataset], rules: Rules
) -> Iterator[tuple[str, Any]]:
    """Reads what is new in some datasets: Arrow tables and files to import, by RAW table."""
    state = dlt.current.resource_state()
    if "files" not in state:
        # The tables exist even if no file of their datasets ever lands.
        for dataset in datasets:
            yield _of(dataset.table, arrow_table([], columns_of(dataset)))
    known = state.setdefault("files", {})
    tables = [dataset.table for dataset in datasets]
    wanted = (f for f in zone.files.values() if f.dataset in (*tables, RELEASE))
    files = sorted(wanted, key=by_time)
    with tempfile.TemporaryDirectory() as folder, reading_duckdb():
        for file in files:
            yield from _extracted_file(zone, file, known, Path(folder), rules)


def _extracted_file(
    zone: LandingZone, file: LandingFile, known: dict[str, Any], folder: Path, rules: Rules
) -> Iterator[tuple[str, Any]]:
    from dlt.common import logger

    entry = known.get(file.path, {})
    if entry.get("version") == file.version:
        return
    file_id = next_file_id(e["file_id"] for e in known.values())
    outcome = read_file(zone, file, file_id, folder, rules, entry.get("content_hash"))
    for warning in outcome.warnings:
        logger.warning("%s: %s", file.path, warning)
    if outcome.reason:
        logger.warning("%s: %s: %s", file.path, outcome.status, outcome.reason)
        _check_offered_again(outcome)
        return
    if outcome.status == "loaded":
        yield from _items(zone, outcome)
        entry = {"file_id": file_id}
    known[file.path] = {
        **entry,
        "version": file.version,
        "content_hash": outcome.content_hash,
    }


def _check_offered_again(outcome: Outcome) -> None:
    """Fails the run if dlt's cursor would skip a file that could not be read."""
    if outcome.status != "refused" or outcome.refused_for_good:
        return
    resource: Any = dlt.current.resource()
    while resource is not None:
        cursor = resource.incremental
        if cursor is not None and getattr(cursor, "incremental", cursor) is not None:
            raise SourceError(
                f"{outcome.file.path} was refused: {outcome.reason}. With `incremental` on "
                "filesystem(...), dlt would not offer it again. Nothing of this run was loaded",
                "fix that and run again, exclude the file with add_filter, or drop incremental: "
                "loaded files are known anyway",
            )
        resource = resource._parent


def _load_id() -> str:
    """Returns the id of the load package that the current pipeline extracts into."""
    from dlt.common.configuration.container import Container
    from dlt.common.storages.load_package import LoadPackageStateInjectableContext

    return str(Container()[LoadPackageStateInjectableContext].load_id)


def _items(zone: LandingZone, outcome: Outcome) -> Iterator[tuple[str, Any]]:
    table, parquet = outcome.file.dataset, cast("Path", outcome.parquet)
    if outcome.new_columns:
        # Not imported as a file, so that dlt's schema contract decides about the new columns.
        yield from (_of(table, batch) for batch in _batches(parquet))
    else:
        rows = _Rows(table)
        yield table, dlt.mark.with_file_import(str(parquet), "parquet", outcome.rows, hints=rows)
    if outcome.rejects:
        yield _of(manifest.REJECTED_ROWS, rejected_rows(outcome))
    entries = manifest_rows(zone, [outcome], _load_id())
    yield _of(manifest.TABLE, arrow_table(entries, manifest.COLUMNS))


def _batches(parquet: Path) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(parquet) as file:
        for batch in file.iter_batches():
            yield pa.Table.from_batches([batch])


def _of(table: str, rows: pa.Table) -> tuple[str, pa.Table]:
    """Tags rows with their table, in Arrow's metadata too."""
    return table, rows.replace_schema_metadata({_TABLE: table})


@dataclass(frozen=True)
class _Rows:
    """Stands in for the rows of a file to import when dlt asks for their table."""

    table: str


def _table_of(item: Any) -> str:
    return item.table if isinstance(item, _Rows) else str(item.schema.metadata[_TABLE].decode())
