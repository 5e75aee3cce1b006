"""Plans a build: which models are built, refreshed or reused, and which tests run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ingestion.build import registry, tables
from ingestion.build.artifacts import Project
from ingestion.build.environments import Environment
from ingestion.build.lineage import Lineage
from ingestion.build.registry import Build, Registry
from ingestion.build.tables import Placed, Placing
from ingestion.engine import engine_of
from ingestion.lineage.comparison import Change, compare
from ingestion.lineage.fingerprints import Fingerprint
from ingestion.raw import manifest
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse

Action = Literal["build", "refresh", "reuse"]
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class State:
    """What a build finds in the warehouse.

    Attributes:
        environment: The environment that it is for.
        database: The database of the relations.
        registry: What is registered.
        shown: The build that the environment shows; None if it shows none.
        codes: The fingerprint of each model of that build.
        there: The names of all relations in the store.
        views: Those of them that are views.
        file_ids: The last manifest entry of each dataset.
    """

    environment: Environment
    database: str
    registry: Registry = field(default_factory=Registry)
    shown: Build | None = None
    codes: Mapping[str, Fingerprint] = field(default_factory=dict)
    there: frozenset[str] = frozenset()
    views: frozenset[str] = frozenset()
    file_ids: Mapping[str, int] = field(default_factory=dict)

    @property
    def last_file_id(self) -> int:
        """The last manifest entry."""
        return max(self.file_ids.values(), default=0)

    @property
    def whole_tables(self) -> set[str]:
        """The tables that are there and in a build that has passed its audit."""
        builds = self.registry.builds.values()
        return {table for build in builds for table in build.tables if table in self.there}

    def is_whole(self, build: Build) -> bool:
        """Whether all tables of a build are there."""
        return build.tables <= self.there


def read_state(
    settings: Settings,
    target: Warehouse,
    environment: Environment,
    known: Registry | None = None,
) -> State:
    """Reads what a build for an environment finds in the warehouse.

    Args:
        settings: The settings.
        target: The warehouse.
        environment: The environment.
        known: What is registered, if that was read already.
    """
    known = known or registry.read(target)
    shown = known.shown_by(environment)
    store = known.relations or registry.relations(target)
    return State(
        environment=environment,
        database=engine_of(settings).database,
        registry=known,
        shown=shown,
        codes=registry.codes(target, shown.version) if shown else {},
        there=frozenset(store),
        views=frozenset(name for name, is_view in store.items() if is_view),
        file_ids=manifest.last_file_ids(target),
    )


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """What a build would do; `str()` sums it up in a line.

    Attributes:
        models: What is done with each model: `build` if its code is new, `refresh` if files are,
            `reuse` if neither is.
        tables: The physical table of each model.
        changes: How the code of each model differs from that of the environment's build.
        rebuilt: The facts that are built from all current rows though they were built before, and
            why.
        tests: The tests to run, by name, besides those of the reports.
        test_keys: What decides the result of each test.
        reports: The models that report on the build itself, and are built last of all.
    """

    models: Mapping[str, Action]
    tables: Mapping[str, Placed] = field(default_factory=dict)
    changes: Mapping[str, Change] = field(default_factory=dict)
    rebuilt: Mapping[str, str] = field(default_factory=dict)
    tests: frozenset[str] = frozenset()
    test_keys: Mapping[str, str] = field(default_factory=dict)
    reports: frozenset[str] = frozenset()

    def of(self, action: Action) -> list[str]:
        """Returns the models with an action."""
        return [name for name, planned in self.models.items() if planned == action]

    @property
    def nodes(self) -> list[str]:
        """The models to build and the tests to run, by name, without the reports."""
        models = {name for name, action in self.models.items() if action != "reuse"}
        return sorted((models - self.reports) | self.tests)

    def __str__(self) -> str:
        counts = Counter(self.models.values())
        actions: tuple[Action, ...] = ("build", "refresh", "reuse")
        what = [f"{action} {counts[action]}" for action in actions if counts[action]]
        facts = [f"{fact} from all rows: {why}" for fact, why in self.rebuilt.items()]
        return "; ".join([f"{', '.join(what) or 'no models'}; {len(self.tests)} tests", *facts])


def plan_build(
    code: Lineage,
    project: Project,
    state: State,
    *,
    build: str = "",
    to_come: Collection[str] = (),
    salt: str = "",
) -> BuildPlan:
    """Plans a build; changes nothing.

    Args:
        code: The code as it is now.
        project: The parsed project.
        state: What is in the warehouse.
        build: What is built: files and code.
        to_come: The RAW tables with files that a load before the build would change.
        salt: Rebuilds everything, in tables named with it; empty to reuse tables.
    """
    file_ids = {**state.file_ids, **dict.fromkeys(to_come)}
    placed = tables.place(
        project,
        code.fingerprints,
        Placing(
            environment=state.environment,
            registry=state.registry,
            there=state.there,
            file_ids=file_ids,
            build=build,
            database=state.database,
            salt=salt,
        ),
    )
    changes = compare(state.codes, code.fingerprints)
    reports = frozenset(project.reports)
    keys = tables.test_keys(project, code.tests, code.fingerprints, placed, file_ids)
    of_reports = {test.name for test in project.tests if test.reads & reports}
    passed = set() if salt else {name for name, key in keys.items() if key in state.registry.tests}
    return BuildPlan(
        models={
            name: _action(
                changes[name], placed[name], is_report=name in reports, rebuild=bool(salt)
            )
            for name in code.fingerprints
        },
        tables=placed,
        changes=changes,
        rebuilt=_rebuilt(changes, placed, project.facts, "--full-refresh" if salt else ""),
        tests=frozenset(keys) - passed - of_reports,
        test_keys={name: key for name, key in keys.items() if name not in of_reports},
        reports=reports,
    )


def _action(change: Change, placed: Placed, *, is_report: bool, rebuild: bool) -> Action:
    if placed.there and not is_report:
        return "reuse"
    return "build" if rebuild or change.rebuilds else "refresh"


def _rebuilt(
    changes: Mapping[str, Change],
    placed: Mapping[str, Placed],
    facts: Iterable[str],
    asked: str,
) -> dict[str, str]:
    """The facts whose rows were built with other code, and what differs."""
    edited = {
        fact: asked or _why(changes[fact])
        for fact in facts
        if changes[fact].kind != "added" and (asked or changes[fact].rebuilds)
    }
    return {fact: why for fact, why in edited.items() if not placed[fact].there}


def _why(change: Change) -> str:
    columns = (*change.added, *change.removed, *change.changed)
    parts = [*change.settings, *(f"column {column}" for column in columns)]
    if change.rows_changed and not parts:
        parts = ["its rows"]
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return f"{', '.join(parts[:_SHOWN])}{more} changed"
