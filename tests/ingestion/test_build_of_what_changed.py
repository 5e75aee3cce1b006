"""A build is about the datasets that changed, and gives what building everything gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ingestion.building import build
from ingestion.loading import load
from ingestion.settings import Settings
from ingestion.warehouse import Warehouse, warehouse

SCHEMAS = "('analytics', 'marts_candidate')"
# They tell of the build itself: when it was, and how long ago each test ran.
OF_THE_BUILD = ("mart_dataset_status", "mart_quality", "_built_files")


@pytest.fixture
def settings(built: Path, home: Path) -> Settings:
    """A copy of the built home beside a landing zone of its own."""
    zone = shutil.copytree(built / "zone", home.parent / "zone", copy_function=shutil.copy2)
    settings = Settings(home=home, source=str(zone), _env_file=None)
    load(settings=settings, switch_source=True)
    build(settings)
    return settings


def contents(target: Warehouse) -> dict[str, object]:
    """A hash of the rows of every table and view, whatever their order."""
    tables = target.fetch(
        "select table_schema || '.' || table_name, table_name from information_schema.tables "
        f"where table_schema in {SCHEMAS} order by 1"
    )
    return {
        qualified: target.fetch(f"select count(*), sum(hash(t)::hugeint) from {qualified} as t")
        for qualified, name in tables
        if name not in OF_THE_BUILD
    }


def audited(target: Warehouse) -> list[tuple[object, ...]]:
    quality = "select test_name, status from marts_candidate.mart_quality order by all"
    return [*target.fetch(quality), *target.fetch("select tests_passed from audit.builds")]


def test_tags_alone(settings: Settings) -> None:
    target = warehouse(settings)
    tags = Path(settings.source or "") / "tags.csv"
    tags.write_text(tags.read_text() + "1,1,a new tag,1445714999\n")
    load(settings=settings)
    report = build(settings)
    assert {"model.fct_tags", "model.dim_tags", "model.mart_tag"} <= set(report.node_seconds)
    others = {"model.fct_ratings", "model.fct_genome_scores"}
    assert others & set(report.node_seconds) == set()
    assert ("a new tag",) in target.fetch("select tag from analytics.fct_tags")
    of_what_changed, tests_of_it = contents(target), audited(target)
    everything = build(settings, full_refresh=True)
    assert contents(target) == of_what_changed
    assert audited(target) == tests_of_it
    assert everything.tests_passed > report.tests_passed


def test_after_a_build_that_failed_everything_is_built(settings: Settings) -> None:
    target = warehouse(settings)
    tags = Path(settings.source or "") / "tags.csv"
    tags.write_text(tags.read_text() + "1,1,a new tag,1445714999\n")
    load(settings=settings)
    target.execute("drop table audit.built_until")  # what a build does first of all
    assert "model.fct_ratings" in build(settings).node_seconds
