"""Plans a build: which models are built, refreshed or reused, and which tests run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ingestion.build import artifacts
from ingestion.build.artifacts import Project
from ingestion.build.built import Built
from ingestion.build.lineage import Lineage
from ingestion.lineage.comparison import Change, compare

Action = Literal["build", "refresh", "reuse"]
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """What a build would do; `str()` sums it up in a line.

    Attributes:
        models: What is done with each model: `build` if its code is new, `refresh` if files are,
            `reuse` if neither is.
        changes: How the code of each model differs from that of the last build.
        datasets: The RAW tables with files that the last build did not have.
        rebuilt: The facts that are built from all current rows, and why.
        tests: The tests to run, by name.
        everything: Whether all models are built and all tests run.
        full_refresh: Whether that was asked for.
        reports: The models that report on the build itself, and are built last of all.
    """

    models: Mapping[str, Action]
    changes: Mapping[str, Change] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    rebuilt: Mapping[str, str] = field(default_factory=dict)
    tests: frozenset[str] = frozenset()
    everything: bool = False
    full_refresh: bool = False
    reports: frozenset[str] = frozenset()

    def of(self, action: Action) -> list[str]:
        """Returns the models with an action."""
        return [name for name, planned in self.models.items() if planned == action]

    @property
    def arguments(self) -> list[str] | None:
        """Arguments of `dbt build` for all but the reports; None if there is nothing else."""
        arguments = ["--exclude", f"tag:{artifacts.REPORT_TAG}+"]
        if not self.everything:
            nodes = {name for name, action in self.models.items() if action != "reuse"}
            nodes = (nodes - self.reports) | self.tests
            if not nodes:
                return None
            # Each test is named, so none is to be selected with the models that it tests.
            arguments += ["--select", *sorted(nodes), "--indirect-selection", "empty"]
        return [*arguments, "--full-refresh"] if self.full_refresh else arguments

    def __str__(self) -> str:
        counts = Counter(self.models.values())
        actions: tuple[Action, ...] = ("build", "refresh", "reuse")
        what = [f"{action} {counts[action]}" for action in actions if counts[action]]
        facts = [f"{fact} from all rows: {why}" for fact, why in self.rebuilt.items()]
        return "; ".join([f"{', '.join(what) or 'no models'}; {len(self.tests)} tests", *facts])


def plan_build(
    code: Lineage,
    project: Project,
    built: Built,
    datasets: Collection[str],
    there: Collection[str],
    *,
    full_refresh: bool = False,
) -> BuildPlan:
    """Plans a build; changes nothing.

    Args:
        code: The code as it is now.
        project: The parsed project.
        built: What the last build was made from.
        datasets: The RAW tables with files that it did not have.
        there: The models whose relations exist.
        full_refresh: Build everything, and the facts from all current rows.
    """
    changes = compare(built.fingerprints, code.fingerprints)
    rebuilt = _rebuilt(changes, built, project.facts, there)
    if full_refresh:
        rebuilt = dict.fromkeys(project.facts, "--full-refresh")
    reports = frozenset(project.reports)
    names = list(code.fingerprints)
    everything = full_refresh or built.last_file_id is None or bool(set(names) - set(there))
    edited = {name for name in names if everything or changes[name].rebuilds}
    refreshed = project.behind(datasets) | reports
    models: dict[str, Action] = {
        name: "build" if name in edited else "refresh" if name in refreshed else "reuse"
        for name in names
    }
    tests: Iterable[str] = code.tests
    if not everything:
        own = {name for name in names if changes[name].kind in ("added", "edited")}
        changed = {*edited, *refreshed, *(f"raw.{dataset}" for dataset in datasets)}
        tests = _tests(code, project, built, changed, own)
    return BuildPlan(
        models=models,
        changes=changes,
        datasets=tuple(sorted(datasets)),
        rebuilt=rebuilt,
        tests=frozenset(tests),
        everything=everything,
        full_refresh=full_refresh,
        reports=reports,
    )


def _rebuilt(
    changes: Mapping[str, Change],
    built: Built,
    facts: Iterable[str],
    there: Collection[str],
) -> dict[str, str]:
    """The facts whose rows were built with other code, and what differs."""
    unknown = "the code it was built with is unknown"
    return {
        fact: _why(changes[fact]) if fact in built.models else unknown
        for fact in facts
        if fact in there and changes[fact].rebuilds
    }


def _why(change: Change) -> str:
    columns = (*change.added, *change.removed, *change.changed)
    parts = [*change.settings, *(f"column {column}" for column in columns)]
    if change.rows_changed and not parts:
        parts = ["its rows"]
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return f"{', '.join(parts[:_SHOWN])}{more} changed"


def _tests(
    code: Lineage, project: Project, built: Built, changed: Collection[str], own: Collection[str]
) -> Iterable[str]:
    """The tests that could end otherwise than when they last ran.

    Args:
        code: The code as it is now.
        project: The parsed project.
        built: What the last build was made from.
        changed: The models that are built or refreshed, and the RAW tables with new files.
        own: The models that were added or edited themselves.
    """
    reports = project.reports
    for test in project.tests:
        if test.reads & reports:
            continue  # they run with the reports
        is_new = built.tests.get(test.name) != code.tests[test.name]
        # A unit test brings the rows of the parents, so only the model itself matters.
        is_touched = test.table in own if test.kind == "unit test" else test.sees(changed)
        if is_new or is_touched:
            yield test.name
