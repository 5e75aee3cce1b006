"""`movielens query` and `export`: the published marts, one version of them, and nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from ingestion.errors import SettingsError
from ingestion.publish.export import export
from ingestion.publish.reader import query, reading
from ingestion.settings import Settings
from tests.support.cli import Cli

pytestmark = pytest.mark.xdist_group("reader")


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built / "home", tmp_path / "home", copy_function=shutil.copy2)
    return tmp_path / "home"


def _settings(home: Path) -> Settings:
    return Settings(home=home, _env_file=None)


def _published(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "marts.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


GENRES = "select genre, n_ratings from mart_genre order by genre"


def test_each_format_has_the_same_rows(built: Path, cli: Cli) -> None:
    rows = _published(built / "home", GENRES)
    assert len(rows) > 5

    def ask(*options: str) -> str:
        done = cli("query", GENRES, "--home", built / "home", *options)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    header, _, *lines = ask().splitlines()
    assert header.split() == ["genre", "n_ratings"]
    assert [line.split() for line in lines] == [[*genre.split(), str(n)] for genre, n in rows]
    assert ask("--format", "csv").splitlines() == [
        '"genre","n_ratings"',
        *(f'"{genre}",{n}' for genre, n in rows),
    ]
    as_records = [{"genre": genre, "n_ratings": n} for genre, n in rows]
    assert json.loads(ask("--format", "json")) == as_records
    answer = json.loads(ask("--json"))
    assert (answer["answer"], answer["rows"]) == (as_records, len(rows))
    assert ask("--format", "parquet", "--out", "genres.parquet").startswith("Wrote")
    read = pyarrow.parquet.read_table(cli.folder / "genres.parquet")
    assert read.to_pylist() == as_records
    assert [path.name for path in cli.folder.iterdir()] == ["genres.parquet"]


def test_sums_are_numbers_in_json(built: Path, cli: Cli) -> None:
    sums = "sum(n_ratings) as n, sum(1) as one"
    sql = f"select {sums}, cast(1.5 as decimal(3, 2)) as part from mart_genre"
    (answer,) = cli.json("query", sql, "--home", built / "home")["answer"]
    ((n,),) = _published(built / "home", "select sum(n_ratings) from mart_genre")
    ((one,),) = _published(built / "home", "select count(*) from mart_genre")
    assert answer == {"n": n, "one": one, "part": 1.5}
    done = cli("query", sql, "--home", built / "home", "--format", "json")
    assert json.loads(done.stdout) == [answer]
    assert [type(value) for value in answer.values()] == [int, int, float]


def test_a_long_table_says_that_it_was_cut(built: Path, cli: Cli) -> None:
    done = cli("query", "select n from range(130) as numbers (n)", "--home", built / "home")
    assert done.stdout.splitlines()[-2:] == ["  99", "30 more rows; --format csv has them all"]


def test_text_of_others_cannot_move_the_cursor(built: Path, cli: Cli) -> None:
    done = cli("query", "select chr(27) || '[2J' as title", "--home", built / "home")
    assert "\x1b" not in done.stdout
    assert r"\x1b[2J" in done.stdout


@pytest.mark.parametrize(
    "sql",
    [
        "from read_csv('{home}/reports/x.csv')",
        "select * from read_text('/etc/hostname')",
        "select * from glob('/*')",
        "from '{home}/warehouse.duckdb'",
        "attach '{home}/warehouse.duckdb' as warehouse",
        "from raw.ratings",
        "from warehouse.raw.ratings",
        "select * from analytics.fct_ratings",
        "copy mart_genre to '{home}/out.csv'",
        "export database '{home}/out'",
        "create table here as from mart_genre",
        "insert into mart_genre from mart_genre",
        "update mart_genre set n_ratings = 0",
        "delete from mart_genre",
        "drop table mart_genre",
        "set enable_external_access = true",
        "reset lock_configuration",
        "install httpfs",
        "load httpfs",
        "select 1; select 2",
        "from home",  # a variable of the caller
        "select 1 as a, 2 as a",
        "selec 1",
        "",
    ],
)
def test_it_reads_nothing_else_and_writes_nothing(home: Path, sql: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    with pytest.raises(SettingsError) as refused:
        query(_settings(home), sql.format(home=home))
    assert refused.value.remedy
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


def test_a_query_of_marts_needs_no_warehouse(home: Path) -> None:
    (home / "warehouse.duckdb").unlink()
    answer = query(_settings(home), "select count(*) as n from mart_genre")
    assert answer.rows.to_pylist() == [
        {"n": _published(home, "select count(*) from mart_genre")[0][0]}
    ]
    assert answer.version == _published(home, "select data_version from mart_dataset_status")[0][0]


def test_a_publish_meanwhile_changes_nothing_that_is_read(home: Path) -> None:
    with reading(_settings(home)) as (connection, version):
        beside = home / "next.duckdb"
        shutil.copyfile(home / "marts.duckdb", beside)
        with duckdb.connect(str(beside)) as changed:
            changed.execute("update mart_dataset_status set data_version = 'next'")
        beside.replace(home / "marts.duckdb")
        seen = connection.execute("select data_version from mart_dataset_status").fetchall()
    assert seen == [(version,)] != [("next",)]


def test_before_the_first_publish_it_says_so(cli: Cli) -> None:
    for arguments in ("query", "from mart_genre"), ("export", "marts"):
        done = cli(*arguments)
        assert done.returncode == 2
        assert "Nothing is published yet" in done.stderr
    assert list(cli.folder.iterdir()) == []


def test_a_file_that_is_no_database_is_told_and_left(home: Path) -> None:
    marts = home / "marts.duckdb"
    marts.unlink()
    marts.write_bytes(b"no database")
    with pytest.raises(SettingsError, match="Nothing is published"):
        query(_settings(home), "from mart_genre")
    assert marts.read_bytes() == b"no database"


def _read(file: Path) -> str:
    reader = "read_parquet" if file.suffix == ".parquet" else "read_csv"
    more = (
        ""
        if file.suffix == ".parquet"
        else ", header = true, all_varchar = true, allow_quoted_nulls = false"
    )
    return f"{reader}('{file}'{more})"


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_an_export_has_every_row_of_every_mart(home: Path, tmp_path: Path, format_: Any) -> None:
    folder = tmp_path / "marts"
    report = export(_settings(home), folder, format_)
    names = [
        name for (name,) in _published(home, "select table_name from duckdb_tables() order by 1")
    ]
    package = json.loads((folder / "datapackage.json").read_text())
    assert list(report.rows) == names == [each["name"] for each in package["resources"]]
    assert package["version"] == report.version
    assert {path.name for path in folder.iterdir()} == {
        *(f"{name}.{format_}" for name in names),
        *("datapackage.json", "LICENSE.txt"),
    }
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home / 'marts.duckdb'}' as published (read_only)")
        for resource in package["resources"]:
            file, mart = folder / resource["path"], f"published.{resource['name']}"
            content = file.read_bytes()
            assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
            assert resource["bytes"] == len(content)
            fields = resource["schema"]["fields"]
            types = dict(
                connection.execute(
                    f"select column_name, lower(column_type) from (describe {mart})"
                ).fetchall()
            )
            assert [field["name"] for field in fields] == list(types)
            assert all(field["description"] for field in fields), resource["name"]
            cast = ", ".join(
                f'cast("{name}" as {type_}) as "{name}"' for name, type_ in types.items()
            )
            for left, right in ((mart, _read(file)), (_read(file), mart)):
                one, other = (f"select {cast} from {relation}" for relation in (left, right))
                found = connection.execute(f"{one} except all {other}").fetchall()
                assert found == [], resource["name"]


def test_an_export_names_the_licence(home: Path, tmp_path: Path) -> None:
    export(_settings(home), tmp_path / "marts", "csv")
    licence, citation = _published(home, "select licence, citation from mart_dataset_status")[0]
    package = json.loads((tmp_path / "marts" / "datapackage.json").read_text())
    (told,) = package["licenses"]
    assert (told["title"], told["path"]) == (licence, "LICENSE.txt")
    text = (tmp_path / "marts" / "LICENSE.txt").read_text()
    assert licence in text
    assert citation in text


def test_an_export_overwrites_nothing(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "marts"
    folder.mkdir()
    (folder / "mine").write_text("kept")
    with pytest.raises(SettingsError, match="nothing was written"):
        export(_settings(home), folder, "csv")
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["marts"]
    assert (folder / "mine").read_text() == "kept"
