"""Every model and test builds, whichever datasets a landing zone has."""

import pytest

from tests.support.raw_by_hand import Row, Warehouse

MOVIES: list[Row] = [
    (1, "Matrix, The (1999)", "Action|Sci-Fi"),
    (2, "Amélie (Fabuleux destin d'Amélie Poulain, Le) (2001)", "Comedy"),
    (3, "Paterson", "(no genres listed)"),
]
RATINGS: list[Row] = [(1, 1, 4.5, 946684799), (1, 2, 3.0, 951868800), (2, 1, 5.0, 951868801)]
TAGS: list[Row] = [(2, 1, "Mind-bending", 951868801), (3, 2, None, 951868801)]
LINKS: list[Row] = [(1, "0133093", 603), (2, "0211915", None)]
GENOME_TAGS: list[Row] = [(1, "dystopia"), (2, "paris")]
GENOME_SCORES: list[Row] = [(1, 1, 0.9), (1, 2, 0.1), (1, 3, 0.8), (2, 1, 0.1), (2, 2, 0.9)]

GENOME_MARTS = ("mart_movie_similar", "mart_movie_genome_tag")


def rows_in(warehouse: Warehouse, mart: str) -> int:
    """Count the rows of a mart."""
    (row,) = warehouse.query(f"select count(*)::int from marts_candidate.{mart}")
    assert isinstance(row[0], int)
    return row[0]


@pytest.mark.slow
def test_nothing_loaded_at_all(warehouse: Warehouse) -> None:
    warehouse.build()
    status = warehouse.query(
        "select edition, n_files, n_ratings, prior_mean, prior_weight, has_genome, loaded_at"
        " from marts_candidate.mart_dataset_status"
    )
    assert status == [("none", 0, 0, None, 25, False, None)]
    assert rows_in(warehouse, "mart_weekday_hour") == 168


@pytest.mark.slow
def test_films_and_ratings_alone(warehouse: Warehouse) -> None:
    warehouse.load("movies.csv", "movies", MOVIES)
    warehouse.load("ratings.csv", "ratings", RATINGS)
    warehouse.build()
    assert [rows_in(warehouse, mart) for mart in ("mart_tag", *GENOME_MARTS)] == [0, 0, 0]
    assert rows_in(warehouse, "mart_movie") == 3
    assert warehouse.query(
        "select month::varchar, n_ratings, n_new_users from marts_candidate.mart_rating_month"
    ) == [
        ("1999-12-01", 1, None),  # one person is too few to be counted
        ("2000-01-01", 0, 0),
        ("2000-02-01", 0, 0),
        ("2000-03-01", 2, None),
    ]


@pytest.mark.slow
def test_everything(warehouse: Warehouse) -> None:
    warehouse.load("movies.csv", "movies", MOVIES)
    warehouse.load("ratings.csv", "ratings", RATINGS)
    warehouse.load("tags.csv", "tags", TAGS)
    warehouse.load("links.csv", "links", LINKS)
    warehouse.load("genome-tags.csv", "genome_tags", GENOME_TAGS)
    warehouse.load("genome-scores.csv", "genome_scores", GENOME_SCORES)
    warehouse.build()
    assert warehouse.query("select tag, n_people from marts_candidate.mart_tag") == [
        ("Mind-bending", 1)  # the tag without a letter counts as given, and is shown nowhere
    ]
    assert warehouse.query(
        "select n_tag_applications, has_genome from marts_candidate.mart_dataset_status"
    ) == [(2, True)]
    assert warehouse.query(
        "select tag, relevance, rank from marts_candidate.mart_movie_genome_tag where movie_id = 1"
    ) == [
        ("dystopia", 0.9, 1),
        ("Genome tag 3", 0.8, 2),  # no genome-tags file names it
        ("paris", 0.1, 3),
    ]
