"""Where the published marts are, and when they count as stale."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the dashboard, under the names that the rest of the project uses."""

    model_config = SettingsConfigDict(
        env_prefix="MOVIELENS_", env_file=".env", extra="ignore", frozen=True
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

    @property
    def marts_file(self) -> Path:
        """The published marts that readers open."""
        return self.home.expanduser().absolute() / "marts.duckdb"


class SnowflakeSettings(BaseSettings):
    """How to reach Snowflake, under the names that its own clients use."""

    model_config = SettingsConfigDict(
        env_prefix="SNOWFLAKE_", env_file=".env", extra="ignore", frozen=True
    )

    account: str = ""
    user: str = ""
    private_key: SecretStr | None = None
    private_key_path: Path | None = None
    private_key_passphrase: SecretStr | None = None
    role: str = "MOVIELENS_READER"
    warehouse: str = "MOVIELENS_DASHBOARD"
    database: str = "MOVIELENS"
    host: str | None = None
    port: int = 443
    protocol: Literal["https", "http"] = "https"


@cache
def settings() -> Settings:
    """Resolves the settings once per process.

    Returns:
        The settings: environment, else `.env`, else default.
    """
    return Settings()
