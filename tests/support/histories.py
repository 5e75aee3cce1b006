"""A landing zone whose files change drop by drop, in every way that releases change; by a seed.

    history = History(Path("landing"), seed=1)
    history.start()
    history.step()  # what the seed says
    history.step("file taken away", "rated again")

A simulator for tests: its people, films and seconds are few, so that one key is soon in several
files and versions. A history is the same, byte for byte and second for second, for the same seed,
base and kinds of steps.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import os
import random
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ingestion.datasets import DATASETS
from ingestion.landing.names import COMPRESSIONS
from local_dev.errors import InvalidRequest

Row = dict[str, str]
"""One row by the names of its columns. What stands under `_TOO_MANY` is one field too many."""

_TOO_MANY = ""
_NO_NUMBER = "abc"
# Files are dropped from here on; what they tell of is older.
_FIRST_SECOND = 1_600_000_000
_FIRST_RATING = 789_652_009
_MONTH = 2_629_800
_KEYS = ("userId", "movieId", "tagId")
_CROWD = range(101, 206)
_FILMS = range(1, 15)
_GENOME_TAGS = range(1, 8)
_TINY: dict[str, list[str]] = {
    "userId": [str(user) for user in range(1, 10)],
    "movieId": [str(film) for film in _FILMS],
    "tagId": [str(tag) for tag in _GENOME_TAGS],
    "rating": [str(half / 2) for half in range(1, 11)],
    "timestamp": ["828124615", "946684799", "1141174800", "1445714994", "1537799250"],
    "tag": ["fun", "Fun", " mind-bending", "a, b", 'so "good"', "naïve", "NULL", "007"],
    "title": ["Film (1994)", "Film, The (1999)", "Été, L' (a.k.a. Eté, L') (2006–2007)", "Film"],
    "genres": ["Action", "Action|Drama", "Comedy|Film-Noir", "(no genres listed)", ""],
    "imdbId": ["0114709", "113228", "12345678", ""],
    "tmdbId": ["862", "15602", ""],
    "relevance": [str(step / 40) for step in range(41)],
}
_NEW_COLUMNS = ("device", "Release Notes", "source")


@dataclass(frozen=True)
class Step:
    """What one drop changed.

    Attributes:
        description: What it did, for people.
        remove_missing: Whether its load has to record missing paths as removed.
        missing: Paths that are not there and count all the same.
        refused: Paths that cannot be read as they are; what they held before may still count.
    """

    description: str
    remove_missing: bool
    missing: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether the files that are there are all that counts."""
        return not self.missing and not self.refused


@dataclass
class _File:
    table: str
    columns: list[str]
    rows: list[Row] = field(default_factory=list)
    unreadable: bool = False

    def sound_rows(self) -> list[Row]:
        return [r for r in self.rows if _TOO_MANY not in r and _NO_NUMBER not in r.values()]

    def copy(self) -> _File:
        """Its rows are never changed, only other ones put in their place."""
        return _File(self.table, list(self.columns), list(self.rows), self.unreadable)

    def text(self) -> str:
        if self.unreadable:
            return "no table\n"
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        for row in self.rows:
            too_many = [row[_TOO_MANY]] if _TOO_MANY in row else []
            writer.writerow([row.get(column, "") for column in self.columns] + too_many)
        return stream.getvalue()


@dataclass(frozen=True)
class _Counting:
    """The content of a path that counts, and the second in which it came."""

    text: str
    second: int
    table: str


def _chance(*of: object) -> random.Random:
    return random.Random(" ".join(map(str, of)))


def _packed(path: str, text: str) -> bytes:
    content = text.encode()
    match PurePosixPath(path).suffix:
        case ".gz":
            return gzip.compress(content, mtime=0)
        case ".bz2":
            return bz2.compress(content)
        case ".zip":
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(zipfile.ZipInfo("content.csv"), content)
            return stream.getvalue()
        case _:
            return content


def _columns(table: str) -> list[str]:
    return [column.source_name for column in DATASETS[table].columns]


