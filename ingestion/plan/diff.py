"""What is different between two sets of marts: rows by key, values by column, with examples.

The engine compares: one statement for each mart joins its rows in both places by the key that the
mart's tests prove, and another one fetches examples if there are any differences. Values are equal
if `is not distinct from` says so: exactly, and null is equal to null.

Where no key can match the rows, because none is tested, its columns differ between the places, or
it is in both but several times in one of them, whole rows are compared: a row is then there or not,
as often as it is there.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.build import registry
from ingestion.build.artifacts import Project
from ingestion.build.environments import CANDIDATE, PRODUCTION, Environment
from ingestion.build.lineage import lineage_of, parsed_in
from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.publish.place import Mart, Place
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse.base import Connection, Warehouse

# Examples of each kind: rows that are added, removed and changed.
EXAMPLES = 3
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


def diff_environment(
    settings: Settings, environment: Environment = PRODUCTION, named: Sequence[str] = ()
) -> Diff:
    """Compares the marts that an environment shows with what is published; changes nothing.

    Args:
        settings: The settings.
        environment: The environment; production shows the candidate.
        named: The marts to compare; by default all but the reports on the build, which always
            differ.

    Raises:
        SettingsError: If the environment shows nothing, nothing is published, or no such mart.
        BusyError: If a writer has the warehouse file.
    """
    target = engine_of(settings).looked_at()
    after, before = place_of(target, environment), engine_of(settings).published().place()
    if before is None:
        raise SettingsError(
            "Nothing is published yet, so there is nothing to compare with", command("publish")
        )
    lineage_of(settings)
    project = Project(parsed_in(settings))
    left_out = set() if named else project.reports
    with target.connect() as connection:
        return diff(connection, before, after, project.keys(), named=named, left_out=left_out)


def place_of(target: Warehouse, environment: Environment) -> Place:
    """Returns where the marts are that an environment shows.

    Raises:
        SettingsError: If there are none.
    """
    known = registry.read(target)
    found = known.shown_by(environment)
    if found is None and environment.is_production:
        raise SettingsError(
            "There is no audited candidate to compare with what is published", command("build")
        )
    if found is None:
        raise registry.unknown(known, environment)
    name = "candidate" if environment.is_production else environment.name
    return Place(name=name, version=found.version, schemas=(environment.schema(CANDIDATE),))


def diff(
    connection: Connection,
    before: Place,
    after: Place,
    keys: Mapping[str, Key],
    *,
    named: Collection[str] = (),
    left_out: Collection[str] = (),
) -> Diff:
    """Compares two sets of marts.

    Args:
        connection: A connection to the warehouse, from which both can be read.
        before: The one to compare with.
        after: The one to look at.
        keys: The key of each mart, where it has one.
        named: The marts to compare; by default all.
        left_out: Marts that are not compared.

    Raises:
        SettingsError: If a mart that is named is in neither of them.
    """
    were, are = before.open(connection, "side_before"), after.open(connection, "side_after")
    there = sorted(were.keys() | are.keys())
    _check(named, there)
    found = [
        _compared(connection, mart, were.get(mart), are.get(mart), keys.get(mart))
        for mart in there
        if (mart in named or not named) and mart not in left_out
    ]
    return Diff(
        before=Side(name=before.name, version=before.version),
        after=Side(name=after.name, version=after.version),
        marts=[mart for mart in found if not _is_only_a_store(mart, before, after)],
    )


def _check(named: Iterable[str], there: Sequence[str]) -> None:
    for name in named:
        if name not in there:
            near = difflib.get_close_matches(name, there, 3) or there
            raise SettingsError(
                f"There is no mart {name!r} in either version", f"choose another: {', '.join(near)}"
            )


def _is_only_a_store(mart: MartDiff, before: Place, after: Place) -> bool:
    """Whether all that is there of a mart is an empty table, made for another version."""
    if mart.change == "gone":
        return before.is_store and not mart.rows_before
    return mart.change == "new" and after.is_store and not mart.rows_after


def _compared(
    connection: Connection, name: str, before: Mart | None, after: Mart | None, key: Key | None
) -> MartDiff:
    if before is None:
        rows = _rows(connection, after)
        return MartDiff(mart=name, change="new", rows_after=rows, added=rows)
    if after is None:
        rows = _rows(connection, before)
        return MartDiff(mart=name, change="gone", rows_before=rows, removed=rows)
    common = [name for name, type_ in after.columns.items() if before.columns.get(name) == type_]
    usable = key if key and set(key) <= set(common) else None
    comparison = _Comparison(connection, before, after, common, usable)
    counts = comparison.counts()
    if usable and not counts.is_matched_one_to_one:
        comparison = _Comparison(connection, before, after, common, None)
        counts = comparison.counts()
    elif not usable and max(counts.before, counts.after) <= 1:
        comparison = _Comparison(connection, before, after, common, ())
        counts = comparison.counts()
    return _told(name, before, after, comparison, counts)


def _rows(connection: Connection, mart: Mart | None) -> int:
    return int(_fetch(connection, f"select count(*) from {mart.source}")[0][0]) if mart else 0


def _told(
    name: str, before: Mart, after: Mart, comparison: _Comparison, counts: _Counts
) -> MartDiff:
    columns = tuple(_columns(before, after, counts))
    differ = counts.added or counts.removed or counts.changed
    return MartDiff(
        mart=name,
        change="changed" if differ or columns else "same",
        key=comparison.key or (),
        by_row=comparison.key is None,
        rows_before=counts.before,
        rows_after=counts.after,
        added=counts.added,
        removed=counts.removed,
        changed=counts.changed,
        columns=columns,
        examples=tuple(comparison.examples()) if differ else (),
    )


def _columns(before: Mart, after: Mart, counts: _Counts) -> Iterator[ColumnDiff]:
    for name in {**after.columns, **before.columns}:
        was, is_ = before.columns.get(name), after.columns.get(name)
        rows = counts.values.get(name, 0)
        if was != is_:
            change = "new" if was is None else "gone" if is_ is None else "type"
            yield ColumnDiff(column=name, change=change, before=was, after=is_)
        elif rows:
            share = rows / counts.matched
            yield ColumnDiff(
                column=name, change="values", before=was, after=is_, rows=rows, share=share
            )


@dataclass(frozen=True, kw_only=True)
class _Counts:
    """What the join of both places counted; `values` has the changed rows of each column."""

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


class _Comparison:
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

    def counts(self) -> _Counts:
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
        return _Counts(
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
