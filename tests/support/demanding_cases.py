"""Rows on which few wrong models give what the right one gives: limits, ties and odd values.

Their ids are far from those of generated data. All are the same for the same seed.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, cycle, islice
from pathlib import Path

Row = tuple[object, ...]
Rows = list[Row]

HEADERS = {
    "movies": "movieId,title,genres",
    "ratings": "userId,movieId,rating,timestamp",
    "tags": "userId,movieId,tag,timestamp",
    "links": "movieId,imdbId,tmdbId",
    "genome-scores": "movieId,tagId,relevance",
    "genome-tags": "tagId,tag",
}
# Lines that cannot be loaded.
_MALFORMED = {
    "movies": ["x,No number (1990),Drama", "500900,,Drama"],
    "ratings": ["800001,510001,5.5,1000000000", "800001,510001,4.0", "x,510001,4.0,1000000000"],
    "tags": ["830001,500001,,1000000000"],
    "links": ["x,0114709,862"],
    "genome-scores": ["530001,1001,1.5"],
    "genome-tags": ["1300,"],
}

_FIRST_FILM, _POOL, _INFERRED, _GENOME, _SPARSE = 500_001, 510_001, 520_001, 530_001, 540_001
_FIRST_USER, _TAGGER = 800_001, 830_001
_POOL_FILMS = 64
_GENRES = ("Action", "Comedy|Drama", "Drama|Sci-Fi|Thriller", "Film-Noir", "(no genres listed)")
_TITLES = (
    ("Matrix, The (1999)", "Action|Sci-Fi|Thriller"),
    ("City of Lost Children, The (Cité des enfants perdus, La) (1995)", "Adventure|Drama"),
    ("Bear, The (Ours, L') (1988)", "Adventure|Adventure"),
    ("Avventura, L' (Adventure, The) (1960)", " Drama | Mystery|Drama"),
    ("City of the Living Dead (a.k.a. Gates of Hell, The) (Paura) (1980)", "Horror"),
    ("Twice (a.k.a. a.k.a. Known, The) (1981)", "Horror|"),
    ("Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il) (1966)", "Western|Action"),
    ("Death Note: Desu nôto (2006–2007)", "(no genres listed)"),
    ("Fargo (2014- ) ", "Crime|(no genres listed)"),
    ("Tie (2009-2012)", ""),
    ("2001: A Space Odyssey (1968)", "Sci-Fi"),
    ("1984 (1984)", "Drama|Sci-Fi"),
    ("Girl, Interrupted (1999)", "Drama"),
    ("I, Robot (2004)", "Action|Sci-Fi"),
    ("(2012)", "Comedy"),
    ("Paterson", "Comedy|Drama"),
    ("Without a year, The", "Drama"),
    ("Year inside (1990) of it", "Drama"),
    ("Years (1990) (1991)", "Drama"),
    ("Space before the end (1992 )", "Drama"),
    ("Five digits (19999)", "Drama"),
    ("Élan, Le (Çiçek Ÿ, Un) (1999)", "Comédie|Drama"),
    ("ÅNGSTRÖM (1900)", "Documentary"),
    ("Odd (Name, The, A) (1975)", "Drama|Children"),
    ("   ", "Drama"),
    ("  Spaced  title   (1979)  ", "Drama|Children"),
    ("Last of a decade (1989)", "War"),
    ("First of a decade (1990)", "War"),
    ("Comma, la (1970)", "War|Musical"),
    ('Said "so", The (1971)', "War|Musical"),
)
# Films of which something depends on how many ratings they have.
_NEAR_THE_LIMIT = {_FIRST_FILM: 99, _FIRST_FILM + 1: 100, _FIRST_FILM + 2: 101}
# Films that all have the mean of all ratings, 3.5; with more ratings, or none but the id, apart.
_TIED = {
    _FIRST_FILM + 10: (3.5,) * 4,
    _FIRST_FILM + 11: (3.0, 4.0) * 4,
    _FIRST_FILM + 12: (2.0, 5.0) * 4,
    _FIRST_FILM + 13: (3.5,) * 4,
}
_ACTIVE = {2: 5, 3: 5, 4: 5, 7: 5, 8: 5, 15: 5, 16: 5, 31: 5, 32: 5, 64: 2}
"""How many people have exactly so many ratings."""
_STARS = (2.0, 4.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)


def seconds(year: int, month: int = 1, day: int = 1) -> int:
    """The first second of a day in UTC, counted from 1970."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def _edges() -> list[int]:
    """The first and the last second of years, months and days."""
    firsts = [(year, 1, 1) for year in range(1999, 2018, 3)]
    firsts += [(2004, 2, 29), (2004, 3, 1), (2011, 3, 27), (2008, 6, 1), (2008, 6, 15)]
    return [at + offset for at in (seconds(*day) for day in firsts) for offset in (-1, 0)]


