"""Contents of the site: its pages, the questions on each, and what answers them.

Navigation, the way from a figure back to its marts, and the tests of every page follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dashboard import queries

_MEAN = ("n_ratings", "sum_rating")
_RANKING = ("prior_mean", "prior_weight")
# Of the filter shared by Overview and Films.
FILTER = ("genre", "years", "min")


@dataclass(frozen=True)
class Answer:
    """What one section of a page reads.

    Attributes:
        statements: The statements of `dashboard.queries` it sends.
        status: The columns of mart_dataset_status it shows or computes with.
    """

    statements: tuple[str, ...]
    status: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """One page of the site, in `app_pages/`.

    Attributes:
        title: Its name in the navigation.
        help: What it is for, in one line.
        questions: The questions that its sections ask, and what answers each.
        parameters: What its address may say.
    """

    title: str
    help: str
    questions: Mapping[str, Answer] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()


# In the order of the navigation; the first is where visitors arrive.
PAGES: Final[dict[str, Page]] = {
    "overview": Page(
        "Overview",
        "What is in the data, and what stands out?",
        {
            "How big is it?": Answer(
                (queries.RATING_MONTHS, queries.USER_COHORTS),
                (
                    *_MEAN,
                    "n_users",
                    "n_movies",
                    "n_rated_movies",
                    "n_tag_applications",
                    "n_tag_users",
                ),
            ),
            "When were people rating?": Answer((queries.RATING_MONTHS, queries.STAR_YEARS)),
            "Which genres score above average?": Answer((queries.GENRES,), _MEAN),
            "Did half stars change the scores?": Answer((queries.STAR_YEARS,)),
            "Which films stand out?": Answer(
                (queries.SCATTER, queries.RELEASE_SPAN),
                ("prior_weight",),
            ),
            "Are popular films loved?": Answer((queries.SCATTER,), ("prior_weight",)),
            "What should I watch?": Answer((queries.BEST_LOVED,), _RANKING),
        },
        ("q", "months", *FILTER),
    ),
    "films": Page(
        "Films",
        "Search films; see everything about one.",
        {
            "Which film are you looking for?": Answer((queries.TITLES,)),
            "Which films are best loved?": Answer(
                (queries.BEST_LOVED, queries.RELEASE_SPAN), _RANKING
            ),
            "Which films divide people most?": Answer((queries.CONTROVERSIAL,), ("prior_weight",)),
            "Which film is the best of its year?": Answer((queries.YEAR_BEST,), _RANKING),
            "How is it rated?": Answer((queries.FILM,), _RANKING),
            "Where does it stand in the ranking?": Answer(
                (queries.FILM_NEIGHBOURS,), ("n_rated_movies",)
            ),
            "How do its stars differ from the usual?": Answer((queries.FILM, queries.STAR_TOTALS)),
            "When was it rated?": Answer((queries.FILM_YEARS,)),
            "What do people call it?": Answer((queries.FILM_TAGS, queries.FILM_GENOME_TAGS)),
            "What is like it?": Answer((queries.FILM_LIKED_TOGETHER, queries.FILM_SIMILAR)),
        },
        ("film", "q", "view", "decade", *FILTER),
    ),
    "compare": Page(
        "Compare",
        "Two to four films, or genres, side by side.",
        {
            "Which films are compared?": Answer(
                (queries.BEST_LOVED, queries.FILM, queries.TITLES), ("n_rated_movies",)
            ),
            "Which stars do the films get?": Answer((queries.FILM,)),
            "How were the films rated over the years?": Answer((queries.FILM_YEARS,)),
            "Which genres are compared?": Answer((queries.GENRES,)),
            "How are the genres rated over the years?": Answer((queries.GENRE_YEARS,)),
        },
        ("compared", "films", "genres"),
    ),
    "taste": Page(
        "Taste",
        "Rate five films, and get films that people with your favourites like.",
        {
            "Which of these have you seen?": Answer((queries.TASTE_FILMS,)),
            "What may you like?": Answer((queries.FILM_LIKED_TOGETHER,)),
        },
    ),
    "genres": Page(
        "Genres",
        "Which genres rose or fell, and do old films score higher?",
        {
            "Which genres rose, which fell?": Answer((queries.GENRE_YEARS, queries.YEAR_TOTALS)),
            "Do old films score higher?": Answer((queries.GENRE_DECADES,)),
            "Which genres go together?": Answer((queries.GENRE_PAIRS, queries.GENRES)),
        },
        ("genres", "measure"),
    ),
    "tags": Page(
        "Tags",
        "Which words go with loved films?",
        {
            "Which films carry a tag?": Answer((queries.SEARCH_TAGS, queries.TAG_FILMS)),
            "What words do people use most?": Answer((queries.TOP_TAGS,), ("n_tag_users",)),
            "What words go with loved films?": Answer((queries.TOP_TAGS,), _MEAN),
        },
        ("tag_search", "tag"),
    ),
    "people": Page(
        "People",
        "Who gives the ratings, when, and do newcomers come back?",
        {
            "Do a few people give most of the ratings?": Answer((queries.USER_ACTIVITY,)),
            "When in the week do they rate?": Answer((queries.WEEKDAY_HOURS,)),
            "Do newcomers come back?": Answer((queries.USER_COHORTS,), ("last_rating_at",)),
        },
    ),
    "changes": Page(
        "What changed",
        "This version against the one before it.",
        {
            "What changed in numbers?": Answer(
                (queries.PREVIOUS_VERSION,),
                (
                    *("data_version", "built_at", *_MEAN),
                    *("n_users", "n_movies", "n_rated_movies", "n_tag_applications"),
                    *("tests_passed", "tests_warned"),
                ),
            ),
            "Which films entered or left the best hundred?": Answer(
                (queries.PREVIOUS_VERSION, queries.PREVIOUS_TOP_FILMS, queries.TOP_FILMS)
            ),
        },
    ),
    "data": Page(
        "Data",
        "Freshness, checks, the meaning of each column, and terms of use.",
        parameters=("table", "column"),
    ),
}
QUESTIONS: Final[dict[str, Answer]] = {
    question: answer for page in PAGES.values() for question, answer in page.questions.items()
}
