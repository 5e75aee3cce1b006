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
from ingestion.settings import resolve
from ingestion.warehouse import snowflake as client
from ingestion.warehouse.base import create_schema
from ingestion.warehouse.snowflake import SnowflakeWarehouse
from ingestion.warehouse.snowflake_login import SnowflakeSettings
from local_dev.generate import generate
from local_dev.s3 import s3_server
from local_dev.snowflake import snowflake_server
from tests.support.cli import Cli

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
    statements = f"http://127.0.0.1:{snowflake['SNOWFLAKE_PORT']}/statements"
    # Other tests have loaded ratings there, too.
    urllib.request.urlopen(urllib.request.Request(statements, method="DELETE")).close()
    load(str(tmp_path / "zone"), settings=resolve(home=tmp_path / "home"))
    with urllib.request.urlopen(statements) as answer:
        sent = [each["statement"] for each in json.load(answer)]
    copied = [sql for sql in sent if re.match(r'COPY INTO "RAW"."RATINGS"', sql, re.IGNORECASE)]
    # A file that is sent whole makes two: without rows dlt creates the table.
    assert len(copied) > 2
    assert engine_of(resolve()).warehouse().fetch("select count(*) from raw.ratings") == [
        (RATINGS,)
    ]


def test_rows_go_through_a_stage_on_s3(cli: Cli, tmp_path: Path) -> None:
    generate(tmp_path / "zone", ratings=1_000, seed=5)
    with s3_server() as s3, patched(s3), snowflake_server() as snowflake:
        bucket = boto3.Session().client("s3")
        bucket.create_bucket(Bucket="movielens-stage")
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
        staged = bucket.list_objects_v2(Bucket="movielens-stage")["Contents"]
        assert any("/ratings/" in entry["Key"] for entry in staged)


@contextmanager
def patched(variables: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield
