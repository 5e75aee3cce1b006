"""The contract of each MovieLens dataset.

Columns, types and ranges come from the READMEs of the GroupLens releases
(https://grouplens.org/datasets/movielens/).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Type = Literal["bigint", "double", "text"]
INT64_MAX = 2**63 - 1
# The years of ratings and tags. No release has one before 9 January 1995, so an earlier time is a
# truncated number; one after 2100 is a mistake too: milliseconds, or an extra digit.
# dbt cannot read Python, so the audit has both as vars in dbt_project.yml;
# tests/models/test_audit_of_facts.py fails if they differ.
FIRST_YEAR, LAST_YEAR = 1995, 2100
# Written next to the files by `data generate` and `data download`, to record their edition.
MARKER = "movielens.json"


@dataclass(frozen=True)
class Column:
    """One column of a dataset.

    Attributes:
        source_name: Its name in the CSV header.
        name: Its name in RAW.
        type: Its type in RAW; contract types never change.
        required: Whether the column must exist, with a value in every row.
        minimum: Smallest value allowed, or None.
        maximum: Largest value allowed, or None.
        step: Values must be a multiple of it, or None.
        is_time: Whether it counts seconds since 1970, and so may be a timestamp where files have
            types.
    """

    source_name: str
    name: str
    type: Type
    required: bool = True
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    is_time: bool = False


@dataclass(frozen=True)
class Dataset:
    """One of the six kinds of file, and the RAW table it is loaded into.

    Attributes:
        file_name: The prefix of its files' names.
        table: Its table in the schema `raw`.
        columns: Its columns, in the order of RAW.
    """

    file_name: str
    table: str
    columns: tuple[Column, ...]


def _id(source_name: str, name: str) -> Column:
    return Column(source_name, name, "bigint", minimum=0, maximum=INT64_MAX)


def _new_year(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


_USER = _id("userId", "user_id")
_MOVIE = _id("movieId", "movie_id")
_TIMESTAMP = Column(
    "timestamp",
    "timestamp",
    "bigint",
    minimum=_new_year(FIRST_YEAR),
    maximum=_new_year(LAST_YEAR + 1) - 1,
    is_time=True,
)
_POPULARITY = _id("popularity", "popularity")

DATASETS: dict[str, Dataset] = {
    dataset.table: dataset
    for dataset in (
        Dataset(
            "movies",
            "movies",
            (
                _MOVIE,
                Column("title", "title", "text"),
                Column("genres", "genres", "text", required=False),
            ),
        ),
        Dataset(
            "ratings",
            "ratings",
            (
                _USER,
                _MOVIE,
                Column("rating", "rating", "double", minimum=0.5, maximum=5.0, step=0.5),
                _TIMESTAMP,
            ),
        ),
        Dataset("tags", "tags", (_USER, _MOVIE, Column("tag", "tag", "text"), _TIMESTAMP)),
        Dataset(
            "links",
            "links",
            (
                _MOVIE,
                # Text, because three out of four start with a zero.
                Column("imdbId", "imdb_id", "text", required=False),
                Column("tmdbId", "tmdb_id", "bigint", False, minimum=0, maximum=INT64_MAX),
            ),
        ),
        Dataset(
            "genome-scores",
            "genome_scores",
            (
                _MOVIE,
                _id("tagId", "tag_id"),
                Column("relevance", "relevance", "double", minimum=0.0, maximum=1.0),
            ),
        ),
        Dataset(
            "genome-tags", "genome_tags", (_id("tagId", "tag_id"), Column("tag", "tag", "text"))
        ),
    )
}

# What no model has a place for, in releases without CSV files (landing/layouts.py). Only settings
# load it; no model reads it.
UNMODELLED: dict[str, Dataset] = {
    dataset.table: dataset
    for dataset in (
        Dataset(
            "users",
            "users",
            (
                _USER,
                Column("gender", "gender", "text", required=False),
                Column("age", "age", "bigint", False, minimum=0, maximum=INT64_MAX),
                Column("occupation", "occupation", "text", required=False),
                Column("zipCode", "zip_code", "text", required=False),
            ),
        ),
        Dataset(
            "movie-details",
            "movie_details",
            (
                _MOVIE,
                Column("releaseDate", "release_date", "text", required=False),
                Column("videoReleaseDate", "video_release_date", "text", required=False),
                Column("imdbUrl", "imdb_url", "text", required=False),
            ),
        ),
        Dataset("movie-popularity", "movie_popularity", (_MOVIE, _POPULARITY)),
        Dataset("tag-popularity", "tag_popularity", (_id("tagId", "tag_id"), _POPULARITY)),
    )
}
EVERY_DATASET: dict[str, Dataset] = {**DATASETS, **UNMODELLED}

# The schema that loads write to, and its manifest of committed files.
RAW = "raw"
MANIFEST = "_files"
FILE_ID = "_file_id"
# The manifest's columns, in order; dlt's type names.
MANIFEST_COLUMNS: dict[str, str] = {
    "file_id": "bigint",
    "path": "text",
    "dataset": "text",
    "version": "text",
    "bytes": "bigint",
    "rows_loaded": "bigint",
    "rows_rejected": "bigint",
    "load_id": "text",
    "loaded_at": "timestamp",
    "content_hash": "text",
    "source": "text",
    "edition": "text",
}

# Editions recognised by the SHA-256 of their files, whatever the folder is called. Others are
# recognised by the marker of a download, or by their README.
EDITION_BY_SHA256: dict[str, str] = dict.fromkeys(
    (
        "97ad18e4e56a09363c65676b6cb3482ce3e2cea2372a24620c1599c843325f31",  # links.csv
        "5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07",  # movies.csv
        "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646",  # ratings.csv
        "92a9f8bb7916dceef6151209845788c3643f794dfa79d1feaec7121b5960399d",  # tags.csv
    ),
    "ml-latest-small",  # of September 2018
)
