"""An edit rebuilds whatever it can change, and nothing else; so does a revert."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.build.audit import AuditFailure
from ingestion.operate.run import run
from ingestion.operate.steps import build
from tests.support.checkout import Checkout, only_warn
from tests.support.cli import Cli

pytestmark = [pytest.mark.xdist_group("edits"), pytest.mark.slow]

ALL_FACTS = {"fct_ratings", "fct_tags", "fct_genome_scores"}


@pytest.fixture
def checkout(home: Path, tmp_path: Path) -> Checkout:
    return Checkout(home, tmp_path)


def test_a_fact_that_fails_its_audit_is_not_shown_and_a_revert_needs_no_build(
    checkout: Checkout,
) -> None:
    before = checkout.count("count(*)", "fct_ratings")
    low = checkout.count("count(case when rating < 3 then 1 end)", "fct_ratings")
    assert low > 0
    checkout.edit(
        "models/fct/fct_ratings.sql", "\nfrom rating\n", "\nfrom rating\nwhere rating >= 3\n"
    )
    assert checkout.plan().rebuilt == {"fct_ratings": "its rows changed"}
    with pytest.raises(AuditFailure):
        run(checkout.settings)
    assert checkout.count("count(*)", "fct_ratings") == before
    checkout.edit("models/fct/fct_ratings.sql", "\nwhere rating >= 3\n", "\n")
    assert not run(checkout.settings).changed
    assert checkout.count("count(*)", "fct_ratings") == before


def test_an_edited_macro_reaches_every_row(checkout: Checkout, cli: Cli) -> None:
    """The edit passes every test but one, so only the rebuild decides what is published."""
    only_warn(checkout.project, "assert_each_tag_is_normalised")
    chosen = checkout.count("count(case when tag like 'a%' then 1 end)", "fct_tags")
    assert chosen > 0
    marked = "' ') }})) || case when {{ tag }} like 'a%' then '!' else '' end"
    checkout.edit("macros/measures.sql", "' ') }}))", marked)
    env = {"MOVIELENS_PROJECT": str(checkout.project)}
    answer = cli("build", "--home", checkout.settings.home, env=env)
    assert "fct_tags was rebuilt from all rows: macro normalised_tag, column " in answer.stdout
    marked_rows = "count(case when tag_normalised like '%!' then 1 end)"
    assert checkout.count(marked_rows, "fct_tags") == chosen


MADE_FROM = [
    ("macros/measures.sql", "trim(lower(", "ltrim(lower(", {"fct_tags"}, "tag_normalised"),
    ("models/src/src_files.sql", "max(manifest", "min(manifest", ALL_FACTS, "rows"),
    ("macros/dialect/text.sql", ", 'g')", ", 'gi')", {"fct_tags"}, "regex_replace"),
    ("macros/current_rows.sql", "= 1\n", "= 2\n", ALL_FACTS, "macro latest_rows"),
    ("macros/incremental/touched_keys.sql", "> {{ since", ">= {{ since", ALL_FACTS, "changed_"),
    ("macros/incremental/built_files.sql", "max(src_", "min(src_", ALL_FACTS, "remember_"),
    ("models/src/src_ratings.sql", "    rating,", "    5 as rating,", {"fct_ratings"}, "rating"),
    ("models/fct/fct_tags.sql", "post_hook=[", "post_hook=['select 1', ", {"fct_tags"}, "hook"),
    ("dbt_project.yml", "schema_change: fail", "schema_change: ignore", ALL_FACTS, "config"),
    ("dbt_project.yml", "fewest_people: 5", "fewest_people: 6", set(), ""),
    ("macros/dialect/text.sql", "replacement | re", "replacement | trim | re", set(), ""),
    ("models/mart/mart_tag.sql", "n_people", "people", set(), ""),
    ("models/fct/_fct.yml", "version: 2", "version: 2  # edited", set(), ""),
]


@pytest.mark.parametrize(("file", "old", "new", "rebuilt", "why"), MADE_FROM)
def test_what_a_fact_is_made_from_decides(
    checkout: Checkout, file: str, old: str, new: str, rebuilt: set[str], why: str
) -> None:
    checkout.edit(file, old, new)
    planned = checkout.plan().rebuilt
    assert set(planned) == rebuilt
    assert all(why in reason for reason in planned.values())


def test_only_what_reads_an_edited_column_is_built(checkout: Checkout) -> None:
    checkout.edit("models/dim/dim_movies.sql", "imdb.com/title/tt'", "imdb.com/' || 'title/tt'")
    planned = checkout.plan()
    assert planned.of("build") == ["dim_movies", "mart_movie"]
    assert set(planned.of("refresh")) == planned.reports
    report = build(checkout.settings)
    assert report.models == 2 + len(planned.reports)
    assert report.tests_kept > report.tests_passed


def test_comments_and_descriptions_change_nothing(checkout: Checkout) -> None:
    checkout.edit("models/dim/dim_movies.sql", "select", "\n-- a word\nselect  ")
    was = "description: Cosine similarity"
    checkout.edit("models/mart/_mart_movies.yml", was, was.replace("Cosine", "The cosine"))
    with (checkout.project / "macros" / "measures.sql").open("a") as macros:
        macros.write("{# another word #}\n")
    report = build(checkout.settings)
    assert not report.built


def test_an_edited_test_is_run_and_nothing_is_built(checkout: Checkout) -> None:
    tests = (checkout.project / "tests" / "data").glob("*.sql")
    test = next(file for file in tests if "\nselect" in file.read_text())
    checkout.edit(f"tests/data/{test.name}", "\nselect", "\nselect distinct")
    planned = checkout.plan()
    assert planned.tests == {test.stem}
    assert planned.of("build") == []


def test_a_full_refresh_says_so(checkout: Checkout) -> None:
    report = build(checkout.settings, full_refresh=True)
    assert report.rebuilt == dict.fromkeys(ALL_FACTS, "--full-refresh")
    assert (report.models_kept, report.tests_kept) == (0, 0)
