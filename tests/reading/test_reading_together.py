"""Files that are read together have the outcomes and the rows that each has on its own."""

from __future__ import annotations

import bz2
import gzip
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingestion.datasets import FILE_ID
from ingestion.landing.listing import LandingFile, list_landing_zone
from ingestion.reading import bulk, together
from ingestion.reading.file import Outcome, read_file
from ingestion.reading.rules import Rules
from ingestion.reading.together import ToRead, batches, read_batch

HEADER = "userId,movieId,rating,timestamp\n"
ROWS = "1,2,3.5,964982703\n2,3,4.0,964982704\n"
RATINGS: dict[str, bytes] = {
    "ratings-1.csv": f"{HEADER}{ROWS}".encode(),
    "ratings-2.csv": f"{HEADER}{ROWS}".replace("\n", "\r\n").encode(),
    "ratings-other-order.csv": b"rating,userId,timestamp,movieId\n2.5,9,964982703,8\n",
    "ratings-more.csv": f"{HEADER.strip()},note\n1,2,3.5,964982703,hello\n".encode(),
    "ratings-more-2.csv": f"{HEADER.strip()},note\n1,2,3.5,964982703,\n".encode(),
    "ratings-spelled.csv": f"{HEADER}1,2, 4,964982703\n1,3,.5,964982703\n".encode(),
    "ratings-lenient.csv": f"{HEADER}{ROWS}1_000,2,3.5,964982703\n2.5,1,3.5,964982703\n".encode(),
    "ratings-too-wide.csv": f"{HEADER}{ROWS}1,2,3.5,964982703,\n".encode(),
    "ratings-too-narrow.csv": f"{HEADER}{ROWS}1,2\n".encode(),
    "ratings-out-of-range.csv": f"{HEADER}{ROWS}1,2,9.5,964982703\n".encode(),
    "ratings-open-quote.csv": f'{HEADER}{ROWS}"1,2,3.5,964982703\n{ROWS}'.encode(),
    "ratings-all-bad.csv": f"{HEADER}x,y,z,w\n".encode(),
    "ratings-no-rows.csv": HEADER.encode(),
    "ratings-empty.csv": b"",
    "ratings-no-header.csv": ROWS.encode(),
    "ratings-binary.csv": bytes(range(256)) * 10,
    "ratings-long-line.csv": f"{HEADER}{ROWS}1,2,3.5,{'9' * 3_000_000}\n".encode(),
    "ratings-[1]*?.csv": f"{HEADER}7,7,0.5,964982703\n".encode(),
    "ratings-it's.csv": f"{HEADER}7,8,0.5,964982703\n".encode(),
    "ratings-packed.csv.gz": gzip.compress(f"{HEADER}{ROWS}".encode()),
    "ratings-packed.csv.bz2": bz2.compress(f"{HEADER}{ROWS}".encode()),
    "ratings-cut-short.csv.gz": gzip.compress(f"{HEADER}{ROWS}".encode())[:-9],
}
MOVIES: dict[str, bytes] = {
    "movies-1.csv": b"movieId,title,genres\n1,Toy Story (1995),A|B\n",
    "movies-quoted.csv": b'movieId,title,genres\n2,"One, ""two""\n(1999)",A\n3,Heat (1995),B\n',
    "movies-latin.csv": "movieId,title,genres\n4,Léon (1994),A\n".encode("cp1252"),
    "movies-utf-16.csv": "movieId,title,genres\n5,Léon (1994),A\n".encode("utf-16"),
}


