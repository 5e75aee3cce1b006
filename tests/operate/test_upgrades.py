"""A home outlives the version that made it: newer ones take it over, older ones refuse it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import duckdb
import pytest

from dashboard.marts_duckdb import DuckDBMarts
from dashboard.marts_store import MartsUnreadable
from ingestion import layout, load
from ingestion.errors import NewerLayout
from ingestion.project import version
from ingestion.publish.reader import query
from ingestion.settings import Settings
from tests.support.checkout import PROJECT
from tests.support.cli import Cli
from tests.support.landing_zone import RATINGS, write
from tests.support.marks import nightly_except

pytestmark = pytest.mark.xdist_group("upgrades")

MARKS = "select layout, written_by from raw._layout order by layout"
# Of the first months of this project, oldest first.
EARLIER = ("9f0d728", "4e2b6a0", "f6deeb8", "ddd4b45")


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built / "home", tmp_path / "home", copy_function=shutil.copy2)
    return tmp_path / "home"


def _in_warehouse(home: Path, *statements: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


def _marked_by_a_newer_version(home: Path) -> None:
    marked = f"insert into raw._layout values ({layout.WAREHOUSE + 1}, '99.1', now())"
    _in_warehouse(home, marked)


def test_both_files_say_which_layout_they_have(built: Path) -> None:
    assert _in_warehouse(built / "home", MARKS) == [(layout.WAREHOUSE, version())]
    with duckdb.connect(str(built / "home" / "marts.duckdb"), read_only=True) as marts:
        told = marts.execute(
            "select comment from duckdb_tables() where table_name = 'mart_dataset_status'"
        ).fetchall()
    assert [layout.marts_layout(comment) for (comment,) in told] == [layout.MARTS]


def test_an_unmarked_warehouse_is_taken_over_once(settings: Settings, tmp_path: Path) -> None:
    write(tmp_path / "zone", ratings=RATINGS)
    load(settings=settings)
    _in_warehouse(settings.home, "drop table raw._layout")
    for more in ("9,1,4.0,1000000000\n", "9,1,4.0,1000000000\n9,2,3.0,1000000001\n"):
        write(tmp_path / "zone", ratings=RATINGS + more)
        load(settings=settings)
        assert _in_warehouse(settings.home, MARKS) == [(layout.WAREHOUSE, version())]


@pytest.mark.parametrize("command", ["run", "load", "build", "vacuum"])
def test_a_warehouse_of_a_newer_version_is_refused(
    home: Path, built: Path, cli: Cli, command: str
) -> None:
    _marked_by_a_newer_version(home)
    changed = cli.folder / "zone"
    shutil.copytree(built / "zone", changed)
    with (changed / "tags.csv").open("a") as tags:
        tags.write("1,1,late,1000000000\n")
    before = (home / "marts.duckdb").read_bytes()
    more = ("--source", changed, "--switch-source") if command in ("run", "load") else ()
    if command == "build":
        more = ("--full-refresh",)
    error = cli.json(command, "--home", home, *more, exit_code=2)["error"]
    assert "99.1 wrote this warehouse" in error["message"]
    assert 'pip install --upgrade "movielens-warehouse>=99.1"' in error["remedy"]
    assert before == (home / "marts.duckdb").read_bytes()
    tables = "select count(*), max(file_id) from raw._files"
    with duckdb.connect(str(built / "home" / "warehouse.duckdb"), read_only=True) as untouched:
        assert _in_warehouse(home, tables) == untouched.execute(tables).fetchall()


def _with_newer_marts(home: Path) -> None:
    marts = home / "marts.duckdb"
    shutil.copyfile(marts, home / "copy.duckdb")  # another file has a hard link on this one
    with duckdb.connect(str(home / "copy.duckdb")) as connection:
        newer = layout.marts_comment().replace(str(layout.MARTS), str(layout.MARTS + 1))
        connection.execute(f"comment on table mart_dataset_status is '{newer}'")
        # What a newer version may well do; the refusal comes before it matters.
        connection.execute("alter table mart_dataset_status rename data_version to version")
    (home / "copy.duckdb").replace(marts)


def test_marts_of_a_newer_version_are_refused(home: Path, built: Path, cli: Cli) -> None:
    _with_newer_marts(home)
    marts = home / "marts.duckdb"
    before = marts.read_bytes()
    with pytest.raises(NewerLayout, match="A newer version published"):
        query(Settings(home=home, _env_file=None), "from mart_genre")
    with pytest.raises(MartsUnreadable, match="newer version"):
        DuckDBMarts(marts, "any")
    told = cli.json("status", "--home", home)
    assert (told["warehouse"], told["published"]) == ("open", None)
    assert "A newer version published" in told["published_problem"]
    assert "pip install --upgrade" in cli("status", "--home", home).stdout
    for command in ("run", "plan"):
        where = ("--home", home, "--source", built / "zone")
        error = cli.json(command, *where, exit_code=2)["error"]
        assert "A newer version published" in error["message"]
    assert marts.read_bytes() == before
    finding = _problem(cli, home, "published")
    assert (finding["code"], "upgrade" in finding["remedy"]) == ("layout-newer", True)


def _problem(cli: Cli, home: Path, about: str) -> dict[str, str]:
    findings = cli.json("doctor", "--home", home, exit_code=1)["findings"]
    (found,) = (f for f in findings if f["about"] == about and f["status"] == "problem")
    return dict(found)


@pytest.mark.parametrize("command", ["plan", "diff", "env list"])
def test_what_only_looks_refuses_a_newer_warehouse(
    home: Path, built: Path, cli: Cli, command: str
) -> None:
    _marked_by_a_newer_version(home)
    more = ("--source", built / "zone") if command == "plan" else ()
    error = cli.json(*command.split(), "--home", home, *more, exit_code=2)["error"]
    assert "99.1 wrote this warehouse" in error["message"]
    assert 'pip install --upgrade "movielens-warehouse>=99.1"' in error["remedy"]


def test_status_and_doctor_say_that_a_newer_version_wrote_the_warehouse(
    home: Path, cli: Cli
) -> None:
    published = cli.json("status", "--home", home)["published"]
    _marked_by_a_newer_version(home)
    _in_warehouse(home, "alter table raw._files rename rows_loaded to rows_kept")
    told = cli.json("status", "--home", home)
    assert (told["warehouse"], told["published"]) == ("unreadable", published)
    assert "99.1 wrote this warehouse" in told["problem"]
    assert "movielens-warehouse>=99.1" in cli("status", "--home", home).stdout
    finding = _problem(cli, home, "warehouse")
    assert (finding["code"], ">=99.1" in finding["remedy"]) == ("layout-newer", True)


def _checkout(commit: str, folder: Path) -> Path:
    archive = subprocess.run(
        ["git", "archive", commit], cwd=PROJECT, capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip(f"{commit} is not in this clone: git fetch --unshallow fetches it")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("commit", nightly_except(EARLIER[:1], EARLIER))
def test_a_home_of_an_earlier_version_is_taken_over(
    commit: str, built: Path, tmp_path: Path, cli: Cli
) -> None:
    """Loaded, built and published by that version's own code, then run by this one."""
    earlier = _checkout(commit, tmp_path / "earlier")
    zone, home = cli.folder / "zone", cli.folder / "home"
    shutil.copytree(built / "zone", zone)
    where = ["--home", str(home), "--source", str(zone)]
    made = subprocess.run(
        [sys.executable, "-c", "from ingestion.cli import main; main()", "run", "--json", *where],
        cwd=earlier,
        env={**os.environ, "PYTHONPATH": str(earlier), "MOVIELENS_PROJECT": str(earlier)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    assert json.loads(made.stdout)["command"] == "run"

    with (zone / "tags.csv").open("a") as tags:
        tags.write("1,1,late,1000000000\n")
    report = cli.json("run", *where)
    assert report["publish"]["published"] is True
    assert _in_warehouse(home, MARKS) == [(layout.WAREHOUSE, version())]
    # What a home that this version made holds of the same files.
    cli.json("run", "--home", cli.folder / "new", "--source", zone)
    sql = "from mart_movie order by all"
    new, old = (
        query(Settings(home=folder, _env_file=None), sql).rows.to_pylist()
        for folder in (cli.folder / "new", home)
    )
    assert new == old
    assert len(new) > 100
