"""The marts of the release and its files, and those that repeat what a build reports of itself."""

from __future__ import annotations

import hashlib

from tests.support.reference.films import Films
from tests.support.reference.landing import Landing, Row, Rows

_UNKNOWN = "unknown"
_GENERATED = (
    "Made by the generator of this project: no person or opinion in it is real. Free to use.",
    "Generated data in the shape of MovieLens; nothing to cite.",
)
_CITATION = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. "
    "ACM Transactions on Interactive Intelligent Systems 5, 4: 19:1-19:19. "
    "https://doi.org/10.1145/2827872"
)
_LICENCE = (
    "GroupLens terms of use (in the README of the edition): research use with acknowledgement, "
    "{copies}, no commercial use without permission, no endorsement implied."
)
# The one edition that may not be passed on.
_KEPT = "ml-20m"


def _terms(edition: str) -> tuple[str, str]:
    """The licence, and how to cite."""
    if edition == "generated":
        return _GENERATED
    copies = (
        "no redistribution without separate permission"
        if edition == _KEPT
        else "redistribution under the same conditions only"
    )
    return _LICENCE.format(copies=copies), _CITATION


def mart_dataset_status(landing: Landing, films: Films) -> Rows:
    """One row: what this release is, and what is in it."""
    editions = sorted({file.edition or _UNKNOWN for file in landing.files})
    edition = ", ".join(editions) or "none"
    licence, citation = _terms(edition)
    (build,) = landing.audit["builds"]
    return [
        {
            "edition": edition,
            "is_generated": "generated" in editions,
            "licence": licence,
            "citation": citation,
            **_of_files(landing, films),
            **_counts(films),
            "data_version": build["version"],
            **{name: build[name] for name in ("git_sha", "built_at")},
            **{f"tests_{how}": build[f"tests_{how}"] for how in ("passed", "warned", "failed")},
        }
    ]


def _of_files(landing: Landing, films: Films) -> Row:
    hashes = "".join(sorted(file.content_hash for file in films.current.files))
    return {
        "source_sha256": hashlib.sha256(hashes.encode()).hexdigest(),
        "loaded_at": max((file.loaded_at for file in landing.files), default=None),
        "n_files": len(landing.files),
        "n_rejected_rows": sum(file.content.rejected for file in films.current.files),
    }


def _counts(films: Films) -> Row:
    current = films.current
    times = [rating.at for rating in current.ratings]
    return {
        "first_rating_at": min(times, default=None),
        "last_rating_at": max(times, default=None),
        "n_ratings": len(times),
        "n_users": len({rating.user for rating in current.ratings}),
        "n_movies": len(current.films),
        "n_rated_movies": len(films.ratings),
        "n_tag_applications": len(current.tags),
        "n_tag_users": len({tag.user for tag in current.tags}),
        "sum_rating": float(sum(rating.stars for rating in current.ratings)),
        "prior_mean": films.prior_mean,
        "prior_weight": films.prior_weight,
        "has_genome": bool(current.relevance),
    }


def mart_source_file(films: Films) -> Rows:
    """One row per file that counts."""
    rows = [
        {
            "path": read.file.path,
            "dataset": read.dataset,
            "edition": read.file.edition or _UNKNOWN,
            "bytes": read.bytes,
            "rows_loaded": len(read.content.rows),
            "rows_rejected": read.content.rejected,
            "content_hash": read.content_hash,
            "load_id": read.file.load_id,
            "loaded_at": read.file.loaded_at,
        }
        for read in films.current.files
    ]
    return sorted(rows, key=lambda row: (row["dataset"], row["path"]))
