"""Analyses a query: what computes each of its columns, and what decides its rows.

A column is hashed as its expression, so columns and CTEs that nothing reads have no part in it. All
of a query but its columns decides its rows, and so do columns that can: those of `distinct` and
`union`, and those whose functions might return several rows.

Of a query that keeps one row, or the first few, of each group of equal keys (`qualify row_number()
over (partition by ... order by ...) = 1`), the order decides which, but neither how many nor their
keys. So it counts for all columns but those computed from the keys alone.

What is not known here is refused, and the caller falls back to the whole text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ingestion.lineage.analysis import Computed
from ingestion.lineage.expressions import Found, Scope
from ingestion.lineage.relations import Relation, renamed, union
from ingestion.lineage.syntax import (
    NotUnderstood,
    args_of,
    choice_of_each_group,
    every_column_decides,
    goes_by_order,
    is_of,
    makes_one_row_of_all,
    may_change_rows,
    name_of,
    names_a_place,
    refuse_all_but,
    refuse_any_rows,
    sources_of,
    without_order,
)

Tables = Mapping[tuple[str, str], Relation]
# In these clauses a name is never that of a column of the select itself, if a source has it.
_OF_SOURCES = ("from_", "joins", "laterals", "where")


def relation_of(query: exp.Expr, tables: Tables) -> Relation:
    """Analyses a query.

    Args:
        query: The query, with its names resolved.
        tables: The tables it may read, by schema and name in lower case.

    Raises:
        NotUnderstood: If it has something that is not known here.
    """
    return _relation(query, _Surroundings(tables=tables))


@dataclass(frozen=True, kw_only=True)
class _Surroundings:
    """What a query can refer to besides its own sources."""

    tables: Tables
    ctes: Mapping[str, Relation] = field(default_factory=dict)
    outer: Scope | None = None


def _relation(query: exp.Expr, around: _Surroundings) -> Relation:
    if isinstance(query, exp.Subquery):
        refuse_all_but(query, "this", "alias")
        return _relation(query.this, around)
    if not isinstance(query, exp.Select | exp.SetOperation):
        raise NotUnderstood(f"{query.key} as a query")
    refuse_any_rows(query)
    around = replace(around, ctes=_ctes(query, around))
    if isinstance(query, exp.SetOperation):
        return _set_operation(query, around)
    return _Select(query, around).relation()


def _ctes(query: exp.Expr, around: _Surroundings) -> dict[str, Relation]:
    """All CTEs that a query sees; what it does not read has no effect."""
    ctes = dict(around.ctes)
    clause = query.args.get("with_")
    if clause is None:
        return ctes
    refuse_all_but(clause, "expressions")
    for cte in clause.expressions:
        refuse_all_but(cte, "this", "alias")
        relation = _relation(cte.this, replace(around, ctes=dict(ctes)))
        ctes[cte.alias.lower()] = renamed(relation, cte.args["alias"])
    return ctes


def _set_operation(query: exp.SetOperation, around: _Surroundings) -> Relation:
    left, right = _relation(query.this, around), _relation(query.expression, around)
    if query.args.get("by_name") or len(left.columns) != len(right.columns):
        raise NotUnderstood("columns of a set operation")
    pairs = zip(left.columns.items(), right.columns.values(), strict=True)
    columns = {name: union(query.key, one, other) for (name, one), other in pairs}
    keeps_all = isinstance(query, exp.Union) and query.args.get("distinct") is False
    clauses = args_of(query, without=("this", "expression", "with_"))
    whole = _Query(query, around, (left.order, right.order))
    alone = keeps_all and not every_column_decides(query)
    rest = whole.rows(clauses, columns, {} if alone else columns)
    return Relation(
        columns=columns,
        rows=union(query.key, union(query.key, left.rows, right.rows), rest),
        order=whole.order(columns),
        counted=left.counted | right.counted,
    )


class _Query:
    """What the clauses of a query decide."""

    def __init__(
        self, query: exp.Expr, around: _Surroundings, orders: Iterable[Computed] = ()
    ) -> None:
        self._query = query
        self._around = around
        self._scope = Scope(query, around.outer, self._relation_within, orders)

    def _relation_within(self, query: exp.Expr) -> Relation:
        # DuckDB lets each source refer to those before it, `lateral` or not.
        return _relation(query, replace(self._around, outer=self._scope))

    def rows(
        self,
        clauses: Mapping[str, object],
        columns: Mapping[str, Computed],
        deciding: Mapping[str, Computed],
    ) -> Computed:
        """Finds what decides the rows: the clauses, and some columns."""
        found, shapes = Found(), []
        chooses = goes_by_order(self._query)
        for name, clause in clauses.items():
            if name != "order" or chooses:
                own = {} if name in _OF_SOURCES else columns
                shapes.append(f"{name}={self._scope.shape(clause, found, own)}")
        if chooses:
            shapes.append(self._scope.shape_of_orders(found))
        for column in deciding.values():
            found.add(column)
        hashes = [column.hash for column in deciding.values()]
        makes_one_row = makes_one_row_of_all(self._query)
        decided = found.computed(self._query.key, shapes, hashes, makes_one_row)
        return replace(decided, flows=frozenset())

    def order(self, columns: Mapping[str, Computed]) -> Computed:
        """Finds what decides the order of the rows: its own, and for ties that of its sources."""
        found, shapes = Found(), []
        clause = self._query.args.get("order")
        if clause is not None:
            shapes.append(self._scope.shape(clause, found, columns))
            if names_a_place(clause):
                for column in columns.values():
                    found.add(column)
                    shapes.append(column.hash)
        shapes.append(self._scope.shape_of_orders(found))
        return replace(found.computed(shapes), flows=frozenset())


class _Select(_Query):
    """One select: its sources, and what it makes of their columns."""

    def relation(self) -> Relation:
        """Analyses the select."""
        for node in sources_of(self._query):
            self._scope.add(node, self._source(node))
        columns = dict(self._columns())
        clauses = args_of(self._query, without=("expressions", "with_"))
        choice = choice_of_each_group(self._query)
        if choice is not None:
            columns = dict(self._chosen(columns, choice))
            clauses["qualify"] = without_order(choice)
        rows = self.rows(clauses, columns, self._deciding(columns))
        order = self.order(columns)
        return Relation(columns=columns, rows=rows, order=order, counted=self._scope.counted)

    def _source(self, node: exp.Expr) -> Relation:
        alias = node.args.get("alias")
        if isinstance(node, exp.Subquery):
            refuse_all_but(node, "this", "alias")
            return renamed(self._relation_within(node.this), alias)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            refuse_all_but(node, "this", "db", "alias")
            schema, name = node.db.lower(), node.name.lower()
            around = self._around
            found = around.tables.get((schema, name)) if schema else around.ctes.get(name)
            if found is None:
                raise NotUnderstood(f"table {name}")
            return renamed(found, alias)
        computed = self._scope.computed(node)
        counted = frozenset(flow.parent for flow in computed.flows)
        rows = replace(computed, flows=frozenset())
        return Relation(columns={}, rows=rows, order=rows, counted=counted, any_column=computed)

    def _columns(self) -> Iterator[tuple[str, Computed]]:
        names = set()
        for projection in self._query.expressions:
            name = projection.alias_or_name.lower()
            if not name or name in names:
                raise NotUnderstood(f"a column called {name!r}")
            names.add(name)
            yield name, self._scope.computed(projection.unalias())

    def _chosen(
        self, columns: Mapping[str, Computed], choice: exp.Binary
    ) -> Iterator[tuple[str, Computed]]:
        """Adds to columns what decides which row of each group they are of."""
        which = replace(self._scope.computed(choice, columns), flows=frozenset())
        self._scope.get_rows_by(which)
        keys = {name_of(key) for key in choice.left.args.get("partition_by") or []} - {None}
        # Where a column of this select has the name of a key, the engine might mean that one.
        keys -= {
            (source, projection.alias_or_name.lower())
            for projection in self._query.expressions
            for source in self._scope.aliases
            if name_of(projection.unalias()) != (source, projection.alias_or_name.lower())
        }
        for (name, computed), projection in zip(
            columns.items(), self._query.expressions, strict=True
        ):
            yield name, computed if is_of(projection, keys) else union("chosen", computed, which)

    def _deciding(self, columns: Mapping[str, Computed]) -> Mapping[str, Computed]:
        """The columns on which the number of rows might depend."""
        if every_column_decides(self._query):
            return columns
        return {
            name: computed
            for (name, computed), projection in zip(
                columns.items(), self._query.expressions, strict=True
            )
            if may_change_rows(projection)
        }
