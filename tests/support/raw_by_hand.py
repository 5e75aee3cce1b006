"""A warehouse whose RAW is written by hand, and dbt run on it in this process.

The tests here are about the models alone, so nothing is loaded: rows and manifest entries go
straight into the tables that the models read.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import duckdb
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from ingestion.datasets import DATASETS
from ingestion.reading.bulk import SQL_TYPES

PROJECT = Path(__file__).parents[2]

# What RAW is has a test of its own: test_the_contract_of_raw.
RAW_TABLES = {
    dataset.table: ", ".join(f"{c.name} {SQL_TYPES[c.type]}" for c in dataset.columns)
    for dataset in DATASETS.values()
}
MANIFEST = """
    file_id bigint, path varchar, dataset varchar, version varchar, bytes bigint,
    rows_loaded bigint, rows_rejected bigint, load_id varchar,
    loaded_at timestamp with time zone, content_hash varchar, source varchar, edition varchar
"""
AUDIT = {
    "builds": """'v1' as version, 'abc' as git_sha, timestamp '2026-01-01' as built_at,
        1 as tests_passed, 0 as tests_warned, 0 as tests_failed""",
    "test_results": """'t' as test_name, 'm' as model_name, cast(null as varchar) as column_name,
        'd' as description, 'data test' as kind, 'pass' as status, 'error' as severity,
        0 as failures, timestamp '2026-01-01' as run_at""",
    "tested_tables": "'t' as test_name, 'm' as model_name, 'm' as table_name, 'mart' as layer",
    "model_columns": """'t' as table_name, 'mart' as layer, 1 as "position", 'c' as column_name,
        'bigint' as data_type, 'd' as description, '' as tests""",
    "release_checks": """'ratings' as check_name, 'readme' as kind, 1 as expected, 1 as loaded,
        1 as found, 'agrees' as outcome, 'd' as description""",
    "refused_files": """'a.csv' as path, 'ratings' as dataset, 1 as bytes,
        timestamp '2026-01-01' as refused_at""",
    "seen_versions": """'v0' as data_version, timestamp '2025-12-31' as built_at, 2 as n_ratings,
        1 as n_users, 1 as n_movies, 1 as n_rated_movies, 0 as n_tag_applications,
        cast(7.5 as double) as sum_rating, 1 as tests_passed, 0 as tests_warned""",
    "seen_top_films": """1 as movie_id, 'Heat' as title, 1995 as release_year, 2 as n_ratings,
        cast(3.75 as double) as weighted_score, 1 as rank_weighted""",
    "column_edges": """'t' as from_name, 'c' as from_column, 't' as to_name, 'c' as to_column,
        '' as through""",
    "model_edges": "'a' as from_name, 'src' as from_layer, 'b' as to_name, 'dim' as to_layer",
}

Row: TypeAlias = tuple[object, ...]


class Warehouse:
    """A DuckDB file with RAW and AUDIT as the models expect them."""

    def __init__(self, path: Path, parsed_project: Manifest) -> None:
        """Create the file with every table, empty but for the audit's."""
        self.path = path
        self._parsed_project = parsed_project
        self._last_file_id = 0
        with self.connect() as connection:
            connection.execute("create schema raw")
            connection.execute(f"create table raw._files ({MANIFEST})")
            for dataset, columns in RAW_TABLES.items():
                connection.execute(f"create table raw.{dataset} ({columns}, _file_id bigint)")
            connection.execute("create schema audit")
            for table, row in AUDIT.items():
                connection.execute(f"create table audit.{table} as select {row}")

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file during the block only: dbt has to open it afterwards."""
        with duckdb.connect(str(self.path)) as connection:
            yield connection

    def query(self, sql: str) -> list[Row]:
        """Return all rows of a query."""
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    def append_rows(self, dataset: str, rows: Sequence[Row]) -> int:
        """Append rows under a fresh file id, not yet in the manifest, and return the id."""
        self._last_file_id += 1
        marks = ", ".join("?" * (len(RAW_TABLES[dataset].split(",")) + 1))
        with self.connect() as connection:
            for row in rows:
                values = [*row, self._last_file_id]
                connection.execute(f"insert into raw.{dataset} values ({marks})", values)
        return self._last_file_id

    def load(self, path: str, dataset: str, rows: Sequence[Row]) -> int:
        """Load a version of a file: its rows, then its manifest entry."""
        file_id = self.append_rows(dataset, rows)
        self._commit(file_id, path, dataset, version=f"v{file_id}", n_rows=len(rows))
        return file_id

    def remove(self, path: str, dataset: str) -> None:
        """Record that a path is gone."""
        self._last_file_id += 1
        self._commit(self._last_file_id, path, dataset, version=None, n_rows=0)

    def _commit(
        self, file_id: int, path: str, dataset: str, version: str | None, n_rows: int
    ) -> None:
        with self.connect() as connection:
            connection.execute(
                """
                insert into raw._files
                select ?, ?, ?, ?, 1, ?, 0, 'load', timestamptz '2026-01-01 00:00:00+00',
                    sha256(?), 'file:///landing', 'ml-test'
                """,
                [file_id, path, dataset, version, n_rows, f"{path} {file_id}"],
            )

    def dbt(self, *arguments: str) -> None:
        """Run dbt, and assert that no node failed, warned or was skipped."""
        run = dbtRunner(manifest=self._parsed_project).invoke([*arguments, *dbt_options()])
        assert isinstance(run.result, RunExecutionResult), run.exception
        statuses = {result.node.name: result.status for result in run.result}
        good = {"success", "pass", "no-op"}
        assert {name: status for name, status in statuses.items() if status not in good} == {}

    def build(self, *arguments: str) -> None:
        """Build and test everything, in its two phases."""
        self.dbt("build", "--exclude", "tag:audit_report", *arguments)
        self.dbt("build", "--select", "tag:audit_report", *arguments)


def dbt_options() -> list[str]:
    """Options that point dbt at this project, wherever pytest was started."""
    return ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
