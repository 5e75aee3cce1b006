"""The simulator of histories: the same for the same seed, and each kind of step does its work."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ingestion.landing.listing import by_time, list_landing_zone
from local_dev.errors import InvalidRequest
from tests.support.histories import KINDS, History, Step

Contents = dict[str, tuple[bytes, int]]


def contents(folder: Path) -> Contents:
    """The bytes and the time of each file."""
    return {
        file.relative_to(folder).as_posix(): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


def replayed(folder: Path, seed: int, steps: int) -> list[tuple[Step, Contents]]:
    history = History(folder, seed)
    states = [(history.start(), contents(folder))]
    for _ in range(steps):
        states.append((history.step(), contents(folder)))
    return states


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_same_seed_gives_the_same_bytes_and_times(tmp_path: Path) -> None:
    first = replayed(tmp_path / "one", 1, 12)
    assert replayed(tmp_path / "two", 1, 12) == first
    assert replayed(tmp_path / "three", 2, 12) != first


def changes(folder: Path, seed: int, kind: str) -> bool:
    history = History(folder, seed)
    history.start()
    lost = history.step("file lost")
    before = contents(folder)
    step = history.step(kind)
    assert step.description.startswith(f"{kind}: ")
    assert list_landing_zone(str(folder)).ignored == []
    return contents(folder) != before or step.missing != lost.missing


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_step_can_change_what_counts(tmp_path: Path, kind: str) -> None:
    assert any(changes(tmp_path / str(seed), seed, kind) for seed in range(3))


def test_a_release_that_is_reissued_brings_old_ratings_of_new_users(tmp_path: Path) -> None:
    history = History(tmp_path, 1)
    history.start()
    before, files = rows(tmp_path / "ratings.csv"), contents(tmp_path)
    history.step("release re-issued")
    after = rows(tmp_path / "ratings.csv")
    assert after[: len(before)] == before
    oldest = min(int(row["timestamp"]) for row in before)
    assert max(int(row["timestamp"]) for row in after[len(before) :]) < oldest
    assert not {row["userId"] for row in before} & {row["userId"] for row in after[len(before) :]}
    assert all(time > files[path][1] for path, (_, time) in contents(tmp_path).items())


def test_the_files_of_a_dataset_are_as_old_as_what_they_hold(tmp_path: Path) -> None:
    """Also after one was touched: else a rebuild could not know their order."""
    history = History(tmp_path, 3)
    history.start()
    came = ["ratings.csv"]
    for _ in range(4):
        came.append(history.step("older month late").description.split(": ")[1])
    before = contents(tmp_path)
    for _ in range(9):
        history.step("file touched")
    after = contents(tmp_path)
    assert {path: content for path, (content, _) in after.items()} == {
        path: content for path, (content, _) in before.items()
    }
    assert after != before
    files = list_landing_zone(str(tmp_path)).files.values()
    ratings = sorted((file for file in files if file.dataset == "ratings"), key=by_time)
    assert [file.path for file in ratings] == came


def test_what_is_lost_counts_until_it_is_recorded_or_back(tmp_path: Path) -> None:
    history = History(tmp_path, 1)
    assert history.start().complete
    lost = history.step("file lost")
    assert (len(lost.missing), lost.complete, lost.remove_missing) == (1, False, False)
    assert history.step("file touched").missing == lost.missing
    assert history.step("file brought back").complete
    assert history.step("file lost").missing
    recorded = history.step("missing files recorded")
    assert (recorded.missing, recorded.complete, recorded.remove_missing) == ((), True, True)


def test_a_release_can_be_the_base(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    text = "userId,movieId,rating,timestamp\n700,800,4.5,1000000000\n"
    (base / "ratings.csv").write_text(text)
    zone = tmp_path / "zone"
    history = History(zone, 1, base)
    history.start()
    assert list(contents(zone)) == ["ratings.csv"]
    assert (zone / "ratings.csv").read_text() == text
    history.step("rows added")
    assert {row["userId"] for row in rows(zone / "ratings.csv")} == {"700"}
    assert (base / "ratings.csv").read_text() == text


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="has no MovieLens files"):
        History(tmp_path / "zone", 1, tmp_path)
    history = History(tmp_path / "zone", 1)
    history.start()
    with pytest.raises(InvalidRequest, match="'flood' is no kind of step"):
        history.step("flood")
