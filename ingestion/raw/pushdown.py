"""Push-down: Snowflake itself loads the files that are provably simple.

With a stage on the landing zone (MOVIELENS_READ_STAGE), plain files go from the bucket into RAW
inside Snowflake, and this machine reads only their headers. It must come to the same rows, rejected
rows and counts as the readers in `ingestion/reading`. Two CSV parsers never agree on every file, so
Snowflake's is not used:

- COPY takes each line whole into one column. Without a field delimiter, quotes, escapes, trimming
  and null strings, all that is left of its parser are the record delimiter and UTF-8. (VALIDATE()
  does not support a COPY with a select, which file names and row numbers need.)
- A file counts only if nothing of it is missing: no line had an error, the line numbers have no
  gap, its lines and line ends add up to the bytes that were listed, its first line is the header
  that was read, and its content key is the ETag that was listed.
- In such a file, each line with quotes must be a sequence of whole fields. Then, by induction, each
  record begins and ends with its line. A record of several lines, an unbalanced or misplaced quote,
  a blank line, another line end, a NUL or a unit separator sends the whole file to the readers.
- A line is loaded by SQL only if each field is text or matches the careful reader's own expression
  for plain numbers. All other lines, up to a thousand a file, are fetched and judged by the careful
  reader, which therefore gives the reasons. A file that it would refuse goes to the readers too.

Rows, rejected rows and manifest are written in one transaction, which begins with the lease.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ingestion.datasets import DATASETS, FILE_ID, Column
from ingestion.errors import MovielensError, RefusedFile
from ingestion.landing.listing import LandingFile
from ingestion.raw import manifest
from ingestion.reading.careful import judged, plain_number
from ingestion.reading.encoding import check_first_bytes
from ingestion.reading.file import Outcome, is_plain
from ingestion.reading.header import Header, first_line, match_header
from ingestion.reading.rules import Reject, Rules
from ingestion.warehouse.base import Connection, values_of
from ingestion.warehouse.lease import Lease

if TYPE_CHECKING:
    from s3fs import S3FileSystem

    from ingestion.raw.plan import LoadPlan
    from ingestion.warehouse.run import Run

LINES = f"{manifest.SCHEMA}._lines"
# COPY takes no longer list. The largest files go first; many small ones are faster read here.
MOST_FILES = 1_000
MOST_DOUBTFUL = 1_000
HEADER_BYTES = 4 << 10
_HEADERS_AT_ONCE = 16
# Names that mean the same in a list of files, in an URL and as a key.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_=.-]+(/[A-Za-z0-9_=.-]+)*")
_STAGE = re.compile(r"[A-Za-z0-9_$]+(\.[A-Za-z0-9_$]+){0,2}")
# One whole field and the comma after it. Snowflake has no groups that do not capture.
_FIELD = '("([^"]|"")*"|[^,"]*),'
_SEPARATOR = "chr(31)"
_LINE_ENDS = {"\n": r"\n", "\r\n": r"\r\n"}


class Simple(NamedTuple):
    """A file that may be loaded by Snowflake, as far as its listing and its header can tell.

    Attributes:
        file: The file as it was listed.
        file_id: The file id for its rows.
        header: Its columns' positions and contract.
        first_line: Its header line.
        line_end: What ends its header line.
    """

    file: LandingFile
    file_id: int
    header: Header
    first_line: str
    line_end: str

    @property
    def names(self) -> set[str]:
        """The names that Snowflake may give it: as in the stage, the bucket, or a URL."""
        key = self.file.key
        return {self.file.path, key.partition("/")[2], key, f"s3://{key}"}

    @property
    def etag(self) -> str:
        """Its ETag, without quotes."""
        return (self.file.etag or "").strip('"')


class _Account(NamedTuple):
    """What one file is in Snowflake's table of lines; see `_accounts`."""

    file_name: str
    lines: int
    first: int
    last: int
    bytes: int
    lowest_key: str
    highest_key: str
    first_line: str
    odd: int
    open: int

    def proves(self, simple: Simple) -> bool:
        """Whether it is the file that was listed, whole, with a record on each line."""
        ends = len(simple.line_end)
        whole = self.bytes + self.lines * ends
        return (
            self.lines == self.last - self.first + 1
            and simple.file.bytes in (whole, whole - ends)
            and self.lowest_key.strip('"') == self.highest_key.strip('"') == simple.etag
            and self.first_line == simple.first_line
            and self.odd == self.open == 0
        )


class _Proved(NamedTuple):
    """A file whose lines are proved to be its records."""

    simple: Simple
    file_name: str
    first: int
    lines: int


