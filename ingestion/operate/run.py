"""`run`: load, build, audit and publish, as the scheduled job does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ingestion.build import registry
from ingestion.build.build import build_candidate
from ingestion.build.environments import PRODUCTION, Environment
from ingestion.build.janitor import clean, comes_with
from ingestion.build.making import BuildReport
from ingestion.engine import engine_of
from ingestion.errors import RejectedError, SourceError
from ingestion.home import write_report, write_whole
from ingestion.operate.exclusive import exclusive_run
from ingestion.operate.idle import leave_marker, nothing_to_do
from ingestion.operate.recovery import rebuild_if_damaged
from ingestion.plan.plan import made_from_now
from ingestion.plan.saved import check as check_plan
from ingestion.plan.saved import read as read_plan
from ingestion.progress import Event, OnEvent, silent
from ingestion.publish.publish import PublishReport, publish_candidate
from ingestion.publish.published import seen
from ingestion.raw import manifest
from ingestion.raw.load import LoadReport, load_landing_zone, rules_of
from ingestion.raw.plan import LoadRequest
from ingestion.remedies import again
from ingestion.settings import Settings
from ingestion.signals import exit_code_of, interruption
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.run import Run

# How the last run of a home ended; its modification time says when.
LAST_RUN = "last-run"


@dataclass
class LastRun:
    """How the last run of a home ended.

    Attributes:
        outcome: `done`, or the name of the exception.
        exit_code: Its exit code; 4 if files were refused.
        message: The error message, if it failed.
        at: When it ended, UTC.
    """

    outcome: str = "done"
    exit_code: int = 0
    message: str = ""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class EnvironmentReport:
    """What one build of an environment did.

    Attributes:
        environment: Its name.
        load: What was loaded; None if the landing zone could not be listed.
        unlisted: Why it could not be listed; empty if it could.
        build: What was built and audited.
        expires_at: When the environment may be dropped, UTC; None for never.
        seconds: Wall time.
    """

    environment: str
    load: LoadReport | None
    unlisted: str
    build: BuildReport
    expires_at: datetime | None
    seconds: float

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return self.build.built or bool(self.load and self.load.changed)

    @property
    def exit_code(self) -> int:
        """0, or 4 if a file was refused."""
        return self.load.exit_code if self.load else 0


@dataclass(frozen=True)
class RunReport:
    """What one run did.

    Attributes:
        load: What was loaded.
        build: What was built and audited.
        publish: What readers see now.
        seconds: Wall time of all three.
    """

    load: LoadReport
    build: BuildReport
    publish: PublishReport
    seconds: float

    @property
    def changed(self) -> bool:
        """Whether the run found anything to do."""
        return self.load.changed or self.build.built or self.publish.published

    @property
    def exit_code(self) -> int:
        """0, or 4 if a file was refused."""
        return self.load.exit_code


def run(
    settings: Settings,
    *,
    full_refresh: bool = False,
    remove_missing: bool = False,
    switch_source: bool = False,
    accept_release: bool = False,
    take_over: bool = False,
    on_event: OnEvent = silent,
) -> RunReport:
    """Loads what is new, builds and audits what that affects, and publishes what passed.

    Args:
        settings: The settings.
        full_refresh: Rebuild the facts from all current rows.
        remove_missing: Record known paths that are no longer there as removed.
        switch_source: Allow a landing zone other than the one the warehouse holds.
        accept_release: Publish this once, even if the release fails its plausibility checks.
        take_over: Take the warehouse from a run of another home that still holds its lease.
        on_event: Called at each step.

    Returns:
        What each step did.

    Raises:
        RejectedError: If every file was refused and nothing was loaded before.
        ReleaseRefused: If the release is implausible.
        MovielensError: As raised by the steps. A failed audit publishes nothing.
    """
    request = LoadRequest(
        source=settings.source,
        rules=rules_of(settings),
        remove_missing=remove_missing,
        switch_source=switch_source,
        on_event=on_event,
    )
    build_all = partial(
        build_candidate,
        seen=partial(seen, settings),
        full_refresh=full_refresh,
        accept_release=accept_release,
        on_event=on_event,
    )
    asked_for_more = full_refresh or remove_missing or switch_source or accept_release
    with exclusive_run(settings, take_over=take_over) as work:
        return _recorded(work, request, build_all, may_be_idle=not asked_for_more)


def apply(
    settings: Settings,
    environment: Environment | None = None,
    file: Path | None = None,
    *,
    on_event: OnEvent = silent,
) -> RunReport | EnvironmentReport:
    """Carries out the plan for an environment; a saved one only if it still fits.

    For production, that is what `run` does.

    Args:
        settings: The settings.
        environment: The environment; by default the one of the saved plan, else production.
        file: A saved plan.
        on_event: Called at each step.

    Returns:
        What each step did.

    Raises:
        SettingsError: If it is not a plan, or one for another environment, or files, code, settings
            or the warehouse have changed since it was made; nothing is written.
        MovielensError: As raised by `run`.
    """
    saved = read_plan(file, environment) if file else None
    environment = Environment(saved.environment) if saved else environment or PRODUCTION
    request = LoadRequest(
        source=settings.source,
        rules=rules_of(settings),
        listing=saved.files if saved else None,
        on_event=on_event,
    )
    build_all = partial(
        build_candidate,
        seen=partial(seen, settings),
        environment=environment,
        on_event=on_event,
    )
    with exclusive_run(settings) as work:
        if saved and file:
            check_plan(saved, made_from_now(settings, environment), file)
        if environment.is_production:
            return _recorded(work, request, build_all, may_be_idle=True)
        return _applied(work, environment, request, build_all)


def _applied(
    work: Run,
    environment: Environment,
    request: LoadRequest,
    build_all: Callable[[Run], BuildReport],
) -> EnvironmentReport:
    started = time.perf_counter()
    target = engine_of(work.settings).warehouse()
    loaded, unlisted = _loaded_if_listed(work, request, target)
    with target.kept_open():
        built = build_all(work)
        if built.built:
            clean(work, target)
    return EnvironmentReport(
        environment=environment.name,
        load=loaded,
        unlisted=unlisted,
        build=built,
        expires_at=registry.read(target).environments[environment.name].expires_at,
        seconds=time.perf_counter() - started,
    )


def _loaded_if_listed(
    work: Run, request: LoadRequest, target: Warehouse
) -> tuple[LoadReport | None, str]:
    """Loads what is new; or tells why the landing zone cannot be listed, as for developers."""
    try:
        return load_landing_zone(work, request), ""
    except SourceError as error:
        if not manifest.current_files(target):
            raise
        return None, str(error).splitlines()[0]


def _recorded(
    work: Run, request: LoadRequest, build_all: Callable[[Run], BuildReport], *, may_be_idle: bool
) -> RunReport:
    with _remembered(work.settings) as ended:
        started = time.perf_counter()
        idle = nothing_to_do(work.settings) if may_be_idle else None
        if idle is not None:
            return RunReport(*idle, time.perf_counter() - started)
        report = rebuild_if_damaged(work, lambda: _run(work, request, build_all))
        ended.exit_code = report.exit_code
        return report


@contextmanager
def _remembered(settings: Settings) -> Iterator[LastRun]:
    """Records how a run ended, for status and doctor; a failed run leaves a report, too."""
    ended = LastRun()
    try:
        yield ended
    except BaseException as error:
        interrupted = interruption(error)
        ended.outcome = type(interrupted or error).__name__
        ended.exit_code = int(getattr(error, "exit_code", 1))
        if interrupted is not None:
            ended.exit_code = exit_code_of(interrupted)
        ended.message = str(error)
        failures = [asdict(test) for test in getattr(error, "failures", [])]
        findings = [asdict(finding) for finding in getattr(error, "findings", [])]
        found = {"failures": failures, "release": findings}
        with suppress(OSError):  # a full disk may be the error
            how = {name: value for name, value in asdict(ended).items() if name != "at"}
            write_report(settings, "run", {"status": "failed", **how, **found})
        raise
    finally:
        with suppress(OSError):
            write_whole(settings.home / LAST_RUN, json.dumps(asdict(ended)) + "\n")


def last_run(settings: Settings) -> LastRun | None:
    """Reads how the last run of a home ended.

    Returns:
        How and when; None if no run has ended there.
    """
    file = settings.home / LAST_RUN
    if not file.exists():
        return None
    text = file.read_text().strip()
    try:
        ended = LastRun(**json.loads(text))
    except (ValueError, TypeError):  # earlier releases recorded only the outcome
        ended = LastRun(text, 0 if text == "done" else 1)
    ended.at = datetime.fromtimestamp(file.stat().st_mtime, UTC).replace(tzinfo=None)
    return ended


def _run(work: Run, request: LoadRequest, build_all: Callable[[Run], BuildReport]) -> RunReport:
    started = time.perf_counter()
    settings = work.settings
    loaded = load_landing_zone(work, request)
    if loaded.changed:
        write_report(settings, "load", asdict(loaded))
    _check_anything_loaded(settings, loaded)
    target = engine_of(settings).warehouse()
    with target.kept_open():
        built = build_all(work)
        request.on_event(Event("publish", built.version))
        published = publish_candidate(work, again=False)
        if comes_with(target, PRODUCTION) == "run":
            clean(work, target)
    report = RunReport(
        load=loaded,
        build=built,
        publish=published,
        seconds=time.perf_counter() - started,
    )
    if report.changed:
        done = {"status": "done", "exit_code": report.exit_code}
        write_report(settings, "run", {**done, **asdict(report)})
    _note(work, report)
    return report


def _note(work: Run, report: RunReport) -> None:
    """Leaves the marker that tells the next run with the same files that it has nothing to do."""
    target = engine_of(work.settings).warehouse(loader=True)
    untold = {"loaded", "unchanged", "removed"}
    all_in_order = {file.status for file in report.load.files} <= untold
    if target.is_metered and all_in_order and report.publish.version == report.build.version:
        leave_marker(work.settings, work.lease(target), report.load.listing, report.build.version)


def _check_anything_loaded(settings: Settings, loaded: LoadReport) -> None:
    refused = loaded.of_status("refused")
    if refused and not manifest.current_files(engine_of(settings).warehouse()):
        reasons = "\n".join(f"  {file.path}: {file.reason}" for file in refused)
        raise RejectedError(
            f"No file could be loaded, so there is nothing to build:\n{reasons}",
            f"fix these files, then: {again(otherwise=('run',))}",
        )
