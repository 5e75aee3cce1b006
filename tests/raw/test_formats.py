"""The same rows give the same RAW in every format, and each part has an account of its own."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import duckdb
import pytest

from ingestion import LoadReport, load
from ingestion.engine import engine_of
from ingestion.errors import SourceError
from ingestion.landing.listing import list_landing_zone
from ingestion.plan.files import plan_files
from ingestion.raw.plan import LoadRequest, plan_load
from ingestion.reading.rules import Rules
from ingestion.settings import Settings
from local_dev.generate import generate
from tests.support.cli import Cli
from tests.support.formats import put, rows_of, spark_parts, written
from tests.support.landing_zone import MOVIES, query, rows_that_count
from tests.support.marks import slow_except
from tests.support.table_hash import digests

ROWS = [("1", str(film), "4.0", "964982703") for film in range(1, 10)]
RATED = sorted((1, film, 4.0, 964982703) for film in range(1, 10))


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "zone"
    generate(folder, ratings=2_000, seed=7)
    return folder


def raw(settings: Settings) -> dict[str, object]:
    """A hash of each RAW table, provenance apart."""
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        found = digests(connection, "raw", left_out=("_file_id",))
    return {name: hashed for name, hashed in found.items() if not name.startswith("raw._")}


def in_format(generated: Path, to: Path, format_: str, parts: bool) -> None:
    """Writes the six files of a generated landing zone in a format, each perhaps as a folder."""
    for file in sorted(generated.glob("*.csv")):
        _, rows = rows_of(file)
        if parts:
            put(to / f"{file.stem}.{format_}", spark_parts(file.stem, rows, format_))
        else:
            put(to, {f"{file.stem}.{format_}": written(file.stem, rows, format_)})


@pytest.mark.parametrize("parts", [False, True], ids=["files", "folders of parts"])
@pytest.mark.parametrize("format_", ["csv", "tsv", "parquet"])
def test_raw_is_that_of_the_same_rows_as_csv(
    generated: Path, tmp_path: Path, settings: Settings, format_: str, parts: bool
) -> None:
    in_format(generated, tmp_path / "zone", format_, parts)
    of_csv = settings.model_copy(
        update={"source": str(generated), "home": tmp_path.parent / "of_csv"}
    )
    load(settings=of_csv)
    report = load(settings=settings)
    assert raw(settings) == raw(of_csv)
    assert {file.status for file in report.files} == {"loaded"}
    assert len(report.files) == (18 if parts else 6)
    accounts = "select path, rows_loaded, rows_rejected, length(content_hash) from raw._files"
    assert query(settings.warehouse_file, f"{accounts} order by path") == [
        (file.path, file.rows, 0, 64) for file in report.files
    ]
    if parts:
        beside = {Path(path).name.split("-")[0] for path in report.ignored}
        assert {"_SUCCESS", "._SUCCESS.crc", ".part"} < beside
        assert len(report.ignored) == 6 * (3 + 3)
        assert report.unread == []
    again = load(settings=settings)
    assert (again.load_id, {file.status for file in again.files}) == (None, {"unchanged"})


def test_a_plan_and_the_load_after_it_agree(
    generated: Path, tmp_path: Path, settings: Settings
) -> None:
    in_format(generated, tmp_path / "zone", "parquet", parts=True)
    in_format(generated, tmp_path / "zone", "tsv", parts=False)
    zone = list_landing_zone(str(tmp_path / "zone"))
    target = engine_of(settings).warehouse()
    plan = plan_load(target, LoadRequest(zone.url, Rules()), zone, {})
    planned = {file.path: (file.change, file.rows) for file in plan_files(plan, Rules())}
    report = load(settings=settings)
    assert planned == {file.path: ("new", file.rows) for file in report.files}


def test_rejected_rows_of_each_format_are_quarantined(settings: Settings) -> None:
    zone = Path(settings.source or "")
    good, bad = [*ROWS[0]], ["1", "2", "4.2", "964982703"]
    for format_ in ("csv", "tsv", "parquet"):
        put(zone, {f"ratings-{format_}.{format_}": written("ratings", [good, bad], format_)})
    report = load(settings=settings)
    assert (report.rows, report.rejected, report.exit_code) == (3, 3, 0)
    found = query(
        settings.warehouse_file,
        "select path, line, raw_text, column_name, reason from raw._rejected_rows "
        "join raw._files using (file_id) order by path",
    )
    reason = "4.2 is not a multiple of 0.5"
    assert found == [
        ("ratings-csv.csv", 3, "1,2,4.2,964982703", "rating", reason),
        ("ratings-parquet.parquet", 2, "1,2,4.2,964982703", "rating", reason),
        ("ratings-tsv.tsv", 3, "1\t2\t4.2\t964982703", "rating", reason),
    ]


def test_separators_are_those_of_the_name(settings: Settings) -> None:
    zone = Path(settings.source or "")
    put(
        zone,
        {
            "ratings.csv": written("ratings", ROWS, "tsv"),
            "ratings.tsv": written("ratings", ROWS, "csv"),
            "movies.csv": MOVIES.encode(),
        },
    )
    reasons = {file.path: file.reason for file in load(settings=settings).of_status("refused")}
    assert reasons == {
        "ratings.csv": "the columns are separated by tabs; expected commas, as in: "
        "userId,movieId,rating,timestamp",
        "ratings.tsv": "the columns are separated by commas; expected tabs, as in: "
        "userId\tmovieId\trating\ttimestamp",
    }


# Folders of parts


@pytest.fixture(params=slow_except("csv", ["csv", "parquet"]))
def format_(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(settings: Settings, format_: str) -> Path:
    return Path(settings.source or "") / f"ratings.{format_}"


def overwrite(folder: Path, rows: list[tuple[str, ...]], format_: str, parts: int = 3) -> None:
    """What Spark's mode `overwrite` does."""
    shutil.rmtree(folder, ignore_errors=True)
    put(folder, spark_parts("ratings", rows, format_, parts))


