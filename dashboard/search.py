"""What a visitor types, made into patterns that find it without accents and without tricks."""

from __future__ import annotations

import unicodedata

from dashboard.filters import escaped

LONGEST = 200
_WORDS = 5


def normalised(text: str) -> str:
    """Writes text as the search columns of the marts have it.

    Args:
        text: What was typed.

    Returns:
        Lower case, without accents, single spaces.
    """
    decomposed = unicodedata.normalize("NFKD", text[:LONGEST].lower())
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return " ".join(bare.split())


def film_patterns(text: str) -> tuple[str, ...]:
    """Patterns for SEARCH_FILMS: each word has to occur; titles that start so come first.

    Args:
        text: What was typed.

    Returns:
        Five patterns of words (any, where there are fewer) and one of the beginning.
    """
    whole = normalised(text)
    words = whole.split(" ", _WORDS - 1)
    patterns = [f"%{escaped(word)}%" for word in words]
    return (*patterns, *["%"] * (_WORDS - len(patterns)), f"{escaped(whole)}%")


def tag_pattern(text: str) -> str:
    """The pattern for SEARCH_TAGS.

    Args:
        text: What was typed.

    Returns:
        A pattern that finds it anywhere in a tag.
    """
    return f"%{escaped(normalised(text))}%"
