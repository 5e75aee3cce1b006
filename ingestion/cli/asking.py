"""The commands that hand out published marts: query and export."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion.cli.command import Context, command
from ingestion.cli.output import plural, printable

if TYPE_CHECKING:
    import pyarrow as pa

# A table is for the eye; the other formats have every row.
_SHOWN = 100


@command("query")
@click.argument("sql")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
    help="Format of the answer.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file, not to stdout.")
def query(context: Context, sql: str, format_: str, out: Path | None) -> int:
    """Ask the published marts, in DuckDB's SQL on either target; nothing else can be read.

    Example: movielens query "select genre, n_ratings from mart_genre order by 2 desc"
    """
    from ingestion.publish import reader

    if format_ == "parquet" and out is None and sys.stdout.isatty():
        raise click.UsageError("A terminal cannot show Parquet: name a file with --out.")
    answer = reader.query(context.settings, sql)
    about = {"version": answer.version, "rows": answer.rows.num_rows}
    if out is not None:
        _write(out, _FORMATS[format_](answer.rows))
        lines = [f"Wrote      {out}: {plural(answer.rows.num_rows, 'row')} of {answer.version}"]
        return context.result({**about, "file": str(out)}, lines)
    if context.output.as_json:
        return context.result({**about, "answer": _records(answer.rows)}, [])
    click.echo(_FORMATS[format_](answer.rows), nl=False)
    return 0


def _write(file: Path, content: bytes) -> None:
    from ingestion.errors import SettingsError

    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(file)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror}", "name another file with --out"
        ) from None


def _records(rows: pa.Table) -> list[dict[str, Any]]:
    return [{name: _in_json(value) for name, value in row.items()} for row in rows.to_pylist()]


def _in_json(value: Any) -> Any:
    """JSON has neither NaN nor infinity; and a sum, which DuckDB makes wider, stays a number."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_json(rows: pa.Table) -> bytes:
    lines = (json.dumps(row, default=str, ensure_ascii=False) for row in _records(rows))
    return ("[" + ",\n ".join(lines) + "]\n").encode()


def _as_csv(rows: pa.Table) -> bytes:
    import pyarrow as pa
    import pyarrow.csv

    from ingestion.errors import SettingsError

    sink = io.BytesIO()
    try:
        pa.csv.write_csv(rows, sink)
    # Which of these Arrow raises depends on the type: a list is invalid, intervals are missing.
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise SettingsError(
            f"CSV cannot hold this answer: {error}", "choose --format json or parquet"
        ) from None
    return sink.getvalue()


def _as_parquet(rows: pa.Table) -> bytes:
    import pyarrow.parquet

    sink = io.BytesIO()
    pyarrow.parquet.write_table(rows, sink)
    return sink.getvalue()


def _as_table(rows: pa.Table) -> bytes:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for field in rows.schema:
        table.add_column(Text(printable(field.name)), justify=_side(field.type))
    shown = rows.slice(0, _SHOWN)
    for row in zip(*(column.to_pylist() for column in shown.columns), strict=True):
        table.add_row(*(Text(_in_a_cell(value)) for value in row))
    # Where no terminal sets a width, no cell is cut.
    width = None if sys.stdout.isatty() else 10_000
    drawn = io.StringIO()
    Console(file=drawn, width=width).print(table)
    lines = "\n".join(line.rstrip() for line in drawn.getvalue().splitlines()).strip("\n")
    more = rows.num_rows - _SHOWN
    note = f"{plural(more, 'more row')}; --format csv has them all\n" if more > 0 else ""
    return f"{lines}\n{note}".encode()


def _side(type_: pa.DataType) -> Any:
    import pyarrow as pa

    return "right" if pa.types.is_integer(type_) or pa.types.is_floating(type_) else "left"


def _in_a_cell(value: Any) -> str:
    return "" if value is None else printable(str(value))


_FORMATS: dict[str, Callable[[pa.Table], bytes]] = {
    "table": _as_table,
    "csv": _as_csv,
    "json": _as_json,
    "parquet": _as_parquet,
}


@command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
    help="Format of the files.",
)
def export(context: Context, folder: Path, format_: Any) -> int:
    """Write all published marts to FOLDER, from one version, as a Frictionless data package.

    datapackage.json describes each file and column, and names the licence.

    Example: movielens export marts --format csv
    """
    from ingestion.publish.export import export as write

    report = write(context.settings, folder, format_)
    files, rows = plural(len(report.rows), "mart"), plural(sum(report.rows.values()), "row")
    lines = [
        f"Exported   {report.folder}: {files}, {rows}, {report.bytes / 1e6:.1f} MB, "
        f"version {report.version}"
    ]
    return context.result(report, lines)
