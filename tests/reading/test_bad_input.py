"""Bad input has one of three outcomes, is reported, and affects nothing else."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
import pytest

from ingestion import load, movielens_source
from ingestion.errors import SettingsError, SourceError
from ingestion.landing.listing import list_landing_zone
from ingestion.reading.file import read_file
from ingestion.reading.rules import Rules
from ingestion.settings import Settings, resolve
from tests.support.bad_input import CASES
from tests.support.bad_input.builders import RATINGS
from tests.support.bad_input.checker import Checked, check_all
from tests.support.cli import Cli
from tests.support.landing_zone import MOVIES, query, rows_that_count, write, write_six

ROW = "1,2,3.5,964982704\n"
NOBODY = 65534


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Checked]:
    return {id(done.case): done for done in check_all(tmp_path_factory.mktemp("cases"), CASES)}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{c.family}: {c.name}" for c in CASES])
def test_each_case(checked: dict[int, Checked], number: int) -> None:
    case = CASES[number]
    assert checked[id(case)].problems == [], checked[id(case)].found


# What the command line says


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    write_six(tmp_path / "zone")
    return tmp_path / "zone"


@pytest.mark.slow
def test_what_is_wrong_is_said_by_every_run_until_it_is_mended(cli: Cli, zone: Path) -> None:
    write(zone, ratings=f"{RATINGS}\n{ROW}1,2,good,964982704\n1,2\n")
    within = cli("load", "--source", zone)
    assert (within.returncode, within.stderr) == (0, "")
    assert "2 rejected" in within.stdout
    assert (
        "ratings.csv: 2 rows rejected, kept in raw._rejected_rows: line 3: rating: 'good' is not a "
        "number; line 4: row: 2 fields; expected 4"
    ) in within.stdout

    write(zone, ratings="userId;movieId;rating;timestamp\n1;2;3.5;4\n")
    report = cli.json("load", "--source", zone, exit_code=4)
    (file,) = [file for file in report["files"] if file["status"] == "refused"]
    assert (file["path"], file["rows"]) == ("ratings.csv", 0)
    assert "semicolons" in file["reason"]
    again = cli("load", "--source", zone)
    assert again.returncode == 4
    assert "ratings.csv: refused: the columns are separated by semicolons" in again.stdout

    write(zone, ratings=f"{RATINGS}\n{ROW}")
    home = Settings(home=cli.folder / ".movielens", source=str(zone), _env_file=None)
    assert load(settings=home).exit_code == 0


def test_untrusted_names_and_text_do_nothing_to_the_terminal(cli: Cli, zone: Path) -> None:
    (zone / "ratings-\x1b[2J.csv").write_text(f"{RATINGS},\x1b]0;owned\x07\n{ROW}")
    (zone / "movies-\x9b.csv").write_text("mov\x1b[31mieId\n")
    done = cli("load", "--source", zone)
    assert done.returncode == 4
    assert not {"\x1b", "\x07", "\x9b"} & set(done.stdout + done.stderr)
    assert r"ratings-\x1b[2J.csv" in done.stdout


# Permissions


@contextmanager
def another_user() -> Iterator[None]:
    """Root, which no permission stops, becomes another user for a while; other users stay."""
    root = os.geteuid() == 0
    if root:
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)


@pytest.fixture
def of_another_user(zone: Path) -> Iterator[Settings]:
    """Settings with a source and a home that any user may use."""
    load(
        settings=Settings(home=zone.parent / "first", source=str(zone), _env_file=None)
    )  # Imports.
    folder = Path(tempfile.mkdtemp(prefix="movielens-"))
    folder.chmod(0o777)
    write_six(folder / "zone")
    yield Settings(home=folder / "home", source=str(folder / "zone"), _env_file=None)
    shutil.rmtree(folder)


def test_a_file_that_may_not_be_read(of_another_user: Settings) -> None:
    file = Path(of_another_user.source or "") / "ratings.csv"
    file.chmod(0)
    with another_user():
        report = load(settings=of_another_user)
    (refused,) = report.of_status("refused")
    assert (refused.path, report.exit_code) == ("ratings.csv", 4)
    assert refused.reason.startswith("no permission to read it")
    assert len(report.of_status("loaded")) == 5


def test_a_closed_folder_is_not_taken_for_an_empty_one(of_another_user: Settings) -> None:
    closed = Path(of_another_user.source or "") / "closed"
    write(closed, ratings=f"{RATINGS}\n{ROW}")
    closed.chmod(0)
    with another_user(), pytest.raises(SourceError, match="this user cannot read"):
        load(settings=of_another_user)
    closed.chmod(0o700)


# Names that are not text


def test_a_name_that_is_not_utf8(settings: Settings, zone: Path) -> None:
    path = os.fsencode(zone) + b"/ratings-\xff.csv"
    with open(path, "w") as stream:  # noqa: PTH123
        stream.write(f"{RATINGS}\n{ROW}")
    report = load(settings=settings)
    (file,) = report.of_status("refused")
    assert (file.path, file.reason) == (r"ratings-\xff.csv", "its name is not UTF-8; rename it")
    assert len(report.of_status("loaded")) == 6


# Settings


def test_a_file_of_which_all_rows_are_rejected_can_be_wanted(
    settings: Settings, zone: Path
) -> None:
    write(zone, ratings=f"{RATINGS}\n1,2,good,964982704\n")
    report = load(settings=settings.model_copy(update={"reject_share": 1.0}))
    assert (report.of_status("refused"), report.rejected) == ([], 1)


def test_the_type_of_an_unknown_column_is_text_for_ever(settings: Settings, zone: Path) -> None:
    for number, value in enumerate(("10", "2.5", "abc", "")):
        write(zone, **{f"ratings_{number}": f"{RATINGS},score\n{number},2,3.5,964982704,{value}\n"})
        if number % 2:
            assert load(settings=settings).of_status("refused") == []
    assert query(
        settings.warehouse_file,
        "select score from raw.ratings where timestamp = 964982704 order by user_id",
    ) == [("10",), ("2.5",), ("abc",), (None,)]


@pytest.mark.parametrize("name", ["klingon", "hex", "rot13", "undefined"])
def test_an_encoding_that_is_none(name: str) -> None:
    with pytest.raises(SettingsError, match=f"MOVIELENS_ENCODING={name} is not valid"):
        resolve(encoding=name)
    with pytest.raises(ValueError, match="is not a text encoding"):
        movielens_source("nowhere", encoding=name)


def test_range_checks_that_are_none() -> None:
    with pytest.raises(SettingsError, match="MOVIELENS_RANGE_CHECKS=ignore is not valid"):
        resolve(range_checks="ignore")
    with pytest.raises(ValueError, match="'reject' or 'warn'"):
        movielens_source("nowhere", range_checks="ignore")  # type: ignore[arg-type]


def test_the_settings_on_the_command_line(cli: Cli, zone: Path) -> None:
    latin = MOVIES.replace("Toy", "Amélie").encode("latin-1")
    (zone / "movies.csv").write_bytes(latin)
    write(zone, ratings=f"{RATINGS}\n1,2,55.0,964982704\n")
    environment = {"MOVIELENS_ENCODING": "latin-1", "MOVIELENS_RANGE_CHECKS": "warn"}
    done = cli("load", "--source", zone, env=environment)
    assert done.returncode == 0, done.stdout
    assert "movies.csv: read as iso8859-1 (MOVIELENS_ENCODING): line 2: byte 0xe9" in done.stdout
    assert (
        "ratings.csv: 1 row with rating out of range (55.0); loaded (MOVIELENS_RANGE_CHECKS=warn), "
        "but the audit may block publishing"
    ) in done.stdout


def test_the_settings_of_the_source(tmp_path: Path, zone: Path) -> None:
    (zone / "movies.csv").write_bytes(MOVIES.replace("Toy", "Amélie").encode("latin-1"))
    write(zone, ratings=f"{RATINGS}\n1,2,55.0,964982704\n")
    database = tmp_path / "films.duckdb"
    pipeline = dlt.pipeline(
        "films",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name="raw",
    )
    pipeline.run(movielens_source(str(zone), encoding="cp1252", range_checks="warn"))
    assert rows_that_count(database, "ratings") == [(1, 2, 55.0, 964982704)]
    assert (1, "Amélie Story (1995)", "Adventure|Children") in rows_that_count(database, "movies")


@pytest.mark.parametrize("command", ["load", pytest.param("run", marks=pytest.mark.slow)])
def test_a_file_cut_inside_its_last_number_costs_one_row(
    cli: Cli, built: Path, home: Path, tmp_path: Path, command: str
) -> None:
    """Not the whole release: the cut makes the last rating's time one of 1970."""
    zone = shutil.copytree(built / "zone", tmp_path / "copied")
    ratings = (zone / "ratings.csv").read_bytes().rstrip()
    (zone / "ratings.csv").write_bytes(ratings[:-3])
    answer = cli.json(command, "--home", home, "--source", zone, "--switch-source")
    loaded = answer["load"] if command == "run" else answer
    (file,) = [file for file in loaded["files"] if file["path"] == "ratings.csv"]
    assert (file["rows"], file["rejected"]) == (ratings.count(b"\n") - 1, 1)
    if command == "run":
        assert answer["publish"]["published"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "record", "named"),
    [
        ("ratings.csv", "1,1,0.0,964982703", "rating"),
        ("ratings.csv", "1,1,4.0,1332786", "rating_year"),
        ("ratings.csv", f"1,1,4.0,-{2**63}", "rated_at"),
        ("tags.csv", "1,1,a tag that nobody else gave,1332786", "first_used_at"),
        ("tags.csv", "1,1,a tag that nobody else gave,4133980800", "last_used_at"),
    ],
)
def test_the_audit_holds_back_what_was_only_warned_of(
    cli: Cli, built: Path, home: Path, tmp_path: Path, name: str, record: str, named: str
) -> None:
    zone = shutil.copytree(built / "zone", tmp_path / "copied")
    with (zone / name).open("a") as stream:
        stream.write(f"{record}\n")
    published = (home / "marts.duckdb").read_bytes()
    answer = cli.json(
        *("run", "--home", home, "--source", zone, "--switch-source"),
        exit_code=3,
        env={"MOVIELENS_RANGE_CHECKS": "warn"},
    )
    failures = answer["error"]["failures"]
    assert any(named in f"{failure['name']} {failure['examples']}" for failure in failures)
    assert (home / "marts.duckdb").read_bytes() == published


