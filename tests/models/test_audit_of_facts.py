"""Auditing a fact against RAW finds whatever an incremental build could get wrong."""

import pytest
import yaml
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner

from ingestion.datasets import FIRST_YEAR, LAST_YEAR
from tests.support.raw_by_hand import PROJECT, Row, Warehouse, dbt_options

FACTS = ("fct_ratings", "fct_tags", "fct_genome_scores")
TESTS = {
    "fct_ratings": "assert_no_rating_is_lost_between_raw_and_fct",
    "fct_tags": "assert_no_tag_is_lost_between_raw_and_fct",
    "fct_genome_scores": "assert_no_genome_score_is_lost_between_raw_and_fct",
}
RATINGS: list[Row] = [(1, 1, 4.0, 20), (1, 2, 3.0, 10), (2, 1, 1.0, 10)]
LATER_RATINGS: list[Row] = [(1, 1, 4.0, 10), (1, 2, 3.5, 30), (3, 1, 2.0, 5), (3, 1, 2.0, 5)]
TAGS: list[Row] = [(1, 1, "fun", 10), (1, 1, None, 10), (2, 1, "fun", 30)]
LATER_TAGS: list[Row] = [(1, 1, "fun", 10), (1, 1, "", 5), (2, 1, "Fun", 10)]
SCORES: list[Row] = [(1, 1, 0.5), (1, 2, 0.25), (2, 1, 0.5)]
LATER_SCORES: list[Row] = [(1, 1, 0.75), (1, 2, 0.25), (3, 1, 1.0)]

WRONG = {
    "a row is lost": "delete from {fact} where rowid = 0",
    "a row is there twice": "insert into {fact} from {fact} where rowid = 0",
    "a row came from nowhere": "insert into {fact} select * replace (9 as movie_id) from {fact}"
    " where rowid = 0",
    "one for another": "update {fact} set movie_id = 9 where rowid = 0",
    "a row of the other file": "update {fact} set _file_id = 3 - _file_id where rowid = 0",
    "another value": "update {fact} set {value} = {value} + {more} where rowid = 0",
}
VALUES = {
    "fct_ratings": ("rating", "0.5"),
    "fct_tags": ("tagged_at", "interval 1 second"),
    "fct_genome_scores": ("relevance", "0.001"),
}


def failed(warehouse: Warehouse) -> list[str]:
    """The facts that fail their audit."""
    runner = dbtRunner(manifest=warehouse._parsed_project)
    outcome = runner.invoke(["test", "--select", *TESTS.values(), *dbt_options()])
    assert isinstance(outcome.result, RunExecutionResult), outcome.exception
    statuses = {result.node.name: str(result.status) for result in outcome.result}
    assert {statuses[test] for test in TESTS.values()} <= {"pass", "fail"}
    return [fact for fact, test in TESTS.items() if statuses[test] == "fail"]


@pytest.mark.slow
def test_every_fault_is_found(warehouse: Warehouse) -> None:
    for dataset, first, later in (
        ("ratings", RATINGS, LATER_RATINGS),
        ("tags", TAGS, LATER_TAGS),
        ("genome_scores", SCORES, LATER_SCORES),
    ):
        warehouse.load(f"{dataset}.csv", dataset, first)
        warehouse.load(f"{dataset}-later.csv", dataset, later)
    warehouse.append_rows("ratings", RATINGS)  # a load that died
    warehouse.dbt("run", "--select", *(f"+{fact}" for fact in FACTS))
    assert failed(warehouse) == []
    for fault, statement in WRONG.items():
        with warehouse.connect() as connection:
            for fact in FACTS:
                value, more = VALUES[fact]
                table = f"analytics.{fact}"
                connection.execute(f"create or replace table analytics.kept_{fact} as from {table}")
                connection.execute(statement.format(fact=table, value=value, more=more))
        assert failed(warehouse) == list(FACTS), fault
        with warehouse.connect() as connection:
            for fact in FACTS:
                connection.execute(
                    f"create or replace table analytics.{fact} as from analytics.kept_{fact}"
                )
    assert failed(warehouse) == []


def test_the_audit_and_the_loader_allow_the_same_years() -> None:
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    assert (variables["first_year"], variables["last_year"]) == (FIRST_YEAR, LAST_YEAR)


@pytest.mark.slow
def test_nothing_at_all_is_no_fault(warehouse: Warehouse) -> None:
    warehouse.dbt("run", "--select", *(f"+{fact}" for fact in FACTS))
    assert failed(warehouse) == []
