"""Data tests that run many to a statement give the verdicts that dbt gives them one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.build import registry
from ingestion.build.dbt import Dbt
from ingestion.build.environments import PRODUCTION, STORE
from ingestion.build.together import run_together
from ingestion.errors import MovielensError
from ingestion.progress import silent
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse

TESTS = ["resource_type:test"]


class InWords(DuckDBWarehouse):
    """Says what is wrong with a statement as Snowflake's does."""

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            return super().fetch(sql)
        except duckdb.Error as error:
            raise MovielensError(str(error), "") from error


def verdicts(results: list[Any]) -> dict[str, tuple[str, int]]:
    return {each.node.name: (str(each.status), each.failures or 0) for each in results}


@pytest.mark.slow
def test_the_verdicts_are_those_of_dbt(home: Path) -> None:
    """On what has nulls, doubles and films nobody knows, and with a test that cannot run."""
    settings = Settings(home=home, _env_file=None)
    target = InWords(settings.warehouse_file)
    shown = registry.read(target).shown_by(PRODUCTION)
    assert shown is not None
    relations = {name: (STORE, member.table) for name, member in shown.members.items()}
    dbt = Dbt(settings, silent)
    dbt.place(relations)

    def named(model: str) -> str:
        return ".".join(relations[model])

    target.execute(
        f"update {named('mart_genre')} set genre = null where genre = 'Drama'",
        f"insert into {named('dim_users')} from {named('dim_users')} limit 3",
        f"update {named('dim_movies')} set is_inferred = true",
        f"update {named('fct_ratings')} set rating = 9 where user_id = 1",
        f"drop table {named('mart_weekday_hour')}",
    )
    wanted = verdicts(dbt.build(TESTS))
    statements: list[list[str]] = []

    def alone(tests: list[str]) -> list[Any]:
        statements.append(tests)
        return dbt.build(tests, "--indirect-selection", "empty")

    found = run_together(target, dbt.data_tests(TESTS), alone)
    assert verdicts(found) == wanted
    assert {status for status, _ in wanted.values()} == {"pass", "fail", "warn", "error"}
    # A build of tests only has nothing else to do.
    assert dbt.build(TESTS, "--exclude-resource-type", "test") == []
    # Only those that shared a statement with one that cannot run were run again.
    assert 0 < len(statements) < len(wanted) / 20
