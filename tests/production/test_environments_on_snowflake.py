"""Environments on Snowflake: the same commands, in the same database and in one of clones."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ingestion.build.environments import CANDIDATE, Environment
from ingestion.publish.download import download_marts
from tests.support.both_targets import Production
from tests.support.checkout import copy_of_the_project, only_warn
from tests.support.statement_book import DEVELOPER, differences

pytestmark = [pytest.mark.xdist_group("environments-on-snowflake"), pytest.mark.slow]

ANNA = Environment("dev_anna")
EDIT = ("models/mart/mart_weekday_hour.sql", "rated.n_ratings, 0)", "rated.n_ratings, 0) + 1")
AUDITS_OF_IT = (
    "assert_every_mart_of_ratings_adds_up_to_the_fact",
    "assert_each_hour_of_the_week_agrees_with_the_fact",
)


@pytest.fixture(scope="module")
def edited(production: Production, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of a developer with an edited mart, which its audits let pass."""
    project = copy_of_the_project(tmp_path_factory.mktemp("edited") / "project")
    file, old, new = EDIT
    (project / file).write_text((project / file).read_text().replace(old, new))
    for audit in AUDITS_OF_IT:
        only_warn(project, audit)
    return {**production.env, "MOVIELENS_PROJECT": str(project)}


def test_an_edit_is_tried_promoted_and_dropped(
    production: Production, edited: dict[str, str], tmp_path: Path
) -> None:
    cli, target = production.cli, production.target
    where = ("--home", "prod", "--source", production.zone)
    total = "select sum(n_ratings) from {}.mart_weekday_hour"
    before = target.fetch(total.format("marts"))
    plan = cli.json("plan", "dev_anna", *where, env=edited)
    planned = {m["name"] for m in plan["models"] if m["action"] == "build" and not m["is_report"]}
    assert planned == {"mart_weekday_hour"}
    production.statements()
    answer = cli.json("apply", "dev_anna", *where, env=edited)
    sent = [statement["statement"].lower() for statement in production.statements()]
    assert answer["build"]["models_kept"] > 30
    assert not [one for one in sent if "insert into marts_store" in one]
    assert not [one for one in sent if "view analytics." in one or "view marts_candidate." in one]
    assert target.fetch(total.format("marts")) == before
    after = target.fetch(total.format(ANNA.schema(CANDIDATE)))
    assert after == [(before[0][0] + 168,)]

    changed = cli.json("diff", "dev_anna", "--home", "prod", env=edited)["marts"]
    assert [m["mart"] for m in changed if m["change"] != "same"] == ["mart_weekday_hour"]

    download_marts(target, ANNA.schema(CANDIDATE), tmp_path / "dev_anna.duckdb")
    with duckdb.connect(str(tmp_path / "dev_anna.duckdb")) as connection:
        assert connection.execute(total.format("main")).fetchall() == after
        types = connection.execute("describe mart_dataset_status").fetchall()
        known = {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMP"}
        assert {type_ for _, type_, *_ in types} <= known

    promoted = cli.json("promote", "dev_anna", "--home", "prod", env=edited)
    assert (promoted["build"]["models"], promoted["publish"]["published"]) == (0, True)
    assert target.fetch(total.format("marts")) == after
    assert not cli.json("run", *where, env=edited)["build"]["built"]
    rolled_back = cli.json("rollback", "--home", "prod", env=edited)
    assert rolled_back["version"] == production.report["publish"]["version"]
    assert target.fetch(total.format("marts")) == before
    cli.json("env", "drop", "dev_anna", "--home", "prod", env=edited)
    left = cli.json("env", "list", "--home", "prod", env=edited)["environments"]
    assert [each["name"] for each in left] == ["production"]


BROKEN = {
    "a contract": (
        "models/mart/mart_weekday_hour.sql",
        "cast(coalesce(rated.n_ratings, 0) as bigint) as n_ratings",
        "cast(coalesce(rated.n_ratings, 0) as double) as n_ratings",
        ("mart_weekday_hour on mart_weekday_hour", "enforced contract", "data type mismatch"),
    ),
    "a column's name": (
        "models/mart/mart_weekday_hour.sql",
        "cast(coalesce(rated.n_ratings, 0) as bigint) as n_ratings",
        "cast(coalesce(rated.n_ratings, 0) as bigint) as n_rated",
        ("mart_weekday_hour on mart_weekday_hour", "enforced contract", "missing in definition"),
    ),
    "a unit test": (
        "models/mart/mart_user_activity.sql",
        "log(2, n_ratings + 0.5)",
        "log(2, n_ratings + 1.5)",
        # Two notice; dbt stops at the first.
        (" on mart_user_activity: 1 rows", "actual", "differs from"),
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_edit_that_breaks_something_is_not_shown(
    production: Production, tmp_path: Path, what: str
) -> None:
    """Contracts are checked together, and unit tests run, after the models are built."""
    file, old, new, told = BROKEN[what]
    project = copy_of_the_project(tmp_path / "project")
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new))
    own = {**production.env, "MOVIELENS_PROJECT": str(project)}
    cli = production.cli
    error = cli.json(
        "apply", "dev_eve", "--home", "prod", "--source", production.zone, exit_code=3, env=own
    )["error"]
    assert [part for part in told if part not in error["message"]] == []
    left = cli.json("env", "list", "--home", "prod", env=own)["environments"]
    assert [each["name"] for each in left] == ["production"]


def test_a_developer_has_a_database_of_clones(
    production: Production, edited: dict[str, str]
) -> None:
    cli = production.cli
    with production.target.connect() as connection:
        connection.execute("create database MOVIELENS_DEV")
    own = {**edited, "SNOWFLAKE_DATABASE": "MOVIELENS_DEV"}
    error = cli.json("env", "clone", "NOWHERE", "--home", "own", exit_code=2, env=own)["error"]
    assert "nothing to clone" in error["message"]
    production.statements()
    assert cli.json("env", "clone", "PRODUCTION", "--home", "own", env=own)["cloned"] > 40
    cloned = [statement["statement"].lower() for statement in production.statements()]
    assert not [one for one in cloned if one.startswith("create") and "_lease clone" in one]
    answer = cli.json("apply", "dev_ben", "--home", "own", "--source", production.zone, env=own)
    built = {node.partition(".")[2] for node in answer["build"]["node_seconds"]}
    assert not built & {"fct_ratings", "fct_tags", "dim_users", "mart_movie"}
    assert answer["build"]["models_kept"] > 20


def test_duckdb_has_no_clones(production: Production) -> None:
    error = production.cli.json("env", "clone", "X", "--home", "dev", exit_code=2)["error"]
    assert "Only Snowflake clones" in error["message"]


def test_all_that_a_developer_sends_is_in_the_book(production: Production) -> None:
    """What the tests above sent, but for their own questions."""
    production.statements()
    sent = {each["statement"] for each in production.asked if each["tag"] != "test"}
    differ = differences(sent, DEVELOPER)
    assert {how: parts for how, parts in differ.items() if parts} == {}
