"""What readers see, as publishing, building and status ask for it; the same on every engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ingestion.build.release import Counts, Seen
from ingestion.engine import engine_of
from ingestion.settings import Settings
from ingestion.warehouse.lease import Lease


@dataclass(frozen=True)
class Version:
    """One published version that is kept.

    Attributes:
        version: Its name.
        source: URL of the landing zone that it was built from; None if that is not known.
        published_at: When readers last came to see it, UTC; None if that is not known.
        is_held_back: Whether a rollback left it: no run publishes it by itself.
    """

    version: str
    source: str | None = None
    published_at: datetime | None = None
    is_held_back: bool = False


class Published(Protocol):
    """What readers see, and the versions that are kept."""

    is_shared: bool
    """Whether runs of other homes publish there too."""

    def current(self) -> str | None:
        """The version that readers see."""

    def size(self) -> int:
        """Bytes of what readers see."""

    def kept(self) -> list[Version]:
        """The versions that are kept, oldest first, those that are held back included."""

    def counts(self) -> Counts | None:
        """How much the version that readers see holds; None if nothing is published."""

    def bring_up_to_date(self) -> None:
        """Rewrites what an earlier release published in another layout."""

    def publish(self, lease: Lease, version: str, source: str | None) -> None:
        """Makes the candidate, built from a landing zone, what readers see, all marts at once."""

    def roll_back(self, to: str, left: str | None) -> None:
        """Makes an earlier version what readers see."""

    def remove(self, versions: list[str]) -> None:
        """Removes versions, and what a crash left beside them."""


def seen(settings: Settings) -> Seen:
    """Tells what readers see, as far as a new release is compared with it.

    Args:
        settings: Say which target.

    Returns:
        How much it holds, and which landing zone it came from.
    """
    marts = engine_of(settings).published()
    current = marts.current()
    sources = [version.source for version in marts.kept() if version.version == current]
    return Seen(marts.counts(), sources[0] if sources else None)
