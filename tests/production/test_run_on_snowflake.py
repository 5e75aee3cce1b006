"""`movielens run --target prod`: the real clients against the stand-in for Snowflake."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives import serialization

from ingestion import load
from ingestion.build.dbt import Dbt
from ingestion.build.environments import PUBLISHED
from ingestion.engine import engine_of
from ingestion.progress import silent
from ingestion.settings import Settings, resolve
from ingestion.warehouse import snowflake
from ingestion.warehouse.base import Warehouse, create_schema
from ingestion.warehouse.snowflake import SnowflakeWarehouse
from ingestion.warehouse.snowflake_login import SnowflakeSettings
from local_dev.generate import generate
from local_dev.s3 import s3_server
from local_dev.snowflake import snowflake_server
from tests.conftest import PROGRAM, Cli
from tests.support.parity import differences, relations

PROJECT = Path(__file__).resolve().parent.parent.parent
PASSPHRASE = "canary-passphrase-4711"
AWS_SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "canary/secret+4712",
    "AWS_SESSION_TOKEN": "canary/token+4713",
    "AWS_ACCESS_KEY_ID": "AKIACANARY",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
}
# Snowflake's documentation: these are answered by the services layer, without a virtual warehouse.
OF_METADATA = re.compile(r"\s*(show|describe|use|alter session|comment|rollback)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Production:
    """One landing zone, run on both targets.

    Attributes:
        folder: Everything local.
        env: What a client of the stand-in needs.
        report: What the run on Snowflake said.
        sent: The statements that it sent, with their query tags.
    """

    folder: Path
    env: dict[str, str]
    report: Any
    sent: list[dict[str, str]]

    @property
    def cli(self) -> Cli:
        return Cli(self.folder)

    def run(self, *more: str) -> Any:
        return self.cli.json("run", "--home", "prod", "--source", "zone", *more, env=self.env)

    def differences_from(self, home: str) -> dict[str, list[str]]:
        """Compares every relation with that of a DuckDB warehouse."""
        dev = relations(engine_of(Settings(home=self.folder / home, _env_file=None)).warehouse())
        prod = relations(self.target)
        assert dev.keys() == prod.keys()
        assert len(dev) > 40
        differ = {name: differences(dev[name], prod[name]) for name in dev}
        return {name: told for name, told in differ.items() if told}

    @property
    def target(self) -> Warehouse:
        user = {name.removeprefix("SNOWFLAKE_").lower(): v for name, v in self.env.items()}
        return SnowflakeWarehouse(SnowflakeSettings(_env_file=None, **user), "test")

    def statements(self) -> list[dict[str, str]]:
        """What clients have sent since this was asked last."""
        where = f"http://127.0.0.1:{self.env['SNOWFLAKE_PORT']}/statements"
        with urllib.request.urlopen(where) as answer:
            found: list[dict[str, str]] = json.load(answer)
        urllib.request.urlopen(urllib.request.Request(where, method="DELETE")).close()
        return found


@pytest.fixture(scope="module")
def production(
    snowflake_stand_in: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("production")
    generate(folder / "zone", ratings=1_000, seed=3)
    env = {
        **with_passphrase(snowflake_stand_in, folder / "key"),
        "SNOWFLAKE_DATABASE": "PRODUCTION",
        "MOVIELENS_TARGET": "prod",
    }
    Cli(folder).json("run", "--home", "dev", "--source", "zone")
    empty = Production(folder, env, None, [])
    empty.statements()
    report = empty.run("--debug")
    yield Production(folder, env, report, empty.statements())


def with_passphrase(env: dict[str, str], to: Path) -> dict[str, str]:
    """The same key, encrypted: a passphrase that must never be seen."""
    path = Path(env["SNOWFLAKE_PRIVATE_KEY_PATH"])
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    encrypted = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    to.write_bytes(key.private_bytes(pem, pkcs8, encrypted))
    rest = {name: value for name, value in env.items() if not name.endswith("_KEY_PATH")}
    return {
        **rest,
        "SNOWFLAKE_PRIVATE_KEY": to.read_text(),
        "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": PASSPHRASE,
    }


def test_both_targets_hold_the_same(production: Production) -> None:
    assert production.differences_from("dev") == {}


def test_every_statement_names_its_run_step_and_model(production: Production) -> None:
    tags = {statement["tag"] for statement in production.sent}
    run = re.match(r"movielens [0-9a-f]{8}", min(tags))
    assert run
    assert [tag for tag in tags if not tag.startswith(run[0])] == []
    assert any(tag.endswith(" ratings") and " load " in tag for tag in tags)
    assert f"{run[0]} build mart_movie" in tags


def test_a_run_with_nothing_new_needs_no_virtual_warehouse(production: Production) -> None:
    production.statements()
    again = production.run()
    sent = [statement["statement"] for statement in production.statements()]
    assert again["publish"]["version"] == production.report["publish"]["version"]
    assert {file["status"] for file in again["load"]["files"]} == {"unchanged"}
    assert [statement for statement in sent if not OF_METADATA.match(statement)] == []
    assert len(sent) == 1


def test_after_a_load_by_hand_the_next_run_looks_again(production: Production) -> None:
    noted = production.target.noted()
    assert noted["version"] == production.report["publish"]["version"]
    tags = production.folder / "zone" / "tags.csv"
    tags.write_text(tags.read_text() + "1,1,once more,1400000000\n")
    production.cli.json("load", "--home", "prod", "--source", "zone", env=production.env)
    assert production.target.noted() == {}


def test_one_changed_file_costs_what_is_behind_it(production: Production) -> None:
    """And leaves the same on both engines."""
    production.statements()
    report = production.run()
    sent = production.statements()
    assert report["publish"]["published"] is True
    assert 0 < report["build"]["models"] < production.report["build"]["models"] / 1.5
    assert len(sent) < 0.75 * len(production.sent)
    assert "tags" not in {s["tag"].split()[-1] for s in sent if " build " in s["tag"]}
    production.cli.json("run", "--home", "dev", "--source", "zone")
    assert production.differences_from("dev") == {}


def test_runners_of_several_machines(production: Production) -> None:
    ratings = production.folder / "zone" / "ratings-2.csv"
    rows = "".join(f"{70_000 + n},1,4.0,{10**9 + n}\n" for n in range(500))
    ratings.write_text(f"userId,movieId,rating,timestamp\n{rows}")
    running = [
        production.cli.start("load", "--home", home, "--source", "zone", env=production.env)
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
    bad = production.folder / "zone" / "ratings-\\'bad.csv"
    bad.write_text("userId;movieId;rating;timestamp\n1;1;'\"\\';1400000000\n")
    cli, env = production.cli, production.env
    arguments = ("load", "--home", "prod", "--source", "zone")
    for _ in range(2):
        answer = cli.json(*arguments, exit_code=4, env=env)
        (refused,) = (file for file in answer["files"] if file["status"] == "refused")
        assert refused["path"] == bad.name
        (standing,) = cli.json("status", "--home", "prod", env=env)["refused"]
        assert (standing["path"], standing["reason"]) == (bad.name, refused["reason"])
    bad.unlink()
    cli.json(*arguments, env=env)
    assert cli.json("status", "--home", "prod", env=env)["refused"] == []


@pytest.mark.slow
def test_a_run_with_a_refused_file_publishes_the_others(production: Production) -> None:
    bad = production.folder / "zone" / "ratings-bad.csv"
    bad.write_text("userId;movieId;rating;timestamp\n")
    production.cli.json(
        "run", "--home", "prod", "--source", "zone", exit_code=4, env=production.env
    )
    refused = production.target.fetch("select path from marts.mart_refused_file")
    assert refused == [(bad.name,)]
    bad.unlink()
    assert production.run()["exit_code"] == 0
    assert production.target.fetch("select path from marts.mart_refused_file") == []


def test_a_large_file_is_sent_in_compressed_parts(
    production: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snowflake, "STAGED_BYTES", 100_000)
    for name, value in {**production.env, "SNOWFLAKE_DATABASE": "PARTS"}.items():
        monkeypatch.setenv(name, value)
    generate(tmp_path / "zone", ratings=1_000_000, seed=4)
    production.statements()
    load(str(tmp_path / "zone"), settings=resolve(home=tmp_path / "home"))
    sent = [s["statement"] for s in production.statements()]
    copied = [sql for sql in sent if re.match(r'COPY INTO "RAW"."RATINGS"', sql, re.IGNORECASE)]
    assert len(copied) > 1
    assert engine_of(resolve()).warehouse().fetch("select count(*) from raw.ratings") == [
        (1_000_000,)
    ]


def test_rows_go_through_a_stage_on_s3(cli: Cli, tmp_path: Path) -> None:
    generate(tmp_path / "zone", ratings=1_000, seed=5)
    with s3_server() as s3, patched(s3), snowflake_server() as snowflake:
        client = boto3.Session().client("s3")
        client.create_bucket(Bucket="movielens-stage")
        env = {**s3, **snowflake, "MOVIELENS_TARGET": "prod"}
        stage = {"MOVIELENS_STAGE": "s3://movielens-stage/staging"}
        options = ("load", "--home", "home", "--source", tmp_path / "zone")
        done = cli(*options, env={**env, **stage})
        assert done.returncode == 2
        assert "MOVIELENS_STAGE_NAME" in done.stderr
        login = {name.removeprefix("SNOWFLAKE_").lower(): v for name, v in snowflake.items()}
        target = SnowflakeWarehouse(SnowflakeSettings(_env_file=None, **login), "test")
        with target.connect() as session:
            create_schema(session, "raw")
            session.execute("create stage raw.staging url = 's3://movielens-stage/staging/'")
        stage["MOVIELENS_STAGE_NAME"] = "MOVIELENS.RAW.STAGING"
        cli.json(*options, env={**env, **stage})
        assert target.fetch("select count(*) from raw.ratings") == [(1_000,)]
        staged = client.list_objects_v2(Bucket="movielens-stage")["Contents"]
        assert any("/ratings/" in entry["Key"] for entry in staged)


@contextmanager
def patched(variables: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


def test_no_secret_is_written_anywhere(production: Production) -> None:
    pem = production.env["SNOWFLAKE_PRIVATE_KEY"].splitlines()
    key = serialization.load_pem_private_key("\n".join(pem).encode(), PASSPHRASE.encode())
    plain = (
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
        .splitlines()
    )
    secrets = [PASSPHRASE, base64.b64encode(PASSPHRASE.encode()).decode()]
    secrets += [AWS_SECRETS["AWS_SECRET_ACCESS_KEY"], AWS_SECRETS["AWS_SESSION_TOKEN"]]
    secrets += [*pem[1:-1], *plain[1:-1]]
    refused = {"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": f"{PASSPHRASE}-wrong"}
    from_s3 = ("--source", "s3://movielens-canary/landing")
    attempts = [
        *(((name,), refused) for name in ("build", "publish", "rollback", "vacuum", "status")),
        (("run", "--source", "zone"), refused),
        (("load", *from_s3), AWS_SECRETS),
        (("doctor", *from_s3), AWS_SECRETS),
        (("load", "--source", "zone"), refused),
        (("load", "--source", "zone"), {"SNOWFLAKE_PRIVATE_KEY": pem[1]}),
        (("status",), {"SNOWFLAKE_DATABASE": "no such database"}),
        (("load", "--source", "zone"), {}),
        (("config",), {}),
        (("doctor", "--source", "zone"), {"SNOWFLAKE_PRIVATE_KEY": pem[1]}),
        (("doctor", "--source", "zone"), {"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": f"{PASSPHRASE}x"}),
        (("doctor", "--source", "zone"), {}),
    ]
    told = "".join(
        output_of(production, *command, "--home", "prod", "--debug", env={**production.env, **env})
        for command, env in attempts
    )
    home = [file for file in (production.folder / "prod").rglob("*") if file.is_file()]
    assert len(home) > 10
    written = {str(file): file.read_bytes() for file in home}
    written["output"] = told.encode()
    for secret in secrets:
        assert [name for name, content in written.items() if secret.encode() in content] == []


def output_of(production: Production, *arguments: str, env: dict[str, str]) -> str:
    done = subprocess.run(
        [str(PROGRAM), *arguments],
        env=production.cli.environment(env),
        cwd=production.folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_macro_that_means_something_else_turns_parity_red(
    production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = production.folder / "project"
    for name in ("models", "macros", "tests/data"):
        shutil.copytree(PROJECT / name, changed / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, changed)
    macros = changed / "macros" / "dialect" / "time.sql"
    text = macros.read_text()
    macros.write_text(text.replace("dayofweekiso({{ moment }})", "8 - dayofweekiso({{ moment }})"))
    assert macros.read_text() != text
    for name, value in production.env.items():
        monkeypatch.setenv(name, value)
    mart = "marts_candidate.mart_weekday_hour"
    before = relations(production.target)[mart]
    home = production.folder / "changed"
    home.mkdir()
    settings = Settings(home=home, target="prod", project=changed, _env_file=None)
    results = Dbt(settings, PUBLISHED, silent).build(
        "--select", "mart_weekday_hour", "--exclude-resource-type", "test"
    )
    assert {str(result.status) for result in results} == {"success"}
    after = relations(production.target)[mart]
    assert "content of n_ratings" not in differences(before, after)
    assert "content of (rows)" in differences(before, after)
