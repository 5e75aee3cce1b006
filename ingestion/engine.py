"""Maps each target to its engine; all other code goes through the `Engine` protocol.

docs/engines.md explains how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ingestion.operate.doctor.findings import Check
    from ingestion.publish.published import Published
    from ingestion.settings import Settings
    from ingestion.warehouse.base import Warehouse
    from ingestion.warehouse.lease import Lease

    Export: TypeAlias = Callable[[Lease, str, Path], None]
    """Writes the marts of a schema to a separate DuckDB file."""


class Engine(Protocol):
    """Everything that differs between engines, for one set of settings.

    Creating one is free: it opens nothing, and imports its client only when a method needs it.
    """

    extras: frozenset[str]
    """The extras of this package that the engine needs; `doctor` checks their versions."""

    packages: tuple[str, ...]
    """The packages, besides dbt-core, whose versions affect what a build computes."""

    @property
    def database(self) -> str:
        """The database of the relations; of the connection, only this ends up in dbt's manifest."""

    @property
    def marts_file(self) -> Path | None:
        """The file that the dashboard opens; None if the dashboard connects to the engine."""

    def warehouse(self, *, loader: bool = False) -> Warehouse:
        """Returns the warehouse.

        Args:
            loader: Connect as the user that loads RAW, where a different one builds and publishes.
        """

    def looked_at(self) -> Warehouse:
        """Returns the warehouse for reading: it waits for no writer and needs no write access."""

    def published(self) -> Published:
        """Returns the published marts."""

    def as_of_export(self) -> Export:
        """Returns the function that exports the marts as of an earlier load.

        Raises:
            SettingsError: If the engine cannot build them.
        """

    def preview(self, schema: str, file: Path) -> None:
        """Writes the marts of a schema to a separate DuckDB file, for the dashboard to show.

        Raises:
            BusyError: If a writer has the warehouse file.
        """

    def cloned_schemas(self, database: str) -> list[str]:
        """Returns the statements that clone what a build needs from another database.

        Raises:
            SettingsError: If the engine has no clones, or there is no such database.
        """

    def dbt_variables(self) -> dict[str, str]:
        """Returns the environment variables that this engine's output in profiles.yml reads."""

    def dbt_session(self, *, connects: bool) -> AbstractContextManager[None]:
        """Prepares the warehouse for one dbt command, and cleans up after it.

        Args:
            connects: Whether the command connects to the warehouse; `dbt parse` does not.
        """

    def checks(self) -> list[Check]:
        """Returns the `doctor` checks for this engine, in the order of a run."""


ENGINES: Mapping[str, str] = {
    "dev": "ingestion.engines.on_duckdb:DuckDBEngine",
    "prod": "ingestion.engines.on_snowflake:SnowflakeEngine",
}
"""The engine of each target, by name, so that a run imports only one."""


def engine_of(settings: Settings) -> Engine:
    """Returns the engine of the target that is set."""
    engine: Engine = resolve_name(ENGINES[settings.target])(settings)
    return engine
