"""The questions of docs/marts.md, and whether two tools answer one alike."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests.support.checkout import PROJECT

_PAGE = (PROJECT / "docs" / "marts.md").read_text(encoding="utf-8")


class Question(NamedTuple):
    """A question, and how to ask it.

    Attributes:
        title: Its heading.
        sql: In SQL, for both engines.
        python: In pandas, Polars or DuckDB's relations; None if in neither.
        r: In R; None if not.
    """

    title: str
    sql: str
    python: str | None
    r: str | None


def blocks(language: str, text: str) -> list[str]:
    """Returns the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """Returns what is below a heading of the page."""
    return _PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def questions() -> list[Question]:
    """Reads the page's questions."""
    return [_question(title) for title in re.findall(r"^## (\d+\. .+)$", _PAGE, re.MULTILINE)]


def _question(title: str) -> Question:
    text = section(title)
    (sql,) = blocks("sql", text)
    return Question(title, sql, _only("python", text), _only("r", text))


def _only(language: str, text: str) -> str | None:
    found = blocks(language, text)
    assert len(found) < 2, text
    return found[0] if found else None


def alike(found: Iterable[Iterable[Any]], expected: Iterable[Iterable[Any]]) -> bool:
    """Compares answers: in order, and an integer, a decimal and a float are numbers alike."""
    return [list(map(_plain, row)) for row in found] == [
        [pytest.approx(value, rel=1e-12) if isinstance(value, float) else value for value in row]
        for row in (map(_plain, row) for row in expected)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    return None if math.isnan(value) else float(value)
