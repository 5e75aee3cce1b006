"""What each kind of record becomes: loaded exactly, or rejected with line, column and reason."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion import reading
from ingestion.datasets import DATASETS
from ingestion.header import match_header
from ingestion.reading import Tolerance, first_line, read_in_bulk, read_with_care
from ingestion.staging import inspect
from tests.ingestion.conftest import Reader

RATINGS = "userId,movieId,rating,timestamp\n"
MOVIES = "movieId,title,genres\n"
TAGS = "userId,movieId,tag,timestamp\n"
LINKS = "movieId,imdbId,tmdbId\n"
GOOD = "1,2,3.5,964982703\n"
ROW = (1, 2, 3.5, 964982703)
# A good row before and after the one that is looked at: neither may be touched by it.
MAX = 2**63 - 1
YEAR_9999 = 253402300799


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ("1,2,3.5,4", (1, 2, 3.5, 4)),
        (" 1 ,2 , 3.5,\t4 ", (1, 2, 3.5, 4)),
        ("9.0,2.,3.50,4.00", (9, 2, 3.5, 4)),
        ("0001,2,3.5,4", (1, 2, 3.5, 4)),
        ("+1,2,+3.5,4", (1, 2, 3.5, 4)),
        ('"1","2","3.5","4"', (1, 2, 3.5, 4)),
        ("1,2,.5,4", (1, 2, 0.5, 4)),
        ("1,2,5,4", (1, 2, 5.0, 4)),
        ("1,2,35e-1,4", (1, 2, 3.5, 4)),
        (f"0,{MAX},5.0,{YEAR_9999}", (0, MAX, 5.0, YEAR_9999)),
    ],
)
def test_ratings_that_are_loaded(read: Reader, record: str, row: tuple[object, ...]) -> None:
    found = read("ratings.csv", f"{RATINGS}{GOOD}{record}\n{GOOD}")
    assert (found.rejects, sorted(found.rows)) == ([], sorted([ROW, row, ROW]))


@pytest.mark.parametrize(
    ("record", "column", "reason"),
    [
        ("2.5,2,3.5,4", "user_id", "'2.5' is not a whole number"),
        ("0x10,2,3.5,4", "user_id", "'0x10' is not a whole number"),
        ("1_000,2,3.5,4", "user_id", "'1_000' is not a whole number"),
        ("1e3,2,3.5,4", "user_id", "'1e3' is not a whole number"),
        ("1 000,2,3.5,4", "user_id", "'1 000' is not a whole number"),
        ("١,2,3.5,4", "user_id", "'١' is not a whole number"),
        ("-1,2,3.5,4", "user_id", f"-1 is not between 0 and {MAX}"),
        (f"1,{MAX + 1},3.5,4", "movie_id", f"{MAX + 1} is not between 0 and {MAX}"),
        (f"1,{'9' * 60},3.5,4", "movie_id", f"{'9' * 60} is not between 0 and {MAX}"),
        ("1,,3.5,4", "movie_id", "a value is required"),
        ("1,  ,3.5,4", "movie_id", "a value is required"),
        ('1,"",3.5,4', "movie_id", "a value is required"),
        (f"1,{'9' * 5000},3.5,4", "movie_id", "a number of 5000 characters is too long"),
        ("1,2,,4", "rating", "a value is required"),
        ("1,2,NULL,4", "rating", "'NULL' is not a number"),
        ("1,2,good,4", "rating", "'good' is not a number"),
        ("1,2,nan,4", "rating", "'nan' is not a number"),
        ("1,2,inf,4", "rating", "'inf' is not a number"),
        ("1,2,1e999,4", "rating", "inf is not between 0.5 and 5.0"),
        ('1,2,"3,5",4', "rating", "'3,5' is not a number"),
        ("1,2,3_5,4", "rating", "'3_5' is not a number"),
        ("1,2,55.0,4", "rating", "55.0 is not between 0.5 and 5.0"),
        ("1,2,0,4", "rating", "0.0 is not between 0.5 and 5.0"),
        ("1,2,-1,4", "rating", "-1.0 is not between 0.5 and 5.0"),
        ("1,2,3.7,4", "rating", "3.7 is not a multiple of 0.5"),
        ("1,2,3.5,-4", "timestamp", f"-4 is not between 0 and {YEAR_9999}"),
        ("1,2,3.5,964982703000", "timestamp", f"964982703000 is not between 0 and {YEAR_9999}"),
        ("1,2,3.5,1e9", "timestamp", "'1e9' is not a whole number"),
        ("1,2,3.5", None, "3 fields; expected 4"),
        ("1,2,3,5,4", None, "5 fields; expected 4"),
        ("1,2,3.5,4,", None, "5 fields; expected 4"),
        ("1,2,3.5,4,,", None, "6 fields; expected 4"),
        ("1,2,3.5,1,000", None, "5 fields; expected 4"),
        (" ", None, "1 fields; expected 4"),
        ('1,2,3.5,"4', None, "an unbalanced or misplaced quote"),
        ('1,2,"3".5,4', None, "an unbalanced or misplaced quote"),
        ('1,2,"3.5" ,4', None, "an unbalanced or misplaced quote"),
    ],
)
def test_ratings_that_are_rejected(
    read: Reader, record: str, column: str | None, reason: str
) -> None:
    found = read("ratings.csv", f"{RATINGS}{GOOD}{record}\n{GOOD}")
    assert found.rejects == [(3, column, reason)]
    assert found.outcome.rejects[0].raw_text == record
    assert found.rows == [ROW, ROW]


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ('1,"Matrix, The (1999)",Action', (1, "Matrix, The (1999)", "Action")),
        ('1,"""Great"" Cats",Drama', (1, '"Great" Cats', "Drama")),
        ('1,"two\nlines",Drama', (1, "two\nlines", "Drama")),
        ('1,"two\r\nlines",Drama', (1, "two\r\nlines", "Drama")),
        ('1,"two\rlines",Drama', (1, "two\rlines", "Drama")),
        ('1,5" or 6" discs,Drama', (1, '5" or 6" discs', "Drama")),
        ("1,風の谷 \U0001f600,Drama", (1, "風の谷 \U0001f600", "Drama")),
        ("1,שלום عالم,Drama", (1, "שלום عالم", "Drama")),
        ("1,=1+1,+A1|@B2", (1, "=1+1", "+A1|@B2")),
        ("1,<b>x</b>,'; drop table x; --", (1, "<b>x</b>", "'; drop table x; --")),
        ("1,NULL,NA", (1, "NULL", "NA")),
        ("1,None,nan", (1, "None", "nan")),
        ("1,007,1408", (1, "007", "1408")),
        ("1,  spaces stay  , x ", (1, "  spaces stay  ", " x ")),
        ("1,#not a comment,\\N", (1, "#not a comment", "\\N")),
        ("1,a\\,b", (1, "a\\", "b")),
        ("1,line\u2028separator\x85,x\x0by", (1, "line\u2028separator\x85", "x\x0by")),
        ("1,no genres,", (1, "no genres", None)),
        ('1,no genres,""', (1, "no genres", None)),
    ],
)
def test_text_is_loaded_as_it_is(read: Reader, record: str, row: tuple[object, ...]) -> None:
    found = read("movies.csv", f"{MOVIES}7,before,x\n{record}\n8,after,x\n")
    assert found.rejects == []
    assert sorted(found.rows) == sorted([(7, "before", "x"), row, (8, "after", "x")])


