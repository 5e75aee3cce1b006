"""A build redoes only what changed files can affect, and equals a full build."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion import load
from ingestion.build.artifacts import Project
from ingestion.build.audit import AuditFailure
from ingestion.build.dbt import Dbt
from ingestion.build.making import BuildReport
from ingestion.build.plan import BuildPlan
from ingestion.build.registry import candidate
from ingestion.datasets import DATASETS
from ingestion.operate.steps import build
from ingestion.progress import silent
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from local_dev.generate import generate
from tests.support.checkout import build_plan
from tests.support.replay import FullRefresh, Relations

pytestmark = [pytest.mark.xdist_group("scope"), pytest.mark.slow]

FACTS = {"fct_ratings", "fct_tags", "fct_genome_scores"}


class Home:
    """A home that was built from a landing zone of its own."""

    def __init__(self, folder: Path) -> None:
        self.zone = folder / "zone"
        generate(self.zone, ratings=1_000, seed=5)
        self.settings = Settings(home=folder / "home", source=str(self.zone), _env_file=None)
        self.target = DuckDBWarehouse(self.settings.warehouse_file)
        self.full_refresh = FullRefresh(self.settings, folder)
        load(settings=self.settings)
        self.whole = build(self.settings)
        self.all_tests = self.tests()

    def drop(self, name: str, change: Callable[[list[str]], list[str]]) -> None:
        """Loads a file with all lines but the header changed."""
        header, *lines = (self.zone / name).read_text().splitlines()
        (self.zone / name).write_text("\n".join([header, *change(lines)]) + "\n")
        assert load(settings=self.settings).changed

    def check(self, built: BuildReport, folder: Path) -> None:
        """Everything equals what a full build would give."""
        copy = folder / self.settings.warehouse_file.name
        shutil.copy(self.settings.warehouse_file, copy)
        self.full_refresh.build(copy)
        assert Relations(self.settings.warehouse_file).digests() == Relations(copy).digests()
        assert self.tests() == self.all_tests
        # What the command line says adds up to what the site says.
        names = [warning.partition(":")[0] for warning in built.warnings]
        warned = [name for name in names if f"test.{name}" in built.node_seconds]
        assert built.tests_passed + len(warned) + built.tests_kept == len(self.all_tests)
        assert built.tests_of_reports
        assert built.models + built.models_kept == self.whole.models

    def tests(self) -> list[tuple[str, str]]:
        """The published tests, and how many the version says passed or warned."""
        tests = self.target.fetch(
            "select test_name, model_name from marts_candidate.mart_quality order by all"
        )
        counts = "select tests_passed + tests_warned from marts_candidate.mart_dataset_status"
        assert self.target.fetch(counts) == [(len(tests),)]
        return tests


@pytest.fixture(scope="module")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("scope"))


def built_after(
    home: Home, folder: Path, name: str, change: Callable[[list[str]], list[str]]
) -> set[str]:
    home.drop(name, change)
    report = build(home.settings)
    home.check(report, folder)
    assert report.models_kept
    assert report.tests_kept
    return {node.partition(".")[2] for node in report.node_seconds}


def test_what_no_changed_genome_or_link_is_behind_is_left(built_home: Home, tmp_path: Path) -> None:
    built = built_after(built_home, tmp_path, "genome-scores.csv", lambda lines: lines[:-200])
    assert built & {*FACTS, "mart_tag", "mart_movie_similar"} >= {"fct_genome_scores"}
    assert "dim_tags" not in built
    one_more = "999999,0000001,2"
    built = built_after(built_home, tmp_path, "links.csv", lambda lines: [*lines, one_more])
    assert built & {*FACTS, "dim_movies"} == {"dim_movies"}


def test_what_no_changed_file_is_behind_is_left(built_home: Home, tmp_path: Path) -> None:
    home = built_home
    assert (home.whole.models_kept, home.whole.tests_kept) == (0, 0)
    built = built_after(home, tmp_path, "tags.csv", lambda lines: lines[3:])
    assert built & {*FACTS, "mart_tag", "mart_movie_similar"} == {"fct_tags", "mart_tag"}
    of_every_build = {
        "src_files",
        "assert_every_current_file_is_whole_in_raw",
        "assert_each_path_has_at_most_one_current_version",
        "assert_the_status_agrees_with_the_facts",
    }
    assert of_every_build <= built


def test_what_no_changed_rating_is_behind_is_left(built_home: Home, tmp_path: Path) -> None:
    new_user = ["99999,1,0.5,1000000000", "99999,999998,5.0,1000000001"]
    built = built_after(built_home, tmp_path, "ratings.csv", lambda lines: [*lines[50:], *new_user])
    assert built & {*FACTS, "mart_movie"} == {"fct_ratings", "mart_movie"}


def test_after_a_failed_audit_what_was_not_audited_is_built_again(
    built_home: Home, tmp_path: Path
) -> None:
    home = built_home
    before = candidate(home.target)
    marts = marts_digests(home.settings)
    home.drop("tags.csv", lambda lines: lines[1:])
    home.target.execute(
        "create table raw.kept as from raw.movies limit 1",
        "delete from raw.movies where movie_id = (select movie_id from raw.kept)",
    )
    with pytest.raises(AuditFailure):
        build(home.settings)
    assert candidate(home.target) == before
    assert marts_digests(home.settings) == marts
    home.target.execute("insert into raw.movies from raw.kept", "drop table raw.kept")
    planned = build_plan(home.settings)
    report = build(home.settings)
    home.check(report, tmp_path)
    assert {"fct_tags", "mart_tag"} <= set(planned.of("refresh"))
    assert "fct_ratings" in planned.of("reuse")
    assert report.tests_kept


def marts_digests(settings: Settings) -> dict[str, Any]:
    """The content of each mart that production shows."""
    digests = Relations(settings.warehouse_file).digests()
    return {name: digest for name, digest in digests.items() if ".mart_" in name}


def plan(home: Path, *datasets: str) -> BuildPlan:
    """What the next build would do if files of these datasets had changed."""
    settings = Settings(home=home, _env_file=None)
    target = DuckDBWarehouse(settings.warehouse_file)
    for dataset in datasets:
        target.execute(
            "insert into raw._files (file_id, path, dataset, version, rows_loaded, rows_rejected, "
            f"load_id, loaded_at) select max(file_id) + 1, '{dataset}', '{dataset}', 'new', 0, 0, "
            "'x', now() from raw._files"
        )
    return build_plan(settings)


def test_with_nothing_new_only_the_reports_are_left(home: Path) -> None:
    planned = plan(home)
    assert set(planned.of("refresh")) == planned.reports
    assert planned.of("build") == []
    assert planned.nodes == []


def test_a_table_that_is_missing_is_built(home: Path) -> None:
    target = DuckDBWarehouse(home / "warehouse.duckdb")
    (table,) = target.fetch("select table_name from store._tables where model = 'dim_users'")[0]
    target.execute("drop table store." + table)
    planned = plan(home)
    assert set(planned.of("refresh")) == {"dim_users", *planned.reports}
    assert planned.rebuilt == {}


@pytest.mark.parametrize("datasets", [*((name,) for name in DATASETS), tuple(DATASETS)])
def test_a_changed_file_reaches_what_dbt_selects(home: Path, datasets: tuple[str, ...]) -> None:
    planned = plan(home, *datasets)
    settings = Settings(home=home, _env_file=None)
    dbt = Dbt(settings, silent)
    changed = ["src_files", "tag:reads_manifest+", *(f"source:raw.{name}+" for name in datasets)]
    listed = dbt._invoke(
        *("ls", "--select", *changed, "--exclude", "tag:audit_report+"),
        *("--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"),
    )
    selected = {
        name.rpartition(".")[2] for name in listed if not name.startswith(("exposure:", "source:"))
    }
    models = set(planned.of("refresh")) - planned.reports
    found = models | planned.tests
    # A view names the table that holds the snapshot, so it is created again with any file.
    views = Project(settings.dbt_dir).views
    assert found - views == selected - views
    assert selected & views <= models


def test_whatever_names_the_snapshot_of_the_manifest_has_the_tag(home: Path) -> None:
    """Without it, a build after a changed file would leave such a model or test as it was."""
    folder = Settings(home=home, _env_file=None).dbt_dir
    nodes = json.loads((folder / "manifest.json").read_text())["nodes"]
    snapshot = "model.movielens.src_files"
    readers = {n["name"]: n for n in nodes.values() if snapshot in n["depends_on"]["nodes"]}

    def needs_it(node: dict[str, Any]) -> bool:
        parents = set(node["depends_on"]["nodes"])
        # Macros read it for the RAW tables of their callers, and dbt runs its own tests.
        by_macro = any(parent.startswith("source.movielens.raw.") for parent in parents)
        own_test = parents == {snapshot} and "test_metadata" in node
        named = "ref('src_files')" in node["raw_code"]
        return named or not (by_macro or own_test)

    tagged = {name for name, node in readers.items() if "reads_manifest" in node["tags"]}
    assert tagged == {name for name, node in readers.items() if needs_it(node)}
    assert {"mart_source_file", "assert_every_current_file_is_whole_in_raw"} <= tagged
    assert "fct_ratings" in readers.keys() - tagged
    manifest = "source.movielens.raw._files"
    # The audit reads of it what is in the snapshot.
    assert {n["name"] for n in nodes.values() if manifest in n["depends_on"]["nodes"]} == {
        "src_files",
        "assert_each_file_is_shown_as_in_the_manifest",
    }
