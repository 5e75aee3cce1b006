"""What can be different between two sets of marts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ColumnDiff:
    """A column that differs.

    Attributes:
        column: Its name.
        change: `new`, `gone`, `type` or `values`; values are compared only if the types are equal.
        before: Its type before; None if it is new.
        after: Its type after; None if it is gone.
        rows: Rows in both places with another value.
        share: Their share of the rows that are in both places.
    """

    column: str
    change: str
    before: str | None
    after: str | None
    rows: int = 0
    share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Example:
    """A row that differs.

    Attributes:
        change: `added`, `removed` or `changed`.
        key: Its key; empty if whole rows are compared.
        before: The values it had, of a changed row those that differ; None if it is added.
        after: The values it has now; None if it is removed.
    """

    change: str
    key: Mapping[str, Any]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class MartDiff:
    """What is different in one mart.

    Attributes:
        mart: Its name.
        change: `new`, `gone`, `changed` or `same`.
        key: The columns by which its rows are matched; empty if it has one row.
        by_row: Whether whole rows are compared, as no key can match them.
        rows_before: Its rows before; 0 if it is new.
        rows_after: Its rows after; 0 if it is gone.
        added: Rows that are there only after.
        removed: Rows that were there only before.
        changed: Rows in both places with another value.
        columns: The columns that differ.
        examples: Some of the rows that differ, by key.
    """

    mart: str
    change: str
    key: Key = ()
    by_row: bool = False
    rows_before: int = 0
    rows_after: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: tuple[ColumnDiff, ...] = ()
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two sets of marts.

    Attributes:
        name: What it is, such as `published`.
        version: Its version.
    """

    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Diff:
    """What is different between two sets of marts.

    Attributes:
        before: The one compared with.
        after: The one looked at.
        marts: Each mart that is in one of them, by name.
    """

    before: Side
    after: Side
    marts: list[MartDiff]

    @property
    def different(self) -> list[MartDiff]:
        """The marts that differ."""
        return [mart for mart in self.marts if mart.change != "same"]
