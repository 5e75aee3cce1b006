"""What a build would do, found out by comparing code and files with those of the last build."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingestion.build import artifacts, scope
from ingestion.build.artifacts import Project
from ingestion.build.facts import Facts
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse


@dataclass(frozen=True)
class BuildPlan:
    """What a build would do; printed, it says so.

    Attributes:
        full_refresh: Whether the facts are built from all current rows because somebody asks for
            that.
        rebuilt: The facts that are built from all current rows, and why each is.
        parts: What dbt selects; None for everything.
    """

    full_refresh: bool = False
    rebuilt: dict[str, str] = field(default_factory=dict)
    parts: list[str] | None = None

    @property
    def arguments(self) -> list[str]:
        """Arguments of `dbt build` for all but the marts that describe the build itself."""
        arguments = ["--exclude", f"tag:{artifacts.REPORT_TAG}+"]
        if self.parts is not None:
            # A test of several models runs if one of them is selected for what it reads. Cautious:
            # `src_files`, which is always built, does not select it. Unit tests read no data.
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
    """Finds out what a build would do; changes nothing.

    Args:
        settings: The settings.
        target: The warehouse.
        facts: The facts of the environment to build in.
        project: The models and tests.
        full_refresh: Build the facts from all current rows.

    Returns:
        What it would do.
    """
    rebuilt = facts.outdated(target)
    if full_refresh:
        rebuilt = dict.fromkeys(facts.code, "--full-refresh")
    parts = None if rebuilt else scope.affected(settings, target, facts.environment, project)
    return BuildPlan(full_refresh, rebuilt, parts)
