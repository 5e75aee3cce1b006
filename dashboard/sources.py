"""Which queries answer each question, so that a figure can be traced to its marts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dashboard import queries

_MEAN = ("n_ratings", "sum_rating")
_RANKING = ("prior_mean", "prior_weight")


@dataclass(frozen=True)
class Answer:
    """What one section of a page reads.

    Attributes:
        page: Title of the page.
        statements: The statements of `dashboard.queries` it sends.
        status: The columns of mart_dataset_status it shows or computes with.
    """

    page: str
    statements: tuple[str, ...]
    status: tuple[str, ...] = ()


QUESTIONS: Final[dict[str, Answer]] = {
    "How big is it?": Answer(
        "Overview",
        (queries.RATING_MONTHS, queries.USER_COHORTS),
        (*_MEAN, "n_users", "n_movies", "n_rated_movies", "n_tag_applications", "n_tag_users"),
    ),
    "When were people rating?": Answer("Overview", (queries.RATING_MONTHS, queries.STAR_YEARS)),
    "Which genres score above average?": Answer("Overview", (queries.GENRES,), _MEAN),
    "Did half stars change the scores?": Answer("Overview", (queries.STAR_YEARS,)),
    "Which films stand out?": Answer(
        "Overview",
        (
            queries.MOST_RATED,
            queries.BEST_LOVED,
            queries.MOST_DIVISIVE,
            queries.HIDDEN_GEM,
            queries.RELEASE_SPAN,
        ),
        ("prior_weight",),
    ),
    "Are popular films loved?": Answer(
        "Overview", (queries.SCATTER, queries.COUNT_FILMS), ("prior_weight",)
    ),
    "What should I watch?": Answer("Overview", (queries.BEST_LOVED,), _RANKING),
    "Which film are you looking for?": Answer("Films", (queries.SEARCH_FILMS,)),
    "Which films are best loved?": Answer(
        "Films", (queries.BEST_LOVED, queries.RELEASE_SPAN), _RANKING
    ),
    "How is it rated?": Answer("Films", (queries.FILM,), ("n_rated_movies", *_RANKING)),
    "How do its stars differ from the usual?": Answer("Films", (queries.FILM, queries.STAR_TOTALS)),
    "When was it rated?": Answer("Films", (queries.FILM_YEARS,)),
    "What do people call it?": Answer("Films", (queries.FILM_TAGS, queries.FILM_GENOME_TAGS)),
    "What is like it?": Answer("Films", (queries.FILM_SIMILAR,)),
    "Which genres rose, which fell?": Answer("Genres", (queries.GENRE_YEARS, queries.YEAR_TOTALS)),
    "Do old films score higher?": Answer("Genres", (queries.GENRE_DECADES,)),
    "Which genres go together?": Answer("Genres", (queries.GENRE_PAIRS, queries.GENRES)),
    "Which films carry a tag?": Answer("Tags", (queries.SEARCH_TAGS, queries.TAG_FILMS)),
    "What words do people use most?": Answer("Tags", (queries.TOP_TAGS,), ("n_tag_users",)),
    "What words go with loved films?": Answer("Tags", (queries.TOP_TAGS,), _MEAN),
    "Do a few people give most of the ratings?": Answer("People", (queries.USER_ACTIVITY,)),
    "When in the week do they rate?": Answer("People", (queries.WEEKDAY_HOURS,)),
    "Do newcomers come back?": Answer("People", (queries.USER_COHORTS,), ("last_rating_at",)),
}
