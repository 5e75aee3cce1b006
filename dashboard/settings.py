"""Settings of the dashboard: which marts it shows, where they are, and when they are stale."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the dashboard, under the names the rest of the project uses.

    Snowflake login settings are in `ingestion.warehouse.snowflake_login`, shared by the project.
    """

    model_config = SettingsConfigDict(
        env_prefix="MOVIELENS_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path = Field(default=Path(".movielens"), description="Folder that holds marts.duckdb.")
    # Part of a file's name: nothing that matches leads out of the folder.
    environment: str = Field(
        default="",
        pattern=r"^([a-z][a-z0-9_]*)?$",
        description="Shows an environment's marts instead of the published ones;"
        " empty: the published ones.",
    )
    target: Literal["dev", "prod"] = Field(
        default="dev", description="dev = DuckDB, prod = Snowflake."
    )
    stale_after_days: float = Field(
        default=30,
        gt=0,
        description="Age in days at which the pages call a build stale.",
    )
    version_seconds: float = Field(
        default=60,
        ge=0,
        description="How long the published version is cached before Snowflake is asked again.",
    )

    @property
    def marts_file(self) -> Path:
        """The file of marts to show: the published ones, or those of the environment."""
        home = self.home.expanduser().absolute()
        if self.environment:
            return home / "environments" / f"{self.environment}.duckdb"
        return home / "marts.duckdb"

    @property
    def standing(self) -> Literal["published", "previewed"]:
        """What messages call the marts that are shown."""
        return "previewed" if self.environment else "published"


@cache
def settings() -> Settings:
    """Resolves the settings once per process: environment, else `.env`, else default."""
    return Settings()
