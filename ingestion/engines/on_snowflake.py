"""Snowflake: an account with a user for each step of a run."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.engine import Export
    from ingestion.operate.doctor.findings import Check
    from ingestion.publish.published import Published
    from ingestion.settings import Settings
    from ingestion.warehouse.base import Warehouse


class SnowflakeEngine:
    """The engine of the prod target; `Engine` describes its members.

    Args:
        settings: Name the stage that rows are loaded through. How to log in is in the SNOWFLAKE_*
            settings.
    """

    extras = frozenset({"snowflake"})
    packages: tuple[str, ...] = ("dbt-snowflake",)
    marts_file = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def warehouse(self, *, loader: bool = False) -> Warehouse:
        """Gives the database as one of its users sees it."""
        from ingestion.warehouse.snowflake import snowflake_warehouse

        return snowflake_warehouse(self._settings, loader)

    def looked_at(self) -> Warehouse:
        """Gives the database as the user that builds sees it: readers block nobody."""
        return self.warehouse()

    def published(self) -> Published:
        """Gives the published views."""
        from ingestion.publish.snowflake_views import MartsViews

        return MartsViews(self.warehouse())

    def as_of_export(self) -> Export:
        """Refuses: no user of a run may create the schemas that this takes.

        Raises:
            SettingsError: Always.
        """
        from ingestion.errors import SettingsError
        from ingestion.remedies import command

        raise SettingsError(
            "Marts as of an earlier load are built in a DuckDB warehouse only: in Snowflake that "
            "takes schemas of their own, which the users of a run may not make. Nothing was built",
            f"leave --as-of out; or roll back to a version that is kept: {command('rollback')}",
        )

    def dbt_variables(self) -> dict[str, str]:
        """Gives the secrets of the user that builds, in the form that dbt takes."""
        from ingestion.warehouse.snowflake import dbt_variables

        return dbt_variables()

    def dbt_session(self, *, connects: bool) -> AbstractContextManager[None]:
        """Does nothing: dbt's connections get in nobody's way."""
        return nullcontext()

    def checks(self) -> list[Check]:
        """Gives the checks of the account and of the stage."""
        from ingestion.operate.doctor import account

        return account.CHECKS
