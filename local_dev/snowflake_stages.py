r"""What reads an external stage, which fakesnow does not: LIST, and COPY INTO of lines of text.

COPY follows Snowflake's documentation of COPY INTO <table>, its format options for CSV and its
metadata columns, for one form of the statement: each line whole in one column, beside the file's
name, row number and content key. Every option has to be spelled out with the one value that is
answered here; any other is refused rather than ignored.

- A record delimiter of `\n` also takes `\r\n` for a new line; one of `\r\n` takes only that.
- A blank line, or bytes that are not UTF-8, are an error of their record. `on_error = continue`
  leaves such records out, and the row numbers of the others have a gap.
- A file that `files` names and the stage lacks fails the statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import boto3
import pyarrow as pa
from botocore.exceptions import ClientError

from local_dev.account.rights import Refused

_OPTIONS = {
    "type": "csv",
    "compression": "none",
    "encoding": "'utf8'",
    "field_delimiter": "none",
    "field_optionally_enclosed_by": "none",
    "escape": "none",
    "escape_unenclosed_field": "none",
    "trim_space": "false",
    "null_if": "()",
    "empty_field_as_null": "false",
    "skip_header": "0",
    "skip_blank_lines": "false",
    "skip_byte_order_mark": "false",
    "replace_invalid_characters": "false",
}
_DELIMITERS = {r"'\n'": (b"\n", True), r"'\r\n'": (b"\r\n", False)}
_COLUMNS = ("metadata$filename", "metadata$file_row_number", "metadata$file_content_key", "$1")
_COPY = re.compile(
    r"\s*copy\s+into\s+(?P<table>[\w.$]+)\s*\((?P<into>[^)]*)\)\s*from\s*\(\s*"
    r"select\s+(?P<select>[^@]*?)\s+from\s+@(?P<stage>[\w.$]+)\s*\)\s*"
    r"files\s*=\s*\((?P<files>(?:'[^']*'|[\s,])*)\)\s*"
    r"file_format\s*=\s*\((?P<format>(?:'[^']*'|\(\)|[^()'])*)\)\s*"
    r"on_error\s*=\s*continue\s+force\s*=\s*true\s*",
    re.IGNORECASE,
)
_LIST = re.compile(r"\s*list\s+@(?P<stage>[\w.$]+)\s*", re.IGNORECASE)
_OPTION = re.compile(r"(\w+)\s*=\s*('[^']*'|\(\)|\w+)")
_MOST_FILES = 1_000


@dataclass(frozen=True)
class LinesCopy:
    """A COPY of lines.

    Attributes:
        table: The table.
        columns: Its columns, for the file name, the row number, the content key and the line.
        stage: The stage.
        files: Paths of the files in it.
        delimiter: What ends a line.
        is_logical: Whether a carriage return before it belongs to it.
    """

    table: str
    columns: str
    stage: str
    files: list[str]
    delimiter: bytes
    is_logical: bool


def answered(statement: str, connection: Any) -> str | None:
    """Runs a statement on an external stage.

    Args:
        statement: The statement.
        connection: The DuckDB connection of its session.

    Returns:
        A statement for fakesnow that answers with the result; None if it is none of these.

    Raises:
        Refused: If there is no such stage or file, or the format is not the one answered here.
    """
    if copy_of_lines := parsed(statement):
        return copied(copy_of_lines, connection)
    found = _LIST.fullmatch(statement)
    url = _url(found["stage"], connection) if found else ""
    return listed(url) if url.startswith("s3://") else None


def listed(url: str) -> str:
    """Lists what is below a URL; returns a statement that answers with it."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    pages = boto3.Session().client("s3").get_paginator("list_objects_v2")
    files = [
        f"('s3://{bucket}/{each['Key']}', {each['Size']}, '{each['ETag'].strip(chr(34))}')"
        for page in pages.paginate(Bucket=bucket, Prefix=prefix)
        for each in page.get("Contents", [])
    ]
    names = "column1 as name, column2 as size, column3 as md5"
    rows = ", ".join(files) or "(null, null, null)"
    return f"select {names} from (values {rows}) where column1 is not null"


