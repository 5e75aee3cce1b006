"""Compressed files: good ones, cut ones, and ones that are not what their name says."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from ingestion.datasets import DATASETS
from ingestion.errors import RefusedFile
from ingestion.landing import list_landing_zone
from ingestion.staging import stage
from tests.ingestion.conftest import Reader

CONTENT = "userId,movieId,rating,timestamp\n" + "".join(
    f"{n},{n * 31 % 1000},{n % 10 / 2 + 0.5},{964982703 + n}\n" for n in range(20_000)
)
ROWS = [(n, n * 31 % 1000, n % 10 / 2 + 0.5, 964982703 + n) for n in range(20_000)]


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    "zip": lambda content: zipped(**{"anything.csv": content.decode()}),
}


@pytest.mark.parametrize("suffix", PACKERS)
def test_whole_archives(read: Reader, suffix: str) -> None:
    found = read(f"ratings.csv.{suffix}", PACKERS[suffix](CONTENT.encode()))
    assert (found.outcome.status, found.rejects) == ("loaded", [])
    assert sorted(found.rows) == ROWS


@pytest.mark.parametrize("suffix", ["gz", "bz2", "zst"])
def test_archives_of_several_streams(read: Reader, suffix: str) -> None:
    half = CONTENT.index("\n", len(CONTENT) // 2) - 3
    pack = PACKERS[suffix]
    packed = pack(CONTENT[:half].encode()) + pack(CONTENT[half:].encode())
    assert sorted(read(f"ratings.csv.{suffix}", packed).rows) == ROWS


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("share", [0.001, 0.5, 0.9, 1.0])
def test_archives_cut_short(read: Reader, suffix: str, share: float) -> None:
    whole = PACKERS[suffix](CONTENT.encode())
    cut = whole[: int(len(whole) * share) - 1]
    outcome = read(f"ratings.csv.{suffix}", cut).outcome
    assert (outcome.status, outcome.rows) == ("refused", 0)
    kind = {"gz": "gzip", "zst": "zstd"}.get(suffix, suffix)
    assert outcome.reason.startswith(f"not a complete {kind} archive")


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_flipped_byte_is_found(read: Reader, suffix: str) -> None:
    packed = bytearray(PACKERS[suffix](CONTENT.encode()))
    packed[len(packed) // 2] ^= 0x10
    assert read(f"ratings.csv.{suffix}", bytes(packed)).outcome.status == "refused"


@pytest.mark.parametrize("suffix", PACKERS)
def test_text_with_the_name_of_an_archive(read: Reader, suffix: str) -> None:
    outcome = read(f"ratings.csv.{suffix}", CONTENT).outcome
    assert outcome.status == "refused"
    assert "archive" in outcome.reason


@pytest.mark.parametrize("suffix", PACKERS)
def test_an_empty_archive_and_no_archive_at_all(read: Reader, suffix: str) -> None:
    assert read(f"ratings.csv.{suffix}", PACKERS[suffix](b"")).outcome.reason.startswith(
        "the file is empty (zero bytes)"
    )
    assert read(f"ratings.csv.{suffix}", b"").outcome.status == "refused"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"../ratings.csv": CONTENT}, "'../ratings.csv' points outside the archive"),
        ({"/etc/ratings.csv": CONTENT}, "'/etc/ratings.csv' points outside the archive"),
        ({"..\\ratings.csv": CONTENT}, "points outside the archive"),
        ({"a.csv": CONTENT, "b.csv": CONTENT}, "exactly one file; found 2: a.csv, b.csv"),
        ({}, "exactly one file; found 0: none"),
        ({"bomb.csv": CONTENT + "0" * 90_000_000}, "more than 100 times its size: not unpacked"),
    ],
)
def test_zips_that_are_not_unpacked(read: Reader, members: dict[str, str], reason: str) -> None:
    outcome = read("ratings.zip", zipped(**members)).outcome
    assert outcome.status == "refused"
    assert reason in outcome.reason


def test_a_zip_may_hold_a_folder_round_its_file(read: Reader) -> None:
    assert len(read("ratings.zip", zipped(**{"ml/": "", "ml/ratings.csv": CONTENT})).rows) == 20_000


def test_a_zip_that_lies_about_its_size(read: Reader) -> None:
    packed = bytearray(zipped(**{"ratings.csv": CONTENT}))
    at = packed.rindex(b"PK\x01\x02")
    packed[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    assert read("ratings.zip", bytes(packed)).outcome.status == "refused"


def test_an_encrypted_zip(read: Reader) -> None:
    packed = bytearray(zipped(**{"ratings.csv": CONTENT}))
    packed[6] |= 1
    packed[packed.rindex(b"PK\x01\x02") + 8] |= 1
    assert read("ratings.zip", bytes(packed)).outcome.reason == "the zip is encrypted"


@pytest.mark.parametrize("suffix", PACKERS)
def test_no_damage_to_an_archive_is_a_crash(tmp_path: Path, suffix: str) -> None:
    packed = PACKERS[suffix](CONTENT[:200].encode())
    (tmp_path / f"ratings.csv.{suffix}").write_bytes(packed)
    zone = list_landing_zone(str(tmp_path))
    (file,) = zone.files.values()
    whole = stage(zone.fs, file, DATASETS["ratings"], tmp_path / "out").content_hash
    unnoticed = 0
    for at in range(len(packed)):
        damaged = bytearray(packed)
        damaged[at] ^= 0xFF
        Path(file.key).write_bytes(damaged)
        try:
            content = stage(zone.fs, file, DATASETS["ratings"], tmp_path / "out")
        except (RefusedFile, OSError):  # Both refuse the file, and no other.
            continue
        assert content.content_hash == whole
        unnoticed += 1
    assert unnoticed < len(packed) / 3  # Times, names and the like.
