"""Each step of a run by itself, as commands and scripts call it: takes the lock, then works."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ingestion.build.build import BuildReport, build_candidate
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

    Safe to repeat and to kill at any time: rows count only once their file versions are committed
    in the manifest, all of a load at once. Unchanged files are not read. A DuckDB warehouse that
    is damaged is set aside and loaded anew.

    Args:
        source: The landing zone: a folder, a URL such as `s3://bucket/prefix`, or a
            `filesystem(...)` of `dlt.sources.filesystem`, of which only the files that it yields
            count; default: the setting MOVIELENS_SOURCE, else the bucket URL that dlt's filesystem
            source is configured with, else the one that the warehouse holds.
        settings: The settings; default: environment and `.env`.
        remove_missing: Record known paths that are no longer there as removed.
        switch_source: Allow a landing zone other than the one that the warehouse holds, whose
            files are recorded as removed.
        take_over: Take the warehouse from a run of another home that still holds its lease.
        on_event: Told of each step forward.

    Returns:
        What became of each file.

    Raises:
        SettingsError: If no source is known, or the warehouse holds another landing zone.
        SourceError: If the landing zone cannot be listed or holds no MovieLens file.
        BusyError: If another run is at work, or took over while this one was paused.
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
        on_event: Told of each model and test.

    Returns:
        What was built; `built` is False if files and models are those of the last candidate.

    Raises:
        AuditFailure: If a test failed; the candidate cannot be published.
        ReleaseRefused: If the release as a whole cannot be right; no more can that one.
        MovielensError: If a model could not be built.
        SettingsError: If nothing was loaded yet, or the models are not there.
        BusyError: If another run is at work.
    """
    with exclusive_run(settings) as run:
        return build_candidate(
            run,
            partial(seen, settings),
            full_refresh=full_refresh,
            accept_release=accept_release,
            on_event=on_event,
        )


def build_as_of(settings: Settings, load_id: str, *, on_event: OnEvent = silent) -> AsOfReport:
    """Builds and audits the marts as of an earlier load, into a file of their own.

    Args:
        settings: The settings.
        load_id: The load, or the beginning of its id if no other begins so.
        on_event: Told of each model and test.

    Returns:
        What was built, and where it is.

    Raises:
        SettingsError: If there is no such load, rows that counted then are no longer in RAW, or the
            engine cannot build them.
        AuditFailure: If a test failed; no file is written.
        BusyError: If another run is at work.
    """
    export = engine_of(settings).as_of_export()
    with exclusive_run(settings) as run:
        return build_marts_as_of(run, load_id, export, on_event=on_event)


def publish(settings: Settings, *, again: bool = True) -> PublishReport:
    """Publishes the audited candidate: readers see the old version or the new, nothing between.

    Args:
        settings: The settings.
        again: Publish a version even if it was rolled back.

    Returns:
        What readers see now.

    Raises:
        MovielensError: If there is no audited candidate.
        BusyError: If another run is at work.
    """
    with exclusive_run(settings) as run:
        return publish_candidate(run, again=again)


def rollback(settings: Settings, *, switch_source: bool = False) -> PublishReport:
    """Returns to the version before the published one.

    The version that is left behind is kept, but no `run` publishes it again unasked.

    Args:
        settings: The settings.
        switch_source: Return to it even if it was built from another landing zone.

    Returns:
        What readers see now.

    Raises:
        MovielensError: If there is no earlier version.
        SettingsError: If the earlier version was built from another landing zone.
        BusyError: If another run is at work.
    """
    with exclusive_run(settings) as run:
        return roll_back(run, switch_source=switch_source)


def vacuum(settings: Settings, *, dry_run: bool = False) -> VacuumReport:
    """Removes rows that were superseded long ago, rows of loads that died, and old versions.

    Rows go when the file version they are of was superseded more than MOVIELENS_KEEP_DAYS ago and
    every model has seen its successor; loads before that can then no longer be built with --as-of.
    Entries of the manifest stay.

    Args:
        settings: The settings.
        dry_run: Only report what would be removed.

    Returns:
        What was removed.

    Raises:
        BusyError: If another run is at work.
    """
    with exclusive_run(settings) as run:
        return vacuum_warehouse(run, dry_run=dry_run)
