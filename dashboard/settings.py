"""Where the published marts are, and when they count as stale."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the dashboard, under the names that the rest of the project uses.

    How to log in to Snowflake is in `ingestion.warehouse.snowflake_login`, for all of the project.
    """

    model_config = SettingsConfigDict(
        env_prefix="MOVIELENS_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path = Field(default=Path(".movielens"), description="Folder that holds marts.duckdb.")
    target: Literal["dev", "prod"] = Field(
        default="dev", description="dev = DuckDB, prod = Snowflake."
    )
    stale_after_days: float = Field(
        default=30,
        gt=0,
        description="Age in days of a build from which on the pages call it stale.",
    )
    version_seconds: float = Field(
        default=60,
        ge=0,
        description="For how long Snowflake is not asked again which version is published.",
    )

    @property
    def marts_file(self) -> Path:
        """The published marts that readers open."""
        return self.home.expanduser().absolute() / "marts.duckdb"


@cache
def settings() -> Settings:
    """Resolves the settings once per process.

    Returns:
        The settings: environment, else `.env`, else default.
    """
    return Settings()
