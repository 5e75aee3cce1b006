"""All commands of production, with the users and grants of `infra/snowflake`."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_dev.generate import generate
from tests.support.cli import Cli
from tests.support.closure import FOLDER
from tests.support.snowflake_account import Account

# Every mart of the published version, as the dashboard's user reads it.
READ = """
from ingestion.warehouse.snowflake import SnowflakeWarehouse
from ingestion.warehouse.snowflake_login import READER, snowflake_settings
from dashboard.marts import pin, rows, version
pin()
print(version())
target = SnowflakeWarehouse(snowflake_settings(READER), "reader")
marts = target.fetch(
    "select lower(table_name) from information_schema.tables where lower(table_schema) = 'marts'"
)
for (mart,) in marts:
    if mart.startswith("mart_") and not mart.endswith("_by_version"):
        print(mart, len(rows(f"select * from {mart}")))
"""


@dataclass(frozen=True)
class Step:
    """A command that was run, and what came of it."""

    name: str
    code: int
    out: str
    err: str
    sent: list[dict[str, str]]

    @property
    def answer(self) -> Any:
        """What it said, as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Walk:
    """What came of all commands.

    Attributes:
        steps: The commands by name, in order.
        needed: By role and need, the rights that met it.
    """

    steps: dict[str, Step]
    needed: list[list[Any]]

    @property
    def sent(self) -> list[dict[str, str]]:
        """All statements."""
        return [statement for step in self.steps.values() for statement in step.sent]


def walk(folder: Path, set_up: Path = FOLDER) -> Walk:
    """Runs production from an empty account on.

    Args:
        folder: An empty folder for the landing zone, the home and the account.
        set_up: The folder of the set-up.
    """
    zone = folder / "zone"
    generate(zone, ratings=1_000, seed=3)
    (folder / "account").mkdir()
    account = Account(folder / "account", set_up=set_up)
    account.start()
    env = {**account.env, "MOVIELENS_TARGET": "prod", "MOVIELENS_KEEP_DAYS": "0"}
    steps: dict[str, Step] = {}

    def keep(name: str, done: subprocess.CompletedProcess[str]) -> None:
        sent = account.statements()
        account.forget_statements()
        steps[name] = Step(name, done.returncode, done.stdout, done.stderr, sent)

    def command(name: str, *arguments: str) -> None:
        keep(name, Cli(folder)(*arguments, "--home", "home", "--json", env=env))

    source = ("--source", str(zone))
    try:
        command("doctor before", "doctor", *source)
        command("first run", "run", *source)
        with (zone / "tags.csv").open("a") as tags:
            tags.write("1,1,once more,1400000001\n")
        (zone / "ratings-bad.csv").write_text("userId;movieId;rating;timestamp\n")
        command("refused file", "run", *source)
        (zone / "ratings-bad.csv").unlink()
        command("file gone", "run", *source, "--remove-missing")
        command("nothing new", "run", *source)
        command("plan", "plan", *source)
        command("diff", "diff")
        command("full refresh", "build", "--full-refresh")
        command("publish", "publish")
        command("rollback", "rollback")
        command("vacuum, tried", "vacuum", "--dry-run")
        command("vacuum", "vacuum")
        command("status", "status")
        command("doctor", "doctor", *source)
        reader = [sys.executable, "-W", "ignore", "-c", READ]
        own = {**env, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(FOLDER.parents[1])}
        keep(
            "dashboard",
            subprocess.run(
                reader, cwd=folder, env=own, capture_output=True, text=True, check=False
            ),
        )
        return Walk(steps, account.rights_used())
    finally:
        account.stop()
