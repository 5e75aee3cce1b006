"""The header decides by name, and says what is wrong with it."""

from __future__ import annotations

import pytest

from ingestion.datasets import DATASETS
from ingestion.errors import RefusedFile
from ingestion.reading.header import Header, match_header

RATINGS = DATASETS["ratings"]
LINKS = DATASETS["links"]
EXPECTED = "expected: userId,movieId,rating,timestamp"


def positions(header: Header) -> dict[str, int | None]:
    return {column.name: position for column, position in header.columns}


USUAL = {"user_id": 0, "movie_id": 1, "rating": 2, "timestamp": 3}


@pytest.mark.parametrize(
    "line",
    [
        "userId,movieId,rating,timestamp",
        "USERID,movieid,Rating,TimeStamp",
        " userId , movieId,rating ,\ttimestamp",
        "\ufeffuserId,movieId,rating,timestamp",
        '"userId","movieId","rating","timestamp"',
    ],
)
def test_case_spaces_quotes_and_bom_do_not_matter(line: str) -> None:
    header = match_header(line, RATINGS)
    assert (positions(header), header.width, header.extra) == (USUAL, 4, ())


def test_order_does_not_matter() -> None:
    header = match_header("timestamp,rating,movieId,userId", RATINGS)
    assert positions(header) == {"user_id": 3, "movie_id": 2, "rating": 1, "timestamp": 0}


def test_an_optional_column_may_be_missing() -> None:
    assert positions(match_header("movieId,imdbId", LINKS)) == {
        "movie_id": 0,
        "imdb_id": 1,
        "tmdb_id": None,
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("userId,movieId,rating", f"the required column 'timestamp' is missing; {EXPECTED}"),
        (
            "userId,movieId,rating,time_stamp",
            "the required column 'timestamp' is missing (the nearest is 'time_stamp'); "
            f"{EXPECTED}; found: userId,movieId,rating,time_stamp",
        ),
        ("user,movieId,rating,timestamp", "'userId' is missing (the nearest is 'user')"),
        ("userId,movieId,rating,rating,timestamp", "names a column twice: rating"),
        ("userId,USERID,movieId,rating,timestamp", "names a column twice: userid"),
        ("1,2,3.5,964982703", f"no header: the first line is data (1,2,3.5,964982703); {EXPECTED}"),
        ("userId;movieId;rating;timestamp", "separated by semicolons; expected commas"),
        ("userId\tmovieId\trating\ttimestamp", "separated by tabs; expected commas"),
        ("userId|movieId|rating|timestamp", "separated by bars; expected commas"),
        ("", f"the first line is blank; expected a header: {EXPECTED.partition(' ')[2]}"),
        ("   ", "the first line is blank"),
        ("sep=;", "the first line, 'sep=;', is meant for a spreadsheet; expected a header: user"),
        ('userId,"movieId,rating,timestamp', "the header has an unbalanced or misplaced quote"),
        (
            "userId,movieId,rating,timestamp," + ",".join(f"n{n}" for n in range(101)),
            "the header has 101 columns that ratings files do not have; at most 100 new ones",
        ),
        ("userId,movieId,rating,timestamp,a b,a_b", "the same name in RAW, a_b: 'a b' and 'a_b'"),
        ("userId,movieId,rating,timestamp,user_id", "the same name in RAW, user_id: 'userId' and"),
        (
            "userId,movieId,rating,timestamp,_file_id",
            "the same name in RAW, _file_id: 'provenance'",
        ),
    ],
)
def test_refused_with_what_was_expected_and_found(line: str, said: str) -> None:
    with pytest.raises(RefusedFile) as raised:
        match_header(line, RATINGS)
    assert said in raised.value.reason


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("device", "device"),
        ("deviceType", "device_type"),
        ("HTTPCode", "http_code"),
        ("Box Office", "box_office"),
        ("a.b-c", "a_b_c"),
        ("2nd", "_2nd"),
        ("", "column_5"),
        ("x" * 500, "x" * 29 + "4bkovw" + "x" * 28),
    ],
)
def test_extra_columns_are_text_and_named_as_dlt_names_them(name: str, column: str) -> None:
    header = match_header(f"userId,movieId,rating,timestamp,{name}", RATINGS)
    assert [(c.name, c.type, position) for c, position in header.extra] == [(column, "text", 4)]
