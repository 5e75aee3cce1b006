"""Environments: shared tables, isolated edits, promotion, expiry, and what the janitor leaves."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingestion.build import registry
from ingestion.build.environments import CANDIDATE, PRODUCTION, Environment
from ingestion.cli.environments import environment_lines
from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.operate import environments
from ingestion.operate.environments import promote
from ingestion.operate.run import EnvironmentReport, apply, run
from ingestion.operate.steps import vacuum
from ingestion.publish.duckdb_file import published_version
from tests.support.checkout import Checkout
from tests.support.cli import Cli
from tests.support.environments import (
    as_an_earlier_release_left_it,
    relations_of_the_store,
    shown,
)

pytestmark = pytest.mark.xdist_group("environments")

ANNA, BEN = Environment("dev_anna"), Environment("dev_ben")
# Rebuilds mart_weekday_hour alone, to the same number of rows, and passes every test.
EDIT = ("models/mart/mart_weekday_hour.sql", "rated.n_ratings, 0)", "rated.n_ratings, 0) + 0")


@pytest.fixture
def checkout(home_and_zone: tuple[Path, Path], tmp_path: Path) -> Checkout:
    """A copy of a home, its landing zone, and models to edit."""
    home, zone = home_and_zone
    made = Checkout(home, tmp_path)
    made.settings = made.settings.model_copy(update={"source": str(zone)})
    return made


def applied(checkout: Checkout, environment: Environment) -> EnvironmentReport:
    report = apply(checkout.settings, environment)
    assert isinstance(report, EnvironmentReport)
    return report


def add_a_rating(checkout: Checkout) -> None:
    ratings = Path(str(checkout.settings.source)) / "ratings.csv"
    film = ratings.read_text().splitlines()[1].split(",")[1]
    ratings.write_text(ratings.read_text() + f"99999,{film},4.5,1400000000\n")


def tables(checkout: Checkout, environment: Environment) -> set[str]:
    build = registry.read(checkout.target).shown_by(environment)
    assert build is not None
    return build.tables


def test_an_environment_of_the_same_code_copies_and_computes_nothing(checkout: Checkout) -> None:
    before = relations_of_the_store(checkout.settings)
    report = applied(checkout, ANNA)
    assert (report.build.models, report.build.tests_passed) == (0, 0)
    assert relations_of_the_store(checkout.settings) == before
    assert tables(checkout, ANNA) == tables(checkout, PRODUCTION)
    assert shown(checkout.settings, ANNA) == shown(checkout.settings, PRODUCTION)
    assert not applied(checkout, ANNA).changed
    run(checkout.settings)
    assert relations_of_the_store(checkout.settings) == before


def test_an_edit_is_tried_promoted_and_reverted(checkout: Checkout, cli: Cli) -> None:
    """It is built once, whatever is done with it."""
    settings = checkout.settings
    first = published_version(settings.marts_file)
    production = shown(settings, PRODUCTION)
    marts = settings.marts_file.read_bytes()
    checkout.edit(*EDIT)
    report = applied(checkout, ANNA)
    built = {name.partition(".")[2] for name in report.build.node_seconds}
    assert "mart_weekday_hour" in built
    assert not built & {"fct_ratings", "mart_movie", "dim_users"}
    assert shown(settings, PRODUCTION) == production
    assert settings.marts_file.read_bytes() == marts

    preview = settings.home / "environments" / "dev_anna.duckdb"
    engine_of(settings).preview(ANNA.schema(CANDIDATE), preview)
    assert published_version(preview) == report.build.version

    # The same edit in another environment, and in production.
    again = applied(checkout, BEN).build
    assert (again.models, again.tests_passed, again.version) == (0, 0, report.build.version)
    promoted = promote(settings, ANNA.name)
    assert (promoted.build.models, promoted.publish.published) == (0, True)
    assert published_version(settings.marts_file) == report.build.version
    assert shown(settings, PRODUCTION) == shown(settings, ANNA)
    assert not run(settings).changed

    # A revert shows what is still there.
    checkout.edit(EDIT[0], EDIT[2], EDIT[1])
    reverted = run(settings)
    assert (reverted.build.models, reverted.build.tests_passed) == (0, 0)
    assert published_version(settings.marts_file) == first
    assert shown(settings, PRODUCTION) == production
    # Readers can return to what they saw before.
    assert cli.json("rollback", "--home", settings.home)["version"] == report.build.version


@pytest.mark.slow
def test_production_leaves_environments_as_they_are(checkout: Checkout) -> None:
    applied(checkout, ANNA)
    (fact,) = (name for name in tables(checkout, PRODUCTION) if name.startswith("fct_ratings__"))
    before = shown(checkout.settings, ANNA)
    add_a_rating(checkout)
    report = run(checkout.settings)
    assert "model.fct_ratings" in report.build.node_seconds
    assert report.build.rebuilt == {}
    assert fact in tables(checkout, PRODUCTION)  # refreshed where it is
    assert fact not in tables(checkout, ANNA)
    assert shown(checkout.settings, ANNA) == before
    assert shown(checkout.settings, PRODUCTION) != before
    with pytest.raises(SettingsError, match="before files that production shows") as raised:
        promote(checkout.settings, ANNA.name)
    assert raised.value.remedy.endswith("movielens apply dev_anna")
    assert applied(checkout, ANNA).build.models == 0
    assert tables(checkout, ANNA) == tables(checkout, PRODUCTION)


@pytest.mark.slow
def test_an_environment_with_newer_files_leaves_production_as_it_is(checkout: Checkout) -> None:
    applied(checkout, BEN)
    before = shown(checkout.settings, PRODUCTION)
    theirs = tables(checkout, PRODUCTION)
    add_a_rating(checkout)
    report = applied(checkout, ANNA)
    assert report.load is not None
    assert report.load.rows > 0
    assert "model.fct_ratings" in report.build.node_seconds
    assert tables(checkout, PRODUCTION) == tables(checkout, BEN) == theirs
    assert shown(checkout.settings, PRODUCTION) == shown(checkout.settings, BEN) == before
    newer = shown(checkout.settings, ANNA)
    assert newer["analytics.fct_ratings"][0] == before["analytics.fct_ratings"][0] + 1
    assert run(checkout.settings).build.models == 0  # it is what Anna has built
    assert shown(checkout.settings, PRODUCTION) == newer


@pytest.mark.slow
def test_a_plan_for_an_environment(checkout: Checkout, cli: Cli, tmp_path: Path) -> None:
    env = {"MOVIELENS_PROJECT": str(checkout.project)}
    home, source = checkout.settings.home, checkout.settings.source
    options = ("--home", home, "--source", source)
    checkout.edit(*EDIT)
    before = checkout.settings.warehouse_file.read_bytes()
    plan = tmp_path / "plan.json"
    answer = cli.json("plan", "dev_anna", *options, "--out", plan, env=env)
    assert answer["environment"] == "dev_anna"
    models = [model for model in answer["models"] if not model["is_report"]]
    planned = {model["name"] for model in models if model["action"] == "build"}
    assert planned == {"mart_weekday_hour"}
    assert checkout.settings.warehouse_file.read_bytes() == before
    told = cli("plan", "dev_anna", *options, "--exit-code", env=env)
    assert (told.returncode, "nothing was built in dev_anna yet" in told.stdout) == (10, True)
    error = cli.json("apply", "dev_ben", plan, *options, exit_code=2, env=env)["error"]
    assert "for dev_anna, not for dev_ben" in error["message"]

    applied_plan = cli.json("apply", plan, *options, env=env)
    assert (applied_plan["environment"], applied_plan["build"]["built"]) == ("dev_anna", True)
    assert cli("plan", "dev_anna", *options, "--exit-code", env=env).returncode == 0
    before = checkout.settings.warehouse_file.read_bytes()
    error = cli.json("apply", plan, *options, exit_code=2, env=env)["error"]
    assert "warehouse changed since it was made" in error["message"]
    assert checkout.settings.warehouse_file.read_bytes() == before
    diff = cli.json("diff", "dev_anna", "--home", home, env=env)
    assert {mart["change"] for mart in diff["marts"]} == {"same"}  # adding 0 changes nothing


def test_without_its_landing_zone_an_environment_is_built_from_raw(
    checkout: Checkout, cli: Cli
) -> None:
    shutil.rmtree(str(checkout.settings.source))
    report = applied(checkout, ANNA)
    assert report.load is None
    told = environment_lines(report)
    assert told[0] == f"Loaded     nothing: {report.unlisted}"
    assert str(checkout.settings.source) in told[0]
    options = ("--home", checkout.settings.home, "--source", checkout.settings.source)
    answer = cli.json("plan", "dev_anna", *options)
    assert answer["unlisted"]
    assert "not looked at" in cli("plan", "dev_ben", *options).stdout
    assert cli("plan", *options).returncode == 2


@pytest.mark.slow
def test_environments_are_listed_kept_and_dropped(checkout: Checkout, cli: Cli) -> None:
    home = checkout.settings.home
    store = relations_of_the_store(checkout.settings)
    checkout.edit(*EDIT)
    applied(checkout, ANNA)
    checkout.edit(EDIT[0], EDIT[2], EDIT[1])
    production, anna = listed(cli, home)
    assert (production["name"], production["expires_at"]) == ("production", None)
    own = tables(checkout, ANNA) - tables(checkout, PRODUCTION)
    of_reports = {name for name in own if name.startswith("audit_")}
    kinds = {name.split("__")[0].removeprefix("audit_") for name in of_reports}
    # The others hold the same as production's, whose first build found nothing published.
    differ = {"builds", "test_results", "seen_versions", "seen_top_films"}
    assert differ <= kinds <= differ | {"column_edges"}
    assert anna["own"] == 1 + len(checkout.plan().reports) + len(of_reports)
    assert 6.9 < days_left(anna["expires_at"]) <= 7
    assert f"{anna['shared']} shared; until " in cli("env", "list", "--home", home).stdout
    assert list(cli.json("status", "--home", home)["environments"]) == ["dev_anna"]
    cli.json("env", "keep", "dev_anna", "--home", home)
    applied(checkout, ANNA)
    assert listed(cli, home)[1]["expires_at"] is None
    assert cli.json("env", "drop", "dev_ben", "--home", home, exit_code=2)["error"]["remedy"]
    assert cli("env", "drop", "production", "--home", home).returncode == 2
    cli.json("env", "drop", "dev_anna", "--home", home)
    assert [each["name"] for each in listed(cli, home)] == ["production"]
    assert relations_of_the_store(checkout.settings) >= store
    schemas = checkout.target.fetch("select schema_name from information_schema.schemata")
    assert not [name for (name,) in schemas if "anna" in name]


def listed(cli: Cli, home: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cli.json("env", "list", "--home", home)["environments"]
    return found


def days_left(until: str) -> float:
    left = datetime.fromisoformat(until) - datetime.now(UTC).replace(tzinfo=None)
    return left.total_seconds() / 86_400


@pytest.mark.slow
def test_what_has_expired_goes_with_the_next_run_and_nothing_else(
    checkout: Checkout, cli: Cli
) -> None:
    settings = checkout.settings
    checkout.edit(*EDIT)
    applied(checkout, ANNA)
    applied(checkout, BEN)
    checkout.edit(EDIT[0], EDIT[2], EDIT[1])
    production, ben = shown(settings, PRODUCTION), shown(settings, BEN)
    checkout.target.execute(
        "update store._environments set expires_at = now()::timestamp - interval 1 second "
        "where environment = 'dev_anna'",
        "update store._builds set used_at = used_at - interval 8 days",
        "create table store.left_by_a_crash as select 1 as n",
    )
    env = {"MOVIELENS_PROJECT": str(checkout.project)}
    options = ("--home", settings.home, "--source", settings.source)
    plan = cli.json("plan", *options, env=env)
    expires = plan["expires"]
    assert (expires["environments"], expires["tables"]) == (["dev_anna"], ["left_by_a_crash"])
    assert plan["expires_with"] == "run"
    assert "dev_anna" in cli("plan", *options, env=env).stdout
    run(settings)
    assert {e.name for e in environments.environments(settings)} == {"production", "dev_ben"}
    assert (shown(settings, PRODUCTION), shown(settings, BEN)) == (production, ben)
    assert "left_by_a_crash" not in relations_of_the_store(settings)
    environments.drop(settings, "dev_ben")
    assert relations_of_the_store(settings) == tables(checkout, PRODUCTION)


@pytest.mark.slow
def test_vacuum_leaves_what_environments_show(checkout: Checkout) -> None:
    settings = checkout.settings.model_copy(update={"keep_days": 0})
    applied(checkout, ANNA)
    before = shown(settings, ANNA)
    add_a_rating(checkout)
    run(settings)
    vacuum(settings)
    assert shown(settings, ANNA) == before
    environments.drop(settings, "dev_anna")
    assert vacuum(settings).rows["ratings"] > 0


@pytest.mark.slow
def test_vacuum_drops_what_has_expired(checkout: Checkout, cli: Cli) -> None:
    """On its own: on a warehouse where each statement costs, no run does."""
    settings = checkout.settings
    checkout.target.execute("create table store.left_by_a_crash as select 1 as n")
    told = cli("vacuum", "--dry-run", "--home", settings.home).stdout
    assert "Would remove environments: none; tables that none needs: 1" in told
    assert vacuum(settings, dry_run=True).expired.tables == ["left_by_a_crash"]
    assert "left_by_a_crash" in relations_of_the_store(settings)
    assert vacuum(settings).expired.tables == ["left_by_a_crash"]
    assert relations_of_the_store(settings) == tables(checkout, PRODUCTION)


def test_names_that_no_schema_can_have(checkout: Checkout, cli: Cli) -> None:
    before = checkout.settings.warehouse_file.read_bytes()
    names = ("Anna", "9lives", "as_of", "a-b", "a.b", "x" * 41, "é")
    for command in [
        *(("plan", name) for name in names),
        *(("apply", ""), ("env", "drop", ""), ("promote", ""), ("plan", "")),
    ]:
        done = cli(*command, "--home", checkout.settings.home)
        assert done.returncode == 2, command
        assert "cannot be the name of an environment" in done.stderr
    assert checkout.settings.warehouse_file.read_bytes() == before


@pytest.mark.slow
def test_a_home_of_a_release_without_a_store_is_taken_over(checkout: Checkout) -> None:
    settings = checkout.settings
    before = shown(settings, PRODUCTION)
    as_an_earlier_release_left_it(settings)
    report = run(settings)
    assert not report.load.changed
    assert report.build.models_kept == 0
    assert shown(settings, PRODUCTION) == before
    tables_left = checkout.target.fetch(
        "select table_name from information_schema.tables where table_type = 'BASE TABLE' "
        "and table_schema in ('analytics', 'marts_candidate', 'audit')"
    )
    assert tables_left == []


@pytest.mark.slow
def test_promotion_and_creation_take_no_time(checkout: Checkout) -> None:
    """No dbt, no table: what is left is views, entries and the copy of the marts for readers."""
    checkout.edit(*EDIT)
    applied(checkout, ANNA)
    started = time.process_time()
    promote(checkout.settings, ANNA.name)
    assert time.process_time() - started < 2
