"""Writes all published marts to a folder, described as a Frictionless data package."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb

from ingestion.errors import SettingsError
from ingestion.publish.reader import reading
from ingestion.settings import Settings

Format = Literal["parquet", "csv"]
DESCRIPTOR, LICENCE = "datapackage.json", "LICENSE.txt"
_MEDIA_TYPES = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv"}
# What the specification calls DuckDB's types of marts.
_TYPES = {
    "bigint": "integer",
    "integer": "integer",
    "double": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "datetime",
}
_ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote.

    Attributes:
        folder: Where.
        version: The published version that all of it is from.
        rows: The rows of each mart.
        bytes: Bytes of all files together.
    """

    folder: str
    version: str
    rows: dict[str, int]
    bytes: int


def export(settings: Settings, folder: Path, format_: Format) -> ExportReport:
    """Writes every published mart to a file of its own, all from one version.

    Args:
        settings: Which marts.
        folder: A new or an empty folder; it appears once it is complete.
        format_: The files' format. CSV is UTF-8 with a header; times are UTC, ISO 8601.

    Returns:
        What was written.

    Raises:
        SettingsError: If nothing is published, or the folder holds anything or cannot be written.
    """
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SettingsError(
                f"{folder} is not an empty folder; nothing was written", "name a new folder"
            )
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        report = _write(settings, unfinished, format_)
        unfinished.replace(folder)
    except OSError as error:
        raise SettingsError(
            f"The marts cannot be exported to {folder}: {error.strerror or error}",
            "name a folder in which this user may write",
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return ExportReport(str(folder), *report)


def _write(settings: Settings, folder: Path, format_: Format) -> tuple[str, dict[str, int], int]:
    with reading(settings) as (connection, version):
        columns = _columns(connection)
        resources = [
            _resource(connection, mart, of, folder / f"{mart}.{format_}")
            for mart, of in columns.items()
        ]
        status = connection.execute(
            "select edition, licence, citation, built_at from mart_dataset_status"
        ).fetchall()[0]
    edition, licence, citation, built_at = status
    (folder / LICENCE).write_text(f"{licence}\n\n{citation or ''}\n")
    package = {
        "profile": "data-package",
        "name": "movielens-marts",
        "title": f"MovieLens marts ({edition})",
        "version": version,
        "created": f"{built_at:{_ISO}}",
        "licenses": [{"name": "other-at", "path": LICENCE, "title": licence}],
        "sources": [{"title": citation}] if citation else [],
        "resources": resources,
    }
    text = json.dumps(package, indent=2, ensure_ascii=False)
    (folder / DESCRIPTOR).write_text(f"{text}\n")
    rows = {resource["name"]: resource["rows"] for resource in resources}
    return version, rows, sum(file.stat().st_size for file in folder.iterdir())


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """The type of each column of each mart."""
    rows = connection.execute(
        "select table_name, column_name, lower(data_type) from duckdb_columns() "
        "where starts_with(table_name, 'mart_') order by table_name, column_index"
    ).fetchall()
    columns: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for mart, column, type_ in rows:
        columns[mart][column] = type_
    return columns


def _resource(
    connection: duckdb.DuckDBPyConnection, mart: str, columns: dict[str, str], file: Path
) -> dict[str, Any]:
    """Writes a mart to a file, and describes it."""
    described = dict(
        connection.execute(
            "select column_name, description from mart_dictionary where table_name = ?", [mart]
        ).fetchall()
    )
    rows = _write_file(connection, mart, columns, file)
    content = file.read_bytes()
    format_ = file.suffix[1:]
    return {
        "name": mart,
        "path": file.name,
        "profile": "tabular-data-resource" if format_ == "csv" else "data-resource",
        "format": format_,
        "mediatype": _MEDIA_TYPES[format_],
        **({"encoding": "utf-8"} if format_ == "csv" else {}),
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "rows": rows,
        "schema": {
            "fields": [
                {
                    "name": column,
                    "type": _TYPES.get(type_, "string"),
                    "description": described.get(column) or "",
                }
                for column, type_ in columns.items()
            ],
            "missingValues": [""],
        },
    }


def _write_file(
    connection: duckdb.DuckDBPyConnection, mart: str, columns: dict[str, str], file: Path
) -> int:
    import pyarrow.csv
    import pyarrow.parquet

    as_csv = file.suffix == ".csv"
    # The same rows are the same bytes, whichever engine they are from.
    shown = ", ".join(
        f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ') as {column}"
        if as_csv and type_ == "timestamp"
        else column
        for column, type_ in columns.items()
    )
    rows = connection.execute(f"select {shown} from {mart} order by all").to_arrow_table()
    if as_csv:
        pyarrow.csv.write_csv(rows, file)
    else:
        pyarrow.parquet.write_table(rows, file, compression="zstd")
    return int(rows.num_rows)