@dataclass
class PushedDown:
    """The files that Snowflake loads itself.

    Attributes:
        outcomes: What becomes of each; all are loaded.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    _proved: list[_Proved] = field(default_factory=list)
    _accepted: dict[str, list[list[Any]]] = field(default_factory=dict)

    @property
    def paths(self) -> set[str]:
        """Their paths."""
        return {outcome.file.path for outcome in self.outcomes}

    def split(self, connection: Connection) -> None:
        """Splits their lines into RAW's rows, and verifies them, in the open transaction.

        Raises:
            MovielensError: If RAW does not have the rows that were counted before.
        """
        for (table, header), files in _alike(self._proved):
            names = ", ".join([*(column.name for column, _ in header.columns), FILE_ID])
            values = ", ".join(_value(column, at) for column, at in header.columns)
            connection.execute(
                f"insert into {manifest.SCHEMA}.{table} ({names}) "
                f"{_judged_lines(connection, header, files)} "
                f"select {values}, file_id from judged where is_plain"
            )
            _insert(connection, table, names, self._accepted.get(table, []))
            self._accepted.pop(table, None)
        rejects = [
            [outcome.file_id, one.line, one.raw_text, one.column_name, one.reason]
            for outcome in self.outcomes
            for one in outcome.rejects
        ]
        columns = "file_id, line, raw_text, column_name, reason"
        _insert(connection, manifest.REJECTED_ROWS, columns, rejects)
        self._verify(connection)

    def _verify(self, connection: Connection) -> None:
        ids = [outcome.file_id for outcome in self.outcomes]
        for table in sorted({outcome.file.dataset for outcome in self.outcomes}):
            of_table = [o for o in self.outcomes if o.file.dataset == table]
            _verify(connection, table, ids, {o.file_id: o.rows for o in of_table})
        if ids:
            rejected = {o.file_id: len(o.rejects) for o in self.outcomes if o.rejects}
            _verify(connection, manifest.REJECTED_ROWS, ids, rejected)


def push_down(run: Run, lease: Lease, plan: LoadPlan, first_id: int, rules: Rules) -> PushedDown:
    """Lets Snowflake copy the lines of simple files, and keeps those that are proved to be whole.

    Nothing of them counts until `PushedDown.split` and the commit. What is not proved is left to
    the readers.

    Args:
        run: Receives a note if Snowflake cannot read the stage.
        lease: The lease of the warehouse.
        plan: The files to read.
        first_id: The file id of the first of them.
        rules: How strict to be. Only the readers can warn of values out of range.
    """
    stage = lease.target.read_stage
    if stage is None or rules.range_checks != "reject":
        return PushedDown()
    simple = list(simple_files(plan, first_id))
    if not simple:
        return PushedDown()
    started = time.perf_counter()
    try:
        with lease.target.connect() as connection:
            _copy(connection, stage, simple)
            proved = _prove(connection, simple)
            pushed = _judge(connection, proved, rules)
    except MovielensError as problem:
        run.notes.append(f"{problem.args[0]}; this machine read the files instead of {stage}")
        return PushedDown()
    for outcome in pushed.outcomes:
        outcome.seconds = (time.perf_counter() - started) / len(pushed.outcomes)
    return pushed


def clean_up(lease: Lease) -> None:
    """Drops the table of lines, if this warehouse has one."""
    if lease.target.read_stage is not None:
        with lease.target.connect() as connection:
            connection.execute(f"drop table if exists {LINES}")


# Which files


def simple_files(plan: LoadPlan, first_id: int) -> Iterator[Simple]:
    """Finds the files that may be simple: by their listing, and by a ranged read of their header.

    Args:
        plan: The files to read.
        first_id: The file id of the first of them.
    """
    files = [
        (file, file_id)
        for file_id, file in enumerate(plan.to_read, first_id)
        if file.etag and _is_plain_csv(file) and _PLAIN_PATH.fullmatch(file.path)
    ]
    largest = sorted(files, key=lambda each: -each[0].bytes)[:MOST_FILES]
    with ThreadPoolExecutor(_HEADERS_AT_ONCE) as threads:
        found = threads.map(lambda each: _simple(plan.zone.fs, *each), largest)
        yield from (simple for simple in found if simple is not None)


def _is_plain_csv(file: LandingFile) -> bool:
    return file.format == "csv" and is_plain(file, None)


def _simple(fs: S3FileSystem, file: LandingFile, file_id: int) -> Simple | None:
    """Reads the header; whatever is wrong with the file is for the readers to say."""
    from ingestion.landing.s3 import first_bytes

    try:
        beginning = first_bytes(fs, file, HEADER_BYTES)
        check_first_bytes(beginning)
        line = first_line(beginning)
        header = match_header(line.text, DATASETS[file.dataset])
    except (OSError, RefusedFile, UnicodeDecodeError):
        return None
    end = beginning[len(line.line) : line.bytes].decode(errors="replace")
    expected = line.line + end.encode() == beginning[: line.bytes] and end in _LINE_ENDS
    if not expected or header.extra or header.missing or '"' in line.text:
        return None
    return Simple(file, file_id, header, line.text, end)


# Their lines


def _copy(connection: Connection, stage: str, files: Sequence[Simple]) -> None:
    """Copies the lines of files into a table; those with an error have a gap there."""
    if not _STAGE.fullmatch(stage):
        raise MovielensError(
            f"MOVIELENS_READ_STAGE={stage} is no name of a stage", "give DATABASE.SCHEMA.NAME"
        )
    connection.execute(
        f"create or replace transient table {LINES} (file_name varchar, "
        "line_number number(19, 0), content_key varchar, line varchar)"
    )
    for line_end, escaped in _LINE_ENDS.items():
        names = [simple.file.path for simple in files if simple.line_end == line_end]
        if names:
            connection.execute(
                f"copy into {LINES} (file_name, line_number, content_key, line) from ("
                "select metadata$filename, metadata$file_row_number, metadata$file_content_key, "
                f"$1 from @{stage}) files = ({', '.join(map(connection.literal, names))}) "
                "file_format = (type = csv compression = none encoding = 'UTF8' "
                f"record_delimiter = '{escaped}' field_delimiter = none "
                "field_optionally_enclosed_by = none escape = none "
                "escape_unenclosed_field = none trim_space = false null_if = () "
                "empty_field_as_null = false skip_header = 0 skip_blank_lines = false "
                "skip_byte_order_mark = false replace_invalid_characters = false) "
                "on_error = continue force = true"
            )


def _accounts(connection: Connection) -> Iterator[_Account]:
    odd = " or ".join(f"contains(line, chr({code}))" for code in (0, 10, 13, 31))
    rows = connection.execute(
        "select file_name, count(*), min(line_number), max(line_number), sum(octet_length(line)), "
        "min(content_key), max(content_key), min_by(line, line_number), "
        f"count_if(line is null or line = '' or {odd}), "
        f"count_if(contains(line, '\"') and regexp_replace(line || ',', '{_FIELD}', '') <> '') "
        f"from {LINES} group by file_name"
    ).fetchall()
    for name, lines, first, last, size, low, high, line, odd_lines, open_lines in rows:
        yield _Account(
            file_name=name,
            lines=int(lines),
            first=int(first),
            last=int(last),
            bytes=int(size or 0),
            lowest_key=low,
            highest_key=high,
            first_line=line,
            odd=int(odd_lines),
            open=int(open_lines),
        )


def _prove(connection: Connection, files: Iterable[Simple]) -> list[_Proved]:
    accounts = {account.file_name: account for account in _accounts(connection)}
    proved = []
    for simple in files:
        found = [accounts[name] for name in simple.names if name in accounts]
        if len(found) == 1 and found[0].proves(simple):
            proved.append(_Proved(simple, found[0].file_name, found[0].first, found[0].lines))
    return proved


# Their records


def _alike(
    proved: Iterable[_Proved],
) -> Iterable[tuple[tuple[str, Header], list[_Proved]]]:
    """Groups files by dataset and header: one statement splits the lines of a group."""
    groups = defaultdict(list)
    for each in proved:
        groups[each.simple.file.dataset, each.simple.header].append(each)
    return groups.items()


def _judged_lines(connection: Connection, header: Header, files: Iterable[_Proved]) -> str:
    """Returns CTEs; the last, `judged`, has a row for each record: fields, and if it is plain."""
    listed = ", ".join(
        f"({each.simple.file_id}, {connection.literal(each.file_name)}, {each.first})"
        for each in files
    )
    parts = ", ".join(
        f"split_part(fields, {_SEPARATOR}, {at + 1}) as p{at}" for at in range(header.width)
    )
    unquoted = ", ".join(
        f"iff(left(p{at}, 1) = '\"', "
        f"replace(substr(p{at}, 2, length(p{at}) - 2), '\"\"', '\"'), p{at}) as c{at}"
        for at in range(header.width)
    )
    plain = [_plain(connection, column, at) for column, at in header.columns if at is not None]
    return (
        "with files as (select column1 as file_id, column2 as file_name, column3 as first_line "
        f"from (values {listed})), "
        "records as (select files.file_id, copied.line_number - files.first_line + 1 as number, "
        "copied.line, iff(contains(copied.line, '\"'), "
        f"regexp_replace(copied.line || ',', '{_FIELD}', '\\\\1' || {_SEPARATOR}), "
        f"replace(copied.line || ',', ',', {_SEPARATOR})) as fields "
        f"from {LINES} as copied join files on copied.file_name = files.file_name "
        "where copied.line_number > files.first_line), "
        "parts as (select file_id, number, line, "
        f"length(fields) - length(replace(fields, {_SEPARATOR}, '')) as width, {parts} "
        "from records), "
        f"unquoted as (select file_id, number, line, width, {unquoted} from parts), "
        f"judged as (select *, width = {header.width} and {' and '.join(plain)} as is_plain "
        "from unquoted)"
    )


def _plain(connection: Connection, column: Column, at: int) -> str:
    if column.type == "text":
        return f"c{at} <> ''" if column.required else "true"
    pattern = plain_number(column).replace("(?:", "(")
    matches = f"regexp_like(c{at}, {connection.literal(f'^({pattern})$')})"
    return matches if column.required else f"(c{at} = '' or {matches})"


def _value(column: Column, at: int | None) -> str:
    if column.type == "bigint":
        return f"try_to_number(nullif(c{at}, ''), 19, 0)"
    if column.type == "double":
        return f"try_to_double(nullif(c{at}, ''))"
    return f"nullif(c{at}, '')"


def _judge(connection: Connection, proved: list[_Proved], rules: Rules) -> PushedDown:
    """Judges the lines that are not plain, and leaves out the files that would be refused."""
    pushed = PushedDown()
    for (table, header), files in _alike(proved):
        doubtful: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for file_id, number, line in connection.execute(
            f"{_judged_lines(connection, header, files)} "
            "select file_id, number, line from judged where not is_plain qualify row_number() "
            f"over (partition by file_id order by number) <= {MOST_DOUBTFUL + 1} "
            "order by file_id, number"
        ).fetchall():
            doubtful[int(file_id)].append((int(number), line))
        for each in files:
            simple, of_file = each.simple, doubtful[each.simple.file_id]
            outcome, accepted = _judged(simple, of_file, each.lines)
            if len(of_file) <= MOST_DOUBTFUL and _is_allowed(outcome, rules):
                pushed.outcomes.append(outcome)
                pushed._proved.append(each)
                pushed._accepted.setdefault(table, []).extend(accepted)
    return pushed


def _judged(
    simple: Simple, doubtful: list[tuple[int, str]], lines: int
) -> tuple[Outcome, list[list[Any]]]:
    outcome = Outcome(simple.file, simple.file_id, content_hash=f"etag:{simple.etag}")
    accepted = []
    for number, line in doubtful:
        row = judged(simple.header, line)
        if isinstance(row, list):
            accepted.append([*row, simple.file_id])
        else:
            outcome.rejects.append(Reject(number, line, *row))
    outcome.rows = lines - 1 - len(outcome.rejects)
    return outcome, accepted


def _is_allowed(outcome: Outcome, rules: Rules) -> bool:
    """Whether the careful reader would not refuse the file for its rejects."""
    rows, rejects = outcome.rows, len(outcome.rejects)
    some = rows or not rejects or rules.reject_share >= 1
    return bool(some) and rejects <= rules.limit(rows + rejects)


# Into RAW


def _insert(connection: Connection, table: str, names: str, rows: list[list[Any]]) -> None:
    for values in values_of(rows, connection.literal):
        connection.execute(f"insert into {manifest.SCHEMA}.{table} ({names}) values {values}")


def _verify(connection: Connection, table: str, ids: list[int], expected: dict[int, int]) -> None:
    column = manifest.TABLES_OF_ROWS[table]
    found = connection.execute(
        f"select {column}, count(*) from {manifest.SCHEMA}.{table} "
        f"where {column} in ({', '.join(map(str, ids))}) group by {column}"
    ).fetchall()
    counts = {int(file_id): int(count) for file_id, count in found}
    if counts != {file_id: count for file_id, count in expected.items() if count}:
        raise MovielensError(
            f"Snowflake split the files it loaded into other rows of {manifest.SCHEMA}.{table} "
            "than were counted. Nothing was committed",
            "run it again; without MOVIELENS_READ_STAGE this machine reads all files",
        )
