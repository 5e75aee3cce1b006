"""The plan of a run: what it would do to files, models, marts and pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from ingestion.build import artifacts, janitor
from ingestion.build.build import asked_for
from ingestion.build.dbt import code_fingerprint
from ingestion.build.environments import PRODUCTION, Environment
from ingestion.build.janitor import Expired
from ingestion.build.lineage import Lineage, lineage_of, parsed_in
from ingestion.build.plan import BuildPlan, State, plan_build, read_state
from ingestion.build.registry import Table
from ingestion.datasets import DATASETS
from ingestion.engine import engine_of
from ingestion.errors import SourceError
from ingestion.landing.listing import list_landing_zone
from ingestion.landing.lookalikes import Lookalike
from ingestion.lineage.comparison import Change
from ingestion.plan.files import (
    PlannedColumn,
    PlannedFile,
    plan_columns,
    plan_files,
    raw_columns,
)
from ingestion.progress import Event, OnEvent, silent
from ingestion.raw import manifest
from ingestion.raw.load import rules_of, source_of
from ingestion.raw.plan import LoadPlan, LoadRequest, plan_load
from ingestion.settings import Settings
from ingestion.warehouse import layout
from ingestion.warehouse.base import Warehouse

# What changes nothing in RAW.
_IDLE = ("unchanged", "missing", "left out", "refused")


@dataclass(frozen=True, kw_only=True)
class PlannedModel:
    """What a run would do with one model.

    Attributes:
        name: Its name.
        action: `build` if its code is new, `refresh` if files are, `reuse` if neither is, `drop`
            if it is no longer in the project.
        change: `added`, `removed`, `edited`, `downstream` of an edit, `format` or `unchanged`.
        category: What the edit means for readers: `breaking`, `additive` or `none`.
        columns: The columns that an edit affects: `+name` is new, `-name` gone, `~name` computed
            in another way.
        rows_changed: Whether an edit can change which rows it has.
        settings: What else an edit changed, such as `macro latest_rows`.
        is_report: Whether it reports on the build itself, and is built with anything else.
        rows: Its rows when last built; None if that is unknown, or it is a view.
        seconds: What it took when last built; None if that is unknown.
    """

    name: str
    action: str
    change: str
    category: str
    columns: tuple[str, ...] = ()
    rows_changed: bool = False
    settings: tuple[str, ...] = ()
    is_report: bool = False
    rows: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class MadeFrom:
    """What a plan was made from; it fits as long as none of it changes.

    Attributes:
        environment: The environment that it is for.
        files: A hash of the landing zone's listing; empty if it could not be listed.
        code: A hash of models, macros and tests, and of the engine.
        settings: The settings that decide how files are read.
        warehouse: The target, its last file id, and the build that the environment shows.
    """

    environment: str
    files: str
    code: str
    settings: str
    warehouse: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do, if files and code stay as they are.

    Attributes:
        environment: The environment that would show what it builds.
        source: URL of the landing zone; empty if it cannot be listed.
        unlisted: Why it cannot be listed: an environment is then built from what is loaded.
        files: What it would do with each file.
        columns: RAW columns that would appear, or that files lack.
        ignored: Paths in the landing zone that are not MovieLens files.
        unread: Of these, what looks like MovieLens data, each with advice.
        models: What it would do with each model.
        tests: How many tests would run, besides those of the reports on the build.
        rebuilt: Facts that would be built from all current rows, and why.
        pages: The dashboard pages that show a mart whose figures may change, reports aside.
        publishes: Whether readers, or those who look at the environment, would see another version,
            if every test passes.
        expires: Environments, and tables that nothing needs any more.
        expires_with: The command that would drop them.
        made_from: What the plan holds for: `MadeFrom`.
    """

    environment: str
    source: str
    unlisted: str
    files: list[PlannedFile]
    columns: list[PlannedColumn]
    ignored: list[str]
    unread: list[Lookalike]
    models: list[PlannedModel]
    tests: int
    rebuilt: Mapping[str, str]
    pages: list[str]
    publishes: bool
    expires: Expired
    expires_with: Literal["run", "vacuum"]
    made_from: MadeFrom

    @property
    def changed_files(self) -> list[PlannedFile]:
        """The files that a load would read or record as removed."""
        return [file for file in self.files if file.change not in _IDLE]

    @property
    def is_empty(self) -> bool:
        """Whether a run would have nothing to do."""
        return not self.changed_files and not self.publishes

    def of(self, action: str) -> list[PlannedModel]:
        """Returns the models with an action, without the reports."""
        return [m for m in self.models if m.action == action and not m.is_report]


def make_plan(
    settings: Settings, environment: Environment = PRODUCTION, *, on_event: OnEvent = silent
) -> Plan:
    """Plans a run for an environment; changes nothing, and waits for no writer.

    Args:
        settings: The settings.
        environment: The environment.
        on_event: Called before what may take long.

    Raises:
        SettingsError: If no landing zone is known, there are no models, or the warehouse holds
            another landing zone.
        SourceError: If the landing zone cannot be listed or holds no MovieLens file.
        BusyError: If a writer has the warehouse file.
        NewerLayout: If a newer version has written to the warehouse.
    """
    on_event(Event("plan", "what the models compute"))
    lineage = lineage_of(settings)
    with _opened(settings) as target:
        return _plan(settings, target, environment, lineage)


