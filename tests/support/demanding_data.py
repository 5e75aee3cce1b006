"""Data on which few wrong models give the same rows as the right ones, in four loads.

    load_demanding_data(settings, folder, seed=1)

It has what a generated release has, a history of files that are contradicted, replaced and removed,
and the cases of `tests.support.demanding_cases`. What depends on all of it, such as ties of
weighted scores, is balanced at last.
"""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ingestion import load
from ingestion.datasets import DATASETS, MARKER
from ingestion.settings import Settings
from local_dev.generate import generate
from tests.support import demanding_cases as cases
from tests.support.histories import History
from tests.support.reference.files import Current, dataset_of
from tests.support.reference.landing import landing_of

# What changes between loads: ties, contradictions, files replaced and new ones.
_SECOND = ("release re-issued", "rated again", "rated again", "rows removed", "file added")
_THIRD = (
    *("contradicted in the same second", "contradicted in the same second", "rows changed"),
    *("rows in two files", "file added", "file added", "rated again"),
)
# How many columns are the key of those in which keys are repeated with other values.
_CONTRADICTED = {
    **{"ratings": 2, "movies": 1, "links": 1},
    **{"genome_scores": 2, "genome_tags": 1, "tags": 3},
}
# People and films of which all rate all, some time within ten years.
_CROWD, _FILMS = 240, 6
_FIRST_SECOND, _SECONDS_OF_THE_CROWD = 1_000_000_000, 315_000_000
# Half stars of the mean of all ratings, in the end.
_MEAN = 7
# More ratings per film than the least weight of the prior.
_LEAST_PER_FILM = 25
_BALANCE_FILM, _BALANCE_USER, _BALANCE_FILMS = 560_001, 860_001, 20
_MANY_TAG, _FEW = 1_000, 5
_TAGS = 50
_README = (
    "It contains 10000 ratings and 1 tag applications across 1,500 movies."
    " These data were created by 2 users."
)
REFUSED = "links-refused.csv"
"""A file that cannot be read."""


def load_demanding_data(
    settings: Settings, folder: Path, seed: int = 1, ratings: int = 2_000, *, genome: bool = True
) -> None:
    """Makes a landing zone and loads it as it changes; in the end, all that counts is there.

    Args:
        settings: Name the landing zone, a folder, and where it is loaded to.
        folder: A folder for what is needed on the way.
        seed: Of the data.
        ratings: How many ratings the generated release has.
        genome: Whether there is a genome. Then a thousand people tag; else one fewer.
    """
    for remove_missing in drops(settings, folder, seed=seed, ratings=ratings, genome=genome):
        load(settings=settings, remove_missing=remove_missing)


def drops(
    settings: Settings, folder: Path, *, seed: int = 1, ratings: int = 2_000, genome: bool = True
) -> Iterator[bool]:
    """Makes the four drops of `load_demanding_data`, each of which has to be loaded then.

    Yields:
        Whether its load has to record missing files as removed.
    """
    release, zone = folder / "release", Path(settings.source or "")
    _make_release(release, seed, ratings, genome)
    history = History(zone, seed, release)
    history.start()
    cases.write(zone, cases.cases(seed, genome=genome), "cases", malformed=True)
    yield False

    before = _files(zone)
    history.step(*_SECOND)
    cases.write(zone, cases.contradictions(genome=genome), "of-later")
    # Replaced as a whole: what it no longer has, no longer counts.
    cases.write(zone, {"movies": cases.movies()[1:]}, "cases", malformed=True)
    yield False

    came_second = sorted(_files(zone) - before - {*zone.glob("*-of-later.csv")})
    history.step(*_THIRD)
    came_second[0].unlink()
    # History may have added some.
    if not genome:
        for file in _files(zone):
            if dataset_of(file.relative_to(zone).as_posix()).startswith("genome"):
                file.unlink()
    yield True

    _write_balance(settings, zone, seed, many=genome)
    (zone / REFUSED).write_text("no table\n")
    (zone / "README.txt").write_text(_README)
    (zone / MARKER).write_text(json.dumps({"edition": "generated"}))
    yield False


def _files(zone: Path) -> set[Path]:
    return {file for file in zone.rglob("*.*") if file.is_file()}


def _make_release(folder: Path, seed: int, ratings: int, genome: bool) -> None:
    generate(folder, ratings=ratings, seed=seed, genome=genome)
    _draw_a_crowd(folder / "ratings.csv")
    for dataset, key in _CONTRADICTED.items():
        file = folder / f"{DATASETS[dataset].file_name}.csv"
        if file.exists():
            _contradict(file, key)


