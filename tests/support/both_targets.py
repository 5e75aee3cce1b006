"""A landing zone that is run on both targets: DuckDB, and the stand-in for Snowflake."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from ingestion.engine import engine_of
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.snowflake import SnowflakeWarehouse
from ingestion.warehouse.snowflake_login import SnowflakeSettings
from local_dev.generate import generate
from tests.support.cli import Cli
from tests.support.parity import differences, relations
from tests.support.snowflake_account import Account

PASSPHRASE = "canary-passphrase-4711"


@dataclass(frozen=True)
class Production:
    """One landing zone, run on both targets.

    Attributes:
        folder: Everything local but the landing zone: the homes `dev` and `prod`, and in `files`
            what the landing zone held when it was run.
        zone: The landing zone. Its place is part of what is loaded, so there is but one.
        account: The stand-in.
        env: What a client of it needs.
        report: What the run on Snowflake said.
        sent: The statements that it sent, with their query tags.
        asked: All that `statements` has returned.
    """

    folder: Path
    zone: Path
    account: Account
    env: dict[str, str]
    report: Any
    sent: list[dict[str, str]]
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def cli(self) -> Cli:
        return Cli(self.folder)

    @property
    def target(self) -> Warehouse:
        own: dict[str, Any] = {
            name.removeprefix("SNOWFLAKE_").lower(): value for name, value in self.env.items()
        }
        return SnowflakeWarehouse(SnowflakeSettings(_env_file=None, **own), "test")

    def run(self, *more: str) -> Any:
        where = ("--home", "prod", "--source", self.zone)
        return self.cli.json("run", *where, *more, env=self.env)

    def differences_from(self, home: str) -> dict[str, list[str]]:
        """Compares every relation with that of a DuckDB warehouse."""
        dev = relations(engine_of(Settings(home=self.folder / home, _env_file=None)).warehouse())
        prod = relations(self.target)
        assert dev.keys() == prod.keys()
        assert len(dev) > 40
        differ = {name: differences(dev[name], prod[name]) for name in dev}
        return {name: told for name, told in differ.items() if told}

    def statements(self) -> list[dict[str, str]]:
        """What clients have sent since this was asked last."""
        found = self.account.statements()
        self.account.forget_statements()
        self.asked.extend(found)
        return found


def started(folder: Path, zone: Path) -> Production:
    """Starts the stand-in of a folder; its key, encrypted, has a passphrase that nobody may see."""
    account = Account(folder / "account", "PRODUCTION")
    account.start()
    key = Path(account.env["SNOWFLAKE_PRIVATE_KEY_PATH"])
    rest = {name: value for name, value in account.env.items() if not name.endswith("_KEY_PATH")}
    env = {
        **rest,
        "SNOWFLAKE_PRIVATE_KEY": encrypted(key.read_bytes()),
        "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": PASSPHRASE,
        "MOVIELENS_TARGET": "prod",
    }
    said = folder / "said.json"
    report, sent = json.loads(said.read_text()) if said.exists() else (None, [])
    return Production(folder, zone, account, env, report, sent)


def encrypted(pem: bytes) -> str:
    """The same key, encrypted."""
    key = serialization.load_pem_private_key(pem, None)
    encryption = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return key.private_bytes(*form).decode()


def run_on_both(folder: Path) -> None:
    """The first run on DuckDB and on Snowflake, from the same files."""
    zone = folder / "zone"
    generate(zone, ratings=1_000, seed=3)
    shutil.copytree(zone, folder / "files")
    (folder / "account").mkdir()
    Cli(folder).json("run", "--home", "dev", "--source", zone)
    production = started(folder, zone)
    try:
        report = production.run("--debug")
        (folder / "said.json").write_text(json.dumps([report, production.statements()]))
    finally:
        production.account.stop()