def made_from_now(settings: Settings, environment: Environment) -> MadeFrom:
    """Tells what a plan would be made from now, without making it; raises what `make_plan` does."""
    with _opened(settings) as target:
        load, _ = _load_plan(settings, target, environment)
        return _made_from(settings, load, read_state(settings, target, environment))


@contextmanager
def _opened(settings: Settings) -> Iterator[Warehouse]:
    """Opens the warehouse once, if there is one; and no writer gets in between."""
    engine = engine_of(settings)
    engine.published().check_layout()
    target = engine.looked_at()
    with target.kept_open():
        layout.check(target)
        yield target


def _load_plan(
    settings: Settings, target: Warehouse, environment: Environment
) -> tuple[LoadPlan | None, str]:
    """Plans the load; or says why there is none, which only production does not go without."""
    known = manifest.current_files(target)
    try:
        source = source_of(settings, settings.source, known)
        request = LoadRequest(source=source, rules=rules_of(settings))
        zone = list_landing_zone(source, unmodelled=settings.load_unmodelled)
        return plan_load(target, request, zone, known), ""
    except SourceError as error:
        if environment.is_production or not known:
            raise
        return None, str(error).splitlines()[0]


def _plan(
    settings: Settings, target: Warehouse, environment: Environment, lineage: Lineage
) -> Plan:
    load, unlisted = _load_plan(settings, target, environment)
    files = plan_files(load, rules_of(settings)) if load else []
    changed = {f.dataset for f in files if f.change not in _IDLE and f.dataset in DATASETS}
    project = artifacts.Project(parsed_in(settings))
    state = read_state(settings, target, environment)
    build = plan_build(lineage, project, state, to_come=changed)
    publishes = (
        bool(changed)
        or bool(load and not load.is_empty)
        or (bool(state.file_ids) and _is_behind(settings, target, environment))
    )
    models = list(_models(build, state, nothing=not publishes))
    return Plan(
        environment=environment.name,
        source=load.zone.url if load else "",
        unlisted=unlisted,
        files=files,
        columns=plan_columns(files, raw_columns(target)),
        ignored=load.zone.ignored if load else [],
        unread=load.zone.unread if load else [],
        models=models,
        tests=len(build.tests) if publishes else 0,
        rebuilt=dict(build.rebuilt),
        pages=_pages(lineage, models),
        publishes=publishes,
        expires=janitor.expired(state.registry, state.there, state.last_file_id, settings),
        expires_with=janitor.comes_with(target, environment),
        made_from=_made_from(settings, load, state),
    )


def _is_behind(settings: Settings, target: Warehouse, environment: Environment) -> bool:
    """Whether files or code are not those of the environment, or readers do not see the build."""
    asked = asked_for(settings, target, environment)
    if not asked.is_shown or asked.known is None or not environment.is_production:
        return not asked.is_shown
    published = engine_of(settings).published()
    current, kept = published.versions()
    held_back = {version.version for version in kept if version.is_held_back}
    return asked.known.version not in {current, *held_back}


def _made_from(settings: Settings, load: LoadPlan | None, state: State) -> MadeFrom:
    shown = state.shown.version if state.shown else "nothing"
    return MadeFrom(
        environment=state.environment.name,
        files=load.zone.fingerprint if load else "",
        code=code_fingerprint(settings),
        settings=str(rules_of(settings)),
        warehouse=f"{settings.target}, file {state.last_file_id}, showing {shown}",
    )


def _models(build: BuildPlan, state: State, *, nothing: bool) -> Iterable[PlannedModel]:
    for name, change in build.changes.items():
        action: str = build.models.get(name, "drop")
        if nothing and action == "refresh":
            action = "reuse"  # the reports, which are refreshed with anything else
        yield _model(action, change, _last_built(state, name), is_report=name in build.reports)


def _last_built(state: State, model: str) -> Table | None:
    """The table of a model that the environment shows, or the one that was built last."""
    if state.shown and model in state.shown.members:
        return state.registry.tables.get(state.shown.members[model].table)
    tables = [table for table in state.registry.tables.values() if table.model == model]
    return max(tables, key=lambda table: str(table.built_at), default=None)


def _model(action: str, change: Change, last: Table | None, *, is_report: bool) -> PlannedModel:
    name = change.model
    milliseconds = last.milliseconds if last else None
    is_new = change.kind in ("added", "removed")
    columns = (
        *(f"+{column}" for column in change.added if not is_new),
        *(f"-{column}" for column in change.removed if not is_new),
        *(f"~{column}" for column in change.changed),
    )
    return PlannedModel(
        name=name,
        action=action,
        change=change.kind,
        category=change.category,
        columns=columns,
        rows_changed=change.rows_changed,
        settings=change.settings,
        is_report=is_report,
        rows=last.rows if last else None,
        seconds=None if milliseconds is None else milliseconds / 1000,
    )


def _pages(lineage: Lineage, models: Iterable[PlannedModel]) -> list[str]:
    touched = {m.name for m in models if m.action in ("build", "refresh") and not m.is_report}
    return sorted(page for page, marts in lineage.pages.items() if touched & set(marts))