def statuses(report: LoadReport) -> list[str]:
    return sorted(file.status for file in report.files)


def current(settings: Settings) -> list[tuple[object, ...]]:
    return rows_that_count(settings.warehouse_file, "ratings")


def test_a_folder_that_was_written_again_replaces_its_rows(
    settings: Settings, folder: Path, format_: str
) -> None:
    overwrite(folder, ROWS, format_)
    assert statuses(load(settings=settings)) == ["loaded"] * 3
    overwrite(folder, ROWS[:4], format_, parts=2)
    report = load(settings=settings)
    assert statuses(report) == ["loaded"] * 2 + ["removed"] * 3
    assert current(settings) == RATED[:4]
    assert statuses(load(settings=settings)) == ["unchanged"] * 2
    # One load, so that no reader ever counts both, or neither.
    loads = query(settings.warehouse_file, "select count(distinct load_id) from raw._files")
    assert loads == [(2,)]


def test_parts_that_are_appended_add_to_the_folder(
    settings: Settings, folder: Path, format_: str
) -> None:
    overwrite(folder, ROWS[:4], format_)
    load(settings=settings)
    put(folder, spark_parts("ratings", ROWS[4:], format_, parts=2))
    assert statuses(load(settings=settings)) == ["loaded"] * 2 + ["unchanged"] * 3
    assert current(settings) == RATED


def test_a_part_or_a_folder_that_is_only_gone_keeps_its_rows(
    settings: Settings, folder: Path, format_: str
) -> None:
    put(folder.parent, {"movies.csv": MOVIES.encode()})
    overwrite(folder, ROWS, format_)
    load(settings=settings)
    next(folder.glob("part-00001*")).unlink()
    report = load(settings=settings)
    assert (report.load_id, len(report.of_status("missing"))) == (None, 1)
    shutil.rmtree(folder)
    report = load(settings=settings)
    assert (report.load_id, len(report.of_status("missing"))) == (None, 3)
    assert current(settings) == RATED
    assert len(load(settings=settings, remove_missing=True).of_status("removed")) == 3


def test_nothing_is_removed_until_all_that_replaces_it_is_loaded(
    settings: Settings, folder: Path, format_: str
) -> None:
    overwrite(folder, ROWS, format_)
    load(settings=settings)
    overwrite(folder, ROWS[:6], format_)
    broken = next(folder.glob("part-00001*"))
    whole = broken.read_bytes()
    broken.write_bytes(b"")
    for _ in range(2):  # the second time, the refusal is known before anything is read
        report = load(settings=settings)
        assert report.exit_code == 4
        assert len(report.of_status("missing")) == 3
        assert sorted(set(current(settings))) == RATED
    broken.write_bytes(whole)
    report = load(settings=settings)
    assert len(report.of_status("removed")) == 3
    assert current(settings) == RATED[:6]


def test_a_folder_that_is_still_being_written_is_left_alone(
    settings: Settings, folder: Path, format_: str
) -> None:
    put(folder.parent, {"movies.csv": MOVIES.encode()})
    overwrite(folder, ROWS, format_)
    load(settings=settings)
    shutil.rmtree(folder)
    new = spark_parts("ratings", ROWS[:4], format_, parts=2)
    attempt = folder / "_temporary" / "0" / "_temporary" / "attempt_0"
    put(attempt, {name: content for name, content in new.items() if name.startswith("part-00000")})
    put(folder, {name: content for name, content in new.items() if name.startswith("part-00001")})
    # Even where the missing are to be removed: nobody knows yet which will be.
    report = load(settings=settings, remove_missing=True)
    assert report.load_id is None
    assert [(one.path, one.advice.partition(",")[0]) for one in report.unread] == [
        (folder.name, "is still being written (_temporary is in it)")
    ]
    assert {path.split("/")[0] for path in report.ignored} == {folder.name}
    assert statuses(report) == ["left out"] * 3 + ["unchanged"]
    assert current(settings) == RATED
    shutil.rmtree(folder / "_temporary")
    put(folder, new)
    assert statuses(load(settings=settings)) == ["loaded"] * 2 + ["removed"] * 3 + ["unchanged"]
    assert current(settings) == RATED[:4]


