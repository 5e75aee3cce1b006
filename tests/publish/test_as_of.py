"""The marts as of an earlier load equal, hash for hash, those published then."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from ingestion.build.audit import AuditFailure
from ingestion.build.environments import AS_OF
from ingestion.errors import SettingsError
from ingestion.operate.run import run
from ingestion.operate.status import failing, status
from ingestion.operate.steps import build, build_as_of, vacuum
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from local_dev.generate import generate
from tests.support.cli import Cli
from tests.support.table_hash import Digest, digests

pytestmark = [pytest.mark.xdist_group("as-of"), pytest.mark.slow]

# What tells of the build itself, not of the data.
OF_THE_BUILD = ("data_version", "git_sha", "built_at", "run_at")
# What readers saw before it: nothing, as a build of an earlier load is shown to nobody.
OF_READERS = {"main.mart_previous_version", "main.mart_previous_top_film"}


def content_of(file: Path) -> dict[str, Digest]:
    """What the marts in a file say of the data."""
    with duckdb.connect(str(file), read_only=True) as connection:
        found = digests(connection, "main", left_out=OF_THE_BUILD)
    return {mart: digest for mart, digest in found.items() if mart not in OF_READERS}


def version(file: Path) -> str:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as it (read_only)")
        rows = connection.execute("select data_version from it.mart_dataset_status")
        return str(rows.fetchall()[0][0])


@dataclass
class History:
    """A home with loads that were each published, and a copy of what was."""

    settings: Settings
    zone: Path
    copies: dict[str, Path] = field(default_factory=dict)

    @property
    def load_ids(self) -> list[str]:
        return list(self.copies)

    def publish(self, **options: bool) -> None:
        report = run(self.settings, **options)
        assert report.publish.published
        assert report.load.load_id is not None
        copy = self.settings.home / f"published-{len(self.copies)}.duckdb"
        shutil.copy(self.settings.marts_file, copy)
        self.copies[report.load.load_id] = copy

    def everything(self) -> dict[str, Digest]:
        """All that an as-of build must leave alone."""
        with duckdb.connect(str(self.settings.warehouse_file), read_only=True) as connection:
            found = digests(connection, "raw", "store", "analytics", "marts_candidate", "audit")
        # Who may write is told anew by each build.
        return {table: digest for table, digest in found.items() if table != "raw._lease"}


def change_ratings(zone: Path) -> None:
    """Removes and adds rows, too few to hold the release back; some old, one for a known key."""
    header, *lines = (zone / "ratings.csv").read_text().splitlines()
    moved = [f"9{line}" for line in lines[:30]]
    kept = lines[50:]
    (zone / "ratings.csv").write_text("\n".join([header, *kept]) + "\n")
    again = ",".join([*kept[0].split(",")[:2], "0.5", "1900000000"])
    (zone / "ratings-late.csv").write_text("\n".join([header, *moved, again]) + "\n")


@pytest.fixture(scope="module")
def history_once(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("history")
    zone = folder / "zone"
    generate(zone, ratings=1_000, seed=3)
    history = History(Settings(home=folder / "home", source=str(zone), _env_file=None), zone)
    history.publish()
    change_ratings(zone)
    history.publish()
    (zone / "ratings-late.csv").unlink()
    tags = (zone / "tags.csv").read_text().splitlines()
    (zone / "tags.csv").write_text("\n".join(tags[:-3]) + "\n")
    history.publish(remove_missing=True)
    assert len({version(copy).split("-")[1] for copy in history.copies.values()}) == 3
    return history


@pytest.fixture
def history(history_once: History, tmp_path: Path) -> Iterator[History]:
    """A copy, to be changed by one test."""
    home = shutil.copytree(history_once.settings.home, tmp_path / "home")
    settings = history_once.settings.model_copy(update={"home": home})
    copies = {load: home / copy.name for load, copy in history_once.copies.items()}
    yield History(settings, history_once.zone, copies)


def leftovers(settings: Settings) -> list[str]:
    """The relations that are built for a moment of the past."""
    rows = DuckDBWarehouse(settings.warehouse_file).fetch(
        f"select table_name from information_schema.tables where table_schema = '{AS_OF}'"
    )
    return sorted(name for (name,) in rows)


def test_each_load_gives_what_was_published_then(history: History) -> None:
    before = history.everything()
    published = history.settings.marts_file.read_bytes()
    for load_id, copy in history.copies.items():
        report = build_as_of(history.settings, load_id)
        assert report.load.load_id == load_id
        assert content_of(report.file) == content_of(copy) != {}
        # The second part of a version identifies files and code.
        assert version(report.file).split("-")[1] == version(copy).split("-")[1]
        assert report.bytes == report.file.stat().st_size
    different = {tuple(sorted(content_of(copy).items())) for copy in history.copies.values()}
    assert len(different) == len(history.copies) == 3
    assert history.everything() == before
    assert history.settings.marts_file.read_bytes() == published
    assert leftovers(history.settings) == []
    assert not (history.settings.home / "dbt__as_of").exists()
    again = build(history.settings)
    assert (again.built, again.version) == (False, version(history.settings.marts_file))


def test_killed_and_done_again(history: History, cli: Cli) -> None:
    first = history.load_ids[0]
    before = history.everything()
    process = cli.start("build", "--as-of", first, "--home", history.settings.home)
    in_the_middle = history.settings.home / "dbt__as_of" / "run" / "movielens" / "models" / "fct"
    while not in_the_middle.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert leftovers(history.settings) != []
    assert not (history.settings.home / "as-of").exists()
    assert history.everything() == before
    assert build(history.settings).built is False

    answer = cli.json("build", "--as-of", first[:-1], "--home", history.settings.home)
    assert answer["load"]["load_id"] == first
    assert content_of(Path(answer["file"])) == content_of(history.copies[first])
    assert leftovers(history.settings) == []
    assert history.everything() == before


def test_a_failed_audit_writes_no_file(history: History) -> None:
    target = DuckDBWarehouse(history.settings.warehouse_file)
    target.execute(
        "create table raw.kept as from raw.movies limit 1",
        "delete from raw.movies where movie_id = (select movie_id from raw.kept)",
    )
    candidate_before = status(history.settings)
    before = history.everything()
    with pytest.raises(AuditFailure) as raised:
        build_as_of(history.settings, history.load_ids[0])
    whole_in_raw = "assert_every_current_file_is_whole_in_raw"
    assert [test.name for test in raised.value.failures] == [whole_in_raw]
    assert not (history.settings.home / "as-of").exists()
    assert history.everything() == before
    after = status(history.settings)
    assert (after.candidate, after.published) == (
        candidate_before.candidate,
        candidate_before.published,
    )
    _, rows = failing(history.settings, whole_in_raw, 5)
    assert rows[0][0] == "movies.csv"

    target.execute("insert into raw.movies from raw.kept", "drop table raw.kept")
    report = build_as_of(history.settings, history.load_ids[0])
    assert content_of(report.file) == content_of(history.copies[history.load_ids[0]])
    with pytest.raises(SettingsError, match="are gone"):
        failing(history.settings, whole_in_raw, 5)


def test_vacuumed_rows_are_named(history: History) -> None:
    vacuum(history.settings.model_copy(update={"keep_days": 0}))
    before = history.everything()
    first, second, _ = history.load_ids
    gone = r"those of ratings\.csv \(1,000 rows\), tags\.csv \(\d+ rows\)\. Nothing was built"
    with pytest.raises(SettingsError, match=gone) as raised:
        build_as_of(history.settings, first)
    assert "MOVIELENS_KEEP_DAYS" in raised.value.remedy
    with pytest.raises(SettingsError, match=r"those of ratings-late\.csv \(31 rows\), tags"):
        build_as_of(history.settings, second)
    assert history.everything() == before


def test_what_counts_survives_vacuum(history: History) -> None:
    vacuum(history.settings.model_copy(update={"keep_days": 0}))
    third = history.load_ids[-1]
    assert content_of(build_as_of(history.settings, third).file) == content_of(
        history.copies[third]
    )


def test_unknown_loads_are_answered_with_the_known_ones(history: History, cli: Cli) -> None:
    home = history.settings.home
    error = cli.json("build", "--as-of", "nothing", "--home", home, exit_code=2)["error"]
    assert all(load_id in error["message"] for load_id in history.load_ids)
    assert "movielens status" in error["remedy"]
    several = cli.json("build", "--as-of", "1", "--home", home, exit_code=2)["error"]
    assert "Several loads" in several["message"]
    assert cli.json("build", "--as-of", "", "--home", home, exit_code=2)["error"]
    listed = [load["load_id"] for load in cli.json("status", "--home", home)["loads"]]
    assert listed == history.load_ids[::-1]


def test_a_home_without_loads(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="Nothing is loaded yet") as raised:
        build_as_of(settings, "1")
    assert raised.value.remedy == "movielens load"
