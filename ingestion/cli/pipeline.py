"""The commands that move data: run, load, build, publish, rollback, vacuum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion.cli.command import Context, command
from ingestion.cli.output import plural
from ingestion.literals import duckdb_literal

if TYPE_CHECKING:
    from ingestion.build.making import BuildReport
    from ingestion.operate.run import RunReport
    from ingestion.publish.as_of import AsOfReport
    from ingestion.publish.publish import PublishReport
    from ingestion.raw.load import FileReport, LoadReport

_full_refresh = click.option(
    "--full-refresh", is_flag=True, help="Rebuild the facts from all current rows."
)
_remove_missing = click.option(
    "--remove-missing", is_flag=True, help="Record files that have disappeared as removed."
)
_switch_source = click.option(
    "--switch-source", is_flag=True, help="Replace the landing zone that the warehouse holds."
)


_accept_release = click.option(
    "--accept-release",
    is_flag=True,
    help="Publish this once, even if the release fails its plausibility checks.",
)
_take_over = click.option(
    "--take-over",
    is_flag=True,
    help="Take over the warehouse from a run that still holds its lease.",
)


# What is told of a file that is loaded and no longer read.
_GONE = {
    "missing": "no longer in the landing zone; its rows are kept "
    "(--remove-missing records it as removed)",
    "left out": "not read any more, as {reason}; its rows are kept",
    "removed": "recorded as removed",
}


def _file_lines(file: FileReport) -> list[str]:
    lines = []
    if file.reason and file.status not in _GONE:
        lines.append(f"  {file.path}: {file.status}: {file.reason}")
    if file.rejected:
        lines.append(
            f"  {file.path}: {plural(file.rejected, 'row')} rejected, kept in raw._rejected_rows: "
            + "; ".join(file.examples)
        )
    lines.extend(f"  {file.path}: {warning}" for warning in file.warnings)
    if file.new_columns:
        columns = ", ".join(file.new_columns)
        lines.append(f"  {file.path}: new in raw.{file.dataset}, not modelled yet: {columns}")
    return lines


def _gone_lines(report: LoadReport) -> list[str]:
    from ingestion.landing.parts import by_folder

    gone = [file for file in report.files if file.status in _GONE]
    grouped = by_folder(gone, lambda file: (file.status, file.reason))
    return [
        f"  {name}: {_GONE[files[0].status].format(reason=files[0].reason)}"
        for name, files in grouped
    ]


def load_lines(report: LoadReport) -> list[str]:
    """Describes what a load did, in lines for a terminal."""
    loaded = report.of_status("loaded")
    if report.changed:
        first = (
            f"Loaded     {report.edition}: {plural(len(loaded), 'file')}, "
            f"{plural(report.rows, 'row')}, {report.rejected:,} rejected ({report.seconds:.1f} s)"
        )
    else:
        unchanged = plural(len(report.of_status("unchanged")), "file")
        first = f"Loaded     nothing new: {unchanged} unchanged ({report.seconds:.1f} s)"
    noted = (f"  note: {note}" for note in report.notes)
    lines = [first, *noted, *(line for file in report.files for line in _file_lines(file))]
    lines += _gone_lines(report)
    lines += _unread_lines(report)
    told = {each.path for each in report.unread} | {file.path for file in report.files}
    others = [path for path in _others(report) if path not in told]
    if others:
        shown = ", ".join(others[:5]) + (", …" if len(others) > 5 else "")
        lines.append(f"  ignored, not MovieLens files: {shown}")
    return lines


def _others(report: LoadReport) -> list[str]:
    """What is ignored, but for the marks and checksums beside parts, as nobody put them there."""
    folders = {file.path.rpartition("/")[0] for file in report.files} - {""}
    split = ((path, *path.rpartition("/")[::2]) for path in report.ignored)
    return [path for path, folder, name in split if folder not in folders or name[0] not in "_."]


def _unread_lines(report: LoadReport) -> list[str]:
    from ingestion.landing.lookalikes import in_words

    return [f"  not read: {line}" for line in in_words(report.unread)]


def build_lines(report: BuildReport) -> list[str]:
    """Describes what a build did, in lines for a terminal."""
    if not report.built:
        same = f"Built      nothing new: version {report.version} is the candidate"
        return [same, *_release_lines(report)]
    warned = f", {report.tests_warned} warned" if report.tests_warned else ""
    # The published count cannot have them.
    reports = f", {report.tests_of_reports} more on its reports" if report.tests_of_reports else ""
    return [
        f"Built      {plural(report.models, 'model')}, "
        f"{plural(report.tests_passed, 'test')} passed{reports}{warned} ({report.seconds:.1f} s)",
        *(f"  {fact} was rebuilt from all rows: {why}" for fact, why in report.rebuilt.items()),
        *_kept_lines(report),
        *_release_lines(report),
        *(f"  warning: {warning}" for warning in report.warnings),
    ]


def _kept_lines(report: BuildReport) -> list[str]:
    if not report.models_kept and not report.tests_kept:
        return []
    models, tests = plural(report.models_kept, "model"), plural(report.tests_kept, "test")
    return [f"  {models} and {tests} skipped: their inputs are unchanged"]


def _release_lines(report: BuildReport) -> list[str]:
    return [
        *(f"  release {finding.outcome}: {finding.message}" for finding in report.release),
        *(f"  differs from the README: {count}" for count in report.readme if not count.agrees),
    ]


def _as_of_lines(report: AsOfReport) -> list[str]:
    load = report.load
    return [
        f"As of      load {load.load_id}, {load.loaded_at:%Y-%m-%d %H:%M} UTC",
        *build_lines(report.build),
        f"Written    {report.file}, {report.bytes / 1e6:.1f} MB of marts; "
        "the candidate and the published marts are untouched",
        f"Look at it: attach {duckdb_literal(report.file)} as earlier (read_only); "
        "from earlier.mart_dataset_status;",
    ]


def _publish_lines(report: PublishReport) -> list[str]:
    if report.held_back:
        return [
            f"Published  {report.version} as before: {report.held_back} was rolled back; only "
            "movielens publish publishes it again"
        ]
    state = "Published " if report.published else "Published  already:"
    return [f"{state} version {report.version}, {report.bytes / 1e6:.1f} MB of marts"]


def run_lines(report: RunReport) -> list[str]:
    """Describes what a run did, in lines for a terminal."""
    if not report.changed and not report.exit_code and not report.publish.held_back:
        unchanged = plural(len(report.load.of_status("unchanged")), "file")
        noted = [line for file in report.load.files for line in _file_lines(file)]
        return [
            f"Nothing to do: {unchanged} unchanged, version {report.publish.version} is published "
            f"({report.seconds:.1f} s)",
            *noted,
            *_unread_lines(report.load),
            *_release_lines(report.build),
        ]
    return [
        *load_lines(report.load),
        *build_lines(report.build),
        *_publish_lines(report.publish),
    ]


@contextmanager
def _outlined(file: Path | None) -> Iterator[Callable[[RunReport], None]]:
    """Writes the outline of a run to a file, if there is to be one; also of a run that fails."""
    import json

    from ingestion.operate.outline import of_failure, of_report

    def write(content: dict[str, Any]) -> None:
        if file is not None:
            file.write_text(json.dumps(content, indent=2) + "\n")

    try:
        yield lambda report: write(of_report(report))
    except BaseException as error:
        with suppress(OSError):  # a full disk may be the error
            write(of_failure(error))
        raise


@command("run", with_source=True)
@_full_refresh
@_remove_missing
@_switch_source
@_accept_release
@_take_over
@click.option(
    "--outline",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write what happened to this file, in names and counts only: nothing that a file or "
    "a row says, for places where others read.",
)
def run(context: Context, outline: Path | None, **options: Any) -> int:
    """Load what is new, build, audit and publish: the scheduled job.

    Example: movielens run --source s3://my-bucket/movielens
    """
    from ingestion.operate.run import run as run_all

    with _outlined(outline) as outlined, context.output.progress() as on_event:
        report = run_all(context.settings, **options, on_event=on_event)
        outlined(report)
    return context.result(report, run_lines(report), report.exit_code)


@command("load", with_source=True)
@_remove_missing
@_switch_source
@_take_over
def load(context: Context, **options: Any) -> int:
    """Load what is new or changed in the landing zone into RAW.

    MOVIELENS_ENCODING sets the encoding of files that are not UTF-8. Rows with a value out of range
    are rejected, or loaded with a warning if MOVIELENS_RANGE_CHECKS=warn. A file with more rejected
    rows than MOVIELENS_REJECT_ROWS and MOVIELENS_REJECT_SHARE allow is refused.

    Example: movielens load --source ml-latest-small
    """
    from dataclasses import asdict

    from ingestion.home import write_report
    from ingestion.operate.steps import load as load_all

    with context.output.progress() as on_event:
        report = load_all(settings=context.settings, **options, on_event=on_event)
    if report.changed:
        write_report(context.settings, "load", asdict(report))
    return context.result(report, load_lines(report), report.exit_code)


@command("build")
@_full_refresh
@_accept_release
@click.option(
    "--as-of", "load_id", metavar="LOAD", help="Build the marts as of a load, in a separate file."
)
def build(context: Context, full_refresh: bool, accept_release: bool, load_id: str | None) -> int:
    """Build the candidate marts with dbt and audit them; readers do not see them yet.

    With --as-of, the marts are rebuilt as of an earlier load (movielens status lists the ids), in a
    separate file; the candidate is not touched.

    Example: movielens build --full-refresh
    """
    from ingestion.operate.steps import build as build_all
    from ingestion.operate.steps import build_as_of

    if load_id is not None:
        with context.output.progress() as on_event:
            earlier = build_as_of(context.settings, load_id, on_event=on_event)
        return context.result(earlier, _as_of_lines(earlier))
    with context.output.progress() as on_event:
        report = build_all(
            context.settings,
            full_refresh=full_refresh,
            accept_release=accept_release,
            on_event=on_event,
        )
    return context.result(report, build_lines(report))


@command("publish")
def publish(context: Context) -> int:
    """Publish the audited candidate to readers, all marts at once.

    Example: movielens publish
    """
    from ingestion.operate.steps import publish as publish_candidate

    report = publish_candidate(context.settings)
    return context.result(report, _publish_lines(report))


@command("rollback")
@click.option(
    "--switch-source", is_flag=True, help="Roll back even to a version from another landing zone."
)
def rollback(context: Context, switch_source: bool) -> int:
    """Return to the previously published version.

    The version rolled back from is held back: only `movielens publish` publishes it again.

    Example: movielens rollback
    """
    from dataclasses import asdict

    from ingestion.home import write_report
    from ingestion.operate.steps import rollback as roll_back

    report = roll_back(context.settings, switch_source=switch_source)
    write_report(context.settings, "rollback", asdict(report))
    lines = [
        f"Rolled back from {report.before} to {report.version}",
        f"  {report.before} is held back: only movielens publish publishes it again",
    ]
    return context.result(report, lines)


@command("vacuum")
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
def vacuum(context: Context, dry_run: bool) -> int:
    """Remove what nothing needs: superseded rows, expired environments, old versions.

    Superseded rows are kept for MOVIELENS_KEEP_DAYS; rows of dead loads are not.

    Example: movielens vacuum --dry-run
    """
    from ingestion.operate.steps import vacuum as vacuum_all

    report = vacuum_all(context.settings, dry_run=dry_run)
    removed = ", ".join(f"{rows:,} of raw.{table}" for table, rows in report.rows.items())
    versions = ", ".join(report.versions)
    environments = ", ".join(report.expired.environments)
    first = "Would remove" if dry_run else "Removed   "
    lines = [
        f"{first} rows: {removed or 'none'} (superseded rows are kept for {report.kept_days} days)",
        f"{first} environments: {environments or 'none'}; "
        f"tables that none needs: {len(report.expired.tables)}",
        f"{first} published versions: {versions or 'none'}",
    ]
    return context.result(report, lines)
