"""The two readers: when each is used, and that they agree. What becomes of what: bad_input.py."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.datasets import DATASETS
from ingestion.reading.bulk import is_proved, read_in_bulk
from ingestion.reading.careful import plain_lines, read_with_care
from ingestion.reading.header import first_line_of, match_header
from ingestion.reading.inspection import inspect
from ingestion.reading.rules import Rules
from tests.support.one_file import Reader

RATINGS = "userId,movieId,rating,timestamp\n"
MOVIES = "movieId,title,genres\n"
TAGS = "userId,movieId,tag,timestamp\n"
LINKS = "movieId,imdbId,tmdbId\n"
GOOD = "1,2,3.5,964982703\n"
ROW = (1, 2, 3.5, 964982703)


def test_lines_are_counted_through_quoted_line_ends(read: Reader) -> None:
    found = read("movies.csv", MOVIES + '1,"a\nb\nc",x\n2,d,x\nx,y,z\n')
    assert found.rejects == [(6, "movie_id", "'x' is not a whole number")]


@pytest.mark.parametrize("name", ["ratings[1].csv", "ratings*.csv", "ratings?.csv", "ra'tings.csv"])
def test_a_name_means_that_file_and_no_other(tmp_path: Path, read: Reader, name: str) -> None:
    name = name if name.startswith("ratings") else f"ratings/{name}"
    for other in ("ratings1.csv", "ratingsX.csv"):
        (tmp_path / "zone").mkdir(exist_ok=True)
        (tmp_path / "zone" / other).write_text(RATINGS + "9,9,4.5,964982709\n")
    assert read(name, RATINGS + GOOD).rows == [ROW]


def test_rejects_up_to_what_is_allowed_and_not_one_more(read: Reader) -> None:
    content = RATINGS + GOOD * 95 + "x,2,3.5,964982704\n" * 5
    for rules in (Rules(reject_rows=5, reject_share=0), Rules(reject_rows=0, reject_share=0.05)):
        found = read("ratings.csv", content, rules)
        assert (found.outcome.status, found.outcome.rows, len(found.lines)) == ("loaded", 95, 5)
    for rules in (Rules(reject_rows=4, reject_share=0), Rules(reject_rows=0, reject_share=0.0499)):
        found = read("ratings.csv", content, rules)
        assert (found.outcome.status, found.outcome.rows, found.lines) == ("refused", 0, [])
        assert found.outcome.reason == (
            "more than 4 rows had to be rejected, the first ones: "
            "line 97: user_id: 'x' is not a whole number; "
            "line 98: user_id: 'x' is not a whole number; "
            "line 99: user_id: 'x' is not a whole number "
            "(MOVIELENS_REJECT_ROWS and MOVIELENS_REJECT_SHARE set the limit)"
        )


def test_rows_in_the_file_are_the_loaded_and_the_rejected(read: Reader) -> None:
    records = [f"{n},2,{n % 12 / 2},964982704" if n % 7 else f"{n},2" for n in range(1000)]
    found = read("ratings.csv", RATINGS + "\n".join(records))
    good = [n for n in range(1000) if n % 7 and 1 <= n % 12 <= 10]
    assert [row[0] for row in sorted(found.rows)] == good
    assert found.lines == [n + 2 for n in range(1000) if n not in set(good)]


CLEAN = {
    "ratings": RATINGS
    + "".join(f"{n},{n * 7},{n % 10 / 2 + 0.5},{10**9 + n}\n" for n in range(5000)),
    "movies": MOVIES + "".join(f'{n},"T, ""{n}""\n(1999)",A|B\n' for n in range(5000)),
    "tags": TAGS + "".join(f"{n},{n},tag é {n},{10**9 + n}\n" for n in range(5000)),
    "links": LINKS + "".join(f"{n},{n:07},{n or ''}\n" for n in range(5000)),
    "genome_scores": "movieId,tagId,relevance\n"
    + "".join(f"{n},1,{n / 5000}\n" for n in range(5000)),
}


def _both(file: Path, dataset: str, folder: Path) -> tuple[list[object], list[object], bool]:
    header = match_header(first_line_of(file).text, DATASETS[dataset])
    content = inspect(file, DATASETS[dataset])
    bulk, care = folder / "bulk.parquet", folder / "care.parquet"
    written = (read_in_bulk({7: file}, header, content.uniform, bulk) or {}).get(7)
    read_with_care(file, header, 7, Rules(0, 0), content.lines, care)
    proved = is_proved(written, content, header)
    tables = [
        pq.read_table(path).sort_by(DATASETS[dataset].columns[0].name) for path in (bulk, care)
    ]
    assert tables[0].schema.names == tables[1].schema.names
    return tables[0].to_pylist(), tables[1].to_pylist(), proved


@pytest.mark.parametrize("dataset", CLEAN)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_both_readers_agree_on_clean_files(tmp_path: Path, dataset: str, end: str) -> None:
    file = tmp_path / f"{dataset}.csv"
    file.write_bytes(CLEAN[dataset].replace("\n", end).encode())
    bulk, care, proved = _both(file, dataset, tmp_path)
    assert proved, "a clean file must not need the careful reader"
    assert bulk == care
    assert len(care) == 5000


@pytest.mark.parametrize("dataset", sorted(set(CLEAN) - {"movies"}))
def test_the_careful_reader_takes_clean_lines_as_a_whole(dataset: str) -> None:
    content = CLEAN[dataset].encode()
    start = content.index(b"\n") + 1
    header = match_header(content[:start].decode().strip(), DATASETS[dataset])
    run = plain_lines(header).match(content, start)
    assert run is not None
    assert run.end() == len(content), content[run.end() :][:100]


# What DuckDB would take: 2.5 as the id 3, 0x10 as 16, 1_000 as 1000, and fields beyond the header's
# if they are empty.
LENIENT = ("2.5", "0x10", "1_000")
BETWEEN: dict[str, tuple[str, str]] = {
    "ratings": (RATINGS + GOOD, "1,{},3.5,964982703"),
    "tags": (TAGS + "1,2,before,964982703\n", "1,{},tag,964982703"),
    "movies": (MOVIES + "7,before,x\n", "{},title,x"),
}
AFTER = {
    "ratings": "5,6,0.5,964982704\n",
    "tags": '5,6,"after, that",964982704\n',
    "movies": '8,"after, that",y\n',
}


def _between(dataset: str, record: str) -> bytes:
    return f"{BETWEEN[dataset][0]}{record}\n{AFTER[dataset]}".encode()


@pytest.mark.parametrize("number", LENIENT)
@pytest.mark.parametrize("dataset", BETWEEN)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_id_that_duckdb_would_guess_is_rejected(
    read: Reader, dataset: str, number: str, pack: Callable[[bytes], bytes]
) -> None:
    """Plain ratings are read in bulk unless the bytes forbid it; other datasets are not."""
    content = pack(_between(dataset, BETWEEN[dataset][1].format(number)))
    found = read(f"{dataset}.csv{'.gz' * (pack is gzip.compress)}", content)
    assert found.rejects == [(3, "movie_id", f"'{number}' is not a whole number")]
    assert len(found.rows) == 2


@pytest.mark.parametrize("number", LENIENT)
@pytest.mark.parametrize("dataset", BETWEEN)
def test_the_bulk_reader_guesses_no_id(tmp_path: Path, dataset: str, number: str) -> None:
    file = tmp_path / f"{dataset}.csv"
    file.write_bytes(_between(dataset, BETWEEN[dataset][1].format(number)))
    header = match_header(first_line_of(file).text, DATASETS[dataset])
    content = inspect(file, DATASETS[dataset])
    assert (content.uniform, content.records) == (False, 3)
    assert read_in_bulk({7: file}, header, content.uniform, tmp_path / "bulk.parquet") == {7: 2}


@pytest.mark.parametrize("dataset", BETWEEN)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_record_with_an_empty_field_too_many_is_rejected(
    tmp_path: Path, read: Reader, dataset: str, pack: Callable[[bytes], bytes]
) -> None:
    content = _between(dataset, BETWEEN[dataset][1].format("2") + ",")
    width = len(DATASETS[dataset].columns)
    found = read(f"{dataset}.csv{'.gz' * (pack is gzip.compress)}", pack(content))
    assert found.rejects == [(3, None, f"{width + 1} fields; expected {width}")]
    assert len(found.rows) == 2

    # DuckDB passes it, so that only the number of separators tells.
    file = tmp_path / f"{dataset}.csv"
    file.write_bytes(content)
    header = match_header(first_line_of(file).text, DATASETS[dataset])
    assert read_in_bulk({7: file}, header, False, tmp_path / "bulk.parquet") == {7: 3}
