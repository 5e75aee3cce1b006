"""Files that Snowflake loads itself, against the readers: equal rows, rejected rows and counts.

The stand-in answers COPY by Snowflake's documentation (local_dev/snowflake_stages.py).
"""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from ingestion import LoadReport, load
from ingestion.datasets import EVERY_DATASET
from ingestion.engine import engine_of
from ingestion.landing.listing import list_landing_zone
from ingestion.raw import pushdown
from ingestion.raw.commit import LoadBatch, write
from ingestion.raw.manifest import counting
from ingestion.raw.plan import LoadRequest, plan_load
from ingestion.raw.pushdown import clean_up, push_down
from ingestion.reading.rules import Rules
from ingestion.settings import Settings, resolve
from ingestion.warehouse.base import create_schema
from ingestion.warehouse.run import Run
from local_dev.generate import generate
from local_dev.s3 import s3_server
from local_dev.snowflake import snowflake_server
from tests.support.bad_input import CASES
from tests.support.bad_input.builders import RATINGS, TAGS, zipped
from tests.support.cli import Cli
from tests.support.closure import FOLDER
from tests.support.formats import rows_of, spark_parts, written
from tests.support.patched import patched
from tests.support.releases import as_it_was, unpacked
from tests.support.snowflake_account import Account
from tests.support.statement_book import READ_STAGE, differences

pytestmark = pytest.mark.slow
STAGE = "MOVIELENS.RAW.LANDING"
# The stand-in for S3 does not take every name; tests/landing has those.
KEY = re.compile(r"[\w .,/-]+", re.ASCII)
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

    def prepare(self, name: str, contents: Contents) -> None:
        """Uploads a landing zone, empties RAW, and puts the stage on the landing zone."""
        self.zone(name, contents)
        warehouse = engine_of(self.settings(name, "prod")).warehouse(loader=True)
        with warehouse.connect() as session:
            create_schema(session, "raw")
            for (table,) in session.execute(
                "select table_name from information_schema.tables where lower(table_schema) = 'raw'"
            ).fetchall():
                session.execute(f'drop table raw."{table}"')
        self.stage(name)
        self.sent()

    def stage(self, name: str) -> None:
        warehouse = engine_of(self.settings(name, "prod")).warehouse(loader=True)
        with warehouse.connect() as session:
            session.execute(f"create or replace stage {STAGE} url = 's3://movielens/{name}/'")

    def pushed_down(self, name: str) -> Settings:
        """Loads what can be pushed down, and nothing else."""
        settings = self.settings(name, "prod", STAGE)
        settings.home.mkdir(parents=True)
        run = Run(settings, take_over=False)
        target = engine_of(settings).warehouse(loader=True)
        lease = run.lease(target)
        zone = list_landing_zone(str(settings.source))
        plan = plan_load(target, LoadRequest(None, Rules()), zone, {})
        pushed = push_down(run, lease, plan, 1, Rules())
        write(settings, lease, LoadBatch(zone, [], {}, 1, pushed), {})
        clean_up(lease)
        with run.end():
            assert run.notes == []
        return settings


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
    found: dict[int, tuple[Any, list[Any], list[Any]]] = {
        file[0]: (file[1:], [], []) for file in files
    }
    for table, dataset in EVERY_DATASET.items():
        if not warehouse.has_table("raw", table):
            continue
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
    """What is not pushed down is read as ever, so what is pushed down is compared."""
    contents = {
        f"case-{at}/{case.path}": case.content
        for at, case in enumerate(CASES)
        if isinstance(case.content, bytes) and not case.settings and KEY.fullmatch(case.path)
    }
    stands.prepare("cases", contents)
    load(settings=stands.settings("cases", "dev"))
    expected = facts(stands.settings("cases", "dev"))
    found = facts(stands.pushed_down("cases"))
    differences = [(found[path], expected.get(path)) for path in found]
    assert [(one, other) for one, other in differences if one != other] == []
    # Neither may be few, or the comparison would prove little.
    assert len(found) > len(expected) / 2, (len(found), len(expected))
    assert len([path for path in found if found[path][2]]) > 50


