"""The beginning of a file tells a plan what loading it would bring."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from ingestion.errors import RefusedFile
from ingestion.landing.listing import list_landing_zone
from ingestion.reading.peek import Peek, peek
from ingestion.reading.rules import Rules
from local_dev.s3 import s3_server
from tests.support.bad_input.builders import PACK

HEADER = "userId,movieId,rating,timestamp\n"
ROW = "1,2,3.5,1332786000\n"
ROWS = 400_000  # so that the beginning is not all of the file


WRITTEN = {"": bytes, **{f".{suffix}": pack for suffix, pack in PACK.items()}}


def peeked(zone: Path, rules: Rules | None = None) -> Peek:
    listed = list_landing_zone(str(zone))
    (file,) = listed.files.values()
    return peek(listed.fs, file, rules or Rules())


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_short_file_is_counted(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"ratings.csv{suffix}").write_bytes(WRITTEN[suffix]((HEADER + ROW * 3).encode()))
    assert peeked(tmp_path).rows == 3


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_long_file_is_estimated(tmp_path: Path, suffix: str) -> None:
    rows = "".join(f"{n},{n * 7919 % 9973},3.5,{1332786000 + n}\n" for n in range(1, ROWS))
    (tmp_path / f"ratings.csv{suffix}").write_bytes(WRITTEN[suffix]((HEADER + rows).encode()))
    assert peeked(tmp_path).rows == pytest.approx(ROWS, rel=0.25)


@pytest.mark.slow
def test_a_long_file_in_a_bucket_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{n},{n * 7919 % 9973},3.5,{1332786000 + n}\n" for n in range(1, ROWS))
    with s3_server() as env:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="peeked")
        for suffix in ("", ".gz", ".zip"):
            content = WRITTEN[suffix]((HEADER + rows).encode())
            client.put_object(Bucket="peeked", Key=f"ratings.csv{suffix}", Body=content)
        listed = list_landing_zone("s3://peeked")
        for file in listed.files.values():
            found = peek(listed.fs, file, Rules()).rows
            assert found == pytest.approx(ROWS, rel=0.25), file.path


def test_a_last_line_without_its_end_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text(HEADER + ROW + ROW.rstrip())
    assert peeked(tmp_path).rows == 2


def test_new_and_missing_columns_are_seen(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("movieId,imdbId,wikidataId\n1,0114709,Q1\n")
    header = peeked(tmp_path).header
    assert [column.name for column, _ in header.extra] == ["wikidata_id"]
    assert [column.name for column, at in header.positions if at is None] == ["tmdb_id"]


def test_another_encoding_is_read_as_a_load_would(tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_bytes("movieId,title,genres,année\n".encode("cp1252"))
    assert "ann_e" in str(peeked(tmp_path, Rules(encoding="cp1252")).header.extra)
    with pytest.raises(RefusedFile):
        peeked(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("ratings.csv", b"", "empty"),
        ("ratings.csv", b"1,2,3.5,4\n", "no header"),
        ("ratings.csv.gz", b"not an archive", "gzip archive"),
        ("ratings.csv.zip", b"not an archive", "zip archive"),
        ("ratings.csv.zst", b"not an archive", "zstd archive"),
    ],
)
def test_what_a_load_would_refuse_at_once_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RefusedFile, match=reason):
        peeked(tmp_path)
