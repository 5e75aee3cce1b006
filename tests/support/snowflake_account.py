"""A stand-in for Snowflake that can be stopped, copied and started, and keeps what it holds."""

from __future__ import annotations

import json
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.snowflake import SnowflakeWarehouse
from ingestion.warehouse.snowflake_login import SnowflakeSettings
from local_dev.servers import free_port
from local_dev.snowflake import snowflake_server


class Account:
    """The stand-in of a folder.

    Args:
        folder: Keeps the databases, and the key that is admitted.
        database: The one that clients use.
        set_up: A folder like infra/snowflake, whose roles may only do what it grants.
    """

    def __init__(
        self, folder: Path, database: str = "MOVIELENS", set_up: Path | None = None
    ) -> None:
        self.folder = folder
        self._database = database
        self._set_up = set_up
        self._port = free_port()
        self._running = ExitStack()
        self.env: dict[str, str] = {}

    def start(self) -> None:
        """Starts it, on the same port each time; `env` is what a client needs."""
        server = snowflake_server(
            self.folder / "state", port=self._port, keys=self.folder, set_up=self._set_up
        )
        own = {"SNOWFLAKE_DATABASE": self._database}
        self.env = {**self._running.enter_context(server), **own}

    def stop(self) -> None:
        """Stops it."""
        self._running.close()

    def warehouse(self, database: str | None = None) -> Warehouse:
        """Logs in to one of its databases."""
        own: dict[str, Any] = {
            name.removeprefix("SNOWFLAKE_").lower(): value for name, value in self.env.items()
        }
        login = {**own, "database": database or self._database}
        return SnowflakeWarehouse(SnowflakeSettings(_env_file=None, **login), "test")

    def statements(self) -> list[dict[str, str]]:
        """What clients sent since they were last forgotten, with their query tags."""
        with urllib.request.urlopen(self._statements()) as answer:
            found: list[dict[str, str]] = json.load(answer)
        return found

    def rights_used(self) -> list[list[Any]]:
        """What statements needed: role, privilege, kind, name, and the rights that met it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/rights") as answer:
            found: list[list[Any]] = json.load(answer)
        return found

    def forget_statements(self) -> None:
        """Forgets what clients sent."""
        asked = urllib.request.Request(self._statements(), method="DELETE")
        urllib.request.urlopen(asked).close()

    def _statements(self) -> str:
        return f"http://127.0.0.1:{self._port}/statements"
