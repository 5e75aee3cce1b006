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
    tests = [each for each in results if each.node.resource_type == "test"]
    return {each.node.name: (str(each.status), each.failures or 0) for each in tests}


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
        # Of marts that no other reads: dbt would skip the tests behind a failure.
        f"update {named('mart_genre_pair')} set genre_a = null where genre_a = 'Drama'",
        f"insert into {named('mart_user_cohort')} from {named('mart_user_cohort')} limit 3",
        f"update {named('mart_rating_value_year')} set rating = 9 where rating = 5",
        f"update {named('dim_movies')} set is_inferred = true",
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