@pytest.mark.parametrize(
    ("record", "column", "reason"),
    [
        ("1,,Drama", "title", "a value is required"),
        ("1,Matrix, The (1999),Action", None, "4 fields; expected 3"),
        ('1,"Matrix, The,Action', None, "an unbalanced or misplaced quote"),
        ('1,5" disc,Action', None, "an unbalanced or misplaced quote"),
        ('1,"a" "b",Action', None, "an unbalanced or misplaced quote"),
        ('1, "a, b",Action', None, "4 fields; expected 3"),
    ],
)
def test_a_broken_record_takes_no_good_one_with_it(
    read: Reader, record: str, column: str | None, reason: str
) -> None:
    after = [(number, f'"{number}"', "x") for number in range(10, 20)]
    lines = "".join(f'{movie},"""{movie}""",{genres}\n' for movie, _, genres in after)
    found = read("movies.csv", f"{MOVIES}7,before,x\n{record}\n{lines}")
    assert found.rejects == [(3, column, reason)]
    assert sorted(found.rows) == [(7, "before", "x"), *after]


def test_leading_zeros_and_optional_values(read: Reader) -> None:
    found = read("links.csv", LINKS + "1,0114709,862\n2,0113497,\n3,,15602\n4,,\n5,007,x\n")
    assert found.rows == [
        (1, "0114709", 862),
        (2, "0113497", None),
        (3, None, 15602),
        (4, None, None),
    ]
    assert found.rejects == [(6, "tmdb_id", "'x' is not a whole number")]


