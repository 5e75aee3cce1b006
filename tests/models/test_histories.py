"""Whatever is dropped, in whatever order: every table equals a rebuild."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ingestion.operate.steps import build
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from tests.support.histories import KINDS, History, Step
from tests.support.landing_zone import query
from tests.support.raw_by_hand import AUDIT
from tests.support.replay import (
    AFTER_A_LOAD,
    Drops,
    FullRefresh,
    Relations,
    Replay,
    dbt_on,
    in_words,
    play,
    project_options,
)
from tests.support.samples import samples

pytestmark = pytest.mark.xdist_group("histories")

NewReplay = Callable[[Path], Replay]
EVERY_KIND: Drops = [(list(KINDS[::2]), "build"), (list(KINDS[1::2]), "vacuum and build")]


def some_drops(at_most: int) -> st.SearchStrategy[Drops]:
    kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=6)
    return st.lists(st.tuples(kinds, st.sampled_from(AFTER_A_LOAD)), min_size=1, max_size=at_most)


# A fixture that is the same for all examples; and an example takes as long as its builds take.
MANY = examples(
    max_examples=samples(2, nightly=10), deadline=None, suppress_health_check=[*HealthCheck]
)
GIVEN = examples(MANY, phases=[Phase.explicit])


class Models:
    """Runs every model, without its tests, as the test session has parsed the project."""

    def __init__(self, parsed: Manifest, folder: Path) -> None:
        self._parsed = parsed
        self._folder = folder

    def run(self, settings: Settings, *arguments: str) -> None:
        """Runs them on a report of the build that is always the same."""
        DuckDBWarehouse(settings.warehouse_file).execute(
            "create schema if not exists audit",
            *(
                f"create or replace table audit.{name} as select {row}"
                for name, row in AUDIT.items()
            ),
        )
        command = ["run", *arguments, *project_options(settings)]
        with dbt_on(settings.warehouse_file, self._folder):
            outcome = dbtRunner(manifest=self._parsed).invoke(command)
        assert isinstance(outcome.result, RunExecutionResult), outcome.exception
        assert {result.status for result in outcome.result} == {"success"}


@pytest.fixture(scope="module")
def models(parsed_project: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(parsed_project, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def full_refresh(parsed_project: Manifest, tmp_path_factory: pytest.TempPathFactory) -> FullRefresh:
    folder = tmp_path_factory.mktemp("compiled")
    return FullRefresh(Settings(_env_file=None), folder, parsed_project)


@pytest.fixture(scope="module")
def new_replay(models: Models, full_refresh: FullRefresh) -> NewReplay:
    """Gives a fresh home for the landing zone `zone` in a folder."""
    return lambda folder: Replay(folder / "zone", folder, models.run, full_refresh)


def check(new_replay: NewReplay, seed: int, drops: Drops) -> None:
    with tempfile.TemporaryDirectory() as name:
        replay = new_replay(Path(name))
        mismatches = play(replay, History(Path(name) / "zone", seed), drops)
    assert not mismatches, in_words(mismatches)


@GIVEN
@given(seed=st.integers(0, 999), drops=some_drops(2))
@example(seed=1, drops=EVERY_KIND)
def test_after_each_drop_of_a_history(new_replay: NewReplay, seed: int, drops: Drops) -> None:
    check(new_replay, seed, drops)


@pytest.mark.slow
@MANY
@given(seed=st.integers(0, 999_999), drops=some_drops(8))
def test_after_each_drop_of_many_histories(new_replay: NewReplay, seed: int, drops: Drops) -> None:
    check(new_replay, seed, drops)


class Zone:
    """A landing zone of ratings and tags, whose files are as old as is said."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def write(self, name: str, seconds: int, *rows: str) -> None:
        value = "tag" if name.startswith("tags") else "rating"
        file = self._folder / name
        file.write_text("\n".join([f"userId,movieId,{value},timestamp", *rows, ""]))
        os.utime(file, (seconds, seconds))

    def delete(self, name: str) -> None:
        (self._folder / name).unlink()


def drop(replay: Replay, what: str, *, removed: bool = False, then: str = "build") -> None:
    mismatches = replay.after(Step(what, removed, (), ()), then)
    assert not mismatches, in_words(mismatches)


def facts(replay: Replay) -> list[tuple[object, ...]]:
    return query(
        replay.settings.warehouse_file,
        """
        select user_id, movie_id, rating from analytics.fct_ratings
        union all select user_id, movie_id, tag from analytics.fct_tags
        order by all
        """,
    )


@pytest.mark.slow
def test_what_is_gone_from_the_files_is_gone_from_the_facts(
    new_replay: NewReplay, models: Models, tmp_path: Path
) -> None:
    zone, replay = Zone(tmp_path / "zone"), new_replay(tmp_path)
    zone.write("ratings-b.csv", 10, "1,1,4.0,946684799", "1,2,3.0,946684799", "2,1,2.0,946684799")
    zone.write("ratings-a.csv", 20, "1,1,5.0,946684799", "3,1,1.0,946684799")
    zone.write("tags.csv", 20, "1,1,fun,946684799", "2,1,dull,946684799")
    drop(replay, "the first one")
    # Both say it of one second. The later file wins, whatever it is called.
    assert (1, 1, "5.0") in facts(replay)

    zone.write("ratings-b.csv", 30, "1,1,4.0,946684799", "1,2,3.0,946684799")
    zone.delete("ratings-a.csv")
    zone.write("tags.csv", 30, "1,1,fun,946684799")
    drop(replay, "rows and a file are gone", removed=True)
    # What the file that is gone had hidden counts again.
    assert facts(replay) == [(1, 1, "4.0"), (1, 1, "fun"), (1, 2, "3.0")]
    users = query(replay.settings.warehouse_file, "select user_id from analytics.dim_users")
    assert users == [(1,)]

    built = Relations(replay.settings.warehouse_file)
    before = built.digests()
    models.run(replay.settings, "--full-refresh")
    assert built.digests() == before


@pytest.mark.slow
def test_the_product_builds_what_came_again(full_refresh: FullRefresh, tmp_path: Path) -> None:
    """What the last build saw equals what is there now, except for the order of arrival."""
    zone = Zone(tmp_path / "zone")
    without_films = partial(build, accept_release=True)
    replay = Replay(tmp_path / "zone", tmp_path, without_films, full_refresh)
    zone.write("ratings-a.csv", 10, "1,1,4.0,946684799", "1,2,3.0,946684799")
    zone.write("ratings-b.csv", 20, "1,1,5.0,946684799")
    drop(replay, "the first one")
    assert (1, 1, "5.0") in facts(replay)

    zone.delete("ratings-a.csv")
    drop(replay, "a file is gone", removed=True, then="nothing")
    zone.write("ratings-a.csv", 30, "1,1,4.0,946684799", "1,2,3.0,946684799")
    drop(replay, "it is back, and now the later one")
    assert facts(replay) == [(1, 1, "4.0"), (1, 2, "3.0")]