def test_a_load_of_simple_and_other_files(stands: Stands) -> None:
    row = "1,2,3.5,964982703"
    contents = {
        "ratings.csv": f"{RATINGS}\n{row}\n1,2,good,964982704\n 3 ,4,5.0,964982705\n1,2\n".encode(),
        "ratings-crlf.csv": f"{RATINGS}\r\n{row}\r\n5,6,0.5,964982705".encode(),
        "tags.csv": f'{TAGS}\n1,2,"a ""b"", c",964982704\n1,2,é,964982704\n'.encode(),
        "tags-two-lines.csv": f'{TAGS}\n1,2,"a\nb",964982704\n'.encode(),
        "movies.csv": b"movieId;title\n1;a\n",
    }
    stands.prepare("mixed", contents)
    read = load(settings=stands.settings("mixed", "dev"))
    settings = stands.settings("mixed", "prod", STAGE)
    loaded = load(settings=settings)
    assert facts(settings) == facts(stands.settings("mixed", "dev"))

    def what(report: LoadReport) -> list[tuple[Any, ...]]:
        names = ("path", "status", "rows", "rejected", "reason", "examples")
        return [tuple(getattr(file, name) for name in names) for file in report.files]

    assert (what(loaded), loaded.notes) == (what(read), [])
    assert pushed(settings) == {"ratings.csv", "ratings-crlf.csv", "tags.csv"}
    warehouse = engine_of(settings).warehouse(loader=True)
    assert not warehouse.has_table("raw", "_lines")
    assert load(settings=settings).load_id is None


def test_releases_without_csv_and_zips_are_left_to_the_readers(
    stands: Stands, tmp_path: Path
) -> None:
    generate(tmp_path / "generated", ratings=1_000, seed=3)
    rows = as_it_was("ml-1m", tmp_path / "generated", tmp_path / "csv")
    folder = unpacked("ml-1m", rows, tmp_path / "unpacked")
    contents = {f"ml-1m/{file.name}": file.read_bytes() for file in folder.iterdir()}
    links = (tmp_path / "generated" / "links.csv").read_bytes()
    contents["more.zip"] = zipped({"more/links.csv": links})
    contents["tags.csv"] = (tmp_path / "generated" / "tags.csv").read_bytes()
    contents["ml-1m/ratings.dat"] += b"1::2::3\n"
    stands.prepare("releases", contents)
    options = {"load_unmodelled": True}
    dev, prod = (
        stands.settings("releases", target, stage).model_copy(update=options)
        for target, stage in (("dev", None), ("prod", STAGE))
    )
    read, loaded = load(settings=dev), load(settings=prod)
    assert facts(prod) == facts(dev)
    assert {file.path for file in loaded.of_status("loaded")} == {
        "ml-1m/movies.dat",
        "ml-1m/ratings.dat",
        "ml-1m/users.dat",
        "more.zip/more/links.csv",
        "tags.csv",
    }
    assert (read.rejected, loaded.rejected) == (1, 1)
    assert pushed(prod) == {"tags.csv"}
    assert load(settings=prod).load_id is None


def test_other_formats_are_left_to_the_readers_and_parts_are_replaced(
    stands: Stands, tmp_path: Path
) -> None:
    generate(tmp_path, ratings=1_000, seed=3)
    rows = {name: rows_of(tmp_path / f"{name}.csv")[1] for name in ("movies", "ratings", "tags")}
    bad = ["1", "2", "4.2", "964982703"]

    def contents(some: list[list[str]]) -> Contents:
        typed = spark_parts("ratings", [*some[::2], bad], "parquet")
        lines = spark_parts("ratings", [*some[1::2], bad], "csv")
        return {
            "movies.parquet": written("movies", rows["movies"], "parquet"),
            "tags.tsv": written("tags", rows["tags"], "tsv"),
            **{f"ratings.parquet/{name}": content for name, content in typed.items()},
            **{f"ratings.csv/{name}": content for name, content in lines.items()},
        }

    first = contents(rows["ratings"])
    stands.prepare("formats", first)
    dev, prod = stands.settings("formats", "dev"), stands.settings("formats", "prod", STAGE)
    assert [load(settings=each).rejected for each in (dev, prod)] == [2, 2]
    assert facts(prod) == facts(dev)
    lines = {path for path in first if "/part-" in path and path.endswith(".csv")}
    assert len(lines) == 3
    assert pushed(prod) == lines

    for path in first:
        stands.client.delete_object(Bucket="movielens", Key=f"formats/{path}")
    stands.zone("formats", contents(rows["ratings"][:500]))
    for each in (dev, prod):
        report = load(settings=each)
        assert len(report.of_status("removed")) == 6
        assert report.of_status("missing") == []
    assert facts(prod) == facts(dev)
    current = (
        f"select count(*), sum(user_id), sum(movie_id), sum(rating), sum(timestamp) "
        f"from raw.ratings where _file_id in (select file_id from raw._files where {counting()})"
    )
    expected = [sum(float(row[at]) for row in rows["ratings"][:500]) for at in range(4)]
    for each in (dev, prod):
        assert engine_of(each).warehouse(loader=True).fetch(current) == [(500, *expected)]


