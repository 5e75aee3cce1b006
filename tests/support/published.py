"""Landing zones taken through the whole product, and what their marts must hold.

release = published_real(tmp_path_factory)
assert not release.differences()
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import load
from ingestion.operate.run import run
from ingestion.settings import Settings
from local_dev.generate import generate
from tests.support.cli import REAL, Cli
from tests.support.demanding_data import drops
from tests.support.reference import Difference, Rows, all_differences, landing_of, marts, rows_in
from tests.support.templates import template

NO_REAL_RELEASE = (
    "the real ml-latest-small is not there: unpack it and name its folder in "
    "MOVIELENS_TEST_DATA (movielens data download ml-latest-small fetches it)"
)


class Published:
    """A landing zone taken through the whole product.

    Args:
        home: Where it was loaded, built and published.
        source: The landing zone.
    """

    def __init__(self, home: Path, source: Path) -> None:
        self.home = home
        self.source = source

    @cached_property
    def expected(self) -> dict[str, Rows]:
        """The rows that each mart must have, in plain Python."""
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            landing = landing_of(connection, self.source)
        return marts(landing)

    @cached_property
    def found(self) -> dict[str, Rows]:
        """The rows of each mart that readers see."""
        names = self.query("select table_name from information_schema.tables order by 1")
        return {name: self.rows(f"from {name}") for (name,) in names if name.startswith("mart_")}

    def differences(self) -> list[Difference]:
        """The first differences of each mart from what it must hold."""
        return all_differences(self.expected, self.found)

    def rows(self, sql: str) -> Rows:
        """The rows of a query of what is published."""
        with duckdb.connect() as connection:
            connection.execute(f"attach '{self.home / 'marts.duckdb'}' as published (read_only)")
            connection.execute("use published")
            return rows_in(connection, sql)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The same as tuples."""
        return [tuple(row.values()) for row in self.rows(sql)]

    def status(self) -> dict[str, Any]:
        """The one row of `mart_dataset_status`."""
        return self.rows("from mart_dataset_status")[0]

    def manifest(self) -> Any:
        """What dbt knows of the project that was built."""
        return json.loads((self.home / "dbt" / "manifest.json").read_text())

    def types(self) -> dict[tuple[str, str], str]:
        """The type of each column of each table of the warehouse, by the name of the table."""
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            columns = connection.execute(
                "select table_schema, table_name, column_name, data_type"
                " from information_schema.columns order by table_schema = 'store'"
            ).fetchall()
        return {
            (f"raw.{table}" if schema == "raw" else table, column): kind.lower()
            for schema, table, column, kind in columns
        }


def _run(folder: Path, source: Path) -> None:
    # So short a lease is renewed all the time, also while dlt and dbt have the warehouse open.
    env = {"MOVIELENS_LEASE_SECONDS": "1"}
    report = Cli(folder).json("run", "--source", source, "--home", folder / "home", env=env)
    assert report["publish"]["published"] is True


def published_real(factory: pytest.TempPathFactory) -> Published:
    """The real release, once in a test session; skips where there is none."""
    if not REAL.exists():
        pytest.skip(NO_REAL_RELEASE)
    folder = template(factory, "published-real", lambda folder: _run(folder, REAL))
    return Published(folder / "home", REAL)


def published_generated(factory: pytest.TempPathFactory) -> Published:
    """A generated release, once in a test session."""

    def make(folder: Path) -> None:
        generate(folder / "landing", ratings=20_000, seed=7)
        _run(folder, folder / "landing")

    folder = template(factory, "published-generated", make)
    return Published(folder / "home", folder / "landing")


def published_demanding(
    folder: Path,
    built: Path,
    *,
    seed: int = 1,
    ratings: int = 1_000,
    genome: bool = True,
    runs_after: Collection[int] = (),
) -> Published:
    """Demanding data, published after some of its four loads.

    Args:
        folder: A folder for it.
        built: A home in which another landing zone was built, of which nothing may remain.
        seed: Of the data.
        ratings: How many ratings the generated part has.
        genome: Whether there is a genome.
        runs_after: After which loads everything is built and published; after the last, always.
    """
    home, zone = folder / "home", folder / "zone"
    shutil.copytree(built, home, copy_function=shutil.copy2)
    settings = Settings(home=home, source=str(zone), _env_file=None)
    for number, remove in enumerate(
        drops(settings, folder, seed=seed, ratings=ratings, genome=genome), start=1
    ):
        load(settings=settings, remove_missing=remove, switch_source=number == 1)
        if number in runs_after:
            # Much of it refers to films that no movies file lists.
            run(settings, accept_release=True)
    run(settings, accept_release=True)
    return Published(home, zone)
