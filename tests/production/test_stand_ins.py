"""`movielens dev`: from nothing to a production run, with the settings that it prints."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_dev.servers import free_port
from local_dev.snowflake_gaps import RULES, rewritten, several
from tests.conftest import Cli


@contextmanager
def started(cli: Cli, *command: str) -> Iterator[dict[str, str]]:
    """Starts a stand-in, and gives what it prints; Ctrl-C must end it well."""
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


def test_a_port_in_use_is_said(cli: Cli, snowflake: dict[str, str]) -> None:
    done = cli("dev", "snowflake", "--port", snowflake["SNOWFLAKE_PORT"], "--home", "home")
    assert done.returncode == 2
    assert "--port" in done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_does_what_it_says(rule: object) -> None:
    told = [line.strip() for line in (rule.__doc__ or "").splitlines()]
    before = next(line for line in told if line.startswith("before: "))
    after = next(line for line in told if line.startswith("after: "))
    assert rewritten(before.removeprefix("before: ")) == after.removeprefix("after: ")


def test_what_no_rule_knows_is_passed_on() -> None:
    for statement in ("select 1", "create table t (a int)", "show tables in schema raw"):
        assert rewritten(statement) == statement
    assert several("select 1; select ';'") == ["select 1", "select ';'"]
