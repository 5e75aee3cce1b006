"""Environments from the outside: list them, keep or drop one, promote what one shows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from ingestion.build import registry, release, views
from ingestion.build.build import show
from ingestion.build.environments import PRODUCTION, Environment, environment_named
from ingestion.build.janitor import clean
from ingestion.build.making import BuildReport, Job
from ingestion.build.plan import State, read_state
from ingestion.build.registry import Build
from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.operate.exclusive import exclusive_run
from ingestion.publish.publish import PublishReport, publish_candidate
from ingestion.publish.published import seen
from ingestion.raw import manifest
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse import layout
from ingestion.warehouse.base import Warehouse


@dataclass(frozen=True, kw_only=True)
class EnvironmentStatus:
    """An environment.

    Attributes:
        name: Its name.
        version: The build that it shows; None if a run died while its views were moved.
        applied_at: Since when, UTC.
        expires_at: When it may be dropped, UTC; None for never.
        own: How many of its tables production does not show.
        shared: How many it shares with production.
        files_behind: Whether files were loaded that it does not show.
    """

    name: str
    version: str | None
    applied_at: datetime
    expires_at: datetime | None
    own: int
    shared: int
    files_behind: bool


def environments(settings: Settings) -> list[EnvironmentStatus]:
    """Lists the environments, production first.

    Raises:
        BusyError: If a writer has the warehouse file.
        NewerLayout: If a newer version has written to the warehouse.
    """
    target = engine_of(settings).looked_at()
    layout.check(target)
    known = registry.read(target)
    production = known.shown_by(PRODUCTION)
    last = max(manifest.last_file_ids(target).values(), default=0)
    found = []
    for name, entry in known.environments.items():
        build = known.builds.get(entry.version or "")
        tables, others = _tables(build), _tables(production)
        found.append(
            EnvironmentStatus(
                name=name,
                version=entry.version,
                applied_at=entry.applied_at,
                expires_at=entry.expires_at,
                own=len(tables - others),
                shared=len(tables & others),
                files_behind=build is None or build.last_file_id < last,
            )
        )
    return sorted(found, key=lambda each: (each.name != PRODUCTION.name, each.name))


def _tables(build: Build | None) -> set[str]:
    return build.tables if build else set()


def drop(settings: Settings, name: str) -> None:
    """Drops an environment: its views, and the tables that nothing else needs.

    Raises:
        SettingsError: If there is no such environment, or it is production.
        BusyError: If another run is in progress.
    """
    with exclusive_run(settings) as run:
        target = engine_of(settings).warehouse()
        environment = _existing(target, name)
        if environment.is_production:
            raise SettingsError(
                "Production cannot be dropped; nothing was changed", "name another environment"
            )
        views.forget_environment(run.lease(target), environment)
        clean(run, target)


def keep(settings: Settings, name: str) -> None:
    """Keeps an environment until it is dropped by name.

    Raises:
        SettingsError: If there is no such environment.
        BusyError: If another run is in progress.
    """
    with exclusive_run(settings) as run:
        target = engine_of(settings).warehouse()
        registry.keep(run.lease(target), _existing(target, name), None)


def _existing(target: Warehouse, name: str) -> Environment:
    known, environment = registry.read(target), environment_named(name)
    if environment.name not in known.environments:
        raise registry.unknown(known, environment)
    return environment


def clone(settings: Settings, database: str) -> int:
    """Fills a developer's database with clones of another one: its rows and its built tables.

    Tables of the same names are replaced, and environments have to be applied again.

    Returns:
        How many tables were cloned.

    Raises:
        SettingsError: If the engine has no clones, or there is nothing to clone.
        BusyError: If another run is in progress.
    """
    with exclusive_run(settings) as run:
        engine = engine_of(settings)
        statements = engine.cloned_schemas(database)
        lease = run.lease(engine.warehouse())
        with lease.target.connect() as connection:
            for statement in statements:
                lease.renew()
                connection.execute(statement)
    return sum(" clone " in statement for statement in statements)


@dataclass(frozen=True, kw_only=True)
class PromoteReport:
    """What a promotion did.

    Attributes:
        environment: The environment whose build production shows now.
        build: That build.
        publish: What readers see now.
        seconds: Wall time.
    """

    environment: str
    build: BuildReport
    publish: PublishReport
    seconds: float


def promote(settings: Settings, name: str, *, accept_release: bool = False) -> PromoteReport:
    """Lets production show what an environment shows, and publishes it; nothing is computed.

    Args:
        settings: The settings.
        name: The environment.
        accept_release: Publish it even if the release fails its plausibility checks.

    Raises:
        SettingsError: If there is no such environment, or production shows newer files.
        ReleaseRefused: If the release is implausible; nothing has changed.
        BusyError: If another run is in progress.
    """
    started = time.perf_counter()
    target = engine_of(settings).warehouse()
    with exclusive_run(settings) as run, target.kept_open():
        environment = _existing(target, name)
        lease = run.lease(target)
        state = read_state(settings, target, PRODUCTION)
        build = _promotable(state, environment)
        job = Job(
            settings=settings,
            lease=lease,
            fingerprint=build.fingerprint,
            landing=release.landing_of(target, manifest.current_files(target).values()),
            seen=partial(seen, settings),
            accept_release=accept_release,
        )
        shown = show(PRODUCTION, job, build, state)
        published = publish_candidate(run)
        return PromoteReport(
            environment=name,
            build=shown,
            publish=published,
            seconds=time.perf_counter() - started,
        )


def _promotable(state: State, environment: Environment) -> Build:
    build, production = state.registry.shown_by(environment), state.shown
    again = command("apply", environment.name)
    if build is None or not state.is_whole(build):
        raise SettingsError(f"{environment.name} is incomplete; nothing was changed", again)
    if production and production.last_file_id > build.last_file_id:
        raise SettingsError(
            f"{environment.name} was built before files that production shows were loaded; "
            "nothing was changed",
            again,
        )
    return build