def test_an_optional_column_that_is_missing_is_null(read: Reader) -> None:
    assert read("links.csv", "imdbId,movieId\n0114709,1\n").rows == [(1, "0114709", None)]


def test_columns_are_read_by_name_and_new_ones_as_text(read: Reader) -> None:
    found = read(
        "ratings.csv", "Device, TIMESTAMP ,movieid,rating,UserId\n007,4,2,3.5,1\n,4,2,3.5,1\n"
    )
    assert found.rows == [(1, 2, 3.5, 4, "007"), (1, 2, 3.5, 4, None)]
    assert found.outcome.new_columns == ("device",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last_end", [True, False])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_and_bom(read: Reader, end: str, last_end: bool, bom: str) -> None:
    lines = [bom + RATINGS.strip(), "1,2,3.5,4", "5,6,0.5,7"]
    found = read("ratings.csv", end.join(lines) + (end if last_end else ""))
    assert (found.rows, found.rejects) == ([(1, 2, 3.5, 4), (5, 6, 0.5, 7)], [])


def test_line_ends_may_be_mixed(read: Reader) -> None:
    found = read("ratings.csv", RATINGS.strip() + "\r1,2,3.5,4\n5,6,0.5,7\r\n\n\r\r\n8,9,1.0,1")
    assert found.rows == [(1, 2, 3.5, 4), (5, 6, 0.5, 7), (8, 9, 1.0, 1)]
    assert found.rejects == []


def test_blank_lines_are_no_records_but_count_as_lines(read: Reader) -> None:
    found = read("ratings.csv", RATINGS + "\n\n1,2,3.5,4\n\nx,2,3.5,4\n\n")
    assert (found.rows, found.lines) == ([(1, 2, 3.5, 4)], [6])


def test_lines_are_counted_through_quoted_line_ends(read: Reader) -> None:
    found = read("movies.csv", MOVIES + '1,"a\nb\nc",x\n2,d,x\nx,y,z\n')
    assert found.rejects == [(6, "movie_id", "'x' is not a whole number")]


def test_a_last_row_that_is_cut_is_rejected(read: Reader) -> None:
    found = read("ratings.csv", RATINGS + GOOD + "1,2,3.")
    assert (found.rows, found.rejects) == ([ROW], [(3, None, "3 fields; expected 4")])


def test_a_header_alone_is_a_file_without_rows(read: Reader) -> None:
    for content in (RATINGS, RATINGS.strip()):
        found = read("ratings.csv", content)
        assert (found.outcome.status, found.rows) == ("loaded", [])


def test_exact_duplicates_are_both_loaded(read: Reader) -> None:
    assert read("ratings.csv", RATINGS + GOOD * 3).rows == [ROW] * 3


def test_a_field_of_3_mb(read: Reader) -> None:
    huge = "x" * 3_000_000
    found = read("tags.csv", f'{TAGS}1,2,a,4\n1,2,"{huge}",4\n1,2,b,4\n')
    assert sorted(found.rows) == sorted([(1, 2, "a", 4), (1, 2, huge, 4), (1, 2, "b", 4)])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty (zero bytes); expected a header line"),
        (b"\n1,2,3.5,4\n", "the first line is blank"),
        (RATINGS.encode() + b"1,2,3.5,4\0\n", "line 2: a NUL byte"),
        (RATINGS.encode("utf-16"), "line 1, byte 1: UTF-16 text; expected UTF-8"),
        (RATINGS.encode("utf-16-le"), "line 1: a NUL byte; expected text in UTF-8 (is it UTF-16?)"),
        (RATINGS.encode() + b"1,2,3.5,4\n1,2,\xe9,4\n", "line 3: byte 0xe9 is not UTF-8"),
        (RATINGS.encode() + "1,2,é".encode()[:-1], "line 2: byte 0xc3 is not UTF-8; the last char"),
        ("úserId,movieId\n".encode("latin-1"), "line 1: byte 0xfa is not UTF-8"),
        (b"PK\x03\x04\0\0", "a NUL byte"),
    ],
)
def test_refused_for_its_bytes(read: Reader, content: bytes, reason: str) -> None:
    outcome = read("ratings.csv", content).outcome
    assert (outcome.status, outcome.rows) == ("refused", 0)
    assert reason in outcome.reason


