"""Production with the users and the grants of `infra/snowflake`, on a stand-in that refuses."""

from __future__ import annotations

import re

import pytest
from sqlglot import exp, parse_one

from tests.support.statement_book import PRODUCTION, differences, entries
from tests.support.walked import Walk, walk

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("refusing")]

# Commands that end with another code than 0: rows or files were refused.
CODES = {"refused file": 4}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return walk(tmp_path_factory.mktemp("walk"))


def test_every_command_may_do_what_it_does(walked: Walk) -> None:
    failed = {
        name: (step.code, step.out[-500:], step.err[-1500:])
        for name, step in walked.steps.items()
        if step.code != CODES.get(name, 0)
    }
    assert failed == {}


def test_doctor_finds_nothing_wrong_with_the_set_up(walked: Walk) -> None:
    for name in ("doctor before", "doctor"):
        findings = walked.steps[name].answer["findings"]
        assert [each for each in findings if each["status"] == "problem"] == []


def test_the_dashboard_reads_every_mart(walked: Walk) -> None:
    marts = walked.steps["dashboard"].out.split("\n")[1:-1]
    assert len(marts) > 15


def test_all_that_is_sent_is_in_the_book_and_the_other_way_round(walked: Walk) -> None:
    differ = differences({each["statement"] for each in walked.sent}, PRODUCTION)
    assert {how: parts for how, parts in differ.items() if parts} == {}


def test_each_entry_of_the_book_names_one_page() -> None:
    book = entries()
    assert len({(entry.kind, entry.what) for entry in book}) == len(book) > 100
    pages = re.compile(r"(sql-reference|developer-guide)(/[a-z0-9_-]+)+")
    assert [entry for entry in book if not pages.fullmatch(entry.page)] == []


def test_no_build_creates_a_schema(walked: Walk) -> None:
    sent = [each["statement"] for each in walked.sent]
    assert [sql for sql in sent if re.search(r"\bcreate\s+schema\b", sql, re.IGNORECASE)] == []


def test_vacuum_removes_what_is_superseded(walked: Walk) -> None:
    tried, done = (walked.steps[name].answer["rows"] for name in ("vacuum, tried", "vacuum"))
    assert tried == done
    assert done["tags"] > 0
    users = {
        each["user"]
        for each in walked.steps["vacuum"].sent
        if each["statement"].startswith("delete from raw.")
    }
    assert users == {"MOVIELENS_LOADER"}


def test_runs_leave_it_to_vacuum_to_drop_tables(walked: Walk) -> None:
    """Each drop is a statement; and what a plan says of it is what vacuum does."""

    def dropped(name: str) -> list[str]:
        sent = (each["statement"] for each in walked.steps[name].sent)
        return [sql for sql in sent if re.match(r"drop (table|view) if exists store\.", sql)]

    runs = ("first run", "refused file", "file gone", "full refresh", "publish")
    assert {name: dropped(name) for name in runs if dropped(name)} == {}
    plan = walked.steps["plan"].answer
    assert plan["expires_with"] == "vacuum"
    tried, done = (walked.steps[name].answer["expired"] for name in ("vacuum, tried", "vacuum"))
    assert tried == done
    assert set(plan["expires"]["tables"]) <= set(done["tables"])
    assert len(dropped("vacuum")) == len(done["tables"]) > 20
    assert dropped("vacuum, tried") == []


def test_what_a_case_divides_by_is_never_zero(walked: Walk) -> None:
    """Snowflake may divide before it asks for the condition, and then ends the statement."""
    unguarded = {
        division.sql("snowflake")
        for statement in {each["statement"] for each in walked.sent if "/" in each["statement"]}
        for division in _divisions(statement)
        if division.find_ancestor(exp.Case)
        and not isinstance(division.expression.unnest(), exp.Nullif | exp.Literal)
    }
    assert unguarded == set()


def _divisions(statement: str) -> list[exp.Div]:
    if re.match(r"\s*(put|copy|remove|show)\b", statement, re.IGNORECASE):
        return []
    return list(parse_one(statement, dialect="snowflake").find_all(exp.Div))
