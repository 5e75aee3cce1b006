"""Data on which wrong models show: ties, contradictions, files replaced, doubled and removed."""

from __future__ import annotations

import csv
from pathlib import Path

from ingestion import load
from ingestion.datasets import DATASETS
from ingestion.settings import Settings
from local_dev.generate import generate
from tests.support.histories import History

# What changes between loads: ties, contradictions, files replaced, removed and new ones.
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


def load_demanding_data(settings: Settings, folder: Path, seed: int, ratings: int) -> None:
    """Loads four drops of a landing zone, whose files are new, replaced, doubled and removed."""
    generate(folder / "release", ratings=ratings, seed=seed)
    _draw_a_crowd(folder / "release" / "ratings.csv")
    for dataset, key in _CONTRADICTED.items():
        _contradict(folder / "release" / f"{DATASETS[dataset].file_name}.csv", key)
    history = History(folder / "zone", seed, folder / "release")
    for kinds in ((), _SECOND, _THIRD):
        history.step(*kinds) if kinds else history.start()
        load(settings=settings)
    # None of the release: without it, much would be empty.
    release = {path.name for path in (folder / "release").iterdir()}
    later = (file for file in (folder / "zone").rglob("*.*") if file.name not in release)
    next(iter(sorted(file for file in later if file.is_file()))).unlink()
    load(settings=settings, remove_missing=True)


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