def test_a_stage_on_another_prefix_costs_a_note_only(stands: Stands) -> None:
    stands.prepare("astray", {"ratings.csv": f"{RATINGS}\n1,2,3.5,964982703\n".encode()})
    stands.stage("nowhere")
    settings = stands.settings("astray", "prod", STAGE)
    report = load(settings=settings)
    assert report.rows == 1
    assert "this machine read the files" in report.notes[0]
    assert not pushed(settings)


def test_a_file_replaced_since_it_was_listed_is_not_pushed_down(
    stands: Stands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same size, so that only the content key tells."""
    contents = {"ratings.csv": f"{RATINGS}\n1,2,3.5,964982703\n".encode()}
    stands.prepare("replaced", contents)
    found = pushdown.simple_files

    def then_replaced(*arguments: Any) -> Any:
        simple = list(found(*arguments))
        stands.zone("replaced", {"ratings.csv": f"{RATINGS}\n1,2,4.5,964982703\n".encode()})
        return simple

    monkeypatch.setattr(pushdown, "simple_files", then_replaced)
    report = load(settings=stands.settings("replaced", "prod", STAGE))
    assert [file.status for file in report.files] == ["put off"]


def test_the_number_of_statements_does_not_grow_with_the_files(stands: Stands) -> None:
    sent = {}
    for files in (1, 20):
        name = f"many-{files}"
        rows = [f"{RATINGS}\n1,2,3.5,{964982703 + at}\n".encode() for at in range(files)]
        stands.prepare(name, {f"ratings-{at}.csv": row for at, row in enumerate(rows)})
        settings = stands.pushed_down(name)
        sent[files] = [sql for sql in stands.sent() if "raw._lines" in sql]
        assert len(pushed(settings)) == files
    # The table, one copy, what it holds, the doubtful lines, the split; and its end.
    assert [len(statements) for statements in sent.values()] == [6, 6]


@pytest.mark.parametrize("granted", [True, False])
def test_the_loader_may_do_what_it_takes(granted: bool, tmp_path: Path) -> None:
    """With the rights of infra/snowflake and its stages, and without the one on the stage."""
    generate(tmp_path / "zone", ratings=1_000, seed=3)
    (tmp_path / "account").mkdir()
    account = Account(tmp_path / "account", set_up=_with_stages(tmp_path / "set-up", granted))
    with s3_server() as s3, patched(s3):
        bucket = boto3.Session().client("s3")
        bucket.create_bucket(Bucket="movielens")
        for file in (tmp_path / "zone").iterdir():
            bucket.upload_file(str(file), "movielens", f"movielens/{file.name}")
        account.start()
        try:
            env = {**s3, **account.env, "MOVIELENS_TARGET": "prod", "MOVIELENS_READ_STAGE": STAGE}
            options = ("--home", "home", "--source", "s3://movielens/movielens")
            loaded = Cli(tmp_path).json("load", *options, env=env)
            looked = json.loads(Cli(tmp_path)("doctor", *options, "--json", env=env).stdout)
            sent = [each["statement"] for each in account.statements()]
            hashes = account.warehouse().fetch("select content_hash from raw._files")
        finally:
            account.stop()
    if granted:
        differ = differences(sent, READ_STAGE)
        assert {how: parts for how, parts in differ.items() if parts} == {}
    assert {file["status"] for file in loaded["files"]} == {"loaded"}
    assert ({key[:5] for (key,) in hashes} == {"etag:"}) == granted, loaded["notes"]
    assert any("instead of MOVIELENS.RAW.LANDING" in note for note in loaded["notes"]) != granted
    [found] = [check for check in looked["findings"] if check["about"] == "read stage"]
    assert (found["status"] == "ok") == granted, found


def _with_stages(folder: Path, granted: bool) -> Path:
    """A set-up whose files include the optional one of the stages."""
    shutil.copytree(FOLDER, folder)
    stages = (folder / "07_storage_integration.sql").read_text()
    grant = "grant usage on stage MOVIELENS.RAW.LANDING to role MOVIELENS_LOADER;"
    assert grant in stages
    with (folder / "05_users.sql").open("a") as last:
        last.write(stages if granted else stages.replace(grant, ""))
    values = folder / "snowflake.yml"
    values.write_text(values.read_text().replace('"BUCKET"', '"movielens"'))
    return folder