def _optional_columns(file: _File) -> list[str]:
    optional = [c.source_name for c in DATASETS[file.table].columns if not c.required]
    return [column for column in file.columns if column in optional]


def _invented(chance: random.Random, values: dict[str, list[str]], table: str) -> Row:
    return {column: chance.choice(values[column]) for column in _columns(table)}


def _tiny_release(chance: random.Random) -> dict[str, _File]:
    """Six files. One film is rated by more than a hundred people, as some marts ask for."""

    def rows(table: str, keys: Iterable[Row]) -> list[Row]:
        return [{**_invented(chance, _TINY, table), **key} for key in keys]

    films: list[Row] = [{"movieId": str(film)} for film in _FILMS]
    tags: list[Row] = [{"tagId": str(tag)} for tag in _GENOME_TAGS]
    keys: dict[str, list[Row]] = {
        "movies": films,
        "links": films,
        "genome_tags": tags,
        "genome_scores": [{**film, **tag} for film in films[:7] for tag in tags],
        "ratings": [{}] * 30 + [{"userId": str(user), "movieId": "1"} for user in _CROWD],
    }
    return {
        f"{dataset.file_name}.csv": _File(
            table, _columns(table), rows(table, keys.get(table, [{}] * 20))
        )
        for table, dataset in DATASETS.items()
    }


def _release(base: Path) -> dict[str, _File]:
    files = {}
    for table, dataset in DATASETS.items():
        path = base / f"{dataset.file_name}.csv"
        if path.exists():
            with path.open(encoding="utf-8-sig", newline="") as stream:
                files[path.name] = _File(table, _columns(table), list(csv.DictReader(stream)))
    if not files:
        raise InvalidRequest(f"{base} has no MovieLens files.", "Name the folder of a release.")
    return files


def _values(files: dict[str, _File]) -> dict[str, list[str]]:
    """What each column may hold: what it holds in a release, and the tiny set where it has none."""
    values = dict(_TINY)
    for file in files.values():
        if file.rows:
            values |= {column: [row[column] for row in file.rows] for column in file.columns}
    return values