def rows(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    paths = {outcome.parquet for outcome in outcomes if outcome.status == "loaded"}
    found = [row for path in paths if path for row in pq.read_table(path).to_pylist()]
    return sorted(found, key=str)


def judged(outcome: Outcome) -> dict[str, Any]:
    """An outcome without its times and places; the hash of a file that is refused is not kept."""
    counted = {"content_hash": ""} if outcome.status == "refused" else {}
    return {**asdict(outcome), "seconds": 0, "parquet": None, **counted}


@pytest.mark.parametrize("files", [RATINGS, MOVIES], ids=["ratings", "movies"])
@pytest.mark.parametrize(
    "rules",
    [Rules(), Rules(reject_rows=0), Rules(encoding="cp1252"), Rules(range_checks="warn")],
    ids=["usual", "strict", "cp1252", "warn"],
)
def test_together_as_alone(tmp_path: Path, files: dict[str, bytes], rules: Rules) -> None:
    landing, work, alone_in = tmp_path / "zone", tmp_path / "together", tmp_path / "alone"
    for folder in (landing, work, alone_in):
        folder.mkdir()
    for name, content in files.items():
        (landing / name).write_bytes(content)
    zone = list_landing_zone(str(landing))
    known = zone.files[min(files)]
    to_read = [
        ToRead(file, file_id, "known" if file is known else None)
        for file_id, file in enumerate(zone.files.values(), 10**15)
    ]
    found = read_batch(zone, to_read, work, rules)
    alone = [
        read_file(zone, one.file, one.file_id, alone_in, rules, one.known_hash) for one in to_read
    ]
    assert [judged(outcome) for outcome in found] == [judged(outcome) for outcome in alone]
    assert rows(found) == rows(alone)
    assert len({outcome.status for outcome in found}) > 1 or files is MOVIES
    assert {row[FILE_ID] for row in rows(found)} == {o.file_id for o in found if o.rows}
    shared = [outcome.parquet for outcome in found if outcome.status == "loaded"]
    assert len(set(shared)) < len(shared)
    assert sorted(work.iterdir()) == sorted(set(filter(None, shared)))


def test_a_file_that_stops_duckdb_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found by halving, and read with care."""
    landing, work = tmp_path / "zone", tmp_path / "work"
    landing.mkdir()
    work.mkdir()
    for number in range(9):
        (landing / f"ratings-{number}.csv").write_text(HEADER + ROWS)
    zone = list_landing_zone(str(landing))
    reading, statements = bulk.read_in_bulk, list[int]()

    def stopped(files: dict[int, Path], *more: Any) -> dict[int, int] | None:
        statements.append(len(files))
        return (
            None
            if any(path.name == "ratings-4.csv" for path in files.values())
            else reading(files, *more)
        )

    monkeypatch.setattr(together, "read_in_bulk", stopped)
    to_read = [ToRead(file, file_id) for file_id, file in enumerate(zone.files.values(), 1)]
    found = read_batch(zone, to_read, work, Rules())
    assert [(outcome.status, outcome.rows) for outcome in found] == [("loaded", 2)] * 9
    assert len(rows(found)) == 18
    assert 1 in statements
    assert len(statements) < 9


def test_a_file_that_changes_meanwhile_leaves_no_row(tmp_path: Path) -> None:
    """The files after it are being read when it changes; its rows are in the statement's result."""
    landing, work = tmp_path / "zone", tmp_path / "work"
    landing.mkdir()
    work.mkdir()
    for number in range(3):
        (landing / f"ratings-{number}.csv").write_text(HEADER + ROWS)
    zone = list_landing_zone(str(landing))
    (landing / "ratings-1.csv").write_text(HEADER + ROWS + "5,5,5.0,964982703\n")
    to_read = [ToRead(file, file_id) for file_id, file in enumerate(zone.files.values(), 1)]
    found = read_batch(zone, to_read, work, Rules())
    assert [outcome.status for outcome in found] == ["loaded", "put off", "loaded"]
    assert {row[FILE_ID] for row in rows(found)} == {1, 3}


def _file(dataset: str, megabytes: float, compression: str | None = None) -> LandingFile:
    return LandingFile("", "", dataset, "", int(megabytes * 1e6), compression, 0.0)


def _sizes(files: list[LandingFile]) -> list[list[int]]:
    to_read = [ToRead(file, file_id) for file_id, file in enumerate(files)]
    return [[one.file_id for one in batch] for batch in batches(to_read)]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], []),
        ([_file("ratings", 1), _file("tags", 1), _file("ratings", 1)], [[0, 2], [1]]),
        ([_file("ratings", 1), _file("ratings", 90), _file("ratings", 1)], [[0, 2], [1]]),
        ([_file("ratings", 15)] * 9, [[*range(8)], [8]]),
        ([_file("ratings", 3, "gzip")] * 9, [[*range(8)], [8]]),
        ([_file("ratings", 4, "gzip"), _file("ratings", 1)], [[0], [1]]),
    ],
)
def test_small_files_of_a_dataset_are_read_together(
    files: list[LandingFile], expected: list[list[int]]
) -> None:
    assert _sizes(files) == expected


def test_no_batch_has_too_many_files() -> None:
    sizes = [len(batch) for batch in _sizes([_file("ratings", 0.001)] * 2_500)]
    assert sizes == [1_000, 1_000, 500]