@pytest.mark.parametrize("name", ["ratings[1].csv", "ratings*.csv", "ratings?.csv", "ra'tings.csv"])
def test_a_name_means_that_file_and_no_other(tmp_path: Path, read: Reader, name: str) -> None:
    name = name if name.startswith("ratings") else f"ratings/{name}"
    for other in ("ratings1.csv", "ratingsX.csv"):
        (tmp_path / "zone").mkdir(exist_ok=True)
        (tmp_path / "zone" / other).write_text(RATINGS + "9,9,4.5,9\n")
    assert read(name, RATINGS + GOOD).rows == [ROW]


def test_rejects_up_to_the_tolerance_and_not_one_more(read: Reader) -> None:
    content = RATINGS + GOOD * 95 + "x,2,3.5,4\n" * 5
    for tolerance in (Tolerance(rows=5, share=0), Tolerance(rows=0, share=0.05)):
        found = read("ratings.csv", content, tolerance)
        assert (found.outcome.status, found.outcome.rows, len(found.lines)) == ("loaded", 95, 5)
    for tolerance in (Tolerance(rows=4, share=0), Tolerance(rows=0, share=0.0499)):
        found = read("ratings.csv", content, tolerance)
        assert (found.outcome.status, found.outcome.rows, found.lines) == ("refused", 0, [])
        assert found.outcome.reason == (
            "more than 4 rows had to be rejected, the first ones: "
            "line 97: user_id: 'x' is not a whole number; "
            "line 98: user_id: 'x' is not a whole number; "
            "line 99: user_id: 'x' is not a whole number"
        )


def test_rows_in_the_file_are_the_loaded_and_the_rejected(read: Reader) -> None:
    records = [f"{n},2,{n % 12 / 2},4" if n % 7 else f"{n},2" for n in range(1000)]
    found = read("ratings.csv", RATINGS + "\n".join(records))
    good = [n for n in range(1000) if n % 7 and 1 <= n % 12 <= 10]
    assert [row[0] for row in sorted(found.rows)] == good
    assert found.lines == [n + 2 for n in range(1000) if n not in set(good)]


CLEAN = {
    "ratings": RATINGS + "".join(f"{n},{n * 7},{n % 10 / 2 + 0.5},{n}\n" for n in range(5000)),
    "movies": MOVIES + "".join(f'{n},"T, ""{n}""\n(1999)",A|B\n' for n in range(5000)),
    "tags": TAGS + "".join(f"{n},{n},tag é {n},{n}\n" for n in range(5000)),
    "links": LINKS + "".join(f"{n},{n:07},{n or ''}\n" for n in range(5000)),
    "genome_scores": "movieId,tagId,relevance\n"
    + "".join(f"{n},1,{n / 5000}\n" for n in range(5000)),
}


def _both(file: Path, dataset: str, folder: Path) -> tuple[list[object], list[object], bool]:
    header = match_header(first_line(file), DATASETS[dataset])
    content = inspect(file, DATASETS[dataset])
    bulk, care = folder / "bulk.parquet", folder / "care.parquet"
    written = read_in_bulk(file, header, 7, content.uniform, bulk)
    read_with_care(file, header, 7, Tolerance(0, 0), content.records, care)
    proved = written is not None and reading._is_proved(written, content, header)
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
