"""Compressed files that are damaged anywhere; the other cases are in bad_input.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.datasets import DATASETS
from ingestion.errors import RefusedFile
from ingestion.landing.listing import list_landing_zone
from ingestion.reading.inspection import stage
from tests.support.bad_input.builders import MANY, PACK, zipped
from tests.support.one_file import Reader


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("share", [0.001, 0.5, 0.9, 1.0])
def test_archives_cut_short(read: Reader, suffix: str, share: float) -> None:
    whole = PACK[suffix](MANY)
    cut = whole[: int(len(whole) * share) - 1]
    outcome = read(f"ratings.csv.{suffix}", cut).outcome
    assert (outcome.status, outcome.rows) == ("refused", 0)
    kind = {"gz": "gzip", "zst": "zstd"}.get(suffix, suffix)
    assert outcome.reason.startswith(f"not a complete {kind} archive")


@pytest.mark.parametrize("suffix", PACK)
def test_a_flipped_byte_is_found(read: Reader, suffix: str) -> None:
    packed = bytearray(PACK[suffix](MANY))
    packed[len(packed) // 2] ^= 0x10
    assert read(f"ratings.csv.{suffix}", bytes(packed)).outcome.status == "refused"


def test_a_zip_that_lies_about_its_size(read: Reader) -> None:
    packed = bytearray(zipped({"ratings.csv": MANY}))
    at = packed.rindex(b"PK\x01\x02")
    packed[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    assert read("ratings.zip", bytes(packed)).outcome.status == "refused"


def test_a_zip_may_have_its_one_file_in_a_folder(read: Reader) -> None:
    packed = zipped({"ml/": b"", "ml/ratings.csv": MANY})
    assert len(read("ratings.zip", packed).rows) == MANY.count(b"\n") - 1


@pytest.mark.parametrize("suffix", PACK)
def test_no_damage_to_an_archive_is_a_crash(tmp_path: Path, suffix: str) -> None:
    packed = PACK[suffix](MANY[:200])
    (tmp_path / f"ratings.csv.{suffix}").write_bytes(packed)
    zone = list_landing_zone(str(tmp_path))
    (file,) = zone.files.values()
    whole = stage(Path(file.key), file, DATASETS["ratings"], tmp_path / "out").content_hash
    unnoticed = 0
    for at in range(len(packed)):
        damaged = bytearray(packed)
        damaged[at] ^= 0xFF
        Path(file.key).write_bytes(damaged)
        try:
            content = stage(Path(file.key), file, DATASETS["ratings"], tmp_path / "out")
        except (RefusedFile, OSError):  # Both refuse the file, and no other.
            continue
        assert content.content_hash == whole
        unnoticed += 1
    assert unnoticed < len(packed) / 3  # Times, names and the like.
