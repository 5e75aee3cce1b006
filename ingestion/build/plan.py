"""Plans a build by comparing code and files with those of the last one."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestion.build import artifacts, scope
from ingestion.build.artifacts import Project
from ingestion.build.facts import Facts
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse


@dataclass(frozen=True)
class BuildPlan:
    """What a build would do; `str()` puts it into words.

    Attributes:
        full_refresh: Whether a build of the facts from all current rows was requested.
        rebuilt: Facts to build from all current rows, and why.
        parts: dbt's selectors; None for everything.
    """

    full_refresh: bool = False
    rebuilt: dict[str, str] = field(default_factory=dict)
    parts: list[str] | None = None

    @property
    def arguments(self) -> list[str]:
        """Arguments of `dbt build` for all but the marts that report on the build itself."""
        arguments = ["--exclude", f"tag:{artifacts.REPORT_TAG}+"]
        if self.parts is not None:
            # A test of several models runs if the inputs of one of them changed. Cautious: not
            # merely because `src_files`, which is always built, is one. Unit tests read no data.
            arguments += ["--select", *self.parts, "--indirect-selection", "cautious"]
            arguments += ["--exclude-resource-type", "unit_test"]
        return [*arguments, "--full-refresh"] if self.full_refresh else arguments

    def __str__(self) -> str:
        what = "all models and tests"
        if self.parts is not None:
            what = f"what reads {', '.join(self.parts)}"
        facts = [f"{fact} from all rows: {why}" for fact, why in self.rebuilt.items()]
        return "; ".join([what, *facts])


def plan_build(
    settings: Settings,
    target: Warehouse,
    facts: Facts,
    project: Project,
    *,
    full_refresh: bool = False,
) -> BuildPlan:
    """Plans a build in the environment of the facts; changes nothing."""
    rebuilt = facts.outdated(target)
    if full_refresh:
        rebuilt = dict.fromkeys(facts.code, "--full-refresh")
    parts = None if rebuilt else scope.affected(settings, target, facts.environment, project)
    return BuildPlan(full_refresh, rebuilt, parts)
