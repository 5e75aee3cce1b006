"""`movielens dev`: from nothing to a production run, with the settings that it prints."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import snowflake.connector
from fakesnow.instance import FakeSnow
from snowflake.connector import errors as snowflake_errors

from ingestion.errors import MovielensError
from ingestion.literals import snowflake_literal
from ingestion.settings import Settings
from ingestion.warehouse.lease import _make_table, acquire
from ingestion.warehouse.snowflake import SnowflakeWarehouse
from ingestion.warehouse.snowflake_login import SnowflakeSettings, connector_arguments
from local_dev import snowflake as stand_in
from local_dev.servers import free_port
from local_dev.snowflake_gaps import RULES, Rule, rewritten, several
from tests.support.cli import Cli
from tests.support.closure import FOLDER
from tests.support.landing_zone import MOVIES, write_six


@contextmanager
def started(cli: Cli, *command: str) -> Iterator[dict[str, str]]:
    """Starts a stand-in, and yields its output; Ctrl-C must end it cleanly."""
    process = cli.start(*command, "--port", str(free_port()), "--json")
    try:
        assert process.stdout is not None
        answer = json.loads(process.stdout.readline())
        yield answer["variables"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_bucket_loads_into_a_snowflake_that_keeps_it(cli: Cli, tmp_path: Path) -> None:
    keep = ("dev", "snowflake", "--state", str(tmp_path / "state"), "--home", "home")
    with started(cli, "dev", "s3") as s3:
        with started(cli, *keep) as snowflake:
            assert Path(snowflake["SNOWFLAKE_PRIVATE_KEY_PATH"]).stat().st_mode & 0o077 == 0
            env = {**s3, **snowflake, "MOVIELENS_TARGET": "prod"}
            first = cli.json("load", "--home", "home", env=env)
            assert {file["status"] for file in first["files"]} == {"loaded"}
            assert first["source"] == "s3://movielens/landing"
        with started(cli, *keep) as snowflake:
            env = {**s3, **snowflake, "MOVIELENS_TARGET": "prod"}
            again = cli.json("load", "--home", "another", env=env)
            assert {file["status"] for file in again["files"]} == {"unchanged"}
            assert len(again["files"]) == 6


@pytest.mark.slow
def test_loads_before_any_run_has_noted_anything(
    cli: Cli, snowflake: dict[str, str], tmp_path: Path
) -> None:
    env = {**snowflake, "MOVIELENS_TARGET": "prod"}
    write_six(tmp_path / "zone")
    for titles in (MOVIES, MOVIES + "9,New,x\n"):
        (tmp_path / "zone" / "movies.csv").write_text(titles)
        loaded = cli.json("load", "--home", "home", "--source", tmp_path / "zone", env=env)
        assert loaded["load_id"]


def test_only_the_key_that_it_made_is_admitted(
    cli: Cli, snowflake: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    subprocess.run(
        ["openssl", "genrsa", "-out", str(other), "2048"], check=True, capture_output=True
    )
    env = {**snowflake, "SNOWFLAKE_PRIVATE_KEY_PATH": str(other), "MOVIELENS_TARGET": "prod"}
    done = cli("status", "--home", "home", env=env)
    assert done.returncode == 1
    assert "JWT token is invalid" in done.stderr


def test_marts_of_the_past_are_refused(cli: Cli, snowflake: dict[str, str]) -> None:
    env = {**snowflake, "MOVIELENS_TARGET": "prod"}
    done = cli("build", "--as-of", "1", "--home", "home", env=env)
    assert done.returncode == 2
    assert "works only with a DuckDB warehouse" in done.stderr


def test_a_port_in_use_is_said(cli: Cli, snowflake: dict[str, str]) -> None:
    done = cli("dev", "snowflake", "--port", snowflake["SNOWFLAKE_PORT"], "--home", "home")
    assert done.returncode == 2
    assert "--port" in done.stderr


def pair(rule: Rule) -> tuple[str, str]:
    """The statements `before` and `after` in the docstring of a rule."""
    told = [line.strip() for line in (rule.__doc__ or "").splitlines()]
    before, after = (
        next(line.removeprefix(label) for line in told if line.startswith(label))
        for label in ("before: ", "after: ")
    )
    return before, after


each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@each_rule
def test_a_rule_does_what_it_says(rule: Rule) -> None:
    before, after = pair(rule)
    assert rewritten(before) == after


@pytest.fixture(scope="module")
def fakesnow_alone() -> Callable[[str], object]:
    """Runs a statement without the layer, and gives its rows or its error."""
    prepared = (
        "create schema movielens.analytics",
        "create database m",
        "create schema m.raw",
        "use schema m.raw",
        "create table _files (a int) comment = 'x'",
        "create table t (a int, b int)",
        "insert into t values (1, 2), (3, 4)",
        "create view v as select 1 as a",
    )
    # Not by its patch: the tests below talk to the stand-in with the real connector.
    cursor = FakeSnow().connect("MOVIELENS", "MAIN").cursor()

    def answer(statement: str) -> object:
        try:
            return cursor.execute(statement).fetchall()
        except Exception as error:  # a gap may be an error of any kind
            return f"{type(error).__name__}: {error}"

    for statement in prepared:
        assert not isinstance(answer(statement), str), answer(statement)
    return answer


@each_rule
def test_fakesnow_alone_still_has_the_gap(
    rule: Rule, fakesnow_alone: Callable[[str], object]
) -> None:
    before, after = map(fakesnow_alone, pair(rule))
    assert before != after


def test_what_no_rule_knows_is_passed_on() -> None:
    for statement in ("select 1", "create table t (a int)", "show tables in schema raw"):
        assert rewritten(statement) == statement
    assert several("select 1; select ';'") == ["select 1", "select ';'"]


@pytest.mark.slow
def test_first_runs_at_once(cli: Cli, snowflake: dict[str, str], tmp_path: Path) -> None:
    """In an empty database, where one of them has to create the row of the lease."""
    env = {**snowflake, "MOVIELENS_TARGET": "prod"}
    write_six(tmp_path / "zone")
    zone = ("--source", str(tmp_path / "zone"))
    running = [cli.start("load", "--home", f"home-{n}", *zone, env=env) for n in range(3)]
    ended = [(*process.communicate(timeout=200), process.returncode) for process in running]
    codes = {code for _, _, code in ended}
    assert 0 in codes, ended
    assert codes <= {0, 75}, ended
    own = session(snowflake).cursor()
    assert own.execute("select count(*) from raw._lease").fetchall() == [(1,)]
    assert own.execute("select count(*) from raw._files").fetchall() == [(6,)]


def test_the_row_of_the_lease_comes_with_its_table(snowflake: dict[str, str]) -> None:
    """Two statements of two first runs could leave two rows, and so two holders."""
    one, two = session(snowflake).cursor(), session(snowflake).cursor()
    one.execute("create schema raw")
    for cursor in (one, two):
        _make_table(Recording(cursor))
    assert one.execute("select count(*) from raw._lease").fetchall() == [(1,)]
    assert [sql.split()[0] for sql in Recording.changes] == ["create", "create"]


class Recording:
    """A connection that records the statements that change something."""

    changes: ClassVar[list[str]] = []

    def __init__(self, native: Any) -> None:
        self.native = native
        self.known: set[str] = set()
        self.complete: set[str] | None = None

    def literal(self, value: Any) -> str:
        return snowflake_literal(value)

    def execute(self, sql: str) -> Any:
        if not sql.startswith("select"):
            self.changes.append(sql)
        return self.native.execute(sql)


def session(variables: dict[str, str]) -> snowflake.connector.SnowflakeConnection:
    """A session of its own."""
    login = {name.removeprefix("SNOWFLAKE_").lower(): value for name, value in variables.items()}
    settings = SnowflakeSettings(_env_file=None, **login)
    return snowflake.connector.connect(**connector_arguments(settings, "test"))


def test_sessions_that_write_to_one_table_wait_for_each_other(snowflake: dict[str, str]) -> None:
    """As in Snowflake, with a transaction or without; DuckDB would refuse all but one of them."""
    sessions = [session(snowflake) for _ in range(4)]
    sessions[0].cursor().execute("create schema raw")
    sessions[0].cursor().execute("create table raw.t as select 0 as n")

    def write(own: snowflake.connector.SnowflakeConnection) -> None:
        for _ in range(8):
            for statement in (
                "comment on table raw.t is 'noted'",
                "update raw.t set n = n + 1",
                "create table if not exists raw.u (name varchar)",
                "begin",
                "update raw.t set n = n + 1",
                "commit",
            ):
                own.cursor().execute(statement)

    with ThreadPoolExecutor(len(sessions)) as at_once:
        list(at_once.map(write, sessions))
    assert sessions[0].cursor().execute("select n from raw.t").fetchall() == [(2 * 8 * 4,)]


def test_nobody_who_reads_waits(snowflake: dict[str, str]) -> None:
    writer, reader = session(snowflake), session(snowflake)
    for statement in ("create schema raw", "create table raw.t as select 0 as n", "begin"):
        writer.cursor().execute(statement)
    writer.cursor().execute("update raw.t set n = 1")
    assert reader.cursor().execute("select n from raw.t").fetchall() == [(0,)]
    writer.cursor().execute("commit")
    assert reader.cursor().execute("select n from raw.t").fetchall() == [(1,)]


@pytest.mark.slow
def test_a_transaction_that_kept_others_waiting_too_long_is_gone(
    snowflake: dict[str, str],
) -> None:
    """Its owner gets an error instead of silently continuing outside a transaction."""
    slow, other = session(snowflake), session(snowflake)
    for statement in ("create schema raw", "create table raw.t as select 0 as n", "begin"):
        slow.cursor().execute(statement)
    slow.cursor().execute("update raw.t set n = 1")
    other.cursor().execute("update raw.t set n = n + 10")  # waits until the first one is ended
    with pytest.raises(snowflake_errors.ProgrammingError) as ended:
        slow.cursor().execute("insert into raw.t values (2)")
    assert ended.value.errno == int(stand_in.ABORTED)
    for statement in ("rollback", "begin", "update raw.t set n = n + 100", "commit"):
        slow.cursor().execute(statement)
    assert other.cursor().execute("select n from raw.t").fetchall() == [(110,)]


def test_what_defines_something_commits_first(snowflake: dict[str, str]) -> None:
    own = session(snowflake)
    for statement in (
        "create schema raw",
        "create table raw.t as select 0 as n",
        "begin",
        "update raw.t set n = 1",
        "create table if not exists raw.u (name varchar)",
        "update raw.t set n = n + 10",
        "rollback",
    ):
        own.cursor().execute(statement)
    assert own.cursor().execute("select n from raw.t").fetchall() == [(11,)]


def test_what_is_temporary_ends_with_its_session(snowflake: dict[str, str]) -> None:
    own, other = session(snowflake), session(snowflake)
    database = snowflake["SNOWFLAKE_DATABASE"]
    for statement in (
        "create schema raw",
        f"create or replace temporary table {database}.raw.t as select 1 as n",
        f"create temporary view {database}.raw.v as select n from raw.t",
    ):
        own.cursor().execute(statement)
    assert own.cursor().execute("select n from raw.v").fetchall() == [(1,)]
    own.close()
    tables = "select 1 from information_schema.tables where lower(table_schema) = 'raw'"
    assert other.cursor().execute(tables).fetchall() == []


@pytest.fixture(scope="module")
def refusing() -> Iterator[dict[str, str]]:
    with stand_in.snowflake_server(set_up=FOLDER) as variables:
        yield variables


def test_what_a_role_may_not_do_fails_as_in_snowflake(refusing: dict[str, str]) -> None:
    builds = session(refusing).cursor()
    for statement, number, said in (
        ("create schema if not exists raw", 3001, "Insufficient privileges to operate on database"),
        ("delete from raw._lease", 3001, "Insufficient privileges to operate on table '_LEASE'"),
        ("select * from raw.nothing", 2003, "'MOVIELENS.RAW.NOTHING' does not exist or not"),
        ("select * from other.marts.t", 2003, "'OTHER' does not exist or not authorized"),
    ):
        with pytest.raises(snowflake_errors.ProgrammingError, match=said) as refused:
            builds.execute(statement)
        assert refused.value.errno == number


def test_a_refusal_is_told_with_what_is_refused(refusing: dict[str, str]) -> None:
    """Snowflake's message has its kind on the first line, and the rest on the next."""
    login = {name.removeprefix("SNOWFLAKE_").lower(): value for name, value in refusing.items()}
    target = SnowflakeWarehouse(SnowflakeSettings(_env_file=None, **login), "test")
    with pytest.raises(MovielensError, match="Insufficient privileges to operate on schema 'RAW'"):
        target.execute("create table raw.x (a int)")


def test_a_database_that_nobody_made_is_not_there(refusing: dict[str, str]) -> None:
    assert session({**refusing, "SNOWFLAKE_DATABASE": "OTHER"}).database is None


def test_the_lease_can_be_taken_in_a_new_account(
    refusing: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in refusing.items():
        monkeypatch.setenv(name, value)
    settings = Settings(home=tmp_path, target="prod", _env_file=None)
    first = acquire(settings)
    first.release()
    assert acquire(settings).fence == first.fence + 1
