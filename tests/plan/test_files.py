"""A plan tells what a load would do to each file, and changes nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ingestion import load
from ingestion.plan.plan import Plan, make_plan
from ingestion.settings import Settings
from tests.support.landing_zone import RATINGS, SIX, write_six

MORE = "1,7,4.0,964982703\n"


@pytest.fixture
def zone(settings: Settings) -> Path:
    folder = Path(settings.source or "")
    write_six(folder)
    load(settings=settings)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and "lineage" not in file.parts and "logs" not in file.parts
    }


def changes(plan: Plan) -> dict[str, str]:
    return {file.path: file.change for file in plan.files}


def test_a_plan_and_the_load_after_it_agree(settings: Settings, zone: Path) -> None:
    (zone / "ratings.csv").write_text(RATINGS + MORE)
    (zone / "ratings-new.csv").write_text(RATINGS)
    (zone / "tags-bad.csv").write_text("no header\n")
    (zone / "links.csv").unlink()
    (zone / "notes.txt").write_text("not ours")
    before = hashes(settings.home)
    planned = make_plan(settings)
    assert hashes(settings.home) == before
    assert changes(planned) == {
        **dict.fromkeys(SIX, "unchanged"),
        "ratings.csv": "changed",
        "ratings-new.csv": "new",
        "tags-bad.csv": "refused",
        "links.csv": "missing",
    }
    assert planned.ignored == ["notes.txt"]
    report = load(settings=settings)
    told = {"changed": "loaded", "new": "loaded"}
    assert {file.path: file.status for file in report.files} == {
        path: told.get(change, change) for path, change in changes(planned).items()
    }
    rows = {file.path: file.rows for file in planned.changed_files}
    assert rows == {file.path: file.rows for file in report.of_status("loaded")}
    (refused,) = report.of_status("refused")
    assert refused.reason == next(file.reason for file in planned.files if file.reason)


def test_a_refused_file_stays_refused_in_the_next_plan(settings: Settings, zone: Path) -> None:
    (zone / "tags-bad.csv").write_text("no header\n")
    load(settings=settings)
    planned = make_plan(settings)
    assert changes(planned)["tags-bad.csv"] == "refused"
    assert planned.changed_files == []


def test_columns_that_raw_does_not_have_yet(settings: Settings, zone: Path) -> None:
    def told() -> dict[str, str]:
        planned = make_plan(settings).columns
        return {f"{each.dataset}.{each.column}": each.change for each in planned}

    (zone / "links-2.csv").write_text("movieId,imdbId,wikidataId\n8,0000008,Q8\n")
    assert told() == {"links.wikidata_id": "appears", "links.tmdb_id": "missing"}
    load(settings=settings)
    assert told() == {}
    (zone / "links-3.csv").write_text("movieId,imdbId,tmdbId,wikidataId\n9,0000009,9,Q9\n")
    assert told() == {"links.wikidata_id": "unmodelled"}


def test_nothing_is_needed_beforehand(settings: Settings) -> None:
    write_six(Path(settings.source or ""))
    planned = make_plan(settings)
    assert set(changes(planned).values()) == {"new"}
    assert {model.change for model in planned.models} == {"added"}
    assert not settings.warehouse_file.exists()
