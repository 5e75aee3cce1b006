"""`movielens run --target prod`: the real clients against the stand-in for Snowflake."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest
from fakesnow.cursor import FakeSnowflakeCursor, SnowflakeWithStageCommands
from fakesnow.instance import FakeSnow
from sqlglot import parse_one

from ingestion.datasets import DATASETS
from local_dev.snowflake import _in_place
from local_dev.snowflake_gaps import rewritten, several
from tests.support.both_targets import Production, run_on_both, started
from tests.support.reference import REPORTS

pytestmark = [pytest.mark.xdist_group("production"), pytest.mark.slow]

# Statements of a run, so that a change that adds some is seen. docs/cost.md says what they are.
MOST = {"first": 365, "one changed file": 200}
OF_STAGES = re.compile(r"\s*(put|copy|remove)\b", re.IGNORECASE)
# Snowflake's documentation: these are answered by the services layer, without a virtual warehouse.
OF_METADATA = re.compile(r"\s*(show|describe|use|alter session|comment|rollback)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """A run of its own: these tests change its landing zone, which other modules share."""
    folder = tmp_path_factory.mktemp("production")
    run_on_both(folder)
    made = started(folder, folder / "zone")
    yield made
    made.account.stop()


def test_both_targets_hold_the_same(production: Production) -> None:
    assert production.differences_from("dev") == {}


def test_after_a_run_no_mart_differs_from_what_is_published(production: Production) -> None:
    answer = production.cli.json("diff", "--home", "prod", env=production.env)
    assert answer["before"]["version"] == production.report["publish"]["version"]
    assert {mart["change"] for mart in answer["marts"]} == {"same"}
    assert len(answer["marts"]) > 15


def test_a_first_run_sends_few_statements(production: Production) -> None:
    assert len(production.sent) <= MOST["first"]


def test_every_statement_names_its_run_step_and_model(production: Production) -> None:
    tags = {statement["tag"] for statement in production.sent}
    run = re.match(r"movielens [0-9a-f]{8}", min(tags))
    assert run
    assert [tag for tag in tags if not tag.startswith(run[0])] == []
    assert tags == {run[0], f"{run[0]} load", f"{run[0]} build"}
    rows = [s for s in production.sent if re.match(r"(put|copy|remove)\b", s["statement"], re.I)]
    loaded = {re.sub(r".*%(\w+).*", r"\1", s["statement"], flags=re.S).lower() for s in rows}
    assert {s["tag"] for s in rows} == {f"{run[0]} load"}
    assert loaded == set(DATASETS)
    load_id = production.report["load"]["load_id"]
    assert [s["statement"] for s in rows if load_id not in s["statement"]] == []
    of_dbt = [s["statement"] for s in production.sent if s["tag"].endswith(" build")]
    nodes = {node for s in of_dbt for node in re.findall(r'"node_id": "(model[.\w]+)"', s)}
    models = {name for name in production.report["build"]["node_seconds"] if "model." in name}
    assert {node.split(".")[-1] for node in nodes} == {name.split(".")[-1] for name in models}
    tests = {name for name in production.report["build"]["node_seconds"] if name[:5] == "test."}
    ours = "".join(s["statement"] for s in production.sent if s["tag"] == run[0])
    assert [name for name in tests if f"'{name.removeprefix('test.')}' as test" not in ours] == []


def test_the_stand_in_makes_of_a_statement_what_fakesnow_does(production: Production) -> None:
    """With one copy of it in place of seventy."""
    cursor = FakeSnow().connect("PRODUCTION", "RAW").cursor()
    copying = FakeSnowflakeCursor._transform

    def made(transform: Callable[..., Any], statement: str) -> object:
        parsed = parse_one(statement, read=SnowflakeWithStageCommands)
        try:
            return transform(cursor, parsed, None).sql(dialect="duckdb")
        except duckdb.Error as error:  # some look for tables, of which there are none here
            return type(error)

    statements = [rewritten(s) for sent in production.sent for s in several(sent["statement"])]
    of_a_kind = {tuple(statement.split()[:2]): statement for statement in statements}
    looked_at = [one for one in of_a_kind.values() if not OF_STAGES.match(one)]
    expected = [made(copying, statement) for statement in looked_at]
    assert len({one for one in expected if isinstance(one, str)}) > 10
    in_place = _in_place(copying)
    assert [made(in_place, statement) for statement in looked_at] == expected


def test_a_run_with_nothing_new_needs_no_virtual_warehouse(production: Production) -> None:
    # When it is stopped, the stand-in forgets the comment that says so; this writes it again.
    production.run()
    production.statements()
    again = production.run()
    sent = [statement["statement"] for statement in production.statements()]
    assert again["publish"]["version"] == production.report["publish"]["version"]
    assert {file["status"] for file in again["load"]["files"]} == {"unchanged"}
    assert [statement for statement in sent if not OF_METADATA.match(statement)] == []
    assert len(sent) == 1


def test_after_a_load_by_hand_the_next_run_looks_again(production: Production) -> None:
    noted = production.target.read_run_marker()
    assert noted["version"] == production.report["publish"]["version"]
    tags = production.zone / "tags.csv"
    tags.write_text(tags.read_text() + f"1,{a_film(production)},once more,1400000000\n")
    production.cli.json("load", "--home", "prod", "--source", production.zone, env=production.env)
    # The other engine is given every release, too: RAW keeps the file that the next one replaces.
    production.cli.json("load", "--home", "dev", "--source", production.zone)
    assert production.target.read_run_marker() == {}


def a_film(production: Production) -> str:
    """A film that the landing zone lists; the release check refuses too many tags of others."""
    return (production.zone / "movies.csv").read_text().splitlines()[1].partition(",")[0]


def tables_of(report: Any) -> set[str]:
    """The models that were built, without the views, which cost nothing."""
    models = {name for name in report["build"]["node_seconds"] if name.startswith("model.")}
    return {name for name in models if not name.startswith("model.src_")}


def test_one_changed_file_costs_what_is_behind_it(production: Production) -> None:
    """And leaves the same on both engines."""
    tags = production.zone / "tags.csv"
    tags.write_text(tags.read_text() + f"1,{a_film(production)},once again,1400000001\n")
    production.statements()
    report = production.run()
    sent = production.statements()
    assert report["publish"]["published"] is True
    reports = {f"model.{mart}" for mart in (*REPORTS, "mart_dataset_status")}  # of every build
    built, first = tables_of(report) - reports, tables_of(production.report) - reports
    assert 0 < len(built) < len(first) / 1.5
    assert len(sent) <= MOST["one changed file"]
    production.cli.json("run", "--home", "dev", "--source", production.zone)
    assert production.differences_from("dev") == {}


def test_a_fact_with_other_columns_than_its_model_stops_the_build(production: Production) -> None:
    ((fact,),) = production.target.fetch(
        "select max(table_name) from information_schema.tables"
        " where lower(table_schema) = 'store' and lower(table_name) like 'fct_tags__%'"
    )
    production.target.execute(f"alter table store.{fact} add column by_hand varchar")
    with (production.zone / "tags.csv").open("a") as tags:
        tags.write(f"1,{a_film(production)},one more tag,1400000000\n")
    where = ("--home", "prod", "--source", production.zone)
    error = production.cli.json("run", *where, exit_code=1, env=production.env)["error"]
    assert "fct_tags" in error["message"]
    assert "by_hand" in error["message"].lower()
    assert "run `movielens build --full-refresh`" in error["message"]
    shown = "select count(*) from marts.mart_tag where tag = 'one more tag'"
    assert production.target.fetch(shown) == [(0,)]
    production.run("--full-refresh")
    assert production.target.fetch(shown) == [(1,)]
    production.cli.json("run", "--home", "dev", "--source", production.zone)
    assert production.differences_from("dev") == {}


def test_runners_of_several_machines(production: Production) -> None:
    ratings = production.zone / "ratings-2.csv"
    film = a_film(production)
    rows = "".join(f"{70_000 + n},{film},4.0,{10**9 + n}\n" for n in range(500))
    ratings.write_text(f"userId,movieId,rating,timestamp\n{rows}")
    running = [
        production.cli.start(
            "load", "--home", home, "--source", production.zone, env=production.env
        )
        for home in ("prod", "second", "third")
    ]
    ended = [(*process.communicate(timeout=200), process.returncode) for process in running]
    codes = {code for _, _, code in ended}
    assert 0 in codes, ended
    assert codes <= {0, 75}, ended
    fetch = production.target.fetch
    assert fetch("select count(*) from raw.ratings where user_id >= 70000") == [(500,)]
    of_the_file = "from raw._files where path = 'ratings-2.csv'"
    assert fetch(f"select count(*), sum(rows_loaded) {of_the_file}") == [(1, 500)]


def test_a_refused_file_ends_in_exit_4_until_it_is_gone(production: Production) -> None:
    bad = production.zone / "ratings-\\'bad.csv"
    bad.write_text("userId;movieId;rating;timestamp\n1;1;'\"\\';1400000000\n")
    cli, env = production.cli, production.env
    arguments = ("load", "--home", "prod", "--source", production.zone)
    for _ in range(2):
        answer = cli.json(*arguments, exit_code=4, env=env)
        (refused,) = (file for file in answer["files"] if file["status"] == "refused")
        assert refused["path"] == bad.name
        (standing,) = cli.json("status", "--home", "prod", env=env)["refused"]
        assert (standing["path"], standing["reason"]) == (bad.name, refused["reason"])
    bad.unlink()
    cli.json(*arguments, env=env)
    assert cli.json("status", "--home", "prod", env=env)["refused"] == []


def test_a_run_with_a_refused_file_publishes_the_others(production: Production) -> None:
    bad = production.zone / "ratings-bad.csv"
    bad.write_text("userId;movieId;rating;timestamp\n")
    production.cli.json(
        "run", "--home", "prod", "--source", production.zone, exit_code=4, env=production.env
    )
    refused = production.target.fetch("select path from marts.mart_refused_file")
    assert refused == [(bad.name,)]
    bad.unlink()
    assert production.run()["exit_code"] == 0
    assert production.target.fetch("select path from marts.mart_refused_file") == []
