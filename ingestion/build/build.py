"""`build`: dbt builds tables and audits them; nothing here is visible to readers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingestion.build import registry, release, views
from ingestion.build.environments import AUDIT, PRODUCTION, STORE, Environment
from ingestion.build.lineage import lineage_of
from ingestion.build.making import BuildReport, Job, Making
from ingestion.build.plan import BuildPlan, State, plan_build, read_state
from ingestion.build.registry import Build, Member, Passed, Registry, Table
from ingestion.build.release import Landing, Seen
from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.progress import OnEvent, silent
from ingestion.project import check_project
from ingestion.raw import manifest
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.run import Run


def fingerprint(
    settings: Settings, files: Iterable[tuple[int, str]], landing: Landing | None = None
) -> str:
    """Identifies what a build would compute: the current file versions, and the code.

    File ids are included because they record arrival order: when two files contradict each other,
    the later one wins, so a file that was removed and came back can change the result. Of the code
    only what it computes counts, not how it is written.

    Args:
        settings: Where the models are.
        files: File id and content hash of each current file version.
        landing: What the build reports about the landing zone; None if nothing.

    Returns:
        A SHA-256 hex digest.
    """
    digest = hashlib.sha256()
    for file_id, content_hash in sorted(files):
        digest.update(f"{file_id}\0{content_hash}\0".encode())
    digest.update(lineage_of(settings).digest.encode())
    digest.update(landing.fingerprint.encode() if landing else b"")
    return digest.hexdigest()


def build_candidate(
    run: Run,
    seen: Callable[[], Seen],
    *,
    environment: Environment = PRODUCTION,
    full_refresh: bool = False,
    accept_release: bool = False,
    on_event: OnEvent = silent,
) -> BuildReport:
    """Builds what an environment is to show, and audits it with every test.

    Args:
        run: The current run.
        seen: Returns what readers see; called only if something is built.
        environment: The environment; what production shows is the candidate for readers.
        full_refresh: Rebuild every table from scratch, and run every test.
        accept_release: Publish this once, even if the release fails its plausibility checks.
        on_event: Called for each model and test.

    Returns:
        What was built; `built` is False if the environment shows these files and models already.

    Raises:
        AuditFailure: If a test failed; the environment shows what it showed before.
        ReleaseRefused: If the release is implausible; likewise.
        MovielensError: If a model could not be built.
        SettingsError: If nothing is loaded yet, or the models are missing.
        BusyError: If another run has taken the lease.
    """
    started = time.perf_counter()
    settings = run.settings
    target = engine_of(settings).warehouse()
    check_project(settings.project)
    had_lease = run.has_lease
    asked = asked_for(settings, target, environment)
    if full_refresh or not asked.is_shown:
        lease = run.lease(target)
        if not had_lease:  # Another run may have loaded or built since; from here on, none can.
            asked = asked_for(settings, target, environment)
    if asked.known and asked.is_shown and not full_refresh:
        return BuildReport(
            version=asked.known.version,
            built=False,
            seconds=time.perf_counter() - started,
            readme=release.recorded(target, environment),
        )
    return build_in(
        environment,
        Job(
            settings=settings,
            lease=lease,
            fingerprint=asked.fingerprint,
            landing=asked.landing,
            seen=seen,
            accept_release=accept_release,
            refuses=environment.is_production,
            on_event=on_event,
        ),
        None if full_refresh else asked.known,
        asked.registry,
        from_scratch=full_refresh,
    )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a build would compute now.

    Attributes:
        fingerprint: Identifies it.
        landing: What the build reports about the landing zone.
        known: The build that is this already, if any.
        is_shown: Whether the environment shows it.
        registry: What is registered.
    """

    fingerprint: str
    landing: Landing = field(default_factory=Landing)
    known: Build | None = None
    is_shown: bool = False
    registry: Registry = field(default_factory=Registry)


def asked_for(
    settings: Settings, target: Warehouse, environment: Environment = PRODUCTION
) -> Asked:
    """Finds out what a build would compute now, and whether a build is just that.

    Raises:
        SettingsError: If nothing is loaded yet.
    """
    with target.looking():
        files = manifest.current_files(target)
        landing = release.landing_of(target, files.values())
        known = registry.read(target)
    if not files:
        raise SettingsError("Nothing is loaded yet, so there is nothing to build", command("load"))
    contents = ((file.file_id, file.content_hash) for file in files.values())
    wanted = fingerprint(settings, contents, landing)
    shown = known.shown_by(environment)
    is_shown = shown is not None and shown.fingerprint == wanted
    build = shown if is_shown else known.built_from(wanted)
    return Asked(
        fingerprint=wanted, landing=landing, known=build, is_shown=is_shown, registry=known
    )


