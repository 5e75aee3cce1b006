"""What is checked many to a statement gets the verdicts that dbt gives one by one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from ingestion.build import registry
from ingestion.build.dbt import Dbt
from ingestion.build.environments import PRODUCTION, STORE
from ingestion.build.together import check_contracts, run_together
from ingestion.errors import MovielensError
from ingestion.progress import silent
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse

TESTS = ["resource_type:test"]


class InWords(DuckDBWarehouse):
    """Says what is wrong with a statement as Snowflake's does, and counts those for columns."""

    asked = 0

    def columns_of(self, sql: str) -> list[tuple[str, str]]:
        self.asked += 1
        try:
            return super().columns_of(sql)
        except duckdb.Error as error:
            raise MovielensError(str(error), "") from error

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


def built(name: str, sql: str, status: str = "success", **contract: str) -> Any:
    """dbt's result of a model with a contract, as far as it is looked at."""
    columns = {
        column: SimpleNamespace(name=column, data_type=type_) for column, type_ in contract.items()
    }
    node = SimpleNamespace(name=name, compiled_code=sql, columns=columns)
    return SimpleNamespace(node=node, status=status, message="as dbt says")


def test_contracts_are_checked_in_one_statement(tmp_path: Path) -> None:
    results = {
        "kept": built("kept", "select 1 as b, 'x' as a -- in another order", a="varchar", b="int"),
        "type": built("type", "select 1.5 as a", a="int"),
        "more": built("more", "select 1 as a, 2 as b", a="int"),
        "fewer": built("fewer", "select 1 as a", a="int", b="int"),
        "name": built("name", "with one as (select 1 as c) select c from one", a="int"),
        "empty": built("empty", "select 1 as a where false", a="int"),
    }
    target = InWords(tmp_path / "warehouse.duckdb")
    check_contracts(target, list(results.values()))
    assert target.asked == 1
    broken = {name for name, result in results.items() if str(result.status) == "error"}
    assert broken == {"type", "more", "fewer", "name"}
    assert all("enforced contract" in results[name].message for name in broken)
    assert "data type mismatch" in results["type"].message
    assert "missing in definition" in results["fewer"].message


def test_a_model_that_dbt_could_not_build_keeps_its_message(tmp_path: Path) -> None:
    """Unless its contract says why: the names of its columns are the first that dbt selects."""
    results = [
        built("wrong", "select nothing", status="error", a="int"),
        built("renamed", "select 1 as other", status="error", a="int"),
        built("right", "select 1 as a", a="int"),
    ]
    check_contracts(InWords(tmp_path / "warehouse.duckdb"), results)
    assert [str(each.status) for each in results] == ["error", "error", "success"]
    assert results[0].message == "as dbt says"
    assert "enforced contract" in results[1].message


def test_a_contract_that_cannot_be_checked_is_no_kept_contract(tmp_path: Path) -> None:
    target = InWords(tmp_path / "warehouse.duckdb")
    with pytest.raises(MovielensError):
        check_contracts(target, [built("made", "select nothing", a="int")])
