"""The generator: the same seed, the same bytes; every row as MovieLens might have it."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from local_dev.errors import DiskFull, FolderBusy, FolderOccupied, InvalidRequest
from local_dev.generate import FILES, generate
from local_dev.invented.chance import allocate, popularity_curve
from local_dev.invented.ratings import distinct_ranks
from tests.support.contract import CONTRACT

HEADERS = {f"{dataset}.csv": list(columns) for dataset, columns in CONTRACT.items()}
GENRES = (
    "Action|Adventure|Animation|Children|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|Horror|"
    "IMAX|Musical|Mystery|Romance|Sci-Fi|Thriller|War|Western|(no genres listed)"
)
FORMS = ("The (", ", A (", ", Der", ", L'", "a.k.a. ", "é", '"', "*", "_", "$", "<", "=", "|")
STARS = {"0.5", "1.0", "1.5", "2.0", "2.5", "3.0", "3.5", "4.0", "4.5", "5.0"}
FIRST, HALVES, TAGS, END = (
    int(datetime(*day, tzinfo=UTC).timestamp())
    for day in ((1996, 1, 1), (2003, 3, 1), (2005, 12, 1), (2018, 10, 1))
)


class Rating(NamedTuple):
    user: int
    movie: int
    stars: float
    timestamp: int


def rows(folder: Path, name: str) -> list[list[str]]:
    with (folder / name).open(encoding="utf-8", newline="") as stream:
        header, *found = csv.reader(stream, strict=True)
    assert header == HEADERS[name]
    return found


def release_year(title: str) -> int | None:
    found = re.search(r" \((\d{4})\)$", title)
    return int(found[1]) if found else None


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("generated") / "small").folder


@pytest.fixture(scope="module")
def ratings(small: Path) -> list[Rating]:
    found = rows(small, "ratings.csv")
    assert {stars for _, _, stars, _ in found} == STARS
    return [Rating(int(u), int(m), float(stars), int(t)) for u, m, stars, t in found]


@pytest.fixture(scope="module")
def movies(small: Path) -> dict[int, tuple[str, list[str]]]:
    return {
        int(id_): (title, genres.split("|")) for id_, title, genres in rows(small, "movies.csv")
    }


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    # More than one chunk of ratings, and of genome scores.
    for threads in (1, 2):
        generate(tmp_path / str(threads), ratings=450_000, seed=7, threads=threads)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_another_seed_gives_other_files(tmp_path: Path) -> None:
    for seed in (1, 2):
        generate(tmp_path / str(seed), ratings=2_000, seed=seed)
    one, two = digests(tmp_path / "1"), digests(tmp_path / "2")
    assert one.keys() == two.keys() == {*FILES, "README.txt", "movielens.json"}
    assert [name for name in one if one[name] == two[name]] == []


@pytest.mark.parametrize("count", [20, 21, 39, 333, 5_000])
def test_there_are_exactly_as_many_ratings_as_asked(tmp_path: Path, count: int) -> None:
    report = generate(tmp_path / "data", ratings=count)
    found = Counter((user, movie) for user, movie, *_ in rows(report.folder, "ratings.csv"))
    assert sum(found.values()) == count
    assert max(found.values()) <= 2
    per_user = Counter(user for user, _ in found.elements())
    assert min(per_user.values()) >= 20


def test_the_report_is_what_is_in_the_folder(tmp_path: Path) -> None:
    report = generate(tmp_path / "data", ratings=2_000)
    assert tuple(file.name for file in report.files) == FILES
    for file in report.files:
        assert file.rows == len(rows(report.folder, file.name)), file.name
        assert file.bytes == (report.folder / file.name).stat().st_size, file.name
    assert json.loads((report.folder / "movielens.json").read_text()) == {
        "edition": "generated",
        "seed": 42,
        "ratings": 2_000,
        "generator": 1,
    }
    assert "not MovieLens data" in (report.folder / "README.txt").read_text()


def test_without_genome_the_other_files_are_the_same(tmp_path: Path) -> None:
    generate(tmp_path / "with", ratings=2_000)
    generate(tmp_path / "without", ratings=2_000, genome=False)
    expected = digests(tmp_path / "with")
    del expected["genome-scores.csv"], expected["genome-tags.csv"]
    assert digests(tmp_path / "without") == expected


def test_files_are_utf8_with_lf_and_no_blank_fields(small: Path) -> None:
    for name in FILES:
        content = (small / name).read_bytes()
        assert b"\r" not in content and b"\0" not in content and content.endswith(b"\n"), name
        for row in rows(small, name):
            assert len(row) == len(HEADERS[name])
            assert all(row) or (name == "links.csv" and all(row[:2])), (name, row)


def test_ratings_are_sorted_and_possible(
    ratings: list[Rating], movies: dict[int, tuple[str, list[str]]]
) -> None:
    assert ratings == sorted(ratings, key=lambda row: (row.user, row.movie, row.timestamp))
    assert {row.user for row in ratings} == set(range(1, ratings[-1].user + 1))
    assert {row.movie for row in ratings} <= movies.keys()
    for row in ratings:
        assert FIRST <= row.timestamp < END
        assert row.timestamp >= HALVES or row.stars == int(row.stars), row
        year = release_year(movies[row.movie][0])
        assert year is None or year <= datetime.fromtimestamp(row.timestamp, UTC).year


def test_a_few_films_are_rated_once_more_later(ratings: list[Rating]) -> None:
    moments = defaultdict(list)
    for row in ratings:
        moments[row.user, row.movie].append(row.timestamp)
    twice = [found for found in moments.values() if len(found) > 1]
    assert 0.003 < len(twice) / len(ratings) < 0.01
    assert all(len(found) == 2 and found[0] < found[1] for found in twice)


def test_activity_and_popularity_have_long_tails(ratings: list[Rating]) -> None:
    per_user = sorted(Counter(row.user for row in ratings).values())
    assert 550 <= len(per_user) <= 670
    assert per_user[0] >= 20 and median(per_user) < 100 and per_user[-1] > 1_000
    per_movie = sorted(Counter(row.movie for row in ratings).values())
    assert median(per_movie) < fmean(per_movie) / 1.5
    assert sum(per_movie[-len(per_movie) // 10 :]) > 0.35 * len(ratings)


def test_opinions_differ_by_genre_and_old_films_are_the_good_ones(
    ratings: list[Rating], movies: dict[int, tuple[str, list[str]]]
) -> None:
    by_genre, by_age = defaultdict(list), defaultdict(list)
    for row in ratings:
        title, genres = movies[row.movie]
        for genre in genres:
            by_genre[genre].append(row.stars)
        if year := release_year(title):
            by_age[year < 1960].append(row.stars)
    assert 3.3 < fmean(row.stars for row in ratings) < 3.7
    assert fmean(by_genre["Film-Noir"]) > fmean(by_genre["Drama"]) > fmean(by_genre["Horror"]) + 0.2
    assert fmean(by_age[True]) > fmean(by_age[False]) + 0.15


def test_activity_comes_in_waves(ratings: list[Rating]) -> None:
    moments = [datetime.fromtimestamp(row.timestamp, UTC) for row in ratings]
    years = Counter(moment.year for moment in moments)
    assert years.keys() == set(range(1996, 2019))
    assert max(years.values()) > 3 * min(years.values())
    hours = Counter(moment.hour for moment in moments)
    assert sum(hours[hour] for hour in (18, 19, 20, 21)) > 1.5 * sum(
        hours[hour] for hour in (8, 9, 10, 11)
    )


def test_films_look_like_films(movies: dict[int, tuple[str, list[str]]]) -> None:
    titles = [title for title, _ in movies.values()]
    assert 9_000 < len(titles) < 10_500
    assert len(set(titles)) > 0.99 * len(titles)
    assert list(movies) == sorted(movies)
    listed = [set(genres) for _, genres in movies.values()]
    assert set().union(*listed) == set(GENRES.split("|"))
    assert all(
        genres == ["(no genres listed)"] for _, genres in movies.values() if "(no" in genres[0]
    )
    for form in FORMS:
        assert any(form in title for title in titles), form
    without_year = [title for title in titles if release_year(title) is None]
    assert 1 <= len(without_year) < 40
    assert any("–" in title for title in without_year)


def test_some_films_are_never_rated(
    ratings: list[Rating], movies: dict[int, tuple[str, list[str]]]
) -> None:
    unrated = movies.keys() - {row.movie for row in ratings}
    assert 1 <= len(unrated) < 0.15 * len(movies)


def test_links_have_leading_zeros_and_gaps(
    small: Path, movies: dict[int, tuple[str, list[str]]]
) -> None:
    links = rows(small, "links.csv")
    assert [int(movie) for movie, *_ in links] == list(movies)
    imdb = [imdb_id for _, imdb_id, _ in links]
    assert all(len(imdb_id) == 7 and imdb_id.isdigit() for imdb_id in imdb)
    assert len(set(imdb)) == len(imdb)
    assert 0.6 < sum(imdb_id[0] == "0" for imdb_id in imdb) / len(imdb) < 0.9
    tmdb = [tmdb_id for *_, tmdb_id in links if tmdb_id]
    assert 1 <= len(links) - len(tmdb) < 20
    assert len({int(tmdb_id) for tmdb_id in tmdb}) == len(tmdb)


def test_tags_come_in_several_spellings(
    small: Path, ratings: list[Rating], movies: dict[int, tuple[str, list[str]]]
) -> None:
    tags = rows(small, "tags.csv")
    assert tags == sorted(tags, key=lambda row: (int(row[0]), int(row[1])))
    assert len({(user, movie, tag) for user, movie, tag, _ in tags}) == len(tags)
    assert {int(user) for user, *_ in tags} <= {row.user for row in ratings}
    assert {int(movie) for _, movie, *_ in tags} <= movies.keys()
    assert all(TAGS <= int(timestamp) < END for *_, timestamp in tags)
    spelled = defaultdict(set)
    for _, _, tag, _ in tags:
        spelled[tag.lower().replace("-", "").replace(" ", "")].add(tag)
    assert {"sci-fi", "Sci-Fi", " scifi "} <= spelled["scifi"]
    assert sum(len(spellings) > 1 for spellings in spelled.values()) > 50


def test_the_genome_has_every_tag_for_each_of_the_known_films(
    small: Path, ratings: list[Rating]
) -> None:
    tags = rows(small, "genome-tags.csv")
    assert [int(id_) for id_, _ in tags] == list(range(1, len(tags) + 1))
    assert 90 < len({tag for _, tag in tags}) == len(tags) < 120
    scores = [
        (int(movie), int(tag), float(score))
        for movie, tag, score in rows(small, "genome-scores.csv")
    ]
    assert scores == sorted(scores)
    assert all(0 < score <= 1 for *_, score in scores)
    per_movie = Counter(movie for movie, *_ in scores)
    assert set(per_movie.values()) == {len(tags)}
    known = Counter(row.movie for row in ratings)
    assert median(known[movie] for movie in per_movie) > 2 * median(known.values())


def test_progress_never_falls_and_ends(tmp_path: Path) -> None:
    told = defaultdict(list)
    generate(
        tmp_path / "data", ratings=2_000, progress=lambda what, share: told[what].append(share)
    )
    assert tuple(told) == FILES
    assert all(shares == sorted(shares) and shares[-1] == 1.0 for shares in told.values())


def test_a_folder_of_its_own_is_replaced(tmp_path: Path) -> None:
    generate(tmp_path / "data", ratings=2_000, seed=1)
    before = digests(tmp_path / "data")
    generate(tmp_path / "data", ratings=1_000, seed=1, genome=False)
    assert len(rows(tmp_path / "data", "ratings.csv")) == 1_000
    assert digests(tmp_path / "data").keys() < before.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("foreign", ["notes.txt", "ratings.csv", "ratings-2.csv"])
def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, foreign: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / foreign).write_text("mine")
    with pytest.raises(FolderOccupied, match="left unchanged") as caught:
        generate(tmp_path / "data", ratings=1_000)
    assert "Choose another folder" in caught.value.remedy
    assert [path.read_text() for path in tmp_path.rglob("*.*") if path.is_file()] == ["mine"]


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".data.partial").mkdir()
    with (
        FileLock(tmp_path / ".data.partial" / "lock"),
        pytest.raises(FolderBusy, match="Another process"),
    ):
        generate(tmp_path / "data", ratings=1_000)


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """A folder after a run that was killed in the middle of writing ratings."""
    folder = tmp_path / "data"
    generate(folder, ratings=1_000)
    code = "import sys; from local_dev.generate import generate; generate(sys.argv[1], 2_000_000)"
    run = subprocess.Popen([sys.executable, "-c", code, str(folder)])
    half_made = tmp_path / ".data.partial" / "data" / "ratings.csv"
    deadline = time.monotonic() + 30
    while not half_made.exists() or not half_made.stat().st_size:
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    yield folder


def test_a_killed_run_changes_nothing_and_the_next_one_tidies_up(killed: Path) -> None:
    assert len(rows(killed, "ratings.csv")) == 1_000
    assert {path.name for path in killed.parent.iterdir()} == {"data", ".data.partial"}
    generate(killed, ratings=2_000)
    assert len(rows(killed, "ratings.csv")) == 2_000
    assert [path.name for path in killed.parent.iterdir()] == ["data"]


def test_a_full_disk_is_said_plainly(tmp_path: Path) -> None:
    # A limit on the size of files is the full disk that a test can have without being root.
    code = (
        "import resource, sys; from local_dev.generate import generate;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000));"
        "generate(sys.argv[1], 100_000, genome=False)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")], capture_output=True, text=True
    )
    assert "DiskFull: The disk has no room" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_fit_is_not_started(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="MB needed"):
        generate(tmp_path / "data", ratings=10**15)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("count", "seed"), [(19, 1), (0, 1), (-5, 1), (100, -1)])
def test_what_cannot_be_made_is_refused(tmp_path: Path, count: int, seed: int) -> None:
    with pytest.raises(InvalidRequest):
        generate(tmp_path / "data", ratings=count, seed=seed)


@given(
    people=st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 300), st.floats(-0.99, 0.99)), min_size=1
    ),
    seed=st.integers(0, 1_000),
)
def test_drawn_places_are_distinct_and_in_the_list(
    people: list[tuple[int, int, float]], seed: int
) -> None:
    counts = np.array([count for count, *_ in people])
    sizes = counts + np.array([spare for _, spare, _ in people])
    breadth = np.array([bend for *_, bend in people], dtype=np.float32)
    drawn = distinct_ranks(
        np.random.default_rng(seed), counts, sizes, popularity_curve(100_000), breadth
    )
    for places, size in zip(np.split(drawn, np.cumsum(counts)[:-1]), sizes, strict=True):
        assert (np.diff(places) > 0).all()
        assert len(places) == 0 or (places[0] >= 0 and places[-1] < size)


@given(
    wishes=st.lists(st.floats(0.001, 1e6), min_size=1, max_size=50),
    least=st.integers(0, 20),
    spread=st.integers(0, 30),
    extra=st.integers(0, 2_000),
)
def test_things_are_shared_out_exactly(
    wishes: list[float], least: int, spread: int, extra: int
) -> None:
    count = len(wishes)
    lower, upper = np.full(count, least), np.full(count, least + spread)
    given_out = allocate(np.array(wishes), least * count + extra, lower, upper)
    assert given_out.sum() == least * count + extra
    assert (given_out >= least).all()
    if extra <= spread * count:
        assert (given_out <= upper).all()
