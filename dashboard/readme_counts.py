"""What the README of each release says it holds, and whether this is what is published."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

import pandas as pd

from dashboard.status import Status

# Ratings, people who rated, films, tags. `ml-latest` is replaced from time to time, under one name.
README_COUNTS: Final[dict[str, tuple[int, int, int, int]]] = {
    "ml-latest-small": (100_836, 610, 9_742, 3_683),
    "ml-20m": (20_000_263, 138_493, 27_278, 465_564),
    "ml-25m": (25_000_095, 162_541, 62_423, 1_093_360),
    "ml-32m": (32_000_204, 200_948, 87_585, 2_000_072),
}


def release_of(status: Status, files: pd.DataFrame) -> str | None:
    """Tells whose README applies, by the edition's name or that of the files' folder.

    Args:
        status: The published build.
        files: Rows of SOURCE_FILES.

    Returns:
        The one release that is named; None when none is, or more than one.
    """
    folders = {PurePosixPath(path).parent.name for path in files["path"]}
    known = (folders | {status.edition}) & README_COUNTS.keys()
    return known.pop() if len(known) == 1 else None


def compared(release: str, status: Status, files: pd.DataFrame) -> pd.DataFrame:
    """Sets the counts of the release's README beside what was loaded and what is published.

    Args:
        release: One of README_COUNTS.
        status: The published build.
        files: Rows of SOURCE_FILES.

    Returns:
        Columns what, readme, loaded (null where files do not say), published, agrees.
    """
    loaded = files.groupby("dataset")["rows_loaded"].sum()
    rows = [
        ("Ratings", "ratings", status.n_ratings),
        ("People who rated", None, status.n_users),
        ("Films listed", "movies", status.n_movies),
        ("Tags given", "tags", status.n_tag_applications),
    ]
    frame = pd.DataFrame(
        [
            (what, readme, loaded.get(dataset, 0) if dataset else None, published)
            for (what, dataset, published), readme in zip(rows, README_COUNTS[release], strict=True)
        ],
        columns=["what", "readme", "loaded", "published"],
    ).astype({"loaded": "Int64"})
    frame["agrees"] = (frame["loaded"].fillna(frame["readme"]) == frame["readme"]) & (
        frame["published"] == frame["readme"]
    )
    return frame