def movies() -> Rows:
    """Films with odd titles and genres, and those that other rows refer to."""
    rows: Rows = [(film, *described) for film, described in enumerate(_TITLES, start=_FIRST_FILM)]
    numbered = chain(
        ((_POOL + n, f"Pool {n} ({1950 + n})") for n in range(_POOL_FILMS)),
        ((film, f"Genome {film} ({1930 + film % 90})") for film in range(_GENOME, _GENOME + 300)),
    )
    rows += [(*film, genres) for film, genres in zip(numbered, cycle(_GENRES), strict=False)]
    # The larger title of one file counts.
    return [*rows, (_FIRST_FILM, "Matrix (1998)", "Zombies"), (_FIRST_FILM + 15, "Paterson", "")]


def links() -> Rows:
    """Ids of six, seven and eight digits, of none, and no number; of a film in no movies file."""
    imdb = ("123456", "0123456", "1234567", "12345678", "tt0114709", "", "0", "012345678", "１２")
    tmdb = ("862", "", "0", "15602")
    films = range(_FIRST_FILM, _FIRST_FILM + 20)
    rows: Rows = list(zip(films, cycle(imdb), cycle(tmdb), strict=False))
    return [*rows, (_FIRST_FILM, "", "863"), (_FIRST_FILM + 1, "0123456", "1"), (_INFERRED, "7", 1)]


def ratings() -> Rows:
    """Ratings at the limits of what depends on counts and on time."""
    rows = [*_of_the_active(), *_near_the_limit(), *_of_newcomers()]
    rows.append((_FIRST_USER, _INFERRED + 2, 4.0, seconds(2013) - 1))
    return [*rows, *rows[::7]]


def _of_the_active() -> Iterator[Row]:
    stars, times = cycle(_STARS), cycle(_edges())
    numbers = (n for n, people in _ACTIVE.items() for _ in range(people))
    for user, n in enumerate(numbers, start=_FIRST_USER + 1):
        for film in range(_POOL, _POOL + n):
            yield user, film, next(stars), next(times)


def _near_the_limit() -> Iterator[Row]:
    times = cycle(seconds(2003 + n, 1 + n % 12, 1 + n % 28) for n in range(12))
    users = range(_FIRST_USER + 1_000, _FIRST_USER + 1_101)
    for film, n in _NEAR_THE_LIMIT.items():
        yield from zip(users[:n], cycle([film]), cycle(_STARS), times, strict=False)
    for film, given in _TIED.items():
        yield from zip(users, cycle([film]), given, times, strict=False)


