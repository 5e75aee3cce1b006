"""Environments: each shows one build, through schemas of views, in a warehouse that all share."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingestion.errors import SettingsError

# The schema of the physical tables, which no reader and no environment owns.
STORE = "store"
# The schemas of views: what an environment shows. RAW is shared, and no build writes it.
ANALYTICS = "analytics"
CANDIDATE = "marts_candidate"
AUDIT = "audit"
LAYERS = (ANALYTICS, CANDIDATE, AUDIT)
# Where the marts as of an earlier load are built; it is dropped after the build.
AS_OF = "as_of"

_PRODUCTION = "production"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED = (AS_OF, "prod", "published")


@dataclass(frozen=True)
class Environment:
    """An environment: production, whose marts are published, or one to try changes in.

    Attributes:
        name: Its name.
    """

    name: str = _PRODUCTION

    @property
    def is_production(self) -> bool:
        """Whether its marts are the candidate for readers."""
        return self.name == _PRODUCTION

    def schema(self, layer: str) -> str:
        """Returns the schema with its views of a layer."""
        return layer if self.is_production else f"{layer}__{self.name}"


PRODUCTION = Environment()


def environment_named(name: str) -> Environment:
    """Returns an environment by the name that a user gave.

    Raises:
        SettingsError: If no environment can have that name.
    """
    if _NAME.fullmatch(name) is None or name in _RESERVED:
        raise SettingsError(
            f"{name!r} cannot be the name of an environment",
            "choose one of up to 40 lower-case letters, digits and underscores that starts with a "
            f"letter, and none of: {', '.join(_RESERVED)}",
        )
    return Environment(name)