def build_in(
    environment: Environment,
    job: Job,
    known: Build | None = None,
    before: Registry | None = None,
    *,
    from_scratch: bool = False,
) -> BuildReport:
    """Builds and audits for an environment, which then shows the build; the caller holds the lock.

    Tables and test results that are there already are reused. A build that is there as a whole is
    only shown.

    Args:
        environment: The environment.
        job: What to build.
        known: A build that is this already, if there is one.
        before: What is registered, if that was read under the lease.
        from_scratch: Rebuild every table, and run every test.

    Raises:
        AuditFailure: If a test failed.
        ReleaseRefused: If the release is implausible.
        MovielensError: If a model could not be built.
        BusyError: If another run has taken the lease; the candidate cannot be published.
    """
    started = time.perf_counter()
    registry.create(job.target)
    state = read_state(job.settings, job.target, environment, before)
    if known and state.is_whole(known):
        return show(environment, job, known, state)
    making = Making(job)
    salt = making.version if from_scratch else ""
    plan = plan_build(making.lineage, making.project, state, build=job.fingerprint, salt=salt)
    _make_room(job, state, plan)
    relations = {name: (STORE, placed.table) for name, placed in plan.tables.items()}
    kept = making.project.test_results_of(_kept(state, plan))
    copies = {each.table for each in plan.tables.values() if each.copied_from is not None}
    making.audit(
        relations,
        plan.nodes,
        kept,
        _checked(state, plan),
        state.whole_tables,
        {name: name in state.views for name in state.there | copies},
    )
    build = Build(
        version=making.version,
        fingerprint=job.fingerprint,
        source=job.landing.source,
        last_file_id=state.last_file_id,
        built_at=making.now,
        used_at=making.now,
        members=_members(making, plan),
    )
    tables, tests = _tables(job.target, plan, making), _passed(plan, making)
    before, expires_at = state.registry, expiry(job.settings, state)
    begin = views.beginning(job.target, environment, before, expires_at)
    registry.record(
        job.lease, build, tables, tests, making.lineage.fingerprints, before=before, also=begin
    )
    views.show(job.lease, environment, build, before, expires_at, has_begun=True)
    return making.report(time.perf_counter() - started, plan.rebuilt)


def show(environment: Environment, job: Job, known: Build, state: State) -> BuildReport:
    """Lets an environment show a build that is there: nothing is computed.

    Raises:
        ReleaseRefused: If the release is implausible.
        BusyError: If another run has taken the lease.
    """
    started = time.perf_counter()
    judged = release.Judgement()
    if job.seen is not None:
        counts = release.count(job.target, lambda name: f"{STORE}.{known.members[name].table}")
        judged = release.judge(
            job.settings,
            counts,
            job.landing,
            job.seen(),
            accept=job.accept_release,
            refuses=job.refuses,
        )
    views.show(job.lease, environment, known, state.registry, expiry(job.settings, state))
    return BuildReport(
        version=known.version,
        built=True,
        seconds=time.perf_counter() - started,
        models_kept=sum(member.layer != AUDIT for member in known.members.values()),
        readme=judged.stated,
        release=judged.findings,
    )


def expiry(settings: Settings, state: State) -> datetime | None:
    """Tells when an environment may be dropped if it is applied now, UTC; None for never."""
    entry = state.registry.environments.get(state.environment.name)
    is_kept = entry is not None and entry.expires_at is None
    if is_kept or state.environment.is_production:
        return None
    return registry.now() + timedelta(days=settings.environment_days)


def _make_room(job: Job, state: State, plan: BuildPlan) -> None:
    """Copies the facts that are about to be refreshed, and that others show as they are."""
    for placed in plan.tables.values():
        if placed.copied_from is not None and placed.table not in state.there:
            views.copy_fact(job.lease, placed.copied_from, placed.table)
        elif not placed.there and placed.table in state.registry.tables:
            _keep_for_others(job, state, placed.table)


def _keep_for_others(job: Job, state: State, table: str) -> None:
    shown = state.registry.shown(but=state.environment)
    for version in sorted({build.version for build in shown.values()}):
        names = [name for name, build in shown.items() if build.version == version]
        build = state.registry.builds[version]
        if table in build.tables:
            shows = [Environment(name) for name in names]
            views.keep_fact(job.lease, build, shows, state.registry.tables[table])


def _members(making: Making, plan: BuildPlan) -> dict[str, Member]:
    """The tables of a build: its models', and those that the reports on it are made from."""
    layers = making.project.layers
    of_models = {name: Member(layers[name], each.table) for name, each in plan.tables.items()}
    of_reports = {name: Member(AUDIT, table) for name, (_, table) in making.audit_tables.items()}
    return {**of_models, **of_reports}


def _kept(state: State, plan: BuildPlan) -> dict[str, tuple[str, int, datetime]]:
    """Status, failing rows and time of each test that is not run again."""
    passed = {
        name: state.registry.tests[key]
        for name, key in plan.test_keys.items()
        if name not in plan.tests
    }
    return {name: (test.status, test.failures, test.run_at) for name, test in passed.items()}


def _checked(state: State, plan: BuildPlan) -> set[str]:
    """The models whose contract was checked when their code last made a table."""
    known = {table.fingerprint for table in state.registry.tables.values()}
    same = {name for name, placed in plan.tables.items() if placed.fingerprint in known}
    return same - plan.reports  # which read tables of types that no fingerprint knows


def _tables(target: Warehouse, plan: BuildPlan, making: Making) -> list[Table]:
    """The tables that were built or refreshed, and the reports."""
    rows = {name: count for (_, name), count in target.row_counts({STORE}).items()}
    seconds = making.seconds
    return [
        Table(
            name=placed.table,
            model=model,
            fingerprint=placed.fingerprint,
            file_id=placed.file_id or 0,
            rows=rows.get(placed.table),
            milliseconds=round(seconds[model] * 1000),
            built_at=making.now,
        )
        for model, placed in plan.tables.items()
        if model in seconds
    ]


def _passed(plan: BuildPlan, making: Making) -> list[Passed]:
    return [
        Passed(plan.test_keys[name], name, result.status, result.failures, result.run_at)
        for name, result in making.tests.items()
        if name in plan.test_keys
    ]
