"""Every cell of every published mart is what plain Python computes from the CSV files."""

from __future__ import annotations

import copy
import math
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.support.marks import nightly_except
from tests.support.published import (
    Published,
    published_demanding,
    published_generated,
    published_real,
)
from tests.support.reference import Rows, differences, reports
from tests.support.reference.comparison import KEYS, ORDER, UNORDERED

PROJECT = Path(__file__).resolve().parents[2]
MARTS = sorted(path.stem for path in (PROJECT / "models" / "mart").glob("*.sql"))


@pytest.fixture(scope="module")
def demanding(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return published_demanding(tmp_path_factory.mktemp("demanding"), built / "home")


@pytest.fixture(scope="module")
def row_of_each(demanding: Published) -> dict[str, Rows]:
    """The first rows of each mart, as they must be."""
    return {mart: rows[:40] for mart, rows in demanding.expected.items()}


def check(published: Published) -> None:
    assert published.expected.keys() == published.found.keys() == KEYS.keys() == set(MARTS)
    told = published.differences()
    assert not told, "\n".join(map(str, told))


def test_marts_of_demanding_data(demanding: Published) -> None:
    check(demanding)
    assert not [mart for mart, rows in demanding.found.items() if not rows]


@pytest.mark.slow
def test_marts_of_the_real_release(tmp_path_factory: pytest.TempPathFactory) -> None:
    check(published_real(tmp_path_factory))


@pytest.mark.slow
def test_marts_of_a_generated_release(tmp_path_factory: pytest.TempPathFactory) -> None:
    check(published_generated(tmp_path_factory))


@pytest.mark.parametrize(
    "data", nightly_except([(2, True), (3, False)], product((2, 3), (True, False))), ids=str
)
def test_marts_of_more_demanding_data(built: Path, tmp_path: Path, data: tuple[int, bool]) -> None:
    """Published after each load, so that all but the first build are incremental."""
    seed, genome = data
    home = built / "home"
    published = published_demanding(
        tmp_path, home, seed=seed, ratings=5_000, genome=genome, runs_after=(1, 2, 3)
    )
    check(published)
    status = published.status()
    assert status["has_genome"] is genome
    assert (status["n_ratings"] > 25 * status["n_rated_movies"]) is genome
    assert status["n_tag_users"] == (1_000 if genome else 999)


# What the data is demanding for


def test_the_data_has_what_models_may_get_wrong(demanding: Published) -> None:
    found = demanding.expected
    status = found["mart_dataset_status"][0]
    assert status["prior_mean"] == 3.5
    assert 2 * status["n_ratings"] == (2 * status["prior_weight"] - 1) * status["n_rated_movies"]
    assert (status["n_tag_users"], status["n_rejected_rows"]) == (1_000, 9)
    assert status["edition"] == "generated, zone"
    films = found["mart_movie"]
    counts = Counter(film["n_ratings"] for film in films)
    assert counts[99] and counts[100] and counts[101]
    tied = Counter(film["weighted_score"] for film in films if film["n_ratings"])
    assert tied[3.5] >= 4
    assert any(film["is_inferred"] and film["n_ratings"] for film in films)
    assert {row["n_users"] for row in found["mart_rating_month"]} > {0, None, 5}
    assert {row["n_people"] for row in found["mart_tag"]} > {5, 6}
    assert found["mart_user_activity"][0]["n_users"] == 5
    assert [row["hi"] for row in found["mart_user_activity"]][-1] is None
    assert any(row["cohort_year"] < row["last_cohort_year"] for row in found["mart_user_cohort"])
    assert {row["rank"] for row in found["mart_movie_similar"]} == set(range(1, 11))
    assert found["mart_movie_liked_together"]
    assert min(row["n_people"] for row in found["mart_movie_liked_together"]) >= 20


def test_the_lineage_and_the_dictionary_are_those_of_dbt(demanding: Published) -> None:
    manifest = demanding.manifest()
    expected = {
        "mart_lineage": reports.lineage(manifest),
        "mart_dictionary": reports.dictionary(manifest, demanding.types()),
        "mart_tested_table": reports.tested_tables(manifest),
    }
    told = [
        difference
        for mart, rows in expected.items()
        for difference in differences(mart, rows, demanding.found[mart])
    ]
    assert not told, "\n".join(map(str, told))
    layers = {row["layer"] for row in demanding.found["mart_dictionary"]}
    assert layers == {"raw", "src", "dim", "fct", "mart"}
    quality = demanding.found["mart_quality"]
    assert {row["test_name"] for row in quality} <= reports.tests(manifest)
    assert {row["status"] for row in quality} <= {"pass", "warn"}
    passed = sum(row["status"] == "pass" for row in quality)
    assert passed == demanding.status()["tests_passed"]


def test_a_path_of_columns_joins_columns_that_there_are(demanding: Published) -> None:
    types = demanding.types()
    for edge in demanding.found["mart_column_lineage"]:
        assert (edge["to_name"], edge["to_column"]) in types
        if edge["from_column"] != "*":
            assert (edge["from_name"], edge["from_column"]) in types or edge[
                "from_name"
            ].startswith("audit.")


# The comparison can fail


def other(value: Any) -> Any:
    """A value of the same type that is hardly another one."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value + max(abs(value), 1.0) * 1e-8
        case datetime():
            return value + timedelta(microseconds=1)
        case date():
            return value + timedelta(days=1)
        case str():
            return f"{value} "
        case _:
            return 0


@pytest.mark.parametrize("mart", MARTS)
def test_one_cell_that_is_another_is_told(row_of_each: dict[str, Rows], mart: str) -> None:
    expected = row_of_each[mart]
    assert differences(mart, expected, copy.deepcopy(expected)) == []
    at = len(expected) // 2
    for column, value in expected[at].items():
        changed = copy.deepcopy(expected)
        changed[at][column] = other(value)
        told = differences(mart, expected, changed)
        assert {difference.mart for difference in told} == {mart}
        if column in KEYS[mart]:
            assert len(told) >= 2
        else:
            (one,) = told
            key = tuple(expected[at][name] for name in KEYS[mart])
            assert (one.key, one.column) == (key, column)
            assert (one.expected, one.found) == (value, other(value))
            assert f"{mart}, " in str(one) and column in str(one)


@pytest.mark.parametrize("mart", MARTS)
def test_a_row_too_few_or_too_many_is_told(row_of_each: dict[str, Rows], mart: str) -> None:
    expected = row_of_each[mart]
    assert differences(mart, expected, expected[1:])
    assert differences(mart, expected[1:], expected)
    assert differences(mart, expected, [*expected, expected[0]])


@pytest.mark.parametrize("mart", MARTS)
def test_another_order_is_told_where_one_is_promised(
    row_of_each: dict[str, Rows], mart: str
) -> None:
    expected = row_of_each[mart]
    told = differences(mart, expected, expected[::-1])
    if mart in UNORDERED or len(expected) < 2:
        assert told == []
    else:
        assert [difference.column for difference in told] == [ORDER]


def test_an_order_is_promised_where_the_model_has_one() -> None:
    files = {path.stem: path.read_text() for path in (PROJECT / "models" / "mart").glob("*.sql")}
    ordered = {mart for mart, sql in files.items() if "\norder by" in sql}
    of_one_row = {"mart_dataset_status", "mart_previous_version"}
    assert ordered | of_one_row == set(MARTS) - UNORDERED


@pytest.mark.parametrize(
    ("expected", "there"),
    [(1, 1.0), (1, True), (1.0, None), (1.0, 1), (None, 0), ("1", 1), (1.0, math.nan)],
)
def test_a_value_of_another_type_is_told(expected: Any, there: Any) -> None:
    rows = ([{"genre": "Drama", "n": value}] for value in (expected, there))
    assert len(differences("mart_genre", *rows)) == 1


def test_a_column_too_few_or_too_many_is_told() -> None:
    one, two = [{"genre": "Drama", "n": 1}], [{"genre": "Drama", "n": 1, "m": None}]
    assert len(differences("mart_genre", one, two)) == len(differences("mart_genre", two, one)) == 1
