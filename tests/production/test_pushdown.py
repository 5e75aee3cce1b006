"""Files that Snowflake loads itself, against the readers: equal rows, rejected rows and counts.

The stand-in answers COPY by Snowflake's documentation (local_dev/snowflake_copy.py).
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from ingestion import LoadReport, load
from ingestion.datasets import DATASETS
from ingestion.engine import engine_of
from ingestion.settings import Settings, resolve
from ingestion.warehouse.base import create_schema
from local_dev.s3 import s3_server
from local_dev.snowflake import snowflake_server
from tests.support.bad_input import CASES
from tests.support.bad_input.builders import BEFORE, HEADERS, RATINGS, TAGS

pytestmark = pytest.mark.slow
STAGE = "MOVIELENS.RAW.LANDING"
Contents = dict[str, bytes]


@dataclass
class Stands:
    """Both stand-ins, with a stage on a landing zone per name."""

    snowflake: dict[str, str]
    folder: Path
    client: Any

    def zone(self, name: str, contents: Contents) -> str:
        """Uploads a landing zone."""
        for path, content in contents.items():
            self.client.put_object(Bucket="movielens", Key=f"{name}/{path}", Body=content)
        return f"s3://movielens/{name}"

    def settings(self, name: str, target: str, stage: str | None = None) -> Settings:
        home = self.folder / name / target
        settings = resolve(home=home, target=target, source=f"s3://movielens/{name}")
        return settings.model_copy(update={"read_stage": stage})

    def sent(self) -> list[str]:
        """The statements since the last call."""
        url = f"http://127.0.0.1:{self.snowflake['SNOWFLAKE_PORT']}/statements"
        with urllib.request.urlopen(url) as answer:
            statements = [each["statement"] for each in json.load(answer)]
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()
        return statements

    def both(self, name: str, contents: Contents) -> tuple[LoadReport, LoadReport]:
        """Loads a landing zone with the readers, and pushed down."""
        self.zone(name, contents)
        settings = self.settings(name, "prod", STAGE)
        with engine_of(settings).warehouse(loader=True).connect() as session:
            create_schema(session, "raw")
            for (table,) in session.execute(
                "select table_name from information_schema.tables where lower(table_schema) = 'raw'"
            ).fetchall():
                session.execute(f'drop table raw."{table}"')
            session.execute(f"create or replace stage {STAGE} url = 's3://movielens/{name}/'")
        self.sent()
        return load(settings=self.settings(name, "dev")), load(settings=settings)


@contextmanager
def patched(variables: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stands]:
    with s3_server() as s3, patched(s3), snowflake_server() as snowflake, patched(snowflake):
        client = boto3.Session().client("s3")
        client.create_bucket(Bucket="movielens")
        yield Stands(snowflake, tmp_path_factory.mktemp("pushdown"), client)


def facts(settings: Settings) -> dict[str, Any]:
    """What RAW has of each path: its counts, its rows and its rejected rows."""
    warehouse = engine_of(settings).warehouse(loader=True)
    files = warehouse.fetch(
        "select file_id, path, dataset, bytes, rows_loaded, rows_rejected from raw._files"
    )
    found = {file[0]: [file[1:], [], []] for file in files}
    for table, dataset in DATASETS.items():
        names = ", ".join(column.name for column in dataset.columns)
        for file_id, *row in warehouse.fetch(f"select _file_id, {names} from raw.{table}"):
            found[file_id][1].append(tuple(row))
    for file_id, *row in warehouse.fetch(
        "select file_id, line, raw_text, column_name, reason from raw._rejected_rows"
    ):
        found[file_id][2].append(tuple(row))
    return {
        counts[0]: [counts, sorted(rows, key=repr), sorted(rejected)]
        for counts, rows, rejected in found.values()
    }


def pushed(settings: Settings) -> set[str]:
    """The paths that Snowflake loaded itself."""
    found = (
        engine_of(settings)
        .warehouse(loader=True)
        .fetch("select path from raw._files where content_hash like 'etag:%'")
    )
    return {path for (path,) in found}


def test_every_bad_file_comes_to_the_same_on_both_paths(stands: Stands) -> None:
    cases = [case for case in CASES if not case.settings and isinstance(case.content, bytes)]
    contents = {f"case-{at}/{case.path}": case.content for at, case in enumerate(cases)}
    read, loaded = stands.both("cases", contents)
    expected, found = (
        facts(stands.settings("cases", "dev")),
        facts(stands.settings("cases", "prod")),
    )
    assert found.keys() == expected.keys()
    differences = [(found[path], expected[path]) for path in found if found[path] != expected[path]]
    assert not differences, differences[:3]

    def what(report: LoadReport) -> set[tuple[Any, ...]]:
        return {
            (file.path, file.status, file.rows, file.rejected, file.reason, file.examples)
            for file in report.files
        }

    assert what(loaded) == what(read)
    by_snowflake = pushed(stands.settings("cases", "prod"))
    print(f"{len(cases)} cases, {len(found)} loaded, {len(by_snowflake)} of them by Snowflake")
    rejecting = {path for path in by_snowflake if expected[path][2]}
    assert len(by_snowflake) > len(found) / 3
    assert len(rejecting) > 50