def parsed(statement: str) -> LinesCopy | None:
    """Parses a COPY of lines; None for any other statement.

    Raises:
        Refused: If it has a format or columns other than those answered here.
    """
    found = _COPY.fullmatch(statement)
    if not found:
        return None
    options = {name.lower(): value for name, value in _OPTION.findall(found["format"])}
    delimiter = options.pop("record_delimiter", "")
    selected = tuple(each.strip().lower() for each in found["select"].split(","))
    lower = {name: value.lower() for name, value in options.items()}
    if lower != _OPTIONS or delimiter not in _DELIMITERS or selected != _COLUMNS:
        raise Refused("000603", "the stand-in copies lines in one format only: snowflake_stages.py")
    files = re.findall(r"'([^']*)'", found["files"])
    if len(files) > _MOST_FILES:
        raise Refused("001003", f"SQL compilation error: more than {_MOST_FILES} files")
    return LinesCopy(found["table"], found["into"], found["stage"], files, *_DELIMITERS[delimiter])


def records(content: bytes, delimiter: bytes, is_logical: bool) -> tuple[dict[int, str], int]:
    """Splits a file into its records.

    Returns:
        Each record by its number, and how many there were, with those that have an error.
    """
    lines = content.split(delimiter)
    if not lines[-1]:
        lines.pop()
    found = {}
    for number, line in enumerate(lines, 1):
        whole = line.removesuffix(b"\r") if is_logical else line
        try:
            text = whole.decode()
        except UnicodeDecodeError:
            continue
        if text:
            found[number] = text
    return found, len(lines)


def copied(copy: LinesCopy, connection: Any) -> str:
    """Copies the lines; returns a statement for fakesnow that answers with the result.

    Raises:
        Refused: If there is no such stage or file.
    """
    bucket, _, prefix = _url(copy.stage, connection).removeprefix("s3://").partition("/")
    client = boto3.Session().client("s3")
    answers = []
    for file in copy.files:
        key = f"{prefix.rstrip('/')}/{file}".lstrip("/")
        try:
            answer = client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise Refused("091016", f"Remote file '{file}' was not found: {error}") from None
        found, count = records(answer["Body"].read(), copy.delimiter, copy.is_logical)
        etag = answer["ETag"].strip('"')
        lines = pa.table(
            {
                "file": pa.repeat(pa.scalar(key), len(found)),
                "number": pa.array(found.keys(), pa.int64()),
                "key": pa.repeat(pa.scalar(etag), len(found)),
                "line": pa.array(found.values(), pa.string()),
            }
        )
        connection.register("_lines_of_a_file", lines)
        connection.execute(
            f"insert into {copy.table} ({copy.columns}) select * from _lines_of_a_file"
        )
        connection.unregister("_lines_of_a_file")
        status = "LOADED" if len(found) == count else "PARTIALLY_LOADED"
        answers.append(f"('s3://{bucket}/{key}', '{status}', {count}, {len(found)})")
    return (
        "select column1 as file, column2 as status, column3 as rows_parsed, "
        f"column4 as rows_loaded from (values {', '.join(answers)})"
    )


def _url(stage: str, connection: Any) -> str:
    *schema, name = stage.upper().split(".")
    found = connection.execute(
        "select url from _fs_global._fs_information_schema._fs_stages "
        "where name = ? and schema_name = coalesce(?, schema_name) "
        "and database_name = coalesce(?, database_name)",
        (name, schema[-1] if schema else None, schema[0] if len(schema) > 1 else None),
    ).fetchall()
    if len(found) != 1:
        raise Refused("002003", f"Stage '{stage}' does not exist or not authorized.")
    return str(found[0][0])
