"""What readers see: one interface to it for publish, build and status, on every engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ingestion.build.artifacts import SEEN_TOP_FILMS, SEEN_VERSIONS
from ingestion.build.release import Counts, Seen
from ingestion.engine import engine_of
from ingestion.publish.place import Place
from ingestion.settings import Settings
from ingestion.warehouse.lease import Lease

_COUNTS = ("n_ratings", "n_users", "n_movies", "n_tag_applications")
# How many films the page of what changed calls the best.
_BEST = 100


@dataclass(frozen=True)
class Version:
    """A published version that is kept.

    Attributes:
        version: Its name.
        source: URL of the landing zone it was built from; None if unknown.
        published_at: When it was last published, UTC; None if unknown.
        is_held_back: Whether it was rolled back: no run publishes it by itself.
    """

    version: str
    source: str | None = None
    published_at: datetime | None = None
    is_held_back: bool = False

    @property
    def order(self) -> tuple[datetime, str]:
        """Sorts versions by when readers saw them last; those of earlier releases come first."""
        return self.published_at or datetime.min, self.version


class Published(Protocol):
    """What readers see, and the kept versions."""

    is_shared: bool
    """Whether runs of other homes publish there too."""

    def current(self) -> str | None:
        """The version that readers see."""

    def place(self) -> Place | None:
        """Where the marts are that readers see; None if nothing is published."""

    def size(self) -> int:
        """Bytes of what readers see."""

    def kept(self) -> list[Version]:
        """The kept versions in the order in which readers saw them, including those held back."""

    def versions(self) -> tuple[str | None, list[Version]]:
        """The version that readers see, and those that are kept, as of one moment."""

    def select(self, columns: str, mart: str, condition: str = "true") -> list[tuple[Any, ...]]:
        """Rows of a mart that readers see; none if no such mart is published."""

    def check_layout(self) -> None:
        """Checks that this version can read what readers see.

        Raises:
            NewerLayout: If a newer version published it.
        """

    def bring_up_to_date(self) -> None:
        """Rewrites what an earlier release published in another layout."""

    def publish(self, lease: Lease, version: str, source: str | None) -> None:
        """Publishes the candidate, built from the landing zone `source`, all marts at once."""

    def roll_back(self, to: str, left: str | None) -> None:
        """Returns readers to an earlier version."""

    def remove(self, versions: list[str]) -> None:
        """Removes versions, and leftovers of a crash."""


def seen(settings: Settings) -> Seen:
    """Returns what readers see, to compare a build with."""
    marts = engine_of(settings).published()
    current, kept = marts.versions()
    sources = [version.source for version in kept if version.version == current]
    names = _names(SEEN_VERSIONS)
    status = marts.select(", ".join(names), "mart_dataset_status")
    # An earlier release published fewer columns.
    counts = [[row[names.index(name)] for name in _COUNTS] for row in status] or marts.select(
        ", ".join(_COUNTS), "mart_dataset_status"
    )
    best = f"rank_weighted <= {_BEST}"
    films = marts.select(", ".join(_names(SEEN_TOP_FILMS)), "mart_movie", best)
    return Seen(
        Counts(*counts[0]) if counts else None,
        sources[0] if sources else None,
        status=status,
        top_films=sorted(films, key=lambda film: film[-1]),
    )


def _names(ddl: str) -> list[str]:
    """The names of columns, without their types."""
    return [column.split()[0] for column in ddl.split(", ")]
