"""Snowflake: an account with a user for each step of a run."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.engine import Export
    from ingestion.operate.doctor.findings import Check
    from ingestion.publish.published import Published
    from ingestion.settings import Settings
    from ingestion.warehouse.base import Warehouse


class SnowflakeEngine:
    """The engine of the prod target; `Engine` describes its members.

    It logs in with the SNOWFLAKE_* settings; `settings` names the stage to load through.
    """

    extras = frozenset({"snowflake"})
    packages: tuple[str, ...] = ("dbt-snowflake",)
    marts_file = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def database(self) -> str:
        """The database that profiles.yml takes from the environment."""
        return os.environ.get("SNOWFLAKE_DATABASE", "")

    def warehouse(self, *, loader: bool = False) -> Warehouse:
        """Returns the database as the loading or the building user sees it."""
        from ingestion.warehouse.snowflake import snowflake_warehouse

        return snowflake_warehouse(self._settings, loader)

    def looked_at(self) -> Warehouse:
        """Returns the database as the building user sees it; readers block nobody."""
        return self.warehouse()

    def published(self) -> Published:
        """Returns the published views."""
        from ingestion.publish.snowflake_views import MartsViews

        return MartsViews(self.warehouse())

    def as_of_export(self) -> Export:
        """Refuses: no user of a run may create the schemas this needs.

        Raises:
            SettingsError: Always.
        """
        from ingestion.errors import SettingsError
        from ingestion.remedies import command

        raise SettingsError(
            "--as-of works only with a DuckDB warehouse: in Snowflake it needs extra schemas, "
            "which the users of a run may not create. Nothing was built",
            f"omit --as-of, or roll back to a kept version: {command('rollback')}",
        )

    def preview(self, schema: str, file: Path) -> None:
        """Downloads the marts, which are small."""
        from ingestion.publish.download import download_marts

        download_marts(self.warehouse(), schema, file)

    def cloned_schemas(self, database: str) -> list[str]:
        """Clones RAW and the store, without the lease, and lets no environment show anything."""
        from ingestion.warehouse.snowflake import cloning

        return cloning(self.warehouse(), database)

    def dbt_variables(self) -> dict[str, str]:
        """Returns the building user's secrets, in the form that dbt takes."""
        from ingestion.warehouse.snowflake import dbt_variables

        return dbt_variables()

    def dbt_session(self, *, connects: bool) -> AbstractContextManager[None]:
        """Does nothing: dbt's connections block nobody."""
        return nullcontext()

    def checks(self) -> list[Check]:
        """Returns the checks of the account and the stage."""
        from ingestion.operate.doctor import account

        return account.CHECKS