# Files that were refused before


@pytest.mark.slow
def test_a_refused_file_is_not_read_again_until_that_may_help(
    settings: Settings, zone: Path
) -> None:
    write(zone, ratings=f"{RATINGS}\n{ROW}" + "1,2,good,964982704\n" * 11)
    first = load(settings=settings)
    again = load(settings=settings)
    assert ("read" in first.steps, "read" in again.steps) == (True, False)
    assert (again.exit_code, again.load_id) == (4, None)
    assert again.of_status("refused")[0].reason == first.of_status("refused")[0].reason

    others = load(settings=settings.model_copy(update={"reject_rows": 11}))
    assert (others.exit_code, others.rows, others.rejected) == (0, 1, 11)
    write(zone, ratings="userId\n", tags="userId\n")
    assert len(load(settings=settings).of_status("refused")) == 2
    (zone / "tags.csv").unlink()
    write(zone, links="movieId\n1\n")
    assert [file.path for file in load(settings=settings).of_status("refused")] == ["ratings.csv"]
    write(zone, ratings=f"{RATINGS}\n{ROW}")
    assert load(settings=settings).exit_code == 0


@pytest.mark.slow
def test_a_refusal_that_is_not_the_files_fault_is_not_kept(of_another_user: Settings) -> None:
    file = Path(of_another_user.source or "") / "ratings.csv"
    file.chmod(0)
    with another_user():
        load(settings=of_another_user)
    file.chmod(0o644)
    with another_user():
        report = load(settings=of_another_user)
    assert [loaded.path for loaded in report.of_status("loaded")] == ["ratings.csv"]


# Listing


def test_a_file_cut_while_it_is_read_is_put_off_not_refused(settings: Settings, zone: Path) -> None:
    listed = list_landing_zone(str(zone))
    (zone / "ratings.csv").write_text("userId;mov")
    outcome = read_file(listed, listed.files["ratings.csv"], 1, zone, Rules())
    assert (outcome.status, outcome.rows) == ("put off", 0)
