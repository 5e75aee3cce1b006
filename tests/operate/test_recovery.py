"""A damaged warehouse file is moved aside and rebuilt; what is published stays."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ingestion import load
from ingestion.errors import MovielensError
from ingestion.operate.run import run
from ingestion.settings import Settings
from tests.support.landing_zone import RATINGS, rows_in_files, rows_that_count, write, write_six


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5_000])


def zeroes_in_the_root(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:12288] = bytes(8192)
    file.write_bytes(content)


def no_database(file: Path) -> None:
    file.write_text("this is no database" * 1000)


@pytest.mark.parametrize("damage", [empty, cut, zeroes_in_the_root, no_database])
def test_one_that_does_not_open(settings: Settings, damage: Callable[[Path], None]) -> None:
    zone = Path(settings.source or "")
    write(zone, ratings=RATINGS)
    load(settings=settings)
    damage(settings.warehouse_file)
    damaged = settings.warehouse_file.read_bytes()
    report = load(settings=settings)
    assert report.rows == 3
    assert rows_that_count(settings.warehouse_file, "ratings") == rows_in_files(
        zone / "ratings.csv"
    )
    (aside,) = settings.home.glob("warehouse.duckdb.damaged-*")
    assert aside.read_bytes() == damaged
    assert f"set aside as {aside.name}" in report.notes[0]
    assert load(settings=settings).notes == []


@pytest.mark.slow
def test_damage_in_the_middle_is_found_by_the_build_and_mended(built: Path, home: Path) -> None:
    """Every block but the headers is damaged, so whatever reads rows finds it."""
    zone = home.parent / "zone"
    shutil.copytree(built / "zone", zone, copy_function=shutil.copy2)
    settings = Settings(home=home, source=str(zone), _env_file=None)
    run(settings, switch_source=True)
    published = settings.marts_file.read_bytes()
    content = bytearray(settings.warehouse_file.read_bytes())
    random.seed(7)
    for start in range(12288 + 8, len(content), 262_144):
        content[start + random.randrange(1000)] ^= 0xFF
    settings.warehouse_file.write_bytes(content)
    write(zone, ratings_extra="userId,movieId,rating,timestamp\n1,2,3.0,1445714999\n")
    report = run(settings)
    assert report.publish.published
    assert any("set aside as" in note for note in report.load.notes)
    before = settings.versions_dir / f"{report.publish.before}.duckdb"
    assert before.read_bytes() == published
    with duckdb.connect(str(settings.marts_file), read_only=True) as marts:
        assert marts.execute("from mart_dataset_status").fetchall() != []


def test_the_landing_zone_need_not_be_named_again(settings: Settings) -> None:
    from dataclasses import asdict

    from ingestion.home import write_report

    write_six(Path(settings.source or ""))
    write_report(settings, "load", asdict(load(settings=settings)))
    empty(settings.warehouse_file)
    without = settings.model_copy(update={"source": None})
    assert load(settings=without).rows > 0


def test_a_path_that_is_no_file_is_left_alone(settings: Settings) -> None:
    write(Path(settings.source or ""), ratings=RATINGS)
    settings.warehouse_file.mkdir(parents=True)
    with pytest.raises(MovielensError, match="cannot be opened") as told:
        load(settings=settings)
    assert "MOVIELENS_WAREHOUSE" in told.value.remedy
    assert settings.warehouse_file.is_dir()
