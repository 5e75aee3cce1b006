"""Each step of a run on its own, for commands and scripts: takes the lock, then works."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ingestion.build.build import build_candidate
from ingestion.build.making import BuildReport
from ingestion.engine import engine_of
from ingestion.operate.exclusive import exclusive_run
from ingestion.operate.recovery import rebuild_if_damaged
from ingestion.operate.vacuum import VacuumReport, vacuum_warehouse
from ingestion.progress import OnEvent, silent
from ingestion.publish.as_of import AsOfReport, build_marts_as_of
from ingestion.publish.publish import PublishReport, publish_candidate, roll_back
from ingestion.publish.published import seen
from ingestion.raw.load import LoadReport, load_landing_zone, rules_of
from ingestion.raw.plan import LoadRequest
from ingestion.settings import Settings, resolve

if TYPE_CHECKING:
    from dlt.extract import DltResource


def load(
    source: str | DltResource | None = None,
    *,
    settings: Settings | None = None,
    remove_missing: bool = False,
    switch_source: bool = False,
    take_over: bool = False,
    on_event: OnEvent = silent,
) -> LoadReport:
    """Loads what is new or changed in a landing zone into RAW.

    Idempotent, and safe to kill at any time: rows count only once their file versions are committed
    in the manifest, all of a load at once. Unchanged files are not read. A damaged DuckDB warehouse
    is set aside and reloaded.

    Args:
        source: The landing zone: a folder, a URL such as `s3://bucket/prefix`, or a
            `filesystem(...)` of `dlt.sources.filesystem`, of which only the files that it yields
            count; default: MOVIELENS_SOURCE, else the bucket URL configured for dlt's filesystem
            source, else the landing zone that the warehouse holds.
        settings: The settings; default: environment and `.env`.
        remove_missing: Record known paths that are no longer there as removed.
        switch_source: Allow a landing zone other than the one the warehouse holds, whose files
            are then recorded as removed.
        take_over: Take the warehouse from a run of another home that still holds its lease.
        on_event: Called at each step.

    Returns:
        What happened to each file.

    Raises:
        SettingsError: If no source is known, or the warehouse holds another landing zone.
        SourceError: If the landing zone cannot be listed or holds no MovieLens file.
        BusyError: If another run is in progress, or took over while this one was paused.
        MovielensError: If the rows in RAW are not the rows that were read; nothing is committed.
    """
    settings = settings or resolve(source=source if isinstance(source, str) else None)
    request = LoadRequest(
        source=source or settings.source,
        rules=rules_of(settings),
        remove_missing=remove_missing,
        switch_source=switch_source,
        on_event=on_event,
    )
    with exclusive_run(settings, take_over=take_over) as run:
        return rebuild_if_damaged(run, lambda: load_landing_zone(run, request))


def build(
    settings: Settings,
    *,
    full_refresh: bool = False,
    accept_release: bool = False,
    on_event: OnEvent = silent,
) -> BuildReport:
    """Builds the candidate and audits it with every test.

    Args:
        settings: The settings.
        full_refresh: Rebuild the facts from all current rows.
        accept_release: Publish this once, even if the release fails its plausibility checks.
        on_event: Called for each model and test.

    Returns:
        What was built; `built` is False if files and models are those of the last candidate.

    Raises:
        AuditFailure: If a test failed; the candidate cannot be published.
        ReleaseRefused: If the release is implausible; it cannot be published either.
        MovielensError: If a model could not be built.
        SettingsError: If nothing is loaded yet, or the models are missing.
        BusyError: If another run is in progress.
    """
    target = engine_of(settings).warehouse()
    with exclusive_run(settings) as run, target.kept_open():
        return build_candidate(
            run,
            partial(seen, settings),
            full_refresh=full_refresh,
            accept_release=accept_release,
            on_event=on_event,
        )


def build_as_of(settings: Settings, load_id: str, *, on_event: OnEvent = silent) -> AsOfReport:
    """Builds and audits the marts as of an earlier load, into a separate file.

    Args:
        settings: The settings.
        load_id: The load's id, or an unambiguous prefix of it.
        on_event: Called for each model and test.

    Returns:
        What was built, and where it is.

    Raises:
        SettingsError: If there is no such load, its rows are no longer all in RAW, or the engine
            cannot build them.
        AuditFailure: If a test failed; no file is written.
        BusyError: If another run is in progress.
    """
    export = engine_of(settings).as_of_export()
    with exclusive_run(settings) as run:
        return build_marts_as_of(run, load_id, export, on_event=on_event)


def publish(settings: Settings, *, again: bool = True) -> PublishReport:
    """Publishes the audited candidate: readers see the old version or the new, never a mix.

    Args:
        settings: The settings.
        again: Publish a version even if it was rolled back.

    Returns:
        What readers see now.

    Raises:
        MovielensError: If there is no audited candidate.
        BusyError: If another run is in progress.
    """
    target = engine_of(settings).warehouse()
    with exclusive_run(settings) as run, target.kept_open():
        return publish_candidate(run, again=again)


def rollback(settings: Settings, *, switch_source: bool = False) -> PublishReport:
    """Returns to the version before the published one.

    The version rolled back from is kept, but no `run` publishes it again by itself.

    Args:
        settings: The settings.
        switch_source: Return to it even if it was built from another landing zone.

    Returns:
        What readers see now.

    Raises:
        MovielensError: If there is no earlier version.
        SettingsError: If the earlier version was built from another landing zone.
        BusyError: If another run is in progress.
    """
    with exclusive_run(settings) as run:
        return roll_back(run, switch_source=switch_source)


def vacuum(settings: Settings, *, dry_run: bool = False) -> VacuumReport:
    """Removes long-superseded rows, rows of dead loads, expired environments and old versions.

    Rows are removed once their file version was superseded more than MOVIELENS_KEEP_DAYS ago and
    every model's watermark has passed its successor; loads before that can then no longer be built
    with --as-of. Manifest entries stay.

    Args:
        settings: The settings.
        dry_run: Only report what would be removed.

    Raises:
        BusyError: If another run is in progress.
    """
    with exclusive_run(settings) as run:
        return vacuum_warehouse(run, dry_run=dry_run)
