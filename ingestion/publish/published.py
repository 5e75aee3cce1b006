"""What readers see: one interface to it for publish, build and status, on every engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ingestion.build.release import Counts, Seen
from ingestion.engine import engine_of
from ingestion.publish.place import Place
from ingestion.settings import Settings
from ingestion.warehouse.lease import Lease


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

    def counts(self) -> Counts | None:
        """The published version's counts; None if nothing is published."""

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
    """Returns the counts and landing zone of what readers see, to compare a release with."""
    marts = engine_of(settings).published()
    current = marts.current()
    sources = [version.source for version in marts.kept() if version.version == current]
    return Seen(marts.counts(), sources[0] if sources else None)
