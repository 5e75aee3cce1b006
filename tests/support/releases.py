"""Writes the rows of CSV files as each MovieLens release without CSV files does."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

FLAGS = [
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
]
NO_GENRE = "(no genres listed)"
Rows = list[dict[str, str]]


def rows_of(file: Path) -> Rows:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _latin(text: str) -> str:
    return text.encode("latin-1", "ignore").decode("latin-1").replace("|", "/").strip()


def as_it_was(release: str, folder: Path, to: Path) -> Path:
    """Writes CSV files again with only what a release could hold: genres, stars and letters."""
    to.mkdir(parents=True)
    names = {
        "tag-genome": ("genome-scores", "genome-tags"),
        "ml-10m": ("movies", "ratings", "tags"),
    }
    for name in names.get(release, ("movies", "ratings")):
        rows = rows_of(folder / f"{name}.csv")
        for row in rows:
            if name == "movies":
                genres = row["genres"].replace("Children", "Children's").split("|")
                kept = [genre for genre in FLAGS if genre in genres] or [NO_GENRE]
                row["genres"] = "|".join(kept)
            if name == "movies" and release != "ml-10m":
                row["title"] = _latin(row["title"])
            if name == "ratings" and release != "ml-10m":
                row["rating"] = f"{math.ceil(float(row['rating']))}.0"
        with (to / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return to


def _lines(rows: Iterable[Iterable[str]], separator: str) -> str:
    return "".join(separator.join(row) + "\n" for row in rows)


def _ratings(folder: Path, separator: str) -> str:
    rows = rows_of(folder / "ratings.csv")
    fields = ((r["userId"], r["movieId"], f"{float(r['rating']):g}", r["timestamp"]) for r in rows)
    return _lines(fields, separator)


def _item(row: Mapping[str, str]) -> list[str]:
    genres = row["genres"].replace(NO_GENRE, "unknown").split("|")
    address = f"http://us.imdb.com/M/title-exact?{row['movieId']}"
    flags = [str(int(flag in genres)) for flag in FLAGS]
    return [row["movieId"], row["title"], "01-Jan-1995", "", address, *flags]


def ml_100k(folder: Path) -> dict[str, bytes]:
    films = _lines(map(_item, rows_of(folder / "movies.csv")), "|")
    return {
        "u.data": _ratings(folder, "\t").encode(),
        "u.item": films.encode("latin-1"),
        "u.user": b"1|24|M|technician|85711\n2|53|F|other|94043\n",
        "u.genre": b"unknown|0\nAction|1\n",
        "README": b"SUMMARY & USAGE LICENSE",
    }


def _of_dat(folder: Path, name: str) -> str:
    return _lines((row.values() for row in rows_of(folder / f"{name}.csv")), "::")


def ml_1m(folder: Path) -> dict[str, bytes]:
    return {
        "ratings.dat": _ratings(folder, "::").encode(),
        "movies.dat": _of_dat(folder, "movies").encode("latin-1"),
        "users.dat": b"1::F::1::10::48067\n2::M::56::16::70072\n",
        "README": b"SUMMARY",
    }


def ml_10m(folder: Path) -> dict[str, bytes]:
    return {
        "ratings.dat": _ratings(folder, "::").encode(),
        "movies.dat": _of_dat(folder, "movies").encode(),
        "tags.dat": _of_dat(folder, "tags").encode(),
        "README.html": b"<html></html>",
    }


def tag_genome(folder: Path) -> dict[str, bytes]:
    scores = (row.values() for row in rows_of(folder / "genome-scores.csv"))
    tags = ((*row.values(), "36") for row in rows_of(folder / "genome-tags.csv"))
    return {
        "tag_relevance.dat": _lines(scores, "\t").encode(),
        "tags.dat": _lines(tags, "\t").encode(),
        "movies.dat": b"1\tToy Story (1995)\t20000\n",
    }


# The files of each release, and the folder that they are in when they are unpacked.
RELEASES: dict[str, tuple[str, Callable[[Path], dict[str, bytes]]]] = {
    "ml-100k": ("ml-100k", ml_100k),
    "ml-1m": ("ml-1m", ml_1m),
    "ml-10m": ("ml-10M100K", ml_10m),
    "tag-genome": ("tag-genome", tag_genome),
}


def unpacked(release: str, folder: Path, to: Path) -> Path:
    """Writes CSV files as a release does, into its folder in another one."""
    name, files = RELEASES[release]
    (to / name).mkdir(parents=True)
    for path, content in files(folder).items():
        (to / name / path).write_bytes(content)
    return to / name


def packed(folder: Path, to: Path) -> Path:
    """Packs a folder into a zip, as GroupLens does."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in [folder, *sorted(folder.rglob("*"))]:
            archive.write(file, file.relative_to(folder.parent))
    return to
