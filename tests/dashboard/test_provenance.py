"""From figures back to files: complete, and true to what the pages read."""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pytest

from dashboard import marts, provenance, queries
from dashboard.contents import PAGES, QUESTIONS, Answer
from tests.support import marts_fixture

SCRIPTS = sorted((marts_fixture.PROJECT / "dashboard" / "app_pages").glob("*.py"))
FIGURES = [page for page in SCRIPTS if page.stem != "data"]


def calls(page: Path, function: str) -> list[ast.Call]:
    tree = ast.parse(page.read_text(encoding="utf-8"))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == function
    ]


def test_every_page_is_in_the_contents_under_its_name() -> None:
    assert {page.stem for page in SCRIPTS} == set(PAGES)


def test_no_question_is_asked_twice() -> None:
    assert sum(len(page.questions) for page in PAGES.values()) == len(QUESTIONS)


@pytest.mark.parametrize("page", FIGURES, ids=lambda page: page.stem)
def test_every_section_of_figures_says_what_it_reads(page: Path) -> None:
    asked = {ast.literal_eval(call.args[0]) for call in calls(page, "layout.section")}
    assert asked == set(PAGES[page.stem].questions)


@pytest.mark.parametrize("page", FIGURES, ids=lambda page: page.stem)
def test_no_statement_of_a_page_is_left_untold(page: Path) -> None:
    told = {
        statement
        for answer in PAGES[page.stem].questions.values()
        for statement in answer.statements
    }
    sent = {ast.unparse(call.args[0]).split(".")[1] for call in calls(page, "marts.rows")}
    assert {name for name in sent if getattr(queries, name) not in told} == set()


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_answer_reads_described_columns(question: str) -> None:
    answer = QUESTIONS[question]
    read = provenance.columns_read(answer, marts.rows(queries.DICTIONARY))
    assert sorted(set(read["table_name"])) == provenance.marts_of(answer)
    assert read["description"].str.len().min() > 0


@pytest.mark.usefixtures("pinned")
def test_columns_are_those_that_the_statement_names() -> None:
    answer = Answer((queries.USER_ACTIVITY,), ("n_users",))
    read = provenance.columns_read(answer, marts.rows(queries.DICTIONARY))
    assert list(zip(read["table_name"], read["column_name"], strict=True)) == [
        ("mart_dataset_status", "n_users"),
        ("mart_user_activity", "lo"),
        ("mart_user_activity", "hi"),
        ("mart_user_activity", "n_users"),
        ("mart_user_activity", "n_ratings"),
    ]


@pytest.mark.usefixtures("pinned")
def test_files_are_those_above_the_table() -> None:
    edges, files = marts.rows(queries.LINEAGE), marts.rows(queries.SOURCE_FILES)
    behind = provenance.files_behind("mart_movie", edges, files)
    assert list(behind["path"]) == ["movies.csv", "ratings.csv"]
    assert provenance.load_of(behind.tail(1)).startswith("ratings.csv (571 rows, load 1795447084")
    assert provenance.files_behind("mart_quality", edges, files).empty


TESTED = pd.DataFrame(
    [
        ("adds_up", "mart_a", "mart_a", "mart"),
        ("adds_up", "mart_a", "mart_b", "mart"),
        ("adds_up", "mart_a", "fct_x", "fct"),
        ("unique", "mart_a", "mart_a", "mart"),
        ("unique", "mart_b", "mart_b", "mart"),
        ("exists", "mart_b", "mart_b", "mart"),
        ("exists", "mart_b", "dim_y", "dim"),
    ],
    columns=["test_name", "model_name", "table_name", "layer"],
)


def test_each_mart_is_guarded_by_the_checks_that_read_it() -> None:
    found = provenance.guards(TESTED).itertuples(index=False)
    assert [tuple(row) for row in found] == [
        ("mart_a", 2, 1, "fct_x, mart_b"),
        ("mart_b", 3, 2, "dim_y, fct_x, mart_a"),
    ]
    assert provenance.guards(TESTED.iloc[:0]).empty


def test_checks_of_other_tables_that_read_a_table() -> None:
    names = ["adds_up", "unique", "unique", "exists"]
    models = ["mart_a", "mart_a", "mart_b", "mart_b"]
    quality = pd.DataFrame({"test_name": names, "model_name": models, "status": "pass"})
    assert list(provenance.compared_by(TESTED, quality, "mart_b")["test_name"]) == ["adds_up"]
    assert provenance.compared_by(TESTED, quality, "mart_a").empty
    assert provenance.compared_by(TESTED.iloc[:0], quality, "mart_b").empty


def test_checks_are_counted_by_outcome() -> None:
    quality = pd.DataFrame(
        [("a", "pass"), ("a", "pass"), ("a", "warn"), ("b", "pass")],
        columns=["model_name", "status"],
    )
    assert provenance.outcome(quality, "a") == "2 checks passed, 1 did not"
    assert provenance.outcome(quality, "b") == "1 check passed"


def test_a_circle_of_tables_ends() -> None:
    edges = pd.DataFrame(
        [("a", "src", "b", "src"), ("b", "src", "a", "src")],
        columns=["from_name", "from_layer", "to_name", "to_layer"],
    )
    assert len(provenance.ancestors(edges, "a")) == 2


@pytest.mark.usefixtures("pinned")
@pytest.mark.parametrize(
    ("column", "origin"),
    [
        ("genre", "raw.movies.genres"),
        ("sum_rating", "raw.ratings.rating, through sum"),
        ("n_ratings", "rows of fct_ratings, through count"),
        (
            "sd_rating",
            "raw.ratings.rating, directly or through sum; rows of fct_ratings, through count, sum",
        ),
        ("share_high", ""),
    ],
)
def test_a_column_is_followed_to_its_origin(column: str, origin: str) -> None:
    assert provenance.origin_of(marts.rows(queries.COLUMN_LINEAGE), "mart_genre", column) == origin


def test_functions_add_up_on_the_way_and_circles_end() -> None:
    edges = pd.DataFrame(
        [
            ("raw.r", "x", "src_r", "x", ""),
            ("src_r", "x", "fct_r", "y", "min, sum"),
            ("fct_r", "y", "fct_r", "y", "lead"),
            ("fct_r", "y", "mart_r", "z", "avg"),
        ],
        columns=["from_name", "from_column", "to_name", "to_column", "through"],
    )
    assert provenance.origins(edges, "mart_r", "z") == {
        "raw.r.x": {frozenset(["min", "sum", "avg"]), frozenset(["min", "sum", "avg", "lead"])}
    }
    assert provenance.origin_of(edges, "mart_r", "z") == "raw.r.x, through avg, lead, min, sum"
