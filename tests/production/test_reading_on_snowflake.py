"""`movielens query` and `export` on Snowflake: the same answers as from DuckDB."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.both_targets import Production

pytestmark = [pytest.mark.xdist_group("production"), pytest.mark.slow]

# What a run says of itself.
OF_THE_RUN = ("mart_dataset_status", "mart_quality", "mart_source_file", "mart_dictionary")


def test_a_query_is_the_same_on_both_targets(production: Production) -> None:
    sql = "select title, n_ratings, sum_rating from mart_movie order by all"
    dev = production.cli.json("query", sql, "--home", "dev")
    prod = production.cli.json("query", sql, "--home", "prod", env=production.env)
    assert prod["version"] == production.report["publish"]["version"]
    assert dev["answer"] == prod["answer"] != []


def test_a_query_reads_only_what_it_names(production: Production) -> None:
    production.statements()
    asked = ("query", "select count(*) as n from mart_genre", "--home", "prod")
    production.cli.json(*asked, env=production.env)
    sent = [sent["statement"].lower() for sent in production.statements()]
    read = [statement for statement in sent if "from marts_store.mart_" in statement]
    assert len(read) == 1
    assert "mart_genre" in read[0]


def test_a_query_reaches_neither_raw_nor_a_statement(production: Production) -> None:
    for sql in ("from raw.ratings", "from marts_store.mart_genre", "drop schema marts"):
        production.cli.json("query", sql, "--home", "prod", env=production.env, exit_code=2)


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_an_export_is_the_same_on_both_targets(
    production: Production, tmp_path: Path, format_: str
) -> None:
    for home, env in ("dev", {}), ("prod", production.env):
        to = tmp_path / home
        production.cli.json("export", to, "--format", format_, "--home", home, env=env)
    files = {path.name: path for path in (tmp_path / "dev").glob(f"mart_*.{format_}")}
    assert len(files) > 20
    differ = [
        name
        for name, path in files.items()
        if path.read_bytes() != (tmp_path / "prod" / name).read_bytes()
    ]
    assert {Path(name).stem for name in differ} <= set(OF_THE_RUN)
