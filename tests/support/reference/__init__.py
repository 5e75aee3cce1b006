"""Every mart, computed from the CSV files in plain Python, the slow and obvious way.

    landing = landing_of(connection, Path("zone"))
    expected = marts(landing)
    found = rows_in(connection, "from marts_candidate.mart_genre")
    assert not differences("mart_genre", expected["mart_genre"], found)

Written from what the models' descriptions promise, without SQL and without the project's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.support.reference import genome, genres, likes, people, ratings, reports, status
from tests.support.reference.comparison import Difference, differences
from tests.support.reference.files import Current
from tests.support.reference.films import Films
from tests.support.reference.landing import File, Landing, Rows, landing_of, rows_in
from tests.support.reference.tags import Tags

__all__ = [
    "REPORTS",
    "Difference",
    "File",
    "Landing",
    "Rows",
    "all_differences",
    "differences",
    "landing_of",
    "marts",
    "reports",
    "rows_in",
]

REPORTS = {
    "mart_column_lineage": "column_edges",
    "mart_dictionary": "model_columns",
    "mart_lineage": "model_edges",
    "mart_previous_top_film": "seen_top_films",
    "mart_previous_version": "seen_versions",
    "mart_quality": "test_results",
    "mart_tested_table": "tested_tables",
    "mart_refused_file": "refused_files",
    "mart_release_check": "release_checks",
}
"""Marts that repeat a table of the audit, and that table."""


def marts(landing: Landing) -> dict[str, Rows]:
    """The rows that each mart must have, in their order where it has one.

    Args:
        landing: The files that count, and what the build reports about itself.
    """
    current = Current(landing)
    films = Films(current)
    tags = Tags(films)
    computed: dict[str, Callable[[], Rows]] = {
        "mart_dataset_status": lambda: status.mart_dataset_status(landing, films),
        "mart_genre": lambda: genres.mart_genre(films),
        "mart_genre_decade": lambda: genres.mart_genre_decade(films),
        "mart_genre_pair": lambda: genres.mart_genre_pair(films),
        "mart_genre_year": lambda: genres.mart_genre_year(films),
        "mart_movie": films.mart_movie,
        "mart_movie_genome_tag": lambda: genome.mart_movie_genome_tag(current),
        "mart_movie_genre": lambda: genres.mart_movie_genre(films),
        "mart_movie_liked_together": lambda: likes.mart_movie_liked_together(current),
        "mart_movie_similar": lambda: genome.mart_movie_similar(current),
        "mart_movie_tag": tags.mart_movie_tag,
        "mart_movie_year": films.mart_movie_year,
        "mart_rating_month": lambda: ratings.mart_rating_month(current),
        "mart_rating_value_year": lambda: ratings.mart_rating_value_year(current),
        "mart_release_year": films.mart_release_year,
        "mart_source_file": lambda: status.mart_source_file(films),
        "mart_tag": tags.mart_tag,
        "mart_user_activity": lambda: people.mart_user_activity(current),
        "mart_user_cohort": lambda: people.mart_user_cohort(current),
        "mart_weekday_hour": lambda: ratings.mart_weekday_hour(current),
    }
    repeated = {mart: list(landing.audit[table]) for mart, table in REPORTS.items()}
    return {**{mart: compute() for mart, compute in computed.items()}, **repeated}


def all_differences(
    expected: Mapping[str, Rows], found: Mapping[str, Rows], at_most: int = 5
) -> list[Difference]:
    """The first differences of each mart; one that is missing has no rows."""
    return [
        difference
        for mart in sorted(expected.keys() | found.keys())
        for difference in differences(mart, expected.get(mart, []), found.get(mart, []), at_most)
    ]
