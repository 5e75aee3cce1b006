"""The read-only commands: status, doctor and config."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from ingestion.cli.command import Context, command
from ingestion.cli.output import plural
from ingestion.remedies import command as remedy

if TYPE_CHECKING:
    from ingestion.operate.doctor.findings import Finding
    from ingestion.operate.status import Status


def _status_lines(status: Status) -> list[str]:
    return [
        *_warehouse_lines(status),
        *_loaded_lines(status),
        *_refused_lines(status),
        *_published_lines(status),
        *_run_lines(status),
    ]


def _warehouse_lines(status: Status) -> list[str]:
    as_of = (
        f"as of {status.taken_at:%Y-%m-%d %H:%M} UTC"
        if status.taken_at
        else "as of an unknown time"
    )
    if status.warehouse == "busy":
        return [f"A run is in progress; loaded data is shown {as_of}"]
    if status.warehouse == "unreadable":
        return [f"The warehouse cannot be read: {status.problem}", f"  Last known state: {as_of}"]
    if status.warehouse == "missing" and status.published:
        return [
            "The warehouse is missing; the published marts do not need it",
            f"  What to do: {remedy('run')}, which reloads everything from the landing zone",
        ]
    return []


def _loaded_lines(status: Status) -> list[str]:
    if not status.datasets:
        told = status.published or status.published_problem
        if told or status.warehouse not in ("open", "missing"):
            return []
        return [
            "Nothing is loaded yet.",
            f"  What to do: {remedy('demo')}, or {remedy('run', '--source')} FOLDER",
        ]
    lines = [f"Landing zone  {status.source} ({status.edition})"]
    for dataset in status.datasets:
        rejected = f", {dataset.rejected:,} rejected" if dataset.rejected else ""
        lines.append(
            f"  {dataset.dataset:<14}{dataset.rows:>12,} rows in {plural(dataset.files, 'file')}"
            f"{rejected}, loaded {dataset.loaded_at:%Y-%m-%d %H:%M} UTC"
        )
    differ = (count for count in status.readme if not count.agrees)
    return [*lines, *(f"  differs from the README: {count}" for count in differ)]


def _refused_lines(status: Status) -> list[str]:
    return [
        f"Refused       {file.path} ({file.refused_at:%Y-%m-%d %H:%M} UTC): {file.reason}"
        for file in status.refused
    ]


def _published_lines(status: Status) -> list[str]:
    lines = []
    if status.datasets:
        lines.append(f"Candidate     {status.candidate or 'none'}")
    if status.environments:
        lines.append(f"Environments  {', '.join(status.environments)} (movielens env list)")
    if status.published is None:
        if status.published_problem:
            return [*lines, f"Published     {status.published_problem}"]
        return [*lines, "Published     nothing"] if lines else []
    since = f" since {status.published_at:%Y-%m-%d %H:%M} UTC" if status.published_at else ""
    lines.append(f"Published     {status.published}{since} ({status.marts_bytes / 1e6:.1f} MB)")
    if status.published_source not in (None, status.source):
        lines.append(f"              from the landing zone {status.published_source}")
    for version in status.held_back:
        of = f" of {version.source}" if version.source else ""
        lines.append(
            f"Held back     {version.version}{of}: rolled back; only movielens publish "
            "publishes it again"
        )
    lines.append(f"Versions      {', '.join(status.versions) or 'none'}")
    return lines


def _run_lines(status: Status) -> list[str]:
    lines = []
    for load in status.loads:
        removed = f", {load.removed} removed" if load.removed else ""
        lines.append(
            f"Load          {load.load_id}: {load.loaded_at:%Y-%m-%d %H:%M} UTC, "
            f"{plural(load.files, 'file')}{removed}, {plural(load.rows, 'row')}"
        )
    for run in status.runs:
        seconds = f" in {run['seconds']:.1f} s" if run["seconds"] else ""
        code = f", exit code {run['exit_code']}" if run["exit_code"] else ""
        lines.append(f"Run           {run['at']}: {run['status']}{code}{seconds}")
        lines += [f"  accepted: {message}" for message in run["accepted"]]
    last = status.last_run
    if last is not None and last.at is not None:
        said = f": {' '.join(last.message.split())}" if last.message else ""
        lines.append(
            f"Last run      {last.at:%Y-%m-%d %H:%M} UTC, exit code {last.exit_code}{said}"
        )
    return lines


@command("status")
@click.option(
    "--failing", "test", metavar="TEST", help="Show the rows that fail a test of the last audit."
)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
def status(context: Context, test: str | None, limit: int) -> int:
    """Show what is loaded and published: versions, rows, rejects, freshness, last runs.

    Example: movielens status --json
    """
    from ingestion.operate.status import failing
    from ingestion.operate.status import status as look

    if test is None:
        found = look(context.settings)
        return context.result(found, _status_lines(found))
    columns, rows = failing(context.settings, test, limit)
    content: dict[str, Any] = {"columns": columns, "rows": rows}
    lines = ["\t".join(columns), *("\t".join(map(str, row)) for row in rows)]
    return context.result(content, lines)


_MARKS = {"ok": "ok      ", "warning": "warning ", "problem": "PROBLEM ", "skipped": "skipped "}


def _finding_lines(finding: Finding) -> list[str]:
    code = f" [{finding.code}]" if finding.code else ""
    lines = [f"{_MARKS[finding.status]}{finding.about}: {finding.found}{code}"]
    return [*lines, f"{' ' * 8}What to do: {finding.remedy}"] if finding.remedy else lines


@command("doctor", with_source=True)
def doctor(context: Context) -> int:
    """Check every setting, credential, connection, privilege and version.

    Each finding comes with its remedy. The exit code is 1 if anything would stop a run.

    Example: movielens doctor --target prod
    """
    from ingestion.operate.doctor import diagnose

    diagnosis = diagnose(context.settings)
    lines = [line for finding in diagnosis.findings for line in _finding_lines(finding)]
    counts = Counter(finding.status for finding in diagnosis.findings)
    told = (plural(counts["problem"], "problem"), plural(counts["warning"], "warning"))
    lines.append(f"{' and '.join(told)} in {diagnosis.seconds:.1f} s")
    return context.result(diagnosis, lines, diagnosis.exit_code)


@command("config", with_source=True)
def config(context: Context) -> int:
    """Show each setting, its value and where it came from.

    Example: MOVIELENS_HOME=/data/movielens movielens config
    """
    from ingestion.settings import PREFIX, origins

    resolved = origins(context.settings, **context.options)
    content = {"settings": [setting._asdict() for setting in resolved]}
    lines = [
        f"{PREFIX}{setting.name.upper():<14} {setting.value or '(not set)'}\n"
        f"    {setting.description} From: {setting.origin}."
        for setting in resolved
    ]
    return context.result(content, lines)
