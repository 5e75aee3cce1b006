"""Tables and results of queries, as analyses see them: what computes each column and the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from ingestion.lineage.analysis import Computed, Flow, Read, digest
from ingestion.lineage.syntax import NotUnderstood


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table, or the result of a query.

    Attributes:
        columns: What computes each column.
        rows: What decides its rows.
        order: What decides their order.
        counted: The tables whose rows it has, more or less: those that `count(*)` would count.
        any_column: What computes columns that are not in `columns`; None if there are no others.
    """

    columns: Mapping[str, Computed]
    rows: Computed
    order: Computed
    counted: frozenset[str]
    any_column: Computed | None = None

    def column(self, name: str) -> Computed:
        """Finds what computes a column.

        Raises:
            NotUnderstood: If there is no such column.
        """
        if name in self.columns:
            return self.columns[name]
        if self.any_column is None:
            raise NotUnderstood(f"no column {name}")
        return replace(self.any_column, hash=digest(name, self.any_column.hash))


def table(name: str, columns: Iterable[str]) -> Relation:
    """Returns a parent of the query as a relation.

    Args:
        name: What analyses call it: not the name in the SQL, which depends on the environment.
        columns: Its columns.
    """
    return Relation(
        columns={
            column: Computed(
                hash=digest(name, column),
                reads=frozenset({Read(name, column)}),
                flows=frozenset({Flow(name, column, ())}),
            )
            for column in columns
        },
        rows=Computed(hash=digest(name), reads=frozenset({Read(name, None)})),
        order=Computed(hash=digest(name), orders=frozenset({name})),
        counted=frozenset({name}),
    )


def renamed(relation: Relation, alias: exp.Expr | None) -> Relation:
    """Applies an alias that names columns, as in `numbers(n)`.

    Raises:
        NotUnderstood: If it names some of them only.
    """
    names = [name.name.lower() for name in (alias.args.get("columns") or [] if alias else [])]
    if not names:
        return relation
    columns = dict(zip(names, relation.columns.values(), strict=False))
    if len(columns) != len(relation.columns):
        raise NotUnderstood("an alias for some of the columns")
    return replace(relation, columns=columns)


def union(kind: str, one: Computed, other: Computed) -> Computed:
    """Returns what depends on both; `kind` says how, for its hash."""
    return Computed(
        hash=digest(kind, one.hash, other.hash),
        reads=one.reads | other.reads,
        flows=one.flows | other.flows,
        orders=one.orders | other.orders,
    )
