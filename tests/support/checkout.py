"""Copies of this checkout, to change and to run as a contributor would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ingestion.build.artifacts import Project
from ingestion.build.environments import PRODUCTION
from ingestion.build.lineage import lineage_of, parsed_in
from ingestion.build.plan import BuildPlan, plan_build, read_state
from ingestion.engine import engine_of
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse

PROJECT = Path(__file__).resolve().parents[2]


def copy_of_checkout(to: Path) -> Path:
    """What a clone would hold if all that is here were committed."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, done.stdout.split("\0")):
        if (PROJECT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, to / name)
    return to


def copy_of_the_project(to: Path) -> Path:
    """Copies what dbt reads: models, macros and data tests."""
    for name in ("models", "macros", "tests/data"):
        shutil.copytree(PROJECT / name, to / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, to)
    return to


def only_warn(project: Path, audit: str) -> None:
    """Lets an edit of a copy pass that an audit would hold back."""
    path = project / "tests" / "data" / f"{audit}.sql"
    path.write_text("{{ config(severity='warn') }}\n" + path.read_text())


def python_in(copy: Path, *arguments: object, **variables: str) -> str:
    """Runs this Python in a copy, with the copy's packages; gives what it prints."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MOVIELENS_", "PYTEST_", "DLT_"))
    }
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=copy,
        # Before the installed packages, which are those of this checkout.
        env={**inherited, "PYTHONPATH": str(copy), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout


def build_plan(settings: Settings) -> BuildPlan:
    """What the next build would do, if no other file is loaded before."""
    lineage = lineage_of(settings)
    state = read_state(settings, engine_of(settings).warehouse(), PRODUCTION)
    return plan_build(lineage, Project(parsed_in(settings)), state)


class Checkout:
    """A built home, and a copy of the project to edit."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.project = copy_of_the_project(folder / "project")
        self.settings = Settings(home=home, project=self.project, _env_file=None)
        self.target = DuckDBWarehouse(self.settings.warehouse_file)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.project / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def plan(self) -> BuildPlan:
        """What the next build would do."""
        return build_plan(self.settings)

    def count(self, what: str, fact: str) -> int:
        return int(self.target.fetch(f"select {what} from analytics.{fact}")[0][0])