def _draw_a_crowd(ratings: Path) -> None:
    """Has a few films rated by many people, as some marts ask for."""
    films = sorted({int(line.split(",")[1]) for line in ratings.read_text().splitlines()[1:]})
    with ratings.open("a") as file:
        for user in range(900_001, 900_001 + _CROWD):
            for film in films[:_FILMS]:
                chosen = user * 7919 + film * 104_729
                second = _FIRST_SECOND + chosen * 65_537 % _SECONDS_OF_THE_CROWD
                file.write(f"{user},{film},{(chosen % 10 + 1) / 2},{second}\n")


def _contradict(file: Path, key: int) -> None:
    """Repeats keys with the values of other rows, in the same file and second."""
    with file.open(newline="") as lines:
        _, *rows = csv.reader(lines)
    again = [
        [*row[:key], *other[key:-1], row[-1]] if file.stem == "ratings" else row[:key] + other[key:]
        for row, other in zip(rows[::9], rows[4::9], strict=False)
    ]
    with file.open("a", newline="") as lines:
        csv.writer(lines, lineterminator="\n").writerows(again)


def _write_balance(settings: Settings, zone: Path, seed: int, *, many: bool) -> None:
    """Makes what depends on all rows what it shall be.

    Of an odd seed, ratings per film end in a half, and five people have rated once; of an even
    one, they are a rating below, and four have. Only if they are many, the ratings outweigh the
    least weight of the prior, and a thousand people tag.
    """
    with duckdb.connect(str(settings.warehouse_file), read_only=True) as connection:
        current = Current(landing_of(connection, zone))
    rows: dict[str, cases.Rows] = {
        "ratings": list(_balancing_ratings(current, _LEAST_PER_FILM if many else 1, seed % 2)),
        "tags": list(_balancing_tags(current, _MANY_TAG if many else _MANY_TAG - 1)),
        "movies": [(_BALANCE_FILM, "Balance, The (2000)", "Comedy|Drama")],
    }
    cases.write(zone, rows, "balance")


def _balancing_ratings(current: Current, per_film: int, is_odd: int) -> Iterator[cases.Row]:
    """With these, the mean is exact in any arithmetic."""
    of_users = Counter(rating.user for rating in current.ratings)
    once = _who_rate_once(of_users, _FEW if is_odd else _FEW - 1)
    rated = len({rating.film for rating in current.ratings})
    new = _BALANCE_FILMS + rated % 2
    halves = sum(round(2 * rating.stars) for rating in current.ratings)
    while True:
        n = (2 * per_film + 1) * (rated + new) // 2 - (not is_odd)
        more, missing = n - of_users.total(), _MEAN * n - halves
        # Nobody else may have a single one.
        if more > new and 3 * more <= missing < 8 * more and (more - len(once)) % new != 1:
            break
        per_film += 1
    for nth, stars in enumerate(_spread(missing, more)):
        user, film = divmod(nth - len(once), new)
        user, film = (once[nth], 0) if nth < len(once) else (_BALANCE_USER + user, film)
        day = datetime(2003 + user % 9, 1 + user % 12, 1 + film, tzinfo=UTC)
        yield user, _BALANCE_FILM + film, stars / 2, int(day.timestamp())


def _who_rate_once(of_users: Counter[int], people: int) -> list[int]:
    """Who has to rate once more, for as many people to have a single rating."""
    already = sorted(user for user, n in of_users.items() if n == 1)
    return already[people:] or [_BALANCE_USER - 1 - n for n in range(people - len(already))]


def _spread(total: int, numbers: int) -> Iterator[int]:
    """So many numbers, not all the same, that add up to a total."""
    each, left = divmod(total, numbers)
    for nth in range(numbers):
        is_paired = nth < numbers - numbers % 2
        yield each + (nth < left) + (2 if nth % 2 else -2) * is_paired


def _balancing_tags(current: Current, people: int) -> Iterator[cases.Row]:
    """As many people more as are missing."""
    missing = people - len({tag.user for tag in current.tags})
    films = sorted(current.films)
    chance = random.Random(missing)
    for nth in range(missing):
        tag = f"{('common', 'Common', 'COMMON')[nth % 3]} {nth % _TAGS}"
        yield _BALANCE_USER + nth, chance.choice(films), tag, _FIRST_SECOND + nth * 3_601
