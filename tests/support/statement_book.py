"""The statement book, docs/statements.md: what the commands ask of Snowflake, and its pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.support.shapes import KINDS, parts_of

PAGE = Path(__file__).parents[2] / "docs" / "statements.md"
# Who sends what: production's commands, a developer's, or a load through a stage on S3, either of
# rows that the run puts there or of the files in the landing zone.
PRODUCTION, DEVELOPER, STAGE, READ_STAGE = SENDERS = "", "developer", "stage", "read stage"
_ROW = re.compile(r"^\| `(?P<what>[^`]+)` \| (?P<page>[^|]+?) \| (?P<by>[^|]*?) ?\| [^|]*\|$")


class Entry(NamedTuple):
    """An entry of the book.

    Attributes:
        kind: The part of a statement that it is: a key of `Parts`.
        what: The part.
        page: The page of Snowflake's documentation that it was checked against.
        by: Who send it, if the commands of production do not.
    """

    kind: str
    what: str
    page: str
    by: tuple[str, ...]


def entries() -> list[Entry]:
    """Reads the book."""
    found, kind = [], ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            kind = line.removeprefix("## ").lower()
        row = _ROW.match(line)
        if row and kind in KINDS:
            found.append(Entry(kind, row["what"], row["page"], tuple(row["by"].split(", "))))
    return found


def differences(statements: Iterable[str], by: str) -> dict[str, set[tuple[str, str]]]:
    """Compares what was sent with the book.

    Args:
        statements: All that one sender sent.
        by: Who.

    Returns:
        What is not in the book, and what is in it but was not sent, as kind and part.
    """
    sent = {(kind, part) for kind, parts in parts_of(statements).items() for part in parts}
    book = entries()
    assert {each for entry in book for each in entry.by} <= set(SENDERS)
    own = {(entry.kind, entry.what) for entry in book if by in entry.by}
    shared = {(entry.kind, entry.what) for entry in book if PRODUCTION in entry.by}
    return {"not in the book": sent - own - shared, "not sent": own - sent}