def _of_newcomers() -> Iterator[Row]:
    """Months and years with few newcomers, and few who come back."""
    comers = ((1995, 3, 2), (2030, 1, 1), (2030, 2, 4), (2030, 3, 5), (2030, 5, 6), (2032, 1, 3))
    user = _FIRST_USER + 2_000
    for year, month, people in (*comers, (2034, 7, 6), (2034, 8, 5)):
        at = seconds(year, month, 1)
        for nth in range(people):
            user += 1
            # Two on the first and the last second of the month's first day.
            yield user, _POOL, _STARS[nth], at
            yield user, _POOL + 1, _STARS[nth + 1], at + 86_399
            for later, who_come_back in ((1, 3), (3, 1), (4, 5), (6, 2)):
                if nth < who_come_back and year >= 2030:
                    yield user, _POOL + 1 + later, 3.0, seconds(year + later, month, 1)


def tags() -> Rows:
    """Tags in several spellings, and with ties where a list ends."""
    film, time = _FIRST_FILM, seconds(2006)
    rows: Rows = [
        (_TAGGER + nth, film, f"tied {number:02}", time + number)
        for number in range(12, 0, -1)
        for nth in range(3 if number == 12 else 2)
    ]
    uses = (
        ("exactly four", 0, 4),
        ("exactly five", 0, 5),
        ("Evenly", 0, 3),
        ("EVENLY", 3, 3),
        ("dark  comedy", 0, 2),
        (" Dark Comedy ", 2, 3),
        ("dark comedy", 5, 2),
        ("Amélie", 0, 5),
        ("AMÉLIE", 5, 3),
        ("amelie", 0, 5),
        ("sci-fi", 0, 5),
        ("sci_fi", 0, 5),
        ("   ", 0, 6),
        ("NULL", 0, 5),
        ("most people", 0, 4),
        ("Most People", 4, 2),
    )
    rows += [
        (_TAGGER + nth, film + 1 + number % 3, tag, time + 86_400 * number + nth)
        for number, (tag, first, people) in enumerate(uses)
        for nth in range(first, first + people)
    ]
    # Used more often than any other spelling, but by fewer people; and twice by one person.
    rows += [(_TAGGER + 4, film + n, "Most People", seconds(2016, 2, 29) + n) for n in range(5, 12)]
    rows += [(_TAGGER, film + 1, spelling, time) for spelling in ("Twice", "twice", "TWICE ")]
    rows.append((_TAGGER, _INFERRED + 1, "of a film unknown", seconds(2000) - 1))
    return [*rows, *((user, film, tag, at - 1) for user, film, tag, at in _as_tags(rows[::5]))]


def _as_tags(rows: Iterable[Row]) -> Iterator[tuple[object, object, object, int]]:
    for user, film, tag, at in rows:
        yield user, film, tag, int(str(at))


# The genome

_SHARED = (1001, 1002, 1003)
_COMMON = range(1010, 1070)
_FILMS, _OTHERS = 280, 50
# Films that have two strong tags in common, and hardly anything else.
_ALIKE, _STRONG, _APART = 550_001, (1101, 1102), 1103
_HOW_FAR_APART = (0.0,) * 200 + (0.5,) * 80 + (1.0,) * 50
_AT_THE_MEAN = 1206


def genome_tags() -> Rows:
    """Names of tags, of some that no film has and not of all that films have."""
    numbers = [*_SHARED, *_COMMON[:-3], *_STRONG, _APART, *range(1201, 1207), 1299]
    return [(number, f"genome {number}") for number in numbers]


def genome_scores(seed: int) -> Rows:
    """Films with the same strongest tags, and with ties wherever something is cut off.

    The rows of a film are in any order, as that must not decide.
    """
    chance = random.Random(seed)
    rows: Rows = []
    for film, found in chain(_films(chance), _alike(), _sparse()):
        rows += [(film, tag, found[tag]) for tag in chance.sample(sorted(found), len(found))]
    return [*rows, (_INFERRED + 3, _SHARED[0], 0.5)]


