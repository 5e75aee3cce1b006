"""Random edits of this project's models and macros: what differs after a full rebuild is planned.

`python -m benchmarks.edits` does more of the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.build.dbt import Dbt
from ingestion.build.lineage import models_of
from ingestion.progress import silent
from ingestion.settings import Settings
from tests.support.checkout import copy_of_the_project
from tests.support.planned import HOOK, KINDS, MACRO, Outcome, World
from tests.support.rebuilding import DoesNotRun

COMMENT = "comment, name of a CTE"
FEW = ("join", "part of an order", "columns swapped", "window", MACRO)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("edits"), ratings=1_000)
    yield world
    world.close()


def outcome(world: World, kind: str, chance: random.Random) -> Outcome:
    """Of the first edit of a kind that runs."""
    while True:
        edited = world.random_edit(kind, chance)
        try:
            if edited is not None:
                return world.outcome(edited)
        except DoesNotRun:
            continue


def check(world: World, kind: str, seed: int) -> Outcome:
    found = outcome(world, kind, random.Random(seed))
    assert not found.missed, f"{sorted(found.missed)} after {found.edited.text}"
    return found


@pytest.mark.slow
def test_no_edit_is_missed(world: World) -> None:
    for kind in FEW:
        tried = (check(world, kind, seed) for seed in range(20))
        different = next((found for found in tried if found.different), None)
        assert different, f"no edit changed a row: {kind}"
        assert different.planned < set(world.models)


@pytest.mark.slow
def test_what_is_built_alike_is_not_planned(world: World) -> None:
    assert not check(world, COMMENT, seed=1).planned
    hook = check(world, HOOK, seed=1)
    assert hook.edited.of in hook.planned
    assert hook.planned < set(world.models)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_edit_of_any_kind_is_missed(world: World, kind: str) -> None:
    for seed in (2, 3):
        check(world, kind, seed)


@pytest.mark.slow
def test_a_macro_edited_in_memory_is_the_macro_edited_in_its_file(
    world: World, tmp_path: Path
) -> None:
    edited = world.random_edit(MACRO, random.Random(1))
    assert edited is not None
    project = copy_of_the_project(tmp_path / "project")
    before = world.text_of(edited.of)
    (file,) = (f for f in (project / "macros").rglob("*.sql") if before in f.read_text())
    file.write_text(file.read_text().replace(before, edited.text))
    settings = Settings(home=tmp_path / "home", project=project, _env_file=None)
    compiled = models_of(Dbt(settings, silent).compile())
    assert {model.name: model.sql for model in compiled} == {
        name: model.sql for name, model in edited.models.items()
    }
