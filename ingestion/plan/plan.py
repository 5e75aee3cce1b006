"""The plan of a run: what it would do to files, models, marts and pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ingestion.build import artifacts, built
from ingestion.build.build import asked_for, plan_of
from ingestion.build.built import Built
from ingestion.build.dbt import code_fingerprint
from ingestion.build.environments import PUBLISHED
from ingestion.build.lineage import Lineage, lineage_of, parsed_in
from ingestion.build.plan import BuildPlan
from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.home import write_whole
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
from ingestion.remedies import command
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
    rows: int | None = None
    seconds: float | None = None


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
        pages: The dashboard pages that show a mart of which figures may change.
        publishes: Whether readers would see another version, if every test passes.
        made_from: What the plan holds for: a hash of the landing zone's listing, of the code, of
            the settings for reading, and of the state of the warehouse.
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
    made_from: Mapping[str, str]

    @property
    def changed_files(self) -> list[PlannedFile]:
        """The files that a load would read or record as removed."""
        return [file for file in self.files if file.change not in _IDLE]

    @property
    def is_empty(self) -> bool:
        """Whether a run would have nothing to do."""
        return not self.changed_files and not self.publishes

    def of(self, action: str) -> list[PlannedModel]:
        """Returns the models with an action."""
        return [model for model in self.models if model.action == action]

    def save(self, file: Path) -> None:
        """Writes the plan to a file, for `apply`.

        Raises:
            SettingsError: If the file cannot be written.
        """
        try:
            write_whole(file, json.dumps(asdict(self), indent=2) + "\n")
        except OSError as error:
            raise SettingsError(
                f"The plan cannot be written to {file}: {error.strerror}",
                "name another file with --out",
            ) from None


def read_plan(file: Path) -> Mapping[str, str]:
    """Reads what a saved plan was made from.

    Raises:
        SettingsError: If the file is not a plan.
    """
    try:
        content = json.loads(file.read_text())
        made_from: Mapping[str, str] = {**content["made_from"]}
        return {**made_from, "environment": content["environment"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(
            f"{file} is not a saved plan", f"make one: {command('plan', '--out', str(file))}"
        ) from None


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
    target = engine_of(settings).looked_at()
    rules = rules_of(settings)
    known = manifest.current_files(target)
    source = source_of(settings, settings.source, known)
    request = LoadRequest(source=source, rules=rules)
    load = plan_load(target, request, list_landing_zone(source), known)
    files = plan_files(load, rules)
    changed = {file.dataset for file in files if file.change not in _IDLE}
    lineage = lineage_of(settings)
    project = artifacts.Project(parsed_in(settings))
    before = built.read(target, PUBLISHED)
    build = plan_of(target, project, lineage, before, to_come=changed)
    publishes = bool(changed) or not load.is_empty or _is_behind(settings, target)
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


def _made_from(settings: Settings, load: LoadPlan, before: Built) -> dict[str, str]:
    last = max((file.file_id for file in load.known.values()), default=0)
    return {
        "landing zone": load.zone.fingerprint,
        "code": code_fingerprint(settings),
        "settings": str(rules_of(settings)),
        "warehouse": f"{settings.target} {last} {before.last_file_id}",
    }


def _models(build: BuildPlan, before: Built, *, nothing: bool) -> Iterable[PlannedModel]:
    for name, change in build.changes.items():
        action: str = build.models.get(name, "drop")
        if nothing and action == "refresh":
            action = "reuse"  # the reports, which are refreshed with anything else
        yield _model(name, action, change, before)


def _model(name: str, action: str, change: Change, before: Built) -> PlannedModel:
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
        rows=last.rows if last else None,
        seconds=None if milliseconds is None else milliseconds / 1000,
    )


def _pages(lineage: Lineage, models: Iterable[PlannedModel]) -> list[str]:
    touched = {model.name for model in models if model.action in ("build", "refresh")}
    return [page for page, marts in lineage.pages.items() if touched & set(marts)]


def moved(plan: Mapping[str, Any], now: Plan) -> list[str]:
    """Names what is no longer as it was when a plan was saved.

    Args:
        plan: What the saved plan was made from.
        now: The plan of the same environment as it would be made now.
    """
    fresh: dict[str, Any] = {**now.made_from, "environment": now.environment}
    return [name for name in fresh if plan.get(name) != fresh[name]]
