"""A plan tells what an edit means; `apply` carries out exactly that, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.operate.run import apply, run
from ingestion.plan.plan import Plan, make_plan
from ingestion.plan.saved import save
from ingestion.plan.text import as_markdown, as_text
from ingestion.warehouse.base import DuckDBWarehouse
from tests.support.checkout import Checkout
from tests.support.cli import Cli
from tests.support.landing_zone import write_six

IMDB = ("models/dim/dim_movies.sql", "imdb.com/title/tt'", "imdb.com/' || 'title/tt'")


@pytest.fixture
def checkout(home: Path, tmp_path: Path) -> Checkout:
    return Checkout(home, tmp_path)


def edited(plan: Plan) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    return {
        model.name: (model.change, model.category, model.columns)
        for model in plan.models
        if model.change != "unchanged"
    }


@pytest.mark.slow
def test_comments_and_descriptions_are_nothing_to_do(checkout: Checkout) -> None:
    assert make_plan(checkout.settings).is_empty
    checkout.edit("models/dim/dim_movies.sql", "select", "\n-- a word\nselect  ")
    checkout.edit("models/mart/_mart_movies.yml", "One row per film", "One row per movie")
    planned = make_plan(checkout.settings)
    assert planned.is_empty
    assert edited(planned) == {"dim_movies": ("format", "none", ())}
    assert {model.action for model in planned.models} == {"reuse"}


@pytest.mark.slow
def test_an_edit_is_followed_by_column(checkout: Checkout) -> None:
    checkout.edit(*IMDB)
    planned = make_plan(checkout.settings)
    assert edited(planned) == {
        "dim_movies": ("edited", "breaking", ("~imdb_url",)),
        "mart_movie": ("downstream", "breaking", ("~imdb_url",)),
    }
    assert [model.name for model in planned.of("build")] == ["dim_movies", "mart_movie"]
    assert planned.of("refresh") == []
    assert planned.pages == ["changes", "compare", "films", "overview", "tags", "taste"]
    rows = {model.name: model.rows for model in planned.of("build")}
    counted = "select count(*) from analytics.dim_movies"
    assert [(rows["dim_movies"],)] == checkout.target.fetch(counted)
    assert all(model.seconds is not None for model in planned.of("build"))
    text = "\n".join(as_text(planned))
    for told in ("~ dim_movies", "columns ~imdb_url", "build 2", "Seen on", "6 files unchanged"):
        assert told in text
    markdown = as_markdown(planned)
    assert markdown[0] == "### Plan"
    assert sum(line.startswith("```") for line in markdown) % 2 == 0


@pytest.mark.slow
def test_a_new_column_is_additive(checkout: Checkout) -> None:
    checkout.edit("models/dim/dim_genres.sql", "\n    genre,", "\n    genre,\n    1 as one,")
    found = edited(make_plan(checkout.settings))
    assert found == {"dim_genres": ("edited", "additive", ("+one",))}


def test_a_plan_is_applied_and_is_empty_afterwards(checkout: Checkout, tmp_path: Path) -> None:
    checkout.edit(*IMDB)
    planned = make_plan(checkout.settings)
    save(planned, tmp_path / "plan.json")
    report = apply(checkout.settings, file=tmp_path / "plan.json")
    built = {node for node in report.build.node_seconds if node.startswith("model.")}
    reports = {f"model.{model.name}" for model in planned.models if model.is_report}
    assert built - reports == {f"model.{model.name}" for model in planned.of("build")}
    assert report.publish.published
    assert make_plan(checkout.settings).is_empty
    assert not run(checkout.settings).changed


@pytest.mark.slow
def test_a_plan_that_no_longer_fits_writes_nothing(checkout: Checkout, cli: Cli) -> None:
    env = {
        "MOVIELENS_HOME": str(checkout.settings.home),
        "MOVIELENS_PROJECT": str(checkout.project),
    }

    def refused(why: str) -> None:
        before = checkout.settings.warehouse_file.read_bytes()
        answer = cli("apply", "plan.json", env=env)
        assert answer.returncode == 2
        assert f"no longer fits: {why} changed" in answer.stderr
        assert "movielens plan --out plan.json" in answer.stderr
        assert checkout.settings.warehouse_file.read_bytes() == before

    checkout.edit(*IMDB)
    assert cli("plan", "--out", "plan.json", "--exit-code", env=env).returncode == 10
    checkout.edit(IMDB[0], IMDB[2], IMDB[1])
    assert cli("plan", "--exit-code", env=env).returncode == 0
    refused("code")
    checkout.edit(*IMDB)
    env["MOVIELENS_REJECT_ROWS"] = "7"
    refused("settings")
    del env["MOVIELENS_REJECT_ROWS"]
    checkout.target.execute(
        "insert into raw._files by name select * replace (file_id + 1 as file_id) "
        "from raw._files order by file_id desc limit 1"
    )
    refused("warehouse")


def test_a_plan_does_not_fit_another_listing(checkout: Checkout, cli: Cli, tmp_path: Path) -> None:
    write_six(tmp_path / "zone")
    home = tmp_path / "other"
    where = ("--home", home, "--source", tmp_path / "zone")
    assert cli("plan", *where, "--out", "plan.json").returncode == 0
    (tmp_path / "zone" / "tags.csv").unlink()
    answer = cli("apply", *where, "plan.json")
    assert answer.returncode == 2
    assert "no longer fits: files changed" in answer.stderr
    assert not (home / "warehouse.duckdb").exists()


def test_what_is_no_plan_is_said_to_be_none(cli: Cli) -> None:
    (cli.folder / "plan.json").write_text("{}")
    for name in ("plan.json", "missing.json"):
        answer = cli("apply", name)
        assert answer.returncode == 2
        assert "is not a saved plan" in answer.stderr


def test_planning_while_another_process_writes(checkout: Checkout, cli: Cli) -> None:
    with DuckDBWarehouse(checkout.settings.warehouse_file).connect():
        answer = cli("plan", "--home", checkout.settings.home)
    assert answer.returncode == 75
    assert "What to do" in answer.stderr


def test_json_holds_the_whole_plan(checkout: Checkout, cli: Cli) -> None:
    told = cli.json("plan", "--home", checkout.settings.home)
    assert told["is_empty"] is True
    assert {"files", "columns", "models", "pages", "made_from"} <= told.keys()
