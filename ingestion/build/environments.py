"""Environments: isolated places in one warehouse to build in, told apart by their schemas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse

# The schemas that a build writes. RAW is everyone's, and no build writes it.
ANALYTICS = "analytics"
CANDIDATE = "marts_candidate"
AUDIT = "audit"
# The environment in which the marts as of an earlier load are built; it does not outlive its build.
AS_OF = "as_of"


@dataclass(frozen=True)
class Environment:
    """Where a build writes, and how much of the manifest it sees.

    Attributes:
        name: What its schemas end with; empty for the environment that is published.
        as_of_file_id: The last manifest entry that exists for it; None for all of them.
    """

    name: str = ""
    as_of_file_id: int | None = None

    def schema(self, layer: str) -> str:
        """Names the schema of a layer, as macros/generate_schema_name.sql does."""
        return f"{layer}__{self.name}" if self.name else layer

    @property
    def schemas(self) -> tuple[str, ...]:
        """Every schema that is its own."""
        return tuple(self.schema(layer) for layer in (ANALYTICS, CANDIDATE, AUDIT))

    @property
    def variables(self) -> dict[str, Any]:
        """What dbt has to be told of it."""
        if not self.name:
            return {}
        return {"environment": self.name, "as_of_file_id": self.as_of_file_id}

    def dbt_dir(self, settings: Settings) -> Path:
        """Gives dbt's target folder; with other variables, dbt reads the project anew."""
        return settings.dbt_dir.with_name(self.schema(settings.dbt_dir.name))

    def drop(self, target: Warehouse) -> None:
        """Removes all of it from the warehouse.

        Args:
            target: The warehouse.

        Raises:
            ValueError: If it is the environment that is published.
        """
        if not self.name:
            raise ValueError("the environment that is published is never dropped")
        target.execute(*(f"drop schema if exists {schema} cascade" for schema in self.schemas))


PUBLISHED = Environment()
