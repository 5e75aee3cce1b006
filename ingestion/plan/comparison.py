"""Compares the rows of a mart in two places, by SQL.

One statement joins its rows in both places by the key that the mart's tests prove, and another one
fetches examples. Values are equal if `is not distinct from` says so: exactly, and null is equal to
null.

Without a key whole rows are compared: a row is then there or not, as often as it is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.plan.differences import Example, Key
from ingestion.publish.place import Mart
from ingestion.warehouse.base import Connection

# Examples of each kind: rows that are added, removed and changed.
EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What the join of both places counted.

    Attributes:
        before: Rows before.
        after: Rows after.
        matched: Rows in both places.
        added: Rows that are there only after.
        removed: Rows that were there only before.
        changed: Matched rows with another value.
        values: Of each column, the matched rows with another value.
    """

    before: int
    after: int
    matched: int
    added: int
    removed: int
    changed: int
    values: Mapping[str, int]

    @property
    def is_matched_one_to_one(self) -> bool:
        """Whether no row was matched with several, as happens if the key has duplicates."""
        return (
            self.matched + self.removed == self.before and self.matched + self.added == self.after
        )


_ADDED = "coalesce(a._n, 0) > coalesce(b._n, 0)"
_REMOVED = "coalesce(b._n, 0) > coalesce(a._n, 0)"
_MATCHED = "b._n is not null and a._n is not null"


class Comparison:
    """The statements that compare one mart.

    Args:
        connection: A connection to the warehouse.
        before: The mart to compare with.
        after: The mart to look at.
        common: The columns that both have, with the same type.
        key: The columns by which rows are matched; none for a mart of one row. None to compare
            whole rows.
    """

    def __init__(
        self,
        connection: Connection,
        before: Mart,
        after: Mart,
        common: Sequence[str],
        key: Key | None,
    ) -> None:
        self.key = key
        self._connection = connection
        self._before, self._after = before.source, after.source
        self._common = common
        self._matched_by = common if key is None else key
        self._values = [] if key is None else [name for name in common if name not in key]

    def counts(self) -> Counts:
        """Counts the rows that differ."""
        changed = [f"({_MATCHED} and {_differ(name)})" for name in self._values]
        columns = [
            _count(_MATCHED),
            _sum(_ADDED, "coalesce(a._n, 0) - coalesce(b._n, 0)"),
            _sum(_REMOVED, "coalesce(b._n, 0) - coalesce(a._n, 0)"),
            *([_count(" or ".join(changed))] if changed else ["0"]),
            *map(_count, changed),
        ]
        named = ", ".join(f"{column} as n{at}" for at, column in enumerate(columns))
        (row,) = _fetch(
            self._connection,
            "select rows_before.n, rows_after.n, joined.* "
            f"from (select {named} from {self._join()}) as joined "
            f"cross join (select count(*) as n from {self._before}) as rows_before "
            f"cross join (select count(*) as n from {self._after}) as rows_after",
        )
        before, after, matched, added, removed, any_, *each = map(int, row)
        return Counts(
            before=before,
            after=after,
            matched=matched,
            added=added,
            removed=removed,
            changed=any_,
            values=dict(zip(self._values, each, strict=True)),
        )

    def examples(self) -> Iterator[Example]:
        """Fetches the first rows of each kind, in the order of their key."""
        changed = " or ".join(map(_differ, self._values))
        kind = f"case when {_ADDED} then 'added' when {_REMOVED} then 'removed' "
        kind += f"when {changed} then 'changed' end" if changed else "end"
        values = [
            f"{side}.{name} as {side}{at}" for at, name in enumerate(self._common) for side in "ba"
        ]
        order = [
            f"coalesce(b.{name}, a.{name}) as k{at}" for at, name in enumerate(self._matched_by)
        ]
        names = [f"k{at}" for at in range(len(order))]
        columns = [f"{side}{at}" for side in "ba" for at in range(len(self._common))]
        rows = _fetch(
            self._connection,
            f"with compared as (select {', '.join([f'{kind} as kind', *values, *order])} "
            f"from {self._join()}), "
            "numbered as (select *, row_number() over (partition by kind "
            f"order by {', '.join(names or ['kind'])}) as nth from compared "
            "where kind is not null) "
            f"select {', '.join(['kind', *columns])} from numbered where nth <= {EXAMPLES} "
            "order by kind, nth",
        )
        for change, *row in rows:
            yield self._example(change, row[: len(self._common)], row[len(self._common) :])

    def _example(self, change: str, was: Sequence[Any], is_: Sequence[Any]) -> Example:
        before, after = (
            dict(zip(self._common, was, strict=True)),
            dict(zip(self._common, is_, strict=True)),
        )
        there = before if change == "removed" else after
        shown = [name for name in self._common if self.key is None or name not in self.key]
        if change == "changed":
            shown = [name for name in shown if not _is_same(before[name], after[name])]
        return Example(
            change=change,
            key={name: there[name] for name in self.key or ()},
            before=None if change == "added" else {name: before[name] for name in shown},
            after=None if change == "removed" else {name: after[name] for name in shown},
        )

    def _join(self) -> str:
        """Both places side by side; `_n` says how often a row is there, null if it is not."""
        # The constant is for keys without columns: some engines join outer rows only by equality.
        same = ["b._one = a._one", *(f"b.{c} is not distinct from a.{c}" for c in self._matched_by)]
        before, after = self._side(self._before), self._side(self._after)
        return f"{before} as b full outer join {after} as a on {' and '.join(same)}"

    def _side(self, source: str) -> str:
        names = ", ".join(self._common)
        listed = f"{names}, " if names else ""
        if self.key is not None:
            return f"(select {listed}1 as _one, 1 as _n from {source})"
        group = f" group by {names}" if names else ""
        return f"(select {listed}1 as _one, count(*) as _n from {source}{group})"


def _differ(column: str) -> str:
    return f"b.{column} is distinct from a.{column}"


def _count(condition: str) -> str:
    return f"count(case when {condition} then 1 end)"


def _sum(condition: str, value: str) -> str:
    return f"coalesce(sum(case when {condition} then {value} end), 0)"


def _is_same(one: Any, other: Any) -> bool:
    """Whether the engine takes two values for the same; it does so with two that are no number."""
    both = isinstance(one, float) and isinstance(other, float)
    return bool(one == other) or (both and math.isnan(one) and math.isnan(other))


def _fetch(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()
