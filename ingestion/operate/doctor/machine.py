"""Checks of this machine: settings, versions, the home folder, the models, the schedule."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version

from dotenv import dotenv_values
from filelock import FileLock, Timeout
from packaging.requirements import Requirement

from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.home import make_home
from ingestion.operate.doctor.findings import Check, Finding, ok, problem, skipped, warning
from ingestion.operate.run import last_run
from ingestion.project import DISTRIBUTION, check_project
from ingestion.remedies import command
from ingestion.settings import PREFIX, Settings
from ingestion.warehouse.snowflake_login import LOADER, READER, SnowflakeSettings

ENOUGH_BYTES = 2 << 30
# Read elsewhere: by the dashboard, by a workflow, by parity, by dbt's profile.
_OTHERS = {
    f"{PREFIX}ENVIRONMENT",
    f"{PREFIX}STALE_AFTER_DAYS",
    f"{PREFIX}VERSION_SECONDS",
    f"{PREFIX}QUERY_TAG",
    "SNOWFLAKE_PARITY_DATABASE",
    "SNOWFLAKE_THREADS",
}


def names_of_settings(_: Settings) -> Iterator[Finding]:
    """No setting's name is misspelt; one that is would silently be ignored."""
    given = {*os.environ, *(name.upper() for name in dotenv_values(".env"))}
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | _OTHERS
    for part in ("", LOADER, READER):
        known |= {f"SNOWFLAKE_{part}{name}".upper() for name in SnowflakeSettings.model_fields}
    unknown = sorted(
        name for name in given - known if name.startswith((PREFIX, "SNOWFLAKE_")) and name.isupper()
    )
    for name in unknown:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else "movielens config lists all settings"
        yield warning("settings", "unknown-setting", f"{name} is set, but nothing reads it", hint)
    if not unknown:
        yield ok("settings", "every MOVIELENS_* and SNOWFLAKE_* variable set is a known setting")


def versions(settings: Settings) -> Iterator[Finding]:
    """The installed packages are those this version was tested with."""
    extras = {"", "dbt", *engine_of(settings).extras}
    if (settings.source or "").startswith("s3:"):
        extras.add("s3")
    wrong = list(_wrong_packages(extras))
    for name, found in wrong:
        yield problem("versions", "package-version", f"{name}: {found}", "make setup")
    if not wrong:
        python = ".".join(map(str, sys.version_info[:3]))
        yield ok(
            "versions", f"{DISTRIBUTION} {version(DISTRIBUTION)}, Python {python}, all packages fit"
        )


def _wrong_packages(extras: set[str]) -> Iterator[tuple[str, str]]:
    for line in requires(DISTRIBUTION) or []:
        needed = Requirement(line)
        applies = any(needed.marker is None or needed.marker.evaluate({"extra": e}) for e in extras)
        if not applies:
            continue
        try:
            there = version(needed.name)
        except PackageNotFoundError:
            yield needed.name, "is not installed"
            continue
        if not needed.specifier.contains(there, prereleases=True):
            yield needed.name, f"{there} is installed, {needed.specifier} is needed"


def home_folder(settings: Settings) -> Iterator[Finding]:
    """The home folder is writable and has room."""
    try:
        make_home(settings.home)
    except SettingsError as error:
        yield problem("home folder", "home-not-writable", str(error), error.remedy)
        return
    free = shutil.disk_usage(settings.home).free
    if free < ENOUGH_BYTES:
        yield warning(
            "home folder",
            "disk-almost-full",
            f"{settings.home} has {free / 1e9:.1f} GB left",
            f"{command('vacuum')}, or another folder with MOVIELENS_HOME",
        )
    else:
        yield ok("home folder", f"{settings.home} is writable, {free / 1e9:.0f} GB are free")


def other_runs(settings: Settings) -> Iterator[Finding]:
    """No run is in progress, and none was cut off."""
    if not settings.home.is_dir():
        yield skipped("other runs", "there is no home folder")
        return
    try:
        with FileLock(settings.home / "run.lock", timeout=0):
            left = settings.work_dir.is_dir() and any(settings.work_dir.iterdir())
    except Timeout:
        yield warning(
            "other runs",
            "run-at-work",
            f"a run is in progress in {settings.home}; another one would exit with code 75",
            "wait for it to end",
        )
        return
    except OSError as error:
        yield skipped("other runs", f"{settings.home}: {error.strerror}")
        return
    if left:
        yield warning(
            "other runs",
            "run-cut-off",
            f"a load was cut off and left {settings.work_dir}; none of it was committed",
            f"{command('run')} cleans up and starts over",
        )
    else:
        yield ok("other runs", "none is in progress here, none was cut off")


def models(settings: Settings) -> Iterator[Finding]:
    """There are models to build."""
    try:
        check_project(settings.project)
    except SettingsError as error:
        yield problem("models", "no-models", str(error), error.remedy)
    else:
        yield ok("models", f"those in {settings.project}")


def schedule(settings: Settings) -> Iterator[Finding]:
    """This home's last run was recent, and did not fail."""
    last = last_run(settings)
    if last is None or last.at is None:
        yield skipped("schedule", "no run has ended in this home yet")
        return
    ended, ago = f"{last.at:%Y-%m-%d %H:%M} UTC", datetime.now(UTC).replace(tzinfo=None) - last.at
    if ago > 2 * timedelta(hours=settings.run_every_hours):
        yield warning(
            "schedule",
            "no-run-lately",
            f"the last run ended {ago / timedelta(hours=1):,.0f} hours ago",
            "check what starts it (cron, a workflow); MOVIELENS_RUN_EVERY_HOURS says how often",
        )
    elif last.outcome != "done":
        said = last.message.partition("\n")[0] or last.outcome
        yield warning(
            "schedule",
            "last-run-failed",
            f"the last run ended at {ended} with exit code {last.exit_code}: {said}",
            f"movielens status; the logs are in {settings.logs_dir}",
        )
    elif last.exit_code:
        yield ok("schedule", f"the last run ended at {ended}, with files refused")
    else:
        yield ok("schedule", f"the last run succeeded at {ended}")


CHECKS: list[Check] = [
    names_of_settings,
    versions,
    home_folder,
    other_runs,
    models,
    schedule,
]
