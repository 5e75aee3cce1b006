"""The commands on environments: list, keep and drop them, promote what one shows."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from ingestion.cli.command import Context, command
from ingestion.cli.output import plural

if TYPE_CHECKING:
    from ingestion.operate.environments import EnvironmentStatus
    from ingestion.operate.run import EnvironmentReport

_NAME = click.argument("name", metavar="ENV")


def environment_lines(report: EnvironmentReport) -> list[str]:
    """Describes what a build of an environment did, in lines for a terminal."""
    from ingestion.cli.pipeline import build_lines, load_lines
    from ingestion.remedies import command as remedy

    name, until = report.environment, _until(report.expires_at)
    unlisted = [f"Loaded     nothing: {report.unlisted}"] if report.unlisted else []
    if not report.changed:
        same = f"Nothing to do: {name} shows these files and models already ({until})"
        return [same, *unlisted]
    return [
        *unlisted,
        *(load_lines(report.load) if report.load and report.load.changed else []),
        *build_lines(report.build),
        f"{name} shows {report.build.version} ({until}); nothing was published",
        f"Look       {remedy('diff', name)}, {remedy('dashboard', '--env', name)}",
        f"Publish    {remedy('promote', name)}",
    ]


def _until(expires_at: datetime | None) -> str:
    return "kept" if expires_at is None else f"until {expires_at:%Y-%m-%d %H:%M} UTC"


@command("env list")
def list_(context: Context) -> int:
    """List the environments, what they show, and when they expire.

    Example: movielens env list
    """
    from ingestion.operate.environments import environments

    found = environments(context.settings)
    width = max((len(each.name) for each in found), default=0)
    lines = [_line(each, width) for each in found]
    lines = lines or ["There is no environment yet, as nothing was built"]
    return context.result({"environments": list(map(asdict, found))}, lines)


def _line(each: EnvironmentStatus, width: int) -> str:
    parts = [each.version or "incomplete"]
    if each.name != "production":
        parts += [
            f"{plural(each.own, 'table')} of its own, {each.shared} shared",
            _until(each.expires_at),
        ]
    if each.files_behind:
        parts.append("files were loaded since")
    return f"{each.name:<{width}}  {'; '.join(parts)}"


@command("env drop")
@_NAME
def drop(context: Context, name: str) -> int:
    """Drop an environment, and the tables that no other one needs.

    Example: movielens env drop dev_anna
    """
    from ingestion.operate.environments import drop as drop_environment

    drop_environment(context.settings, name)
    return context.result({"dropped": name}, [f"Dropped {name}; production is untouched"])


@command("env keep")
@_NAME
def keep(context: Context, name: str) -> int:
    """Keep an environment until it is dropped by name, however old it gets.

    Example: movielens env keep dev_anna
    """
    from ingestion.operate.environments import keep as keep_environment

    keep_environment(context.settings, name)
    return context.result({"kept": name}, [f"{name} is kept until movielens env drop {name}"])


@command("env clone")
@click.argument("database")
def clone(context: Context, database: str) -> int:
    """Fill a database of your own in Snowflake with clones of DATABASE: rows and built tables.

    No row is copied. SNOWFLAKE_DATABASE names your own.

    Example: movielens env clone MOVIELENS
    """
    from ingestion.operate.environments import clone as clone_database

    tables = clone_database(context.settings, database)
    lines = [f"Cloned {plural(tables, 'table')} of {database}; next: movielens apply ENV"]
    return context.result({"cloned": tables}, lines)


@command("promote")
@_NAME
@click.option(
    "--accept-release", is_flag=True, help="Publish it even if the release is implausible."
)
def promote(context: Context, name: str, accept_release: bool) -> int:
    """Publish what an environment shows: production shows the same tables, nothing is computed.

    The models in this folder should be those of the environment: the next run builds and publishes
    what they say.

    Example: movielens promote dev_anna
    """
    from ingestion.home import write_report
    from ingestion.operate.environments import promote as promote_environment

    report = promote_environment(context.settings, name, accept_release=accept_release)
    write_report(context.settings, "promote", asdict(report))
    what = "Published" if report.publish.published else "Published already:"
    lines = [f"{what} {report.publish.version}, as {name} shows it, in {report.seconds:.1f} s"]
    return context.result(report, lines)