def test_a_job_that_has_written_nothing_yet(settings: Settings, folder: Path) -> None:
    (folder / "_temporary" / "0").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"ratings\.\w+ is still being written"):
        load(settings=settings)


@pytest.mark.parametrize(
    ("log", "format_of_table"),
    [
        ("_delta_log/00000000000000000000.json", "Delta Lake"),
        (".hoodie/hoodie.properties", "Apache Hudi"),
        ("metadata/v1.metadata.json", "Apache Iceberg"),
    ],
)
def test_files_that_only_a_log_can_tell_apart_are_not_read(
    settings: Settings, log: str, format_of_table: str
) -> None:
    zone = Path(settings.source or "")
    put(zone, {"movies.csv": MOVIES.encode(), f"ratings/{log}": b"{}"})
    put(zone / "ratings" / "data", spark_parts("ratings", ROWS, "parquet"))
    report = load(settings=settings)
    assert [file.path for file in report.files] == ["movies.csv"]
    (told,) = report.unread
    assert told.path == "ratings"
    assert told.advice.startswith(f"is a table of {format_of_table}, whose log")
    shutil.rmtree(zone / "ratings" / Path(log).parts[0])
    assert len(load(settings=settings).of_status("loaded")) == 3


def test_partitions_are_parts_of_their_folder(settings: Settings) -> None:
    zone = Path(settings.source or "")
    for year, rows in (("2019", ROWS[:4]), ("_2020", ROWS[4:])):
        put(zone / "ratings" / f"year={year}", spark_parts("ratings", rows, "parquet", parts=1))
    assert len(load(settings=settings).of_status("loaded")) == 2
    put(zone / "ratings" / "_old", spark_parts("ratings", ROWS, "parquet", parts=1))
    # Only the partition that was written again is replaced.
    partition = zone / "ratings" / "year=2019"
    shutil.rmtree(partition)
    put(partition, spark_parts("ratings", ROWS[:2], "parquet", parts=1))
    assert statuses(load(settings=settings)) == ["loaded", "removed", "unchanged"]
    assert current(settings) == sorted(RATED[:2] + RATED[4:])


@pytest.mark.slow
def test_after_any_history_raw_is_that_of_the_files_alone(
    settings: Settings, tmp_path: Path, folder: Path, format_: str
) -> None:
    """Overwritten, appended to, overwritten in another format, compacted."""
    other = {"csv": "parquet", "parquet": "tsv"}[format_]
    job = uuid.uuid4()
    for step in range(6):
        if step in (0, 2, 4):
            overwrite(folder, ROWS[step:], other if step == 2 else format_, parts=1 + step)
        elif step == 3:
            overwrite(folder, ROWS[:5], format_, parts=1)
        else:
            put(folder, spark_parts("ratings", ROWS[:step], format_, parts=1, job=job))
        load(settings=settings)
        afresh = settings.model_copy(update={"home": tmp_path / f"afresh-{step}"})
        load(settings=afresh)
        assert current(settings) == current(afresh)


def test_many_small_parts_are_loaded_together(
    settings: Settings, folder: Path, format_: str
) -> None:
    rows = [("1", str(film), "4.0", "964982703") for film in range(300)]
    rows[7] = ("1", "7", "9.0", "964982703")
    overwrite(folder, rows, format_, parts=150)
    put(folder, {next(folder.glob("part-00009*")).name: b""})
    report = load(settings=settings)
    assert (report.rows, report.rejected) == (297, 1)
    assert len(report.of_status("refused")) == 1
    counts = query(
        settings.warehouse_file,
        "select count(*) from raw._files join (select _file_id, count(*) as n from raw.ratings "
        "group by all) on file_id = _file_id where n = rows_loaded",
    )
    assert counts == [(149,)]


@pytest.mark.slow
def test_the_command_line_tells_what_it_did_with_parts(cli: Cli, tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    put(zone, {"movies.csv": MOVIES.encode()})
    overwrite(zone / "ratings.parquet", ROWS, "parquet")
    assert cli("load", "--source", zone).returncode == 0
    overwrite(zone / "ratings.parquet", ROWS[:4], "parquet", parts=1)
    plan = cli("plan", "--source", zone).stdout
    assert plan.count("recorded as removed, with 3 rows") == 3
    (zone / "ratings.parquet" / "_temporary").mkdir()
    for command in ("plan", "load"):
        told = cli(command, "--source", zone)
        assert "ratings.parquet is still being written (_temporary is in it)" in (
            told.stdout + told.stderr
        )
        assert "removed" not in told.stdout
    (zone / "ratings.parquet" / "_temporary").rmdir()
    assert cli("load", "--source", zone).stdout.count("recorded as removed") == 3
