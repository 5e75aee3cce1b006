"""Environments: isolated sets of schemas in one warehouse, each the place of one build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.settings import Settings

if TYPE_CHECKING:
    from ingestion.warehouse.base import Warehouse

# The schemas a build writes. RAW is shared, and no build writes it.
STORE = "store"
ANALYTICS = "analytics"
CANDIDATE = "marts_candidate"
AUDIT = "audit"
# Where the marts as of an earlier load are built; it is dropped after the build.
AS_OF = "as_of"


@dataclass(frozen=True)
class Environment:
    """Where a build writes, and how much of the manifest it sees.

    Attributes:
        name: Suffix of its schemas; empty for the published environment.
        as_of_file_id: The last manifest entry it sees; None for all of them.
    """

    name: str = ""
    as_of_file_id: int | None = None

    def schema(self, layer: str) -> str:
        """Returns a layer's schema, named as in macros/generate_schema_name.sql."""
        return f"{layer}__{self.name}" if self.name else layer

    @property
    def schemas(self) -> tuple[str, ...]:
        """Every schema it owns."""
        return tuple(self.schema(layer) for layer in (ANALYTICS, CANDIDATE, AUDIT))

    @property
    def variables(self) -> dict[str, Any]:
        """The dbt vars that select it."""
        if not self.name:
            return {}
        return {"environment": self.name, "as_of_file_id": self.as_of_file_id}

    def dbt_dir(self, settings: Settings) -> Path:
        """Returns dbt's target folder; one per environment, as other vars make dbt re-parse."""
        return settings.dbt_dir.with_name(self.schema(settings.dbt_dir.name))

    def drop(self, target: Warehouse) -> None:
        """Drops its schemas.

        Raises:
            ValueError: If it is the published environment.
        """
        if not self.name:
            raise ValueError("the published environment is never dropped")
        target.execute(*(f"drop schema if exists {schema} cascade" for schema in self.schemas))


PUBLISHED = Environment()
