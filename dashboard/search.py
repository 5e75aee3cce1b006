"""Turns what a visitor types into accent-insensitive, escaped search patterns."""

from __future__ import annotations

import unicodedata

from dashboard.filters import escaped

LONGEST = 200
_WORDS = 5


def normalised(text: str) -> str:
    """Normalises text like the marts' search columns: lower case, no accents, single spaces."""
    decomposed = unicodedata.normalize("NFKD", text[:LONGEST].lower())
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return " ".join(bare.split())


def film_patterns(text: str) -> tuple[str, ...]:
    """Patterns for SEARCH_FILMS: every word must occur; titles that start with the text come first.

    Returns:
        Five word patterns (those to spare match anything) and one for the start of the title.
    """
    whole = normalised(text)
    words = whole.split(" ", _WORDS - 1)
    patterns = [f"%{escaped(word)}%" for word in words]
    return (*patterns, *["%"] * (_WORDS - len(patterns)), f"{escaped(whole)}%")


def tag_pattern(text: str) -> str:
    """The pattern for SEARCH_TAGS: the text anywhere in a tag."""
    return f"%{escaped(normalised(text))}%"
