"""The audit: what fails is not published, is named, and can be inspected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import SettingsError
from ingestion.operate.run import LAST_RUN
from ingestion.operate.steps import build
from ingestion.publish.duckdb_file import published_version
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from tests.support.checkout import copy_of_the_project
from tests.support.cli import Cli

pytestmark = pytest.mark.xdist_group("audit")

PROJECT = Path(__file__).resolve().parents[2]
WHOLE_IN_RAW = "assert_every_current_file_is_whole_in_raw"


def snapshot(home: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file."""
    return {
        str(path.relative_to(home)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in home.rglob("*")
        if path.is_file() and path.name != "run.lock"
    }


@pytest.mark.slow
def test_a_failed_audit_publishes_nothing_and_shows_the_rows(cli: Cli, home: Path) -> None:
    target = DuckDBWarehouse(home / "warehouse.duckdb")
    marts = home / "marts.duckdb"
    published = marts.read_bytes()
    target.execute(
        "create table raw.kept as from raw.ratings where user_id = 1",
        "delete from raw.ratings where user_id = 1",
    )
    answer = cli.json("build", "--full-refresh", "--home", home, exit_code=3)
    error = answer["error"]
    assert [(test["name"], test["rows"]) for test in error["failures"]] == [(WHOLE_IN_RAW, 1)]
    failing = f"movielens status --failing {WHOLE_IN_RAW} --home {home}"
    assert error["remedy"].startswith("see the failing rows: ")
    assert error["remedy"].endswith(failing)
    assert marts.read_bytes() == published

    rows = cli("status", "--failing", WHOLE_IN_RAW, "--home", home)
    assert rows.returncode == 0
    assert "ratings.csv" in rows.stdout
    found = cli.json("status", "--failing", WHOLE_IN_RAW, "--home", home)
    assert len(found["rows"]) == 1
    assert "ratings.csv" in found["rows"][0]

    assert "already" in cli("publish", "--home", home).stdout
    unknown = cli("status", "--failing", "no_such_test", "--home", home)
    assert (unknown.returncode, WHOLE_IN_RAW in unknown.stderr) == (2, True)
    assert marts.read_bytes() == published

    target.execute("insert into raw.ratings from raw.kept", "drop table raw.kept")
    before = published_version(marts)
    good = cli.json("run", "--full-refresh", "--home", home)
    assert good["publish"]["published"] is True
    assert published_version(marts) == good["publish"]["version"] != before


@pytest.mark.slow
def test_a_broken_model_leaves_what_is_published(cli: Cli, home: Path, tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    model = project / "models" / "src" / "src_movies.sql"
    model.write_text(model.read_text().replace("select", "select no_such_column,", 1))
    published = (home / "marts.duckdb").read_bytes()
    env = {"MOVIELENS_PROJECT": str(project)}
    error = cli.json("run", "--home", home, exit_code=1, env=env)["error"]
    assert "src_movies" in error["message"]
    assert "no_such_column" in error["message"]
    assert "dbt.log" in error["remedy"]
    assert (home / "marts.duckdb").read_bytes() == published
    assert "already" in cli("publish", "--home", home).stdout


@pytest.mark.slow
def test_a_project_that_dbt_cannot_parse(cli: Cli, home: Path, tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    (project / "models" / "mart" / "broken.sql").write_text("select {{ no_such_macro( }}")
    published = (home / "marts.duckdb").read_bytes()
    env = {"MOVIELENS_PROJECT": str(project)}
    error = cli.json("build", "--home", home, exit_code=1, env=env)["error"]
    assert "broken" in error["message"]
    assert (home / "marts.duckdb").read_bytes() == published


def test_a_run_with_nothing_new_writes_nothing_but_when_it_ended(cli: Cli, home: Path) -> None:
    ended = snapshot(home)[LAST_RUN]
    before = snapshot(home)
    answer = cli.json("run", "--home", home)
    assert (answer["load"]["load_id"], answer["build"]["built"]) == (None, False)
    assert answer["publish"]["published"] is False
    for command in ("load", "build", "publish", "status", "config"):
        assert cli(command, "--home", home).returncode == 0
    after = snapshot(home)
    assert after[LAST_RUN] != ended
    assert after == {**before, LAST_RUN: after[LAST_RUN]}


def test_nothing_to_build_is_said(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="Nothing is loaded yet") as raised:
        build(settings)
    assert raised.value.remedy == "movielens load"


def test_no_project_is_said(settings: Settings, tmp_path: Path) -> None:
    nowhere: dict[str, Any] = {"project": tmp_path}
    with pytest.raises(SettingsError, match="There are no models in"):
        build(settings.model_copy(update=nowhere))