def _films(chance: random.Random) -> Iterator[tuple[int, dict[int, float]]]:
    """Films with more tags than a profile has.

    Of two films one has in each odd tag what the other has in the even one, so that the means of
    both tags are the same: if a film has the same in both, it is their id which decides.
    """
    for film in range(_GENOME, _GENOME + _FILMS, 2):
        shared = dict.fromkeys(_SHARED, chance.choice((0.925, 0.95, 0.975, 1.0)))
        drawn = {tag: 0.4 + chance.randrange(9) / 80 for tag in _COMMON}
        swapped = {tag: drawn[tag + 1 if tag % 2 == 0 else tag - 1] for tag in _COMMON}
        yield film, {**shared, **drawn}
        yield film + 1, {**shared, **swapped}
    for film in range(_GENOME + 400, _GENOME + 400 + _OTHERS):
        yield film, dict.fromkeys((*_SHARED, *_COMMON), 0.0)


def _alike() -> Iterator[tuple[int, dict[int, float]]]:
    """More films with the same strongest tags than count; the last of them are all the same."""
    for film, apart in enumerate(_HOW_FAR_APART, start=_ALIKE):
        yield film, {**dict.fromkeys(_STRONG, 0.9), _APART: apart}
    for film in range(_ALIKE + 400, _ALIKE + 460):
        yield film, dict.fromkeys((*_STRONG, _APART), 0.0)


def _sparse() -> Iterator[tuple[int, dict[int, float]]]:
    """Films that share one tag, films that share two, and all of them one that sets none apart."""
    films = ({1201: 0.9, 1202: 0.8}, {1201: 0.9, 1203: 0.7}, {1204: 0.9, 1205: 0.8})
    lacking = dict.fromkeys(range(1201, 1206), 0.0)
    for film, tags in enumerate((*films, {1204: 0.8, 1205: 0.9}, lacking), start=_SPARSE):
        yield film, {**tags, _AT_THE_MEAN: 0.5}


def cases(seed: int, *, genome: bool) -> dict[str, Rows]:
    """The rows of each dataset.

    Args:
        seed: Of what is drawn.
        genome: Whether there are genome files.
    """
    found = {"movies": movies(), "ratings": ratings(), "tags": tags(), "links": links()}
    if genome:
        found |= {"genome-scores": genome_scores(seed), "genome-tags": genome_tags()}
    return found


def contradictions(*, genome: bool) -> dict[str, Rows]:
    """Rows with keys that `cases` have, for files that are loaded after theirs."""
    found: dict[str, Rows] = {
        "movies": [(_FIRST_FILM + 16, "Another title, A (1991)", "Drama|War"), (_POOL, "B", "")],
        "links": [(_FIRST_FILM + 3, "", ""), (_FIRST_FILM + 4, "0000004", "4")],
        "ratings": list(_rated_again()),
        "tags": [(user, film, tag, at + 5) for user, film, tag, at in _as_tags(tags()[:20:3])],
    }
    if genome:
        found["genome-scores"] = [(_SPARSE, 1202, 0.85), (_SPARSE + 2, 1204, 0.95)]
        found["genome-tags"] = [(1001, "renamed"), (1205, "genome 1204 as well")]
    return found


def _rated_again() -> Iterator[Row]:
    """In the same second, in the one before and in the one after."""
    for number, (user, film, stars, at) in enumerate(islice(_of_the_active(), 0, 300, 5)):
        given = float(str(stars))
        yield user, film, given % 5 + 0.5, int(str(at)) + number % 3 - 1


def write(folder: Path, rows: dict[str, Rows], name: str, *, malformed: bool = False) -> None:
    """Writes rows as files of a landing zone, each `<dataset>-<name>.csv`.

    Args:
        folder: Where to.
        rows: The rows of each dataset.
        name: Tells these files from others.
        malformed: Add lines that cannot be loaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for dataset, values in rows.items():
        with (folder / f"{dataset}-{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADERS[dataset].split(","))
            writer.writerows(values)
            if malformed:
                file.writelines(f"{line}\n" for line in _MALFORMED[dataset])
