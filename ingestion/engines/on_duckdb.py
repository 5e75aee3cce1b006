"""DuckDB: one file for the warehouse, one for the published marts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.engine import Export
    from ingestion.operate.doctor.findings import Check
    from ingestion.publish.published import Published
    from ingestion.settings import Settings
    from ingestion.warehouse.base import Warehouse


class DuckDBEngine:
    """The engine of the dev target; `Engine` describes its members."""

    extras: frozenset[str] = frozenset()
    packages: tuple[str, ...] = ("dbt-duckdb", "duckdb")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def database(self) -> str:
        """The name that dbt-duckdb derives from the file's."""
        return self._settings.warehouse_file.stem

    @property
    def marts_file(self) -> Path | None:
        """The published file."""
        return self._settings.marts_file

    def warehouse(self, *, loader: bool = False) -> Warehouse:
        """Returns the warehouse file; DuckDB has no users, so `loader` has no effect."""
        from ingestion.warehouse.base import DuckDBWarehouse

        return DuckDBWarehouse(self._settings.warehouse_file)

    def looked_at(self) -> Warehouse:
        """Returns the warehouse file, opened read-only."""
        from ingestion.warehouse.base import DuckDBWarehouse

        return DuckDBWarehouse(self._settings.warehouse_file, read_only=True)

    def published(self) -> Published:
        """Returns the published file and the versions kept next to it."""
        from ingestion.publish.duckdb_file import MartsFile

        return MartsFile(self._settings)

    def as_of_export(self) -> Export:
        """Returns the same export that publishing uses."""
        from ingestion.publish.duckdb_file import export_marts

        return export_marts

    def preview(self, schema: str, file: Path) -> None:
        """Copies the marts."""
        from ingestion.publish.duckdb_file import write_marts

        file.parent.mkdir(exist_ok=True)
        with self.looked_at().connect() as session:
            write_marts(session.native, schema, file)

    def cloned_schemas(self, database: str) -> list[str]:
        """Refuses: a DuckDB warehouse is a file.

        Raises:
            SettingsError: Always.
        """
        from ingestion.errors import SettingsError

        raise SettingsError(
            "Only Snowflake clones: a DuckDB warehouse is a file. Nothing was changed",
            f"copy {self._settings.home}, and set MOVIELENS_HOME to the copy",
        )

    def dbt_variables(self) -> dict[str, str]:
        """Returns the path of the warehouse file."""
        return {"MOVIELENS_WAREHOUSE": str(self._settings.warehouse_file)}

    @contextmanager
    def dbt_session(self, *, connects: bool) -> Iterator[None]:
        """Keeps the file open while dbt runs, and closes it afterwards.

        dbt opens and closes the file at will, and would leave it open in this process. Holding it
        open throughout keeps dbt from colliding with the lease's heartbeat.
        """
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        with self.warehouse().connect() if connects else nullcontext():
            try:
                yield
            finally:
                DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]

    def checks(self) -> list[Check]:
        """Returns the checks of the two files."""
        from ingestion.operate.doctor import duckdb_files

        return duckdb_files.CHECKS
