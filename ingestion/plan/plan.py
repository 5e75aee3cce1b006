"""The plan of a run: what it would do to files, models, marts and pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from ingestion.build import artifacts, built
from ingestion.build.build import asked_for, plan_of
from ingestion.build.built import Built
from ingestion.build.dbt import code_fingerprint
from ingestion.build.environments import PUBLISHED
from ingestion.build.lineage import Lineage, lineage_of, parsed_in
from ingestion.build.plan import BuildPlan
from ingestion.engine import engine_of
from ingestion.landing.listing import list_landing_zone
from ingestion.lineage.comparison import Change
from ingestion.plan.files import (
    PlannedColumn,
    PlannedFile,
    plan_columns,
    plan_files,
    raw_columns,
)
from ingestion.raw import manifest
from ingestion.raw.load import rules_of, source_of
from ingestion.raw.plan import LoadPlan, LoadRequest, plan_load
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse

PRODUCTION = "production"
# What changes nothing in RAW.
_IDLE = ("unchanged", "missing", "refused")


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
        files: A hash of the landing zone's listing.
        code: A hash of models, macros and tests, and of the engine.
        settings: The settings that decide how files are read.
        warehouse: The target, its last file id, and the last one that was built.
    """

    files: str
    code: str
    settings: str
    warehouse: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do, if files and code stay as they are.

    Attributes:
        environment: Where it would build.
        source: URL of the landing zone.
        files: What it would do with each file.
        columns: RAW columns that would appear, or that files lack.
        ignored: Paths in the landing zone that are not MovieLens files.
        models: What it would do with each model.
        tests: How many tests would run, besides those of the reports on the build.
        rebuilt: Facts that would be built from all current rows, and why.
        pages: The dashboard pages that show a mart whose figures may change, reports aside.
        publishes: Whether readers would see another version, if every test passes.
        made_from: What the plan holds for: `MadeFrom`.
    """

    environment: str
    source: str
    files: list[PlannedFile]
    columns: list[PlannedColumn]
    ignored: list[str]
    models: list[PlannedModel]
    tests: int
    rebuilt: Mapping[str, str]
    pages: list[str]
    publishes: bool
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


def make_plan(settings: Settings) -> Plan:
    """Plans a run in production; changes nothing, and waits for no writer.

    Args:
        settings: The settings.

    Raises:
        SettingsError: If no landing zone is known, there are no models, or the warehouse holds
            another landing zone.
        SourceError: If the landing zone cannot be listed or holds no MovieLens file.
        BusyError: If a writer has the warehouse file.
    """
    with _opened(settings) as target:
        return _plan(settings, target)


def made_from_now(settings: Settings) -> MadeFrom:
    """Tells what a plan would be made from now, without making it; raises what `make_plan` does."""
    with _opened(settings) as target:
        return _made_from(settings, _load_plan(settings, target), built.read(target, PUBLISHED))


@contextmanager
def _opened(settings: Settings) -> Iterator[Warehouse]:
    """Opens the warehouse once, if there is one; and no writer gets in between."""
    target = engine_of(settings).looked_at()
    with target.connect() if target.exists() else nullcontext():
        yield target


def _load_plan(settings: Settings, target: Warehouse) -> LoadPlan:
    known = manifest.current_files(target)
    source = source_of(settings, settings.source, known)
    request = LoadRequest(source=source, rules=rules_of(settings))
    return plan_load(target, request, list_landing_zone(source), known)


def _plan(settings: Settings, target: Warehouse) -> Plan:
    load = _load_plan(settings, target)
    files = plan_files(load, rules_of(settings))
    changed = {file.dataset for file in files if file.change not in _IDLE}
    lineage = lineage_of(settings)
    project = artifacts.Project(parsed_in(settings))
    before = built.read(target, PUBLISHED)
    build = plan_of(target, project, lineage, before, to_come=changed)
    publishes = (
        bool(changed) or not load.is_empty or (bool(load.known) and _is_behind(settings, target))
    )
    models = list(_models(build, before, nothing=not publishes))
    return Plan(
        environment=PRODUCTION,
        source=load.zone.url,
        files=files,
        columns=plan_columns(files, raw_columns(target)),
        ignored=load.zone.ignored,
        models=models,
        tests=len(build.tests) if publishes else 0,
        rebuilt=dict(build.rebuilt),
        pages=_pages(lineage, models),
        publishes=publishes,
        made_from=_made_from(settings, load, before),
    )


def _is_behind(settings: Settings, target: Warehouse) -> bool:
    """Whether files or code are not those of the candidate, or it is not what readers see."""
    asked = asked_for(settings, target)
    published = engine_of(settings).published()
    if asked.built is None:
        return True
    held_back = {version.version for version in published.kept() if version.is_held_back}
    return asked.built.version not in {published.current(), *held_back}


def _made_from(settings: Settings, load: LoadPlan, before: Built) -> MadeFrom:
    last = max((file.file_id for file in load.known.values()), default=0)
    return MadeFrom(
        files=load.zone.fingerprint,
        code=code_fingerprint(settings),
        settings=str(rules_of(settings)),
        warehouse=f"{settings.target}, file {last}, built {before.last_file_id}",
    )


def _models(build: BuildPlan, before: Built, *, nothing: bool) -> Iterable[PlannedModel]:
    for name, change in build.changes.items():
        action: str = build.models.get(name, "drop")
        if nothing and action == "refresh":
            action = "reuse"  # the reports, which are refreshed with anything else
        yield _model(action, change, before, is_report=name in build.reports)


def _model(action: str, change: Change, before: Built, *, is_report: bool) -> PlannedModel:
    name = change.model
    last = before.models.get(name)
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
