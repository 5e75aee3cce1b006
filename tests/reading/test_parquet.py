"""Each way in which a Parquet file can be right or wrong, and what becomes of it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import RefusedFile
from ingestion.landing.listing import list_landing_zone
from ingestion.reading import parquet as reader
from ingestion.reading.peek import peek
from ingestion.reading.rules import Rules
from tests.support.bad_input.builders import zipped
from tests.support.contract import CONTRACT
from tests.support.formats import as_table, parquet, written
from tests.support.one_file import Reader, read_as_a_load_does

IDS = [1, 1, 2]
RATINGS: dict[str, Any] = {
    "userId": [1, 1, 2],
    "movieId": [1, 3, 1],
    "rating": [4.0, 4.5, 0.5],
    "timestamp": [964982703, 964981247, 1445714994],
}
ROWS = [tuple(row) for row in zip(*RATINGS.values(), strict=True)]
SECONDS = RATINGS["timestamp"]


def ratings(**columns: Any) -> pa.Table:
    return pa.table({**RATINGS, **columns})


def moments(unit: str, zone: str | None = None) -> pa.Array:
    factor = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    return pa.array([second * factor for second in SECONDS], pa.timestamp(unit, zone))


def int96(table: pa.Table) -> bytes:
    return parquet(table, use_deprecated_int96_timestamps=True)


LOADED = {
    "the types of the contract": parquet(ratings()),
    "small and unsigned types": parquet(
        ratings(
            userId=pa.array(IDS, pa.uint64()),
            movieId=pa.array([1, 3, 1], pa.int16()),
            rating=pa.array(RATINGS["rating"], pa.float32()),
            timestamp=pa.array(SECONDS, pa.int32()),
        )
    ),
    "whole numbers as doubles": parquet(ratings(userId=[1.0, 1.0, 2.0])),
    "decimals": parquet(
        ratings(
            userId=pa.array([Decimal(one) for one in IDS], pa.decimal128(38, 0)),
            rating=pa.array([Decimal("4.0"), Decimal("4.5"), Decimal("0.5")]),
        )
    ),
    "numbers as text, with spaces": parquet(
        pa.table({name: [f" {value}" for value in values] for name, values in RATINGS.items()})
    ),
    "text as a dictionary": parquet(
        ratings(rating=pa.array(["4.0", "4.5", ".5"]).dictionary_encode())
    ),
    "seconds since 1970 as milliseconds": parquet(ratings(timestamp=moments("ms"))),
    "a timestamp with a time zone": parquet(ratings(timestamp=moments("us", "Europe/Berlin"))),
    "a timestamp in nanoseconds": parquet(ratings(timestamp=moments("ns"))),
    "Spark's INT96": int96(ratings(timestamp=moments("us"))),
    "another order, other case, spaces": parquet(
        ratings()
        .select([3, 2, 1, 0])
        .rename_columns(["Timestamp ", "RATING", "movieid", " userId"])
    ),
    "several row groups": parquet(ratings(), row_group_size=1),
    "checksums of pages": parquet(ratings(), write_page_checksum=True),
    **{
        f"{codec}": parquet(ratings(), compression=codec)
        for codec in ("gzip", "zstd", "brotli", "lz4")
    },
    "version 1.0": parquet(ratings(), version="1.0", data_page_version="1.0"),
    "pages of version 2": parquet(ratings(), data_page_version="2.0"),
}


@pytest.mark.parametrize("content", LOADED.values(), ids=LOADED.keys())
def test_it_is_loaded(read: Reader, content: bytes) -> None:
    found = read("ratings.parquet", content)
    assert (found.outcome.status, found.outcome.reason) == ("loaded", "")
    assert sorted(found.rows) == sorted(ROWS)
    assert (found.outcome.rejects, found.outcome.warnings) == ([], [])


REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "a required value is null": ({"userId": [None, 1, 2]}, "user_id", "a value is required"),
    "out of range": ({"rating": [55.0, 4.5, 0.5]}, "rating", "55.0 is not between 0.5 and 5.0"),
    "not a multiple": ({"rating": [3.7, 4.5, 0.5]}, "rating", "3.7 is not a multiple of 0.5"),
    "not a number": ({"rating": [float("nan"), 4.5, 0.5]}, "rating", "'nan' is not a number"),
    "infinite": ({"rating": [float("inf"), 4.5, 0.5]}, "rating", "'inf' is not a number"),
    "a fraction as an id": ({"userId": [2.5, 1, 2]}, "user_id", "'2.5' is not a whole number"),
    "a negative id": ({"movieId": [-1, 3, 1]}, "movie_id", "-1 is not between 0 and"),
    "beyond 64 bits": (
        {"userId": pa.array([2**63, 1, 2], pa.uint64())},
        "user_id",
        "'9223372036854775808' is beyond 64 bits",
    ),
    "a decimal beyond 64 bits": (
        {"userId": pa.array([Decimal(10**30), Decimal(1), Decimal(2)], pa.decimal128(38, 0))},
        "user_id",
        "is beyond 64 bits",
    ),
    "a double that is no exact id": (
        {"userId": [2.0**60, 1, 2]},
        "user_id",
        "'1.152921504606847e+18' is not a whole number",
    ),
    "milliseconds as a number": (
        {"timestamp": [SECONDS[0] * 1000, *SECONDS[1:]]},
        "timestamp",
        "964982703000 is not between",
    ),
    "a fraction of a second": (
        {
            "timestamp": pa.array(
                [SECONDS[0] * 1000 + 5, *(s * 1000 for s in SECONDS[1:])], pa.timestamp("ms")
            )
        },
        "timestamp",
        "'964982703.005' is not a whole number",
    ),
    "a timestamp before the first rating": (
        {"timestamp": pa.array([0, *SECONDS[1:]], pa.timestamp("s"))},
        "timestamp",
        "0 is not between",
    ),
    "text that is no number": (
        {"rating": ["good", "4.5", "0.5"]},
        "rating",
        "'good' is not a number",
    ),
    "a number as nobody writes it": (
        {"rating": ["0x4", "4.5", "0.5"]},
        "rating",
        "'0x4' is not a number",
    ),
    "an empty text": ({"rating": ["", "4.5", "0.5"]}, "rating", "a value is required"),
}


@pytest.mark.parametrize(("columns", "column", "reason"), REJECTED.values(), ids=REJECTED.keys())
def test_a_row_is_rejected(read: Reader, columns: dict[str, Any], column: str, reason: str) -> None:
    found = read("ratings.parquet", parquet(ratings(**columns)))
    assert found.outcome.status == "loaded"
    assert sorted(found.rows) == sorted(ROWS[1:])
    (reject,) = found.outcome.rejects
    assert (reject.line, reject.column_name) == (1, column)
    assert reason in reject.reason
    assert str(reject).startswith(f"row 1: {column}: ")
    others = [name for name in RATINGS if name not in columns]
    assert all(str(RATINGS[name][0]) in reject.raw_text.split(",") for name in others)


def encrypted_footer() -> bytes:
    return b"PARE" + b"\x80" * 60 + b"PARE"


def damaged_page() -> bytes:
    content = bytearray(
        parquet(ratings(), write_page_checksum=True, compression="none", use_dictionary=False)
    )
    at = content.index((964982703).to_bytes(8, "little"))
    content[at] ^= 1
    return bytes(content)


def not_utf8() -> bytes:
    table = pa.table({"movieId": [1], "title": pa.array([b"Caf\xe9"]), "genres": ["Drama"]})
    return parquet(table)


def of_many_rows() -> bytes:
    """A file of a few kilobytes that unpacks to hundreds of megabytes."""
    rows = 8_000_000
    column = pc.run_end_decode(
        pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), pa.array([1]))
    )
    return parquet(pa.table([column] * 4, names=list(RATINGS)), compression="zstd")


def twice() -> bytes:
    columns = [pa.array(values) for values in (*RATINGS.values(), [1, 2, 3])]
    return parquet(pa.Table.from_arrays(columns, names=[*RATINGS, "rating"]))


WHOLE = parquet(ratings())
REFUSED: dict[str, tuple[str, bytes | Callable[[], bytes], str]] = {
    "zero bytes": ("ratings", b"", "the file is empty (zero bytes); expected Parquet"),
    "cut short": ("ratings", WHOLE[:-20], "not a complete Parquet file ("),
    "the beginning only": ("ratings", WHOLE[:8], "was the upload cut short?"),
    "a page that fails its checksum": ("ratings", damaged_page, "not a complete Parquet file ("),
    "encrypted": ("ratings", encrypted_footer, "it is encrypted Parquet"),
    "CSV": (
        "ratings",
        b"userId,movieId,rating,timestamp\n1,2,3.5,964982703\n",
        "named like Parquet, but it is text that begins with 'userId,m'; rename it to end in .csv",
    ),
    "gzip": ("ratings", gzip.compress(WHOLE), "it is a gzip archive; rename it to end in .gz"),
    "something else": ("ratings", b"\xcaORC\x00\x01", "named like Parquet, but it is something"),
    "a required column is missing": (
        "ratings",
        parquet(ratings().drop_columns("rating")),
        "the required column 'rating' is missing",
    ),
    "a renamed column": (
        "ratings",
        parquet(ratings().rename_columns(["user", "movieId", "rating", "timestamp"])),
        "the required column 'userId' is missing (the nearest is 'user')",
    ),
    "a column twice": ("ratings", twice, "names a column twice: rating"),
    "a list": (
        "ratings",
        parquet(ratings(userId=[[1], [1], [2]])),
        "the column 'userId' is list<element: int64>; expected a whole number",
    ),
    "a struct": (
        "ratings",
        parquet(ratings(rating=[{"stars": 4.0}] * 3)),
        "the column 'rating' is struct<stars: double>; expected a number",
    ),
    "genres as a list": (
        "movies",
        parquet(pa.table({"movieId": [1], "title": ["x"], "genres": [["Drama", "War"]]})),
        "the column 'genres' is list<element: string>; expected text",
    ),
    "a nested column that no model reads": (
        "ratings",
        parquet(ratings(device=[{"os": "x"}] * 3)),
        "the column 'device' is struct<os: string>; expected text",
    ),
    "a truth as a number": (
        "ratings",
        parquet(ratings(rating=[True, False, True])),
        "the column 'rating' is bool; expected a number",
    ),
    "a date": (
        "ratings",
        parquet(ratings(timestamp=pa.array([1, 2, 3], pa.date32()))),
        "the column 'timestamp' is date32[day]; expected seconds since 1970 as a number, or a",
    ),
    "a timestamp as an id": (
        "ratings",
        parquet(ratings(userId=moments("us"))),
        "the column 'userId' is timestamp[us]; expected a whole number",
    ),
    "a title as a number": (
        "movies",
        parquet(pa.table({"movieId": [1], "title": [2.5], "genres": ["Drama"]})),
        "the column 'title' is double; expected text",
    ),
    "two wrong columns": (
        "ratings",
        parquet(ratings(userId=[[1]] * 3, rating=[True] * 3)),
        "the column 'userId' is list<element: int64>; expected a whole number; the column 'rating'",
    ),
    "text that is not UTF-8": ("movies", not_utf8, "text that is not UTF-8"),
    "more than a hundredfold": ("ratings", of_many_rows, "unpacks to more than 100 times its size"),
    "nothing that can be loaded": (
        "ratings",
        parquet(ratings(rating=[0.0, 9.0, 9.5])),
        "none of its rows can be loaded, the first ones: row 1: rating: 0.0 is not between",
    ),
}


@pytest.mark.parametrize(("dataset", "content", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_is_refused(
    read: Reader, dataset: str, content: bytes | Callable[[], bytes], reason: str
) -> None:
    content = content if isinstance(content, bytes) else content()
    found = read(f"{dataset}.parquet", content, Rules())
    assert found.outcome.status == "refused"
    assert reason in found.outcome.reason
    assert found.outcome.refused_for_good
    assert (found.outcome.rows, found.outcome.rejects) == (0, [])


@pytest.mark.parametrize("rejected", [10, 11])
def test_more_rejected_rows_than_allowed_refuse_the_file(read: Reader, rejected: int) -> None:
    table = pa.table(
        {
            "userId": [*range(1_000)],
            "movieId": [1] * 1_000,
            "rating": [9.0] * rejected + [4.0] * (1_000 - rejected),
            "timestamp": [964982703] * 1_000,
        }
    )
    found = read("ratings.parquet", parquet(table), Rules())
    assert found.outcome.status == ("loaded" if rejected == 10 else "refused")
    assert (len(found.rows), len(found.rejects)) == ((990, 10) if rejected == 10 else (0, 0))
    if rejected == 11:
        assert "more than 10 rows had to be rejected" in found.outcome.reason
        assert "MOVIELENS_REJECT_ROWS" in found.outcome.reason


def test_range_checks_may_warn(read: Reader) -> None:
    table = ratings(rating=[55.0, 4.5, float("nan")])
    found = read("ratings.parquet", parquet(table), Rules(range_checks="warn"))
    assert [row[2] for row in found.rows] == [55.0, 4.5]
    assert [line for line, _, _ in found.rejects] == [3]
    assert found.outcome.warnings == [
        "1 row with rating out of range (55.0); loaded (MOVIELENS_RANGE_CHECKS=warn), but the "
        "audit may block publishing"
    ]


def test_rows_are_counted_across_batches(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BATCH_ROWS", 2)
    ids = [1, 2, None, 4, 5, 6, None]
    table = pa.table({"movieId": ids, "title": [f"{n}" for n in range(7)], "genres": [None] * 7})
    found = read("movies.parquet", parquet(table))
    assert found.lines == [3, 7]
    assert sorted(row[0] for row in found.rows) == [1, 2, 4, 5, 6]
    assert [reject.raw_text for reject in found.outcome.rejects] == [",2,", ",6,"]


def test_text_stays_as_it_is(read: Reader) -> None:
    tags = ["NULL", "NA", "007", " x ", 'a "b", c', "two\nlines", "😀", "=1+1", "é" * 1000, ""]
    table = pa.table(
        {
            "userId": [1] * 10,
            "movieId": [*range(10)],
            "tag": [*tags[:-1], "nul\0"],
            "timestamp": [964982703] * 10,
        }
    )
    found = read("tags.parquet", parquet(table))
    assert [row[2] for row in found.rows] == tags[:-1]
    assert found.rejects == [(10, "tag", "a NUL character")]


def test_an_optional_column_may_be_missing_null_or_of_no_type(read: Reader) -> None:
    links = pa.table({"movieId": [1, 2], "imdbId": ["0114709", ""], "tmdbId": pa.nulls(2)})
    assert read("links.parquet", parquet(links)).rows == [(1, "0114709", None), (2, None, None)]
    missing = read("links.parquet", parquet(links.drop_columns("tmdbId")))
    assert missing.rows == [(1, "0114709", None), (2, None, None)]
    assert missing.outcome.warnings == ["it has no column 'tmdbId': loaded as null"]


def test_whole_numbers_as_text_are_their_digits(read: Reader) -> None:
    links = pa.table({"movieId": [1], "imdbId": [114709], "tmdbId": [862]})
    assert read("links.parquet", parquet(links)).rows == [(1, "114709", 862)]


def test_a_new_column_is_loaded_as_text(read: Reader) -> None:
    more = {
        "deviceName": ["phone", None, ""],
        "n": [1, None, 3],
        "x": [2.5, None, 1e30],
        "is_ok": [True, None, False],
        "d": pa.array([0, None, 1], pa.date32()),
    }
    found = read("ratings.parquet", parquet(ratings(**more)))
    assert found.outcome.new_columns == ("device_name", "n", "x", "is_ok", "d")
    assert [row[4:] for row in found.rows] == [
        ("phone", "1", "2.5", "true", "1970-01-01"),
        (None, None, None, None, None),
        (None, "3", "1e+30", "false", "1970-01-02"),
    ]


@pytest.mark.parametrize("rows", [0, 3])
def test_no_rows_are_no_fault(read: Reader, rows: int) -> None:
    found = read("ratings.parquet", parquet(ratings().slice(0, rows)))
    assert (found.outcome.status, found.outcome.rows) == ("loaded", rows)


@pytest.mark.parametrize("name", ["ratings.parquet.gz", "ratings.parquet.zip"])
def test_packed_as_a_whole(read: Reader, name: str) -> None:
    packed = gzip.compress(WHOLE) if name.endswith("gz") else zipped({"any.parquet": WHOLE})
    assert sorted(read(name, packed).rows) == ROWS
    cut = read(name, packed[: len(packed) // 2])
    assert "not a complete" in cut.outcome.reason


def test_the_other_way_round_is_said_too(read: Reader) -> None:
    found = read("ratings.csv", WHOLE)
    assert found.outcome.reason == "it is a Parquet file, not text; rename it to end in .parquet"


def test_a_plan_knows_its_rows_without_reading_it(tmp_path: Path) -> None:
    for name, content in {
        "ratings.parquet": parquet(ratings(device=["a", "b", None])),
        "ratings-2.parquet.gz": gzip.compress(WHOLE),
        "ratings-3.parquet": WHOLE[:-9],
    }.items():
        (tmp_path / name).write_bytes(content)
    zone = list_landing_zone(str(tmp_path))
    plain = peek(zone.fs, zone.files["ratings.parquet"], Rules())
    assert (plain.rows, [column.name for column, _ in plain.header.extra]) == (3, ["device"])
    assert peek(zone.fs, zone.files["ratings-2.parquet.gz"], Rules()).rows == 3
    with pytest.raises(RefusedFile, match="not a complete Parquet file"):
        peek(zone.fs, zone.files["ratings-3.parquet"], Rules())


TEXT = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.one_of(
    st.integers(-5, 2_000_000_000).map(str),
    st.floats(-1, 6).map(repr),
    st.sampled_from(["", "1e3", "5.", "x", "0.5", "2.50", " 4", "9" * 20]),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=6),
    format_=st.sampled_from(["tsv", "parquet"]),
)
def test_any_rows_of_text_become_what_they_become_as_csv(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], format_: str
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    names = list(CONTRACT["ratings"])
    as_csv = read_as_a_load_does(folder / "", "ratings.csv", written("ratings", rows, "csv"))
    (folder / "zone" / "ratings.csv").unlink()
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    content = (
        parquet(pa.table(columns)) if format_ == "parquet" else written("ratings", rows, format_)
    )
    other = read_as_a_load_does(folder, f"ratings.{format_}", content)
    assert sorted(other.rows) == sorted(as_csv.rows)
    header = format_ != "parquet"
    assert [(line + (not header), *why) for line, *why in other.rejects] == [
        (line, *why) for line, *why in as_csv.rejects
    ]


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(st.integers(0, 9).map(str), TEXT, TEXT), min_size=1, max_size=6))
def test_any_text_becomes_what_it_becomes_as_csv(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    reads = []
    for format_ in ("csv", "tsv", "parquet"):
        content = (
            parquet(as_table("movies", rows))
            if format_ == "parquet"
            else written("movies", rows, format_)
        )
        reads.append(read_as_a_load_does(folder, f"movies.{format_}", content))
        (folder / "zone" / f"movies.{format_}").unlink()
    as_csv, *others = [sorted(one.rows, key=repr) for one in reads]
    assert others == [as_csv, as_csv]
    assert len({len(one.rejects) for one in reads}) == 1
