"""What a title says: the words as one would say them, and the year."""

from __future__ import annotations

import re
import unicodedata

_ARTICLES = (
    *("The", "A", "An", "Le", "La", "Les", "Un", "Une", "El", "Los", "Las", "Una", "Il", "Lo"),
    *("I", "Gli", "Der", "Die", "Das", "Den", "Det", "De", "Een", "Het", "Ein", "Eine", "En"),
    *("Et", "O", "Os", "Um", "Uma", "Da", "L'"),
)
_YEAR = re.compile(r"\(([0-9]{4})([-–—] *([0-9]{4})?)? *\) *\Z")
_AS_KNOWN = "a.k.a. "


def year_of(title: str) -> int | None:
    """The year at the end, or the first of the years there."""
    found = _YEAR.search(title)
    return int(found[1]) if found else None


def as_spoken(title: str) -> str:
    """The title without its year, with each article in front of its words."""
    found = _YEAR.search(title)
    words = title[: found.start()].strip(" ") if found else title.strip(" ")
    main, parenthesis, rest = words.partition(" (")
    if not set("()") & set(main):
        words = _article_in_front(main) + parenthesis + rest
    return re.sub(r"\(([^()]*)\)", lambda match: f"({_also_known(match[1])})", words)


def _also_known(words: str) -> str:
    """The words of a parenthesis, of which `a.k.a.` stays in front."""
    prefix = ""
    while words.startswith(_AS_KNOWN):
        prefix, words = prefix + _AS_KNOWN, words.removeprefix(_AS_KNOWN)
    return prefix + _article_in_front(words)


def _article_in_front(words: str) -> str:
    before, _, last = words.rpartition(", ")
    if not before or last not in _ARTICLES:
        return words
    return f"{last}{before}" if last == "L'" else f"{last} {before}"


def without_accents(text: str) -> str:
    """Lower case, and letters without their accents."""
    parts = unicodedata.normalize("NFD", text.lower())
    return unicodedata.normalize("NFC", "".join(c for c in parts if not unicodedata.combining(c)))
