"""What an expression means where it stands: its text, in which columns and queries are hashes.

A column stands for what computes it, so the names of columns, tables and CTEs have no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import Enum

from sqlglot import exp

from ingestion.lineage.analysis import Computed, Flow, Read, digest
from ingestion.lineage.relations import Relation
from ingestion.lineage.syntax import (
    SPELLED,
    NotUnderstood,
    aggregate_of,
    args_of,
    depends_on_order,
    refuse_all_but,
)


class Found:
    """Collects what expressions read."""

    def __init__(self) -> None:
        self.reads: set[Read] = set()
        self.flows: set[Flow] = set()
        self.orders: set[str] = set()

    def add(self, computed: Computed, through: frozenset[str] = frozenset()) -> None:
        """Adds what something depends on, and the functions through which its values come."""
        self.reads |= computed.reads
        self.orders |= computed.orders
        self.flows |= {
            flow._replace(through=tuple(sorted({*flow.through, *through})))
            for flow in computed.flows
        }

    def computed(self, *shape: object) -> Computed:
        """Returns all of it, with the hash of a shape."""
        return Computed(
            hash=digest(*shape),
            reads=frozenset(self.reads),
            flows=frozenset(self.flows),
            orders=frozenset(self.orders),
        )


class Scope:
    """What the expressions of one query can name, and so what they mean.

    Args:
        query: The query.
        outer: What the expression around it can name; None if there is none.
        relation_of: Analyses a query within an expression.
        orders: What decides the order in which it gets its rows, besides its sources.
    """

    def __init__(
        self,
        query: exp.Expr,
        outer: Scope | None,
        relation_of: Callable[[exp.Expr], Relation],
        orders: Iterable[Computed] = (),
    ) -> None:
        self._query = query
        self._outer = outer
        self._relation_of = relation_of
        self._orders = list(orders)
        # By alias; the place tells two uses of one table apart.
        self._sources: dict[str, tuple[int, Relation]] = {}
        self._alias_of: dict[int, str] = {}
        # Columns of the query itself that the clause at hand might mean.
        self._own: Mapping[str, Computed] = {}

    @property
    def aliases(self) -> list[str]:
        """What the sources are called."""
        return list(self._sources)

    @property
    def counted(self) -> frozenset[str]:
        """The tables whose rows `count(*)` counts."""
        return frozenset().union(*(relation.counted for _, relation in self._sources.values()))

    def add(self, node: exp.Expr, source: Relation) -> None:
        """Adds a source.

        Raises:
            NotUnderstood: If there is one of that name.
        """
        place = len(self._sources)
        alias = node.alias_or_name.lower() or f"#{place}"
        if alias in self._sources:
            raise NotUnderstood(f"two sources called {alias}")
        self._sources[alias] = place, source
        self._alias_of[id(node)] = alias
        self.get_rows_by(source.order)

    def get_rows_by(self, order: Computed) -> None:
        """Notes what else decides the order in which the query gets its rows."""
        self._orders.append(order)

    def computed(self, node: exp.Expr, own: Mapping[str, Computed] | None = None) -> Computed:
        """Finds what computes an expression; the arguments are those of `shape`."""
        found = Found()
        return found.computed(self.shape(node, found, own))

    def shape(self, value: object, found: Found, own: Mapping[str, Computed] | None = None) -> str:
        """Returns an expression as text that differs if its meaning does.

        Args:
            value: The expression, or a list of some.
            found: To which is added what it reads.
            own: Columns of the query itself that it might mean.

        Raises:
            NotUnderstood: If it has something that is not known here.
        """
        self._own = own or {}
        return self._shape(value, found, frozenset())

    def shape_of_orders(self, found: Found) -> str:
        """Returns the order in which the query gets its rows, as `shape` does an expression."""
        for order in self._orders:
            found.add(replace(order, flows=frozenset()))
        return f"order({[order.hash for order in self._orders]})"

    def _shape(self, value: object, found: Found, through: frozenset[str]) -> str:
        if isinstance(value, list):
            return f"[{','.join(self._shape(each, found, through) for each in value)}]"
        if isinstance(value, Enum):
            return value.name
        if not isinstance(value, exp.Expr):
            return repr(value)
        if id(value) in self._alias_of:
            place, relation = self._sources[self._alias_of[id(value)]]
            found.add(relation.rows)
            return f"source({place},{relation.rows.hash})"
        if isinstance(value, exp.Query):
            return self._shape_of_query(value, found, through)
        if isinstance(value, exp.Column):
            return self._shape_of_column(value, found, through)
        if isinstance(value, exp.Paren):
            return self._shape(value.this, found, through)
        return self._shape_of_node(value, found, through)

    def _shape_of_query(self, query: exp.Query, found: Found, through: frozenset[str]) -> str:
        relation = self._relation_of(query)
        # Of a query that returns one value the first row may count.
        for computed in (relation.rows, relation.order, *relation.columns.values()):
            found.add(computed, through)
        hashes = [column.hash for column in relation.columns.values()]
        return f"query({relation.rows.hash},{relation.order.hash},{hashes})"

    def _shape_of_column(self, column: exp.Column, found: Found, through: frozenset[str]) -> str:
        refuse_all_but(column, "this", "table")
        source, name = column.table.lower(), column.name.lower()
        shape = ""
        if source:
            depth, place, computed = self._found_in(source, name)
            shape = f"column({depth},{place},{computed.hash})"
            found.add(computed, through)
        if name in self._own:
            # Which of the two is meant depends on the engine and on the clause.
            shape += f"own({self._own[name].hash})"
            found.add(self._own[name], through)
        if not shape:
            raise NotUnderstood(f"column {name}")
        return shape

    def _found_in(self, source: str, name: str) -> tuple[int, int, Computed]:
        scope: Scope | None = self
        depth = 0
        while scope is not None and source not in scope._sources:
            scope, depth = scope._outer, depth + 1
        if scope is None:
            raise NotUnderstood(f"source {source}")
        place, relation = scope._sources[source]
        return depth, place, relation.column(name)

    def _shape_of_node(self, node: exp.Expr, found: Found, through: frozenset[str]) -> str:
        if isinstance(node, exp.Star) and (args_of(node) or not isinstance(node.parent, exp.Count)):
            raise NotUnderstood("a star that is not expanded")
        if isinstance(node, exp.Columns):
            raise NotUnderstood("columns by a pattern")
        if isinstance(node, exp.Identifier):
            return repr(node.name)
        function = aggregate_of(node)
        inside = Found()
        by = through if function is None else through | {function.sql_name().lower()}
        shape = f"{node.key}:{node.meta.get(SPELLED, '')}({self._operands(node, inside, by)})"
        if function is not None and not inside.flows:
            inside.flows = {Flow(each, None, tuple(sorted(by))) for each in self.counted}
        if depends_on_order(node):
            shape += self.shape_of_orders(inside)
            if isinstance(node, exp.Window):
                shape += self._shape_of_windows(inside)
        found.reads |= inside.reads
        found.flows |= inside.flows
        found.orders |= inside.orders
        return shape

    def _operands(self, node: exp.Expr, found: Found, through: frozenset[str]) -> str:
        """The arguments of a node, sorted where their order means nothing."""

        def shapes(values: Iterable[object]) -> list[str]:
            return sorted(self._shape(value, found, through) for value in values)

        if isinstance(node, exp.And | exp.Or):
            return ",".join(shapes(node.flatten()))
        if isinstance(node, exp.EQ | exp.NEQ):
            return ",".join(shapes((node.left, node.right)))
        args = {name: self._shape(arg, found, through) for name, arg in args_of(node).items()}
        if isinstance(node, exp.In) and node.expressions:
            args["expressions"] = f"[{','.join(shapes(node.expressions))}]"
        return ",".join(f"{name}={arg}" for name, arg in args.items())

    def _shape_of_windows(self, found: Found) -> str:
        """All windows of the query: ties in one may stay as sorting for another left them."""
        inside = Found()
        nodes = self._query.walk(
            prune=lambda node: node is not self._query and isinstance(node, exp.Query)
        )
        windows = [node for node in nodes if isinstance(node, exp.Window)]
        parts = [node.args.get(name) for node in windows for name in ("partition_by", "order")]
        shape = self._shape([part for part in parts if part is not None], inside, frozenset())
        found.add(replace(inside.computed(), flows=frozenset()))
        return f"windows({shape})"
