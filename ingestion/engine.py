"""The one place that knows which engine a target runs on; everything else asks its `Engine`.

docs/engines.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ingestion.build.environments import Environment
    from ingestion.operate.doctor.findings import Check
    from ingestion.publish.published import Published
    from ingestion.settings import Settings
    from ingestion.warehouse.base import Warehouse
    from ingestion.warehouse.lease import Lease

    Export: TypeAlias = Callable[[Lease, Environment, Path], None]
    """Writes the marts of an environment to a DuckDB file of their own."""


class Engine(Protocol):
    """Everything that differs from engine to engine, for one set of settings.

    Creating one is free: it opens nothing, and it imports its client only when a method needs it.
    """

    extras: frozenset[str]
    """The extras of this package that the engine needs; `doctor` checks their versions."""

    packages: tuple[str, ...]
    """The packages whose versions decide what a build computes, dbt-core aside."""

    @property
    def marts_file(self) -> Path | None:
        """The file that the dashboard opens; None if the dashboard connects to the engine."""

    def warehouse(self, *, loader: bool = False) -> Warehouse:
        """Gives the warehouse.

        Args:
            loader: As the user that loads RAW, where another one builds and publishes.
        """

    def looked_at(self) -> Warehouse:
        """Gives the warehouse to read from only: waits for nobody, and needs no write access."""

    def published(self) -> Published:
        """Gives the published marts."""

    def as_of_export(self) -> Export:
        """Gives what exports the marts as of an earlier load.

        Raises:
            SettingsError: If the engine cannot build them.
        """

    def dbt_variables(self) -> dict[str, str]:
        """Gives the environment variables that this engine's output in profiles.yml reads."""

    def dbt_session(self, *, connects: bool) -> AbstractContextManager[None]:
        """Prepares the warehouse for one dbt command, and cleans up after it.

        Args:
            connects: Whether the command connects to the warehouse; `dbt parse` does not.
        """

    def checks(self) -> list[Check]:
        """Gives the checks that `doctor` makes of this engine, in the order of a run."""


ENGINES: Mapping[str, str] = {
    "dev": "ingestion.engines.on_duckdb:DuckDBEngine",
    "prod": "ingestion.engines.on_snowflake:SnowflakeEngine",
}
"""The engine of each target, by name: a run imports one engine only."""


def engine_of(settings: Settings) -> Engine:
    """Gives the engine of the target in force.

    Args:
        settings: Name the target.

    Returns:
        The engine.
    """
    engine: Engine = resolve_name(ENGINES[settings.target])(settings)
    return engine
