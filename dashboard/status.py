"""The published build: the single row of mart_dataset_status, typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from dashboard import marts, queries


@dataclass(frozen=True)
class Status:
    """The published build. Times are naive UTC; None where the build has no value."""

    edition: str
    is_generated: bool
    licence: str
    citation: str
    source_sha256: str
    data_version: str
    git_sha: str | None
    loaded_at: datetime | None
    built_at: datetime
    first_rating_at: datetime | None
    last_rating_at: datetime | None
    n_files: int
    n_rejected_rows: int
    n_ratings: int
    n_users: int
    n_movies: int
    n_rated_movies: int
    n_tag_applications: int
    n_tag_users: int
    sum_rating: float
    prior_mean: float | None
    prior_weight: int
    has_genome: bool
    tests_passed: int
    tests_warned: int
    tests_failed: int

    @property
    def mean(self) -> float | None:
        """Mean of all ratings, in stars."""
        return self.sum_rating / self.n_ratings if self.n_ratings else None

    def age(self, now: datetime | None = None) -> timedelta:
        """How long ago the build was made.

        Args:
            now: The present in naive UTC; by default the clock's.
        """
        return (now or datetime.now(UTC).replace(tzinfo=None)) - self.built_at


@marts.remembered
def published_status() -> Status:
    """Reads the status of the pinned version.

    Raises:
        dashboard.marts.MartMissing: If the mart is absent or has no row.
    """
    frame = marts.rows(queries.STATUS)
    if frame.empty:
        raise marts.MartMissing("mart_dataset_status")
    row: dict[str, Any] = {
        str(name): _plain(value) for name, value in frame.iloc[0].to_dict().items()
    }
    return Status(**row)


def _plain(value: object) -> object:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value
