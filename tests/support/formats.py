"""The rows of CSV files in other formats, as people and Spark write them."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.contract import CONTRACT

FORMATS = ("csv", "tsv", "parquet")
ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string()}
Row = Sequence[str]


def rows_of(csv_file: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the fields of a CSV file."""
    with csv_file.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    return header, rows


def as_table(dataset: str, rows: Iterable[Row]) -> pa.Table:
    """Rows of text with the types of their dataset; an empty field is null."""
    kinds = CONTRACT[dataset]
    columns = zip(*rows, strict=True)
    return pa.table(
        {
            name: pa.array([kind(v) if v else None for v in values], ARROW[kind])
            for (name, kind), values in zip(kinds.items(), columns, strict=True)
        }
    )


def parquet(table: pa.Table, **options: Any) -> bytes:
    """A table as the bytes of a Parquet file."""
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def written(dataset: str, rows: Sequence[Row], format_: str) -> bytes:
    """Rows of text as a file."""
    if format_ == "parquet":
        return parquet(as_table(dataset, rows))
    text = io.StringIO()
    writer = csv.writer(text, delimiter={"csv": ",", "tsv": "\t"}[format_], lineterminator="\n")
    writer.writerow(CONTRACT[dataset])
    writer.writerows(rows)
    return text.getvalue().encode()


def spark_parts(
    dataset: str, rows: Sequence[Row], format_: str, parts: int = 3, job: uuid.UUID | None = None
) -> dict[str, bytes]:
    """What a job of Spark leaves in its folder: by path in it, the parts, and what is no data."""
    job = job or uuid.uuid4()
    suffix = {"csv": "csv", "tsv": "tsv", "parquet": "snappy.parquet"}[format_]
    files = {
        f"part-{number:05}-{job}-c000.{suffix}": written(dataset, rows[number::parts], format_)
        for number in range(parts)
    }
    beside = {f".{name}.crc": b"crc\0" for name in files}
    return {
        **files,
        **beside,
        "_SUCCESS": b"",
        f"_committed_{job.int}": b"{}",
        "._SUCCESS.crc": b"crc\0",
    }


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Writes files into a folder, which is made."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
