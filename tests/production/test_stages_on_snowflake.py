"""How rows get to Snowflake: through its own stages or through one on S3, in parts."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from ingestion import load
from ingestion.engine import engine_of
from ingestion.operate.doctor.account import stage
from ingestion.settings import Settings, resolve
from ingestion.warehouse import snowflake as client
from ingestion.warehouse.base import create_schema
from ingestion.warehouse.snowflake import SnowflakeWarehouse
from ingestion.warehouse.snowflake_login import SnowflakeSettings
from local_dev.generate import generate
from local_dev.snowflake import snowflake_server
from tests.support.cli import Cli
from tests.support.faulty_s3 import served
from tests.support.patched import patched
from tests.support.policed_s3 import ROLE, PolicedS3
from tests.support.stack import BUCKET, statements_of
from tests.support.statement_book import STAGE, differences

pytestmark = pytest.mark.slow
RATINGS = 1_000_000


def test_a_large_file_is_sent_in_compressed_parts(
    snowflake: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "STAGED_BYTES", 20_000)
    # Each thread writes a part of its own, however small.
    monkeypatch.setitem(client._STAGING, "threads", 1)
    for name, value in {**snowflake, "MOVIELENS_TARGET": "prod"}.items():
        monkeypatch.setenv(name, value)
    generate(tmp_path / "zone", ratings=RATINGS, seed=4)
    statements = _statements_of(snowflake)
    # Other tests have loaded ratings there, too.
    urllib.request.urlopen(urllib.request.Request(statements, method="DELETE")).close()
    load(str(tmp_path / "zone"), settings=resolve(home=tmp_path / "home"))
    with urllib.request.urlopen(statements) as answer:
        sent = [each["statement"] for each in json.load(answer)]
    copied = [sql for sql in sent if re.match(r'COPY INTO "RAW"."RATINGS"', sql, re.IGNORECASE)]
    assert len(copied) > 1
    assert engine_of(resolve()).warehouse().fetch("select count(*) from raw.ratings") == [
        (RATINGS,)
    ]


# What a load is refused without each statement of the stack's policies.
REFUSED_WITHOUT = {
    "ReadFiles": "s3:GetObject",
    "ListFiles": "s3:ListBucket",
    "WriteRows": "s3:GetObject",  # whether dlt has been there before
    "ListRows": "s3:ListBucket",
    "FindBucket": "s3:CreateBucket",
}


def test_rows_go_through_a_stage_on_s3_as_the_stack_allows(cli: Cli, tmp_path: Path) -> None:
    code, said, policed, rows, sent = _loaded_as_the_runner(cli, tmp_path, without="")
    assert (code, rows) == (0, [(1_000,)]), said
    differ = differences(sent, STAGE)
    assert {how: parts for how, parts in differ.items() if parts} == {}
    # Without a prefix, which the policy wants, it is first asked whether the bucket is there.
    assert {action for action, _ in policed.refusals} == {"s3:ListBucket"}


def test_one_setting_of_the_stage_without_the_other_is_an_error(cli: Cli) -> None:
    stage = {"MOVIELENS_STAGE": f"s3://{BUCKET}/staging", "MOVIELENS_TARGET": "prod"}
    done = cli("load", "--home", "home", "--source", ".", env=stage)
    assert done.returncode == 2
    assert "MOVIELENS_STAGE_NAME" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("without", [each["Sid"] for each in statements_of("RunnerRole")])
def test_each_statement_of_the_stack_is_needed(cli: Cli, tmp_path: Path, without: str) -> None:
    code, said, policed, *_ = _loaded_as_the_runner(cli, tmp_path, without=without)
    assert code != 0
    assert REFUSED_WITHOUT[without] in {action for action, _ in policed.refusals}, said


@pytest.mark.parametrize("without", ["FindBucket", "WriteRows"])
def test_doctor_tries_what_a_load_through_the_stage_needs(without: str) -> None:
    prefix = f"s3://{BUCKET}/movielens-staging"
    settings = Settings(stage=prefix, stage_name="MOVIELENS.RAW.STAGING", _env_file=None)
    with _policed(without) as (s3, _), patched({**s3, "AWS_ACCESS_KEY_ID": ROLE}):
        (found,) = stage(settings)
    assert (found.status, found.code) == ("problem", "stage-not-writable")


def _loaded_as_the_runner(
    cli: Cli, tmp_path: Path, *, without: str
) -> tuple[int, str, PolicedS3, list[tuple[int]], set[str]]:
    """Loads with the rights of the stack's role, except one statement; tells how it went."""
    generate(tmp_path / "zone", ratings=1_000, seed=5)
    with _policed(without) as (s3, policed), patched(s3), snowflake_server() as snowflake:
        bucket = boto3.Session().client("s3")
        for file in (tmp_path / "zone").iterdir():
            bucket.upload_file(str(file), BUCKET, f"movielens/{file.name}")
        target = _with_stage(snowflake, f"s3://{BUCKET}/movielens-staging/")
        env = {
            **s3,
            **snowflake,
            "AWS_ACCESS_KEY_ID": ROLE,
            "MOVIELENS_TARGET": "prod",
            "MOVIELENS_STAGE": f"s3://{BUCKET}/movielens-staging",
            "MOVIELENS_STAGE_NAME": "MOVIELENS.RAW.STAGING",
        }
        done = cli("load", "--home", "home", "--source", f"s3://{BUCKET}/movielens", env=env)
        with urllib.request.urlopen(_statements_of(snowflake)) as answer:
            sent = {each["statement"] for each in json.load(answer) if each["tag"] != "test"}
        rows = target.fetch("select count(*) from raw.ratings") if not done.returncode else []
    return done.returncode, done.stderr, policed, rows, sent


def _statements_of(snowflake: dict[str, str]) -> str:
    """Where the stand-in tells what was sent."""
    return f"http://127.0.0.1:{snowflake['SNOWFLAKE_PORT']}/statements"


@contextmanager
def _policed(without: str) -> Iterator[tuple[dict[str, str], PolicedS3]]:
    may = [each for each in statements_of("RunnerRole") if each["Sid"] != without]
    policed = PolicedS3(may)
    with served(policed) as s3:
        with patched(s3):
            boto3.Session().client("s3").create_bucket(Bucket=BUCKET)
        yield s3, policed
        # moto keeps its buckets for as long as the process lives.
        urllib.request.urlopen(f"{s3['AWS_ENDPOINT_URL']}/moto-api/reset", b"").close()


def _with_stage(snowflake: dict[str, str], url: str) -> SnowflakeWarehouse:
    login = {name.removeprefix("SNOWFLAKE_").lower(): v for name, v in snowflake.items()}
    target = SnowflakeWarehouse(SnowflakeSettings(_env_file=None, **login), "test")
    with target.connect() as session:
        create_schema(session, "raw")
        session.execute(f"create stage raw.staging url = '{url}'")
    return target