class History:
    """A landing zone and the changes that its files go through.

    Args:
        folder: The landing zone; its files are written, changed and deleted in place.
        seed: Any whole number; another one gives another history.
        base: A folder with the CSV files of a release to start from, unpacked and under their
            usual names; without one, a tiny population is made up.

    Raises:
        InvalidRequest: The base has no such file.
    """

    def __init__(self, folder: Path, seed: int, base: Path | None = None) -> None:
        self._folder = folder
        self._seed = seed
        self._chance = _chance(seed)
        self._files = _release(base) if base else _tiny_release(self._chance)
        self._values = _values(self._files) if base else _TINY
        self._before: dict[str, _File] = {}
        self._away: dict[str, _File] = {}
        self._counting: dict[str, _Counting] = {}
        self._seconds: dict[str, int] = {}
        self._second = _FIRST_SECOND
        self._drops = 0
        self._numbers = 0
        self._written: set[str] = set()
        self._remove_missing = False

    def start(self) -> Step:
        """Drop the files of the base.

        Returns:
            What that changed.
        """
        self._written = set(self._files)
        return self._settle("the first drop")

    def step(self, *kinds: str) -> Step:
        """Make the next drop.

        Args:
            *kinds: What happens in it, each one of `KINDS`; without any, one to four of them as
                the seed says.

        Returns:
            What that changed. A kind that nothing can be done for changes nothing.

        Raises:
            InvalidRequest: There is no such kind.
        """
        self._drops += 1
        self._remove_missing = False
        before = {path: file.copy() for path, file in self._files.items()}
        chance = _chance(self._seed, self._drops)
        done = []
        for number, kind in enumerate(kinds or chance.choices(KINDS, k=chance.randint(1, 4))):
            if kind not in _CHANGES:
                raise InvalidRequest(f"{kind!r} is no kind of step.", f"Take one of {KINDS}.")
            # A stream of its own, so that what is done does not depend on what else is.
            self._chance = _chance(self._seed, self._drops, number, kind)
            done.append(f"{kind}: {_CHANGES[kind](self) or 'nothing to do it with'}")
        self._before = before
        return self._settle("; ".join(done))

    # Bringing the folder up to date

    def _settle(self, description: str) -> Step:
        for path in self._seconds.keys() - self._files.keys():
            (self._folder / path).unlink()
            del self._seconds[path]
        self._write()
        if self._remove_missing:
            self._counting = {p: c for p, c in self._counting.items() if p in self._files}
        self._keep_order()
        for path, second in self._seconds.items():
            os.utime(self._folder / path, (second, second))
        missing = tuple(sorted(self._counting.keys() - self._files.keys()))
        refused = tuple(path for path, file in sorted(self._files.items()) if file.unreadable)
        return Step(description, self._remove_missing, missing, refused)

    def _write(self) -> None:
        self._second += 1
        for path in sorted(self._written & self._files.keys()):
            # Now and then two files are of the same second.
            self._second += self._chance.randint(0, 1)
            file, text = self._files[path], self._files[path].text()
            target = self._folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_packed(path, text))
            self._seconds[path] = self._second
            before = self._counting.get(path)
            if not file.unreadable and (before is None or before.text != text):
                self._counting[path] = _Counting(text, self._second, file.table)
        self._written.clear()

    def _keep_order(self) -> None:
        """Touches files that were not changed where one that was touched would seem the later.

        What a load knows of, the time at which content came, can then be seen on the files too.
        """
        for table in DATASETS:
            came = sorted(
                (counting.second, path)
                for path, counting in self._counting.items()
                if counting.table == table and path in self._files
            )
            written = sorted((self._seconds[path], path) for _, path in came)
            if [path for _, path in came] != [path for _, path in written]:
                for _, path in came:
                    self._second += 1
                    self._seconds[path] = self._second

    # Choosing

    def _paths(self, table: str) -> list[str]:
        return sorted(path for path, file in self._files.items() if file.table == table)

    def _open(self, path: str) -> _File:
        """The file at a path, to be changed; if it could not be read, it can be now."""
        self._written.add(path)
        self._files[path].unreadable = False
        return self._files[path]

    def _some_path(self) -> str:
        """The path of a file; there always is one, as a landing zone without any is refused."""
        return self._chance.choice(sorted(self._files))

    def _path_of(self, table: str) -> str | None:
        paths = self._paths(table)
        return self._chance.choice(paths) if paths else None

    def _new_path(self, table: str) -> str:
        self._numbers += 1
        name, number = DATASETS[table].file_name, self._numbers
        shapes = (
            f"{name}-{number}.csv",
            f"{name}/part-{number:04}.csv",
            f"drop {number}/{name}.csv",
            f"{name.upper()}_{number}.CSV",
        )
        return self._chance.choice(shapes)

    def _new_file(self, table: str, path: str | None = None) -> str:
        path = path or self._new_path(table)
        self._files[path] = _File(table, _columns(table))
        return path

    def _new_or_some_path(self, table: str) -> str:
        path = None if self._chance.random() < 0.3 else self._path_of(table)
        return path or self._new_file(table)

    def _some_rows(self, file: _File) -> list[Row]:
        """One to five of the rows that can be loaded, if there are so many."""
        rows = file.sound_rows()
        return self._chance.sample(rows, min(len(rows), self._chance.randint(1, 5)))

    def _invent(self, table: str) -> list[Row]:
        rows = range(self._chance.randint(1, 6))
        return [_invented(self._chance, self._values, table) for _ in rows]

    def _put_away(self, path: str) -> _File:
        self._away[path] = self._files.pop(path)
        return self._away[path]

    # The kinds: each says what it changed, or nothing if there was nothing to do it with

    def _file_added(self) -> str:
        path = self._new_file(self._chance.choice(list(DATASETS)))
        file = self._open(path)
        file.rows = self._invent(file.table)
        return path

    def _header_only(self) -> str:
        path = self._some_path()
        self._open(path).rows = []
        return path

    def _rows_added(self) -> str:
        path = self._some_path()
        file = self._open(path)
        file.rows = file.rows + self._invent(file.table)
        return path

    def _rows_removed(self) -> str:
        path = self._some_path()
        file = self._open(path)
        gone = self._chance.sample(range(len(file.rows)), len(file.rows) // 3)
        file.rows = [row for at, row in enumerate(file.rows) if at not in gone]
        return f"{len(gone)} of {path}"

    def _rows_changed(self) -> str:
        path = self._some_path()
        file = self._open(path)
        for row in self._some_rows(file):
            at = file.rows.index(row)
            column = self._chance.choice(_columns(file.table))
            file.rows[at] = {**row, column: self._chance.choice(self._values[column])}
        return path

    def _rows_doubled(self) -> str:
        path = self._some_path()
        file = self._open(path)
        file.rows = [*file.rows, *self._some_rows(file)]
        return path

    def _rows_copied(self) -> str:
        path = self._some_path()
        rows = self._some_rows(self._files[path])
        to = self._new_or_some_path(self._files[path].table)
        file = self._open(to)
        file.rows = [*file.rows, *rows]
        return f"{len(rows)} of {path} to {to}"

    def _rows_rejected(self) -> str:
        path = self._some_path()
        file = self._open(path)
        row, other = (_invented(self._chance, self._values, file.table) for _ in range(2))
        bad = [{**row, _columns(file.table)[0]: _NO_NUMBER}, {**other, _TOO_MANY: "1"}]
        file.rows = [*file.sound_rows(), *bad, *self._invent(file.table)]
        return path

    def _rated_again(self) -> str:
        table = self._chance.choice(["ratings", "tags"])
        return self._again(table, lambda row: {"timestamp": str(int(row["timestamp"]) + 1)})

    def _contradicted(self) -> str:
        # In all but ratings and tags no time says which row is the later one anyway.
        table = self._chance.choice([*DATASETS, "ratings", "ratings", "ratings"])
        return self._again(table, lambda row: {})

    def _again(self, table: str, change: Callable[[Row], Row]) -> str:
        """The key of a row once more, with another value, in the same file or another one."""
        path = self._path_of(table)
        rows = self._some_rows(self._files[path]) if path else []
        if not rows:
            return ""
        to = self._new_or_some_path(table)
        same = (*_KEYS, "timestamp", "tag" if table == "tags" else "")
        file = self._open(to)
        for row in rows:
            other = _invented(self._chance, self._values, table)
            kept = {column: value for column, value in row.items() if column in same}
            file.rows = [*file.rows, {**other, **kept, **change(row)}]
        return f"{len(rows)} of {path} in {to}"

    def _late_month(self) -> str:
        self._numbers += 1
        second = _FIRST_SECOND - self._numbers * _MONTH
        path = self._new_file("ratings", f"ratings/of-{second}.csv")
        file = self._open(path)
        file.rows = [{**row, "timestamp": str(second)} for row in self._invent("ratings")]
        return path

    def _release_reissued(self) -> str:
        """All files once more: new people, whose ratings and tags are older than all others."""
        self._numbers += 1
        newcomer = {
            "userId": str(10**6 + self._numbers),
            "timestamp": str(_FIRST_RATING + self._numbers),
        }
        for table, key in {"ratings": newcomer, "tags": newcomer, "movies": {}}.items():
            paths = self._paths(table)
            if paths:
                file = self._open(paths[0])
                file.rows = [*file.rows, *({**row, **key} for row in self._invent(table))]
        self._written.update(self._files)
        return f"{len(self._files)} files, new user {newcomer['userId']}"

    def _file_taken_away(self) -> str:
        self._remove_missing = True
        return self._file_lost()

    def _file_lost(self) -> str:
        path = self._some_path()
        if len(self._files) == 1:
            return ""
        self._put_away(path)
        return path

    def _missing_recorded(self) -> str:
        self._remove_missing = True
        return ", ".join(sorted(self._counting.keys() - self._files.keys()))

    def _file_brought_back(self) -> str:
        paths = sorted(self._away.keys() - self._files.keys())
        if not paths:
            return ""
        path = self._chance.choice(paths)
        self._files[path] = self._away.pop(path)
        file = self._open(path)
        if self._chance.random() < 0.5:
            return f"{path} as it was"
        file.rows = [*self._some_rows(file), *self._invent(file.table)]
        return f"{path} with other rows"

    def _file_renamed(self) -> str:
        path = self._some_path()
        to = self._new_path(self._files[path].table)
        return self._move(path, to)

    def _file_compressed(self) -> str:
        path = self._some_path()
        plain = path
        for suffix in COMPRESSIONS:
            plain = plain.removesuffix(suffix)
        to = plain + self._chance.choice([".gz", ".bz2", ".zip", ""])
        return "" if to in self._files else self._move(path, to)

    def _move(self, path: str, to: str) -> str:
        self._remove_missing |= self._chance.random() < 0.7
        file = self._put_away(path)
        self._files[to] = file.copy()
        self._open(to)
        return f"{path} to {to}"

    def _file_unreadable(self) -> str:
        path = self._some_path()
        self._open(path).unreadable = True
        return path

    def _file_touched(self) -> str:
        path = self._some_path()
        self._written.add(path)
        return path

    def _undone(self) -> str:
        """All files go back to what they were before the last drop."""
        if not self._before:
            return ""
        self._remove_missing = True
        self._files = {path: file.copy() for path, file in self._before.items()}
        self._written.update(self._files)
        return f"{len(self._files)} files"

    def _column_added(self) -> str:
        path = self._some_path()
        file = self._open(path)
        column = self._chance.choice(_NEW_COLUMNS)
        if column in file.columns:
            return ""
        file.columns.insert(self._chance.randint(0, len(file.columns)), column)
        file.rows = [{**row, column: self._chance.choice(["", "007"])} for row in file.rows]
        return f"{column} in {path}"

    def _column_emptied(self) -> str:
        return self._optional(lambda file, column: None)

    def _column_dropped(self) -> str:
        return self._optional(lambda file, column: file.columns.remove(column))

    def _optional(self, change: Callable[[_File, str], None]) -> str:
        paths = [path for path in sorted(self._files) if _optional_columns(self._files[path])]
        if not paths:
            return ""
        path = self._chance.choice(paths)
        file = self._open(path)
        column = self._chance.choice(_optional_columns(file))
        file.rows = [{**row, column: ""} for row in file.rows]
        change(file, column)
        return f"{column} of {path}"

    def _columns_reordered(self) -> str:
        path = self._some_path()
        self._chance.shuffle(self._open(path).columns)
        return path


_CHANGES: dict[str, Callable[[History], str]] = {
    "release re-issued": History._release_reissued,
    "file added": History._file_added,
    "file with a header only": History._header_only,
    "rows added": History._rows_added,
    "rows removed": History._rows_removed,
    "rows changed": History._rows_changed,
    "rows doubled": History._rows_doubled,
    "rows in two files": History._rows_copied,
    "rows rejected": History._rows_rejected,
    "rated again": History._rated_again,
    "contradicted in the same second": History._contradicted,
    "older month late": History._late_month,
    "file taken away": History._file_taken_away,
    "file lost": History._file_lost,
    "missing files recorded": History._missing_recorded,
    "file brought back": History._file_brought_back,
    "file renamed": History._file_renamed,
    "file compressed": History._file_compressed,
    "file unreadable": History._file_unreadable,
    "file touched": History._file_touched,
    "last drop undone": History._undone,
    "column added": History._column_added,
    "column emptied": History._column_emptied,
    "column dropped": History._column_dropped,
    "columns re-ordered": History._columns_reordered,
}
KINDS = tuple(_CHANGES)
"""What can happen in a drop."""
