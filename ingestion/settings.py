"""Every setting, its type, its default and where its value came from."""

from __future__ import annotations

from os import environ
from pathlib import Path
from typing import Any, Literal, NamedTuple

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion.errors import SettingsError
from ingestion.project import project_here
from ingestion.reading.encoding import text_encoding
from ingestion.reading.rules import RangeChecks

PREFIX = "MOVIELENS_"


class Settings(BaseSettings):
    """The settings of one run: option, else environment, else `.env`, else default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        # `MOVIELENS_HOME=` from an unset variable in a script must not mean the current folder.
        env_ignore_empty=True,
        extra="ignore",
        validate_default=True,
        frozen=True,
    )

    home: Path = Field(Path(".movielens"), description="Folder for everything local.")
    warehouse: Path | None = Field(
        None,
        description="DuckDB file of the dev target; default: warehouse.duckdb in the home folder.",
    )
    source: str | None = Field(
        None, description="Landing zone of one population: a folder, a zip, or s3://bucket/prefix."
    )
    target: Literal["dev", "prod"] = Field("dev", description="dev = DuckDB, prod = Snowflake.")
    project: Path = Field(
        default_factory=project_here,
        description="Folder that holds dbt_project.yml; default: the current folder if it does, "
        "else the installed models.",
    )
    reject_rows: int = Field(
        10, ge=0, description="Rejected rows that any file may have before it is refused."
    )
    reject_share: float = Field(
        0.001, ge=0, le=1, description="Share of a file's rows that may be rejected, if more."
    )
    encoding: str = Field(
        "utf-8", description="Encoding of files that are not UTF-8, such as cp1252 or utf-16."
    )
    range_checks: RangeChecks = Field(
        "reject",
        description="Rows with a value out of range are rejected (reject), or loaded with a "
        "warning (warn); then the audit may hold the marts back.",
    )
    load_unmodelled: bool = Field(
        False,
        description="Also load what no model reads, such as the age, gender, occupation and zip "
        "code of users in ml-100k and ml-1m, into RAW tables of its own.",
    )
    shrink_limit: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share by which ratings, users, films or tags may shrink against the published "
        "marts before a release is held back.",
    )
    orphan_limit: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of ratings or tags that may refer to films that no movies file lists "
        "before a release is held back.",
    )
    stage: str | None = Field(
        None,
        description="S3 prefix through which Snowflake fetches rows, s3://bucket/prefix; "
        "default: its own stages.",
    )
    stage_name: str | None = Field(
        None, description="Snowflake's name of the stage on that prefix."
    )
    read_stage: str | None = Field(
        None,
        description="Snowflake's name of a stage on the landing zone, from which it loads plain "
        "files itself; default: all files are read here.",
    )
    lease_seconds: int = Field(
        900, ge=1, description="Seconds until the lease of a dead run expires and others may run."
    )
    keep_days: int = Field(
        30, ge=0, description="Days for which vacuum keeps rows that were superseded."
    )
    keep_versions: int = Field(
        5, ge=1, description="Published versions kept for rollback, including the current one."
    )
    environment_days: float = Field(
        7,
        gt=0,
        description="Days after which an environment, or a build that none shows, may be dropped.",
    )
    run_every_hours: float = Field(
        24, gt=0, description="Hours between scheduled runs; doctor warns when they stop."
    )
    download_url: str = Field(
        "https://files.grouplens.org/datasets/movielens",
        description="Where official releases are downloaded from.",
    )

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, name: str) -> str:
        return text_encoding(name)

    @field_validator("home", "project", "warehouse")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @property
    def warehouse_file(self) -> Path:
        """The DuckDB warehouse of the dev target."""
        return self.warehouse or self.home / "warehouse.duckdb"

    @property
    def marts_file(self) -> Path:
        """The published marts that readers open."""
        return self.home / "marts.duckdb"

    @property
    def versions_dir(self) -> Path:
        """Published versions, including the current one, one DuckDB file each."""
        return self.home / "versions"

    @property
    def work_dir(self) -> Path:
        """Scratch space of a load; emptied at its start and end."""
        return self.home / "work"

    @property
    def dbt_dir(self) -> Path:
        """Dbt's target folder: compiled SQL and artifacts."""
        return self.home / "dbt"

    @property
    def logs_dir(self) -> Path:
        """Log files."""
        return self.home / "logs"

    @property
    def reports_dir(self) -> Path:
        """Run reports, one JSON file each."""
        return self.home / "reports"


class Resolved(NamedTuple):
    """One setting as `movielens config` shows it."""

    name: str
    value: str
    origin: str
    description: str


def resolve(**options: Any) -> Settings:
    """Reads the settings once; command-line options come first.

    Args:
        **options: Values that were given explicitly; None means not given.

    Returns:
        The settings, validated.

    Raises:
        SettingsError: If a value is not valid; says which and why.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in ("home", "source"):
        if given.get(name) == "":
            raise SettingsError(f"--{name} is empty", f"name a folder, or leave --{name} out")
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = f"{PREFIX}{problem['loc'][0]}".upper()
        raise SettingsError(
            f"{name}={problem['input']!s} is not valid: {problem['msg']}",
            "movielens config shows each setting and where its value came from",
        ) from None


def origins(settings: Settings, **options: Any) -> list[Resolved]:
    """Lists each setting's value and where it came from.

    Args:
        settings: The settings in force.
        **options: The options they were resolved with.

    Returns:
        One entry per setting, in the order of their definition.
    """
    in_file = {name.upper() for name, value in dotenv_values(".env").items() if value}
    in_environment = {name.upper() for name, value in environ.items() if value}

    def origin(name: str) -> str:
        if options.get(name) is not None:
            return "option"
        variable = f"{PREFIX}{name}".upper()
        if variable in in_environment:
            return f"environment {variable}"
        return ".env" if variable in in_file else "default"

    return [
        Resolved(name, str(getattr(settings, name) or ""), origin(name), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
