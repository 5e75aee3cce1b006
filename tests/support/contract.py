"""What the files of MovieLens hold, as their README files say, apart from `ingestion.datasets`.

Readers of the tests go by this, so that a slip in the project's own contract is not theirs too. A
new dataset is written here once for all of them.
"""

from __future__ import annotations

CONTRACT: dict[str, dict[str, type]] = {
    "movies": {"movieId": int, "title": str, "genres": str},
    "ratings": {"userId": int, "movieId": int, "rating": float, "timestamp": int},
    "tags": {"userId": int, "movieId": int, "tag": str, "timestamp": int},
    "links": {"movieId": int, "imdbId": str, "tmdbId": int},
    "genome-scores": {"movieId": int, "tagId": int, "relevance": float},
    "genome-tags": {"tagId": int, "tag": str},
}
MAY_BE_EMPTY = {"genres", "imdbId", "tmdbId"}
TYPES = {name: kind for columns in CONTRACT.values() for name, kind in columns.items()}


def table_of(dataset: str) -> str:
    """The table in RAW of files that are called so."""
    return dataset.replace("-", "_")
