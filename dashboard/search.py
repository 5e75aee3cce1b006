"""Finds films by what a visitor types or pastes: words, years, numbers, or what was meant."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import fuzz, process

from dashboard import marts, queries
from dashboard.filters import escaped

# Characters of a search that count; more are accepted, as addresses can still hold them.
LONGEST = 200
ACCEPTED = 5_000
MOST = 20
_WORDS = 12
_GUESSES = 5
# Fewer letters than this are like too much for a guess.
_GUESSED_FROM = 4
# In percent: one letter of five may be wrong.
_ALIKE = 80
# A typo is compared with these most rated films only, so that it costs no more in larger editions.
_COMPARED = 20_000
_IMDB_ID = re.compile(r"\btt([0-9]{1,10})\b")
_FILM_NUMBER = re.compile(r"(?:.*[?&]film=|film )?([1-9][0-9]{0,17}|0)")
_YEAR = re.compile(r"\([0-9]{4}\)\s*$")


def normalised(text: str) -> str:
    """Normalises text like the marts' search columns: lower case, no accents, single spaces."""
    decomposed = unicodedata.normalize("NFKD", text[:LONGEST].lower())
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return " ".join(bare.split())


def squeezed(text: str) -> str:
    """Leaves only letters and digits: of 'WALL·E' as of 'wall-e', 'walle'."""
    return re.sub(r"[\W_]+", "", normalised(text).replace("&", " and "))


def tag_pattern(text: str) -> str:
    """The pattern for SEARCH_TAGS: the text anywhere in a tag."""
    return f"%{escaped(normalised(text))}%"


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        films: Rows of TITLES, the best first; at most MOST.
        n_films: How many there are.
        is_guess: Whether no film has these words, and these are what may be meant.
    """

    films: pd.DataFrame
    n_films: int
    is_guess: bool = False


class Titles:
    """All titles of one version, ready to be searched.

    Args:
        films: Rows of TITLES.
    """

    def __init__(self, films: pd.DataFrame) -> None:
        self._films = films
        self._written = pa.array(films["title_search"].to_list(), pa.string())
        self._squeezed = pa.array(map(squeezed, films["title_search"]), pa.string())
        years = ["" if pd.isna(year) else str(int(year)) for year in films["release_year"]]
        released = pa.array(years, pa.string())
        self._dated = pc.binary_join_element_wise(self._squeezed, released, " ")
        self._numbers = films["movie_id"].to_numpy()
        self._imdb = pa.array(films["imdb_url"], pa.string(), from_pandas=True)

    def find(self, text: str) -> Found:
        """Finds the films that a text names.

        Each word must be in the title or be its year; case, accents and punctuation do not count.
        The number of a film, its IMDb id, or an address with either finds that film, too.

        Args:
            text: What was typed or pasted.
        """
        said = normalised(text)
        by_number, by_words = self._by_number(said), self._by_words(said)
        found = np.flatnonzero(by_number | by_words)
        if not len(found):
            guesses = self._guesses(said)
            return Found(self._films.iloc[guesses], len(guesses), is_guess=True)
        whole = squeezed(said)
        # The title itself, the film of that number, titles that begin so; else the most rated.
        dated = pc.replace_substring(self._dated, " ", "")
        exact = _mask(pc.equal(self._squeezed, whole)) | _mask(pc.equal(dated, whole))
        begins = _mask(pc.starts_with(self._squeezed, whole))
        order = np.select([exact, by_number, begins], [0, 1, 2], default=3)
        best = found[np.argsort(order[found], kind="stable")]
        return Found(self._films.iloc[best[:MOST]], len(best))

    def _by_number(self, said: str) -> np.ndarray:
        if imdb := _IMDB_ID.search(said):
            return _mask(pc.match_substring(self._imdb, f"/tt{imdb[1].zfill(7)}/"))
        number = _FILM_NUMBER.fullmatch(said)
        same: np.ndarray = self._numbers == (int(number[1]) if number else -1)
        return same

    def _by_words(self, said: str) -> np.ndarray:
        typed = said.split(" ")[:_WORDS]
        words = [word for word in map(squeezed, typed) if word]
        has = [pc.match_substring(self._dated, word) for word in words] or [
            # Nothing but punctuation: then it counts.
            pc.match_substring(self._written, signs)
            for signs in typed
        ]
        return _mask(reduce(pc.and_, has)) if said else np.zeros(len(self._films), dtype=bool)

    def _guesses(self, said: str) -> list[int]:
        whole = squeezed(_YEAR.sub("", said))
        if len(whole) < _GUESSED_FROM:
            return []
        known = enumerate(self._squeezed[:_COMPARED].to_pylist())
        # One may type a part of a title, but hardly more than all of it.
        least = len(whole) * _ALIKE / 100
        titles = {place: title for place, title in known if len(title) >= least}
        scored = [
            # Of titles that have a part like it, those with little else first, and the most rated.
            (-round((alike + fuzz.ratio(whole, title) / 4) / 10), place)
            for title, alike, place in process.extract(
                whole, titles, scorer=fuzz.partial_ratio, score_cutoff=_ALIKE, limit=None
            )
        ]
        return [place for _, place in sorted(scored)[:_GUESSES]]


def _mask(has: pa.Array) -> np.ndarray:
    mask: np.ndarray = pc.fill_null(has, False).to_numpy(zero_copy_only=False)
    return mask


@lru_cache(maxsize=2)
def _titles(_version: str) -> Titles:
    return Titles(marts.rows(queries.TITLES))


def find_films(text: str) -> Found:
    """Finds films in the version that this page shows.

    Args:
        text: What was typed or pasted.

    Raises:
        dashboard.marts.MartsError: As `marts.rows`.
    """
    return _titles(marts.version()).find(text)
