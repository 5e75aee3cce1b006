"""Takes a query apart: what computes each of its columns, and what decides its rows.

A column is hashed as its expression, in which each column that it reads stands for what computes
that one. So the names of columns, tables and CTEs have no part in it, nor have columns and CTEs
that nothing reads. All of a query but its columns decides its rows, and so do columns that can:
those of `distinct` and `union`, and those whose functions might return several rows.

`order by` decides only the order of the rows, which is nothing to most readers. It counts for what
may go by it: a choice of rows (`limit`, `distinct on`), window functions, aggregates but those of
which it is known that they do not, and whatever is not known here.

Of a query that keeps one row, or the first few, of each group of equal keys (`qualify row_number()
over (partition by ... order by ...) = 1`), the order decides which, but neither how many nor their
keys. So it counts for all columns but those computed from the keys alone.

What is not known here is refused, and the caller goes by the whole text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from sqlglot import exp

from ingestion.lineage.analysis import Computed, Flow, Read, digest

# In its `meta` a function has, under this key, the name that the SQL calls it by.
SPELLED = "spelled"
# A window function has this one if the order of its rows means nothing here.
_ORDER = "order means nothing"
# Of the functions that sqlglot does not know, those that return one value for each row. Any other
# might return several rows, or be an aggregate.
_SCALAR = {"hash", "strip_accents", "timezone", "to_months", "to_timestamp_ntz"}
# In these clauses a name is never that of a column of the select itself, if a source has it.
_OF_SOURCES = ("from_", "joins", "laterals", "where")
# Aggregates and window functions that return the same in whichever order they get rows that have no
# order among themselves. A sum is not one: that of floating-point numbers depends on the order.
_OF_ANY_ORDER = (
    *(exp.Count, exp.CountIf, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr),
    *(exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist),
)
_AROUND_AN_AGGREGATE = (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup)


class NotUnderstood(Exception):
    """A query has something whose effect on columns and rows is not known here."""


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


Tables = Mapping[tuple[str, str], Relation]


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


def relation_of(query: exp.Expr, tables: Tables) -> Relation:
    """Takes a query apart.

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
    outer: _Select | None = None


def _relation(query: exp.Expr, around: _Surroundings) -> Relation:
    if isinstance(query, exp.Subquery):
        _refuse_all_but(query, "this", "alias")
        return _relation(query.this, around)
    if not isinstance(query, exp.Select | exp.SetOperation):
        raise NotUnderstood(f"{query.key} as a query")
    _refuse_any_rows(query)
    around = replace(around, ctes=_ctes(query, around))
    if isinstance(query, exp.SetOperation):
        return _set_operation(query, around)
    return _Select(query, around).relation()


def _refuse_any_rows(query: exp.Expr) -> None:
    """Refuses a query that lets the engine choose rows: anything may have an effect on that."""
    limited = any(query.args.get(name) for name in ("limit", "offset"))
    if query.args.get("sample") or (limited and not query.args.get("order")):
        raise NotUnderstood("a choice of any rows")


def _refuse_all_but(node: exp.Expr, *known: str) -> None:
    others = [name for name, value in node.args.items() if value and name not in known]
    if others:
        raise NotUnderstood(f"{', '.join(others)} of {node.key}")


def _ctes(query: exp.Expr, around: _Surroundings) -> dict[str, Relation]:
    """All CTEs that a query sees; what it does not read has no effect."""
    ctes = dict(around.ctes)
    clause = query.args.get("with_")
    if clause is None:
        return ctes
    _refuse_all_but(clause, "expressions")
    for cte in clause.expressions:
        _refuse_all_but(cte, "this", "alias")
        relation = _relation(cte.this, replace(around, ctes=dict(ctes)))
        ctes[cte.alias.lower()] = _renamed(relation, cte.args["alias"])
    return ctes


def _renamed(relation: Relation, alias: exp.Expr | None) -> Relation:
    """Applies an alias that names columns, as in `numbers(n)`."""
    names = [name.name.lower() for name in (alias.args.get("columns") or [] if alias else [])]
    if not names:
        return relation
    columns = dict(zip(names, relation.columns.values(), strict=False))
    if len(columns) != len(relation.columns):
        raise NotUnderstood("an alias for some of the columns")
    return replace(relation, columns=columns)


def _set_operation(query: exp.SetOperation, around: _Surroundings) -> Relation:
    left, right = _relation(query.this, around), _relation(query.expression, around)
    if query.args.get("by_name") or len(left.columns) != len(right.columns):
        raise NotUnderstood("columns of a set operation")
    pairs = zip(left.columns.items(), right.columns.values(), strict=True)
    columns = {name: _union(query.key, one, other) for (name, one), other in pairs}
    keeps_all = isinstance(query, exp.Union) and query.args.get("distinct") is False
    clauses = _args(query, without=("this", "expression", "with_"))
    whole = _Select(query, around, (left.order, right.order))
    alone = keeps_all and not _every_column_decides(query)
    rest = whole.rows(clauses, columns, {} if alone else columns)
    return Relation(
        columns=columns,
        rows=_union(query.key, _union(query.key, left.rows, right.rows), rest),
        order=whole.order(columns),
        counted=left.counted | right.counted,
    )


def _union(kind: str, one: Computed, other: Computed) -> Computed:
    return Computed(
        hash=digest(kind, one.hash, other.hash),
        reads=one.reads | other.reads,
        flows=one.flows | other.flows,
        orders=one.orders | other.orders,
    )


def _args(node: exp.Expr, without: Iterable[str] = ()) -> dict[str, object]:
    """What a node has; absent and empty are the same, and so are `asc` and no direction."""
    ordered = isinstance(node, exp.Ordered)
    return {
        name: value
        for name, value in sorted(node.args.items())
        if name not in without
        and not (value is None or (isinstance(value, list) and not value))
        and not (ordered and value is False)
    }


class _Found:
    """Collects what an expression reads."""

    def __init__(self) -> None:
        self.reads: set[Read] = set()
        self.flows: set[Flow] = set()
        self.orders: set[str] = set()

    def add(self, computed: Computed, through: frozenset[str] = frozenset()) -> None:
        self.reads |= computed.reads
        self.orders |= computed.orders
        self.flows |= {
            flow._replace(through=tuple(sorted({*flow.through, *through})))
            for flow in computed.flows
        }


class _Select:
    """One select: its sources, and what its expressions mean with them."""

    def __init__(
        self, query: exp.Expr, around: _Surroundings, orders: Iterable[Computed] = ()
    ) -> None:
        self._query = query
        self._around = around
        # What decides the order in which it gets its rows.
        self._orders = list(orders)
        # By alias; the place tells two uses of one table apart.
        self._sources: dict[str, tuple[int, Relation]] = {}
        self._alias_of: dict[int, str] = {}
        # Columns of this select that a clause might mean.
        self._own: Mapping[str, Computed] = {}

    def relation(self) -> Relation:
        """Takes the select apart."""
        for node in _sources_of(self._query):
            place = len(self._sources)
            alias = node.alias_or_name.lower() or f"#{place}"
            if alias in self._sources:
                raise NotUnderstood(f"two sources called {alias}")
            source = self._source(node)
            self._sources[alias] = place, source
            self._alias_of[id(node)] = alias
            self._orders.append(source.order)
        columns = dict(self._columns())
        clauses = _args(self._query, without=("expressions", "with_"))
        choice = _choice_of_each_group(self._query)
        if choice is not None:
            columns = dict(self._chosen(columns, choice))
            clauses["qualify"] = _without_order(choice)
        rows = self.rows(clauses, columns, self._deciding(columns))
        order = self.order(columns)
        return Relation(columns=columns, rows=rows, order=order, counted=self._counted())

    def _chosen(
        self, columns: Mapping[str, Computed], choice: exp.Binary
    ) -> Iterator[tuple[str, Computed]]:
        """Adds to columns what decides which row of each group they are of."""
        self._own = columns
        which = replace(self._computed(choice), flows=frozenset())
        self._orders.append(which)
        keys = {_name_of(key) for key in choice.left.args.get("partition_by") or []} - {None}
        # Where a column of this select has the name of a key, the engine might mean that one.
        keys -= {
            (source, projection.alias_or_name.lower())
            for projection in self._query.expressions
            for source in self._sources
            if _name_of(projection.unalias()) != (source, projection.alias_or_name.lower())
        }
        for (name, computed), projection in zip(
            columns.items(), self._query.expressions, strict=True
        ):
            one = computed if _is_of(projection, keys) else _union("chosen", computed, which)
            yield name, one
        self._own = {}

    def _counted(self) -> frozenset[str]:
        return frozenset().union(*(relation.counted for _, relation in self._sources.values()))

    def _source(self, node: exp.Expr) -> Relation:
        alias = node.args.get("alias")
        if isinstance(node, exp.Subquery):
            _refuse_all_but(node, "this", "alias")
            # DuckDB lets each refer to those before it, `lateral` or not.
            return _renamed(_relation(node.this, replace(self._around, outer=self)), alias)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            _refuse_all_but(node, "this", "db", "alias")
            schema, name = node.db.lower(), node.name.lower()
            around = self._around
            found = around.tables.get((schema, name)) if schema else around.ctes.get(name)
            if found is None:
                raise NotUnderstood(f"table {name}")
            return _renamed(found, alias)
        computed = self._computed(node)
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
            yield name, self._computed(projection.unalias())

    def _computed(self, node: exp.Expr) -> Computed:
        found = _Found()
        shape = self._shape(node, found, frozenset())
        return Computed(
            hash=digest(shape),
            reads=frozenset(found.reads),
            flows=frozenset(found.flows),
            orders=frozenset(found.orders),
        )

    def _deciding(self, columns: Mapping[str, Computed]) -> Mapping[str, Computed]:
        """The columns on which the number of rows might depend."""
        if _every_column_decides(self._query):
            return columns
        return {
            name: computed
            for (name, computed), projection in zip(
                columns.items(), self._query.expressions, strict=True
            )
            if _may_change_rows(projection)
        }

    def rows(
        self,
        clauses: Mapping[str, object],
        columns: Mapping[str, Computed],
        deciding: Mapping[str, Computed],
    ) -> Computed:
        """Finds what decides the rows: the clauses, and some columns."""
        found, shapes = _Found(), []
        chooses = _goes_by_order(self._query)
        for name, clause in clauses.items():
            if name != "order" or chooses:
                self._own = {} if name in _OF_SOURCES else columns
                shapes.append(f"{name}={self._shape(clause, found, frozenset())}")
        if chooses:
            shapes.append(self._shape_of_orders(found))
        for column in deciding.values():
            found.add(column)
        hashes = [column.hash for column in deciding.values()]
        makes_one_row = _makes_one_row_of_all(self._query)
        return Computed(
            hash=digest(self._query.key, shapes, hashes, makes_one_row),
            reads=frozenset(found.reads),
            orders=frozenset(found.orders),
        )

    def order(self, columns: Mapping[str, Computed]) -> Computed:
        """Finds what decides the order of the rows: its own, and for ties that of its sources."""
        found, shapes = _Found(), []
        clause = self._query.args.get("order")
        if clause is not None:
            self._own = columns
            shapes.append(self._shape(clause, found, frozenset()))
            if _names_a_place(clause):
                for column in columns.values():
                    found.add(column)
                    shapes.append(column.hash)
        shapes.append(self._shape_of_orders(found))
        return Computed(
            hash=digest(shapes), reads=frozenset(found.reads), orders=frozenset(found.orders)
        )

    def _shape_of_windows(self, found: _Found) -> str:
        """All windows of the select: ties in one may stay as sorting for another left them."""
        inside = _Found()
        nodes = self._query.walk(
            prune=lambda node: node is not self._query and isinstance(node, exp.Query)
        )
        windows = [node for node in nodes if isinstance(node, exp.Window)]
        parts = [node.args.get(name) for node in windows for name in ("partition_by", "order")]
        shape = self._shape([part for part in parts if part is not None], inside, frozenset())
        found.add(Computed(hash="", reads=frozenset(inside.reads), orders=frozenset(inside.orders)))
        return f"windows({shape})"

    def _shape_of_orders(self, found: _Found) -> str:
        for order in self._orders:
            found.add(replace(order, flows=frozenset()))
        return f"order({[order.hash for order in self._orders]})"

    # An expression as text, in which columns and queries are hashes.

    def _shape(self, value: object, found: _Found, through: frozenset[str]) -> str:
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

    def _shape_of_query(self, query: exp.Query, found: _Found, through: frozenset[str]) -> str:
        relation = _relation(query, replace(self._around, outer=self))
        # Of a query that returns one value the first row may count.
        for computed in (relation.rows, relation.order, *relation.columns.values()):
            found.add(computed, through)
        hashes = [column.hash for column in relation.columns.values()]
        return f"query({relation.rows.hash},{relation.order.hash},{hashes})"

    def _shape_of_column(self, column: exp.Column, found: _Found, through: frozenset[str]) -> str:
        _refuse_all_but(column, "this", "table")
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
        select: _Select | None = self
        depth = 0
        while select is not None and source not in select._sources:
            select, depth = select._around.outer, depth + 1
        if select is None:
            raise NotUnderstood(f"source {source}")
        place, relation = select._sources[source]
        return depth, place, relation.column(name)

    def _shape_of_node(self, node: exp.Expr, found: _Found, through: frozenset[str]) -> str:
        if isinstance(node, exp.Star) and (_args(node) or not isinstance(node.parent, exp.Count)):
            raise NotUnderstood("a star that is not expanded")
        if isinstance(node, exp.Columns):
            raise NotUnderstood("columns by a pattern")
        if isinstance(node, exp.Identifier):
            return repr(node.name)
        function = _aggregate_of(node)
        inside = _Found()
        by = through if function is None else through | {function.sql_name().lower()}
        shape = f"{node.key}:{node.meta.get(SPELLED, '')}({self._operands(node, inside, by)})"
        if function is not None and not inside.flows:
            inside.flows = {Flow(each, None, tuple(sorted(by))) for each in self._counted()}
        if _depends_on_order(node) and node.meta.get(_ORDER) is None:
            shape += self._shape_of_orders(inside)
            if isinstance(node, exp.Window):
                shape += self._shape_of_windows(inside)
        found.reads |= inside.reads
        found.flows |= inside.flows
        found.orders |= inside.orders
        return shape

    def _operands(self, node: exp.Expr, found: _Found, through: frozenset[str]) -> str:
        """The arguments of a node, sorted where their order means nothing."""

        def shapes(values: Iterable[object]) -> list[str]:
            return sorted(self._shape(value, found, through) for value in values)

        if isinstance(node, exp.And | exp.Or):
            return ",".join(shapes(node.flatten()))
        if isinstance(node, exp.EQ | exp.NEQ):
            return ",".join(shapes((node.left, node.right)))
        args = {name: self._shape(arg, found, through) for name, arg in _args(node).items()}
        if isinstance(node, exp.In) and node.expressions:
            args["expressions"] = f"[{','.join(shapes(node.expressions))}]"
        return ",".join(f"{name}={arg}" for name, arg in args.items())


def _sources_of(query: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes behind `from`, in order."""
    if query.args.get("from_"):
        yield query.args["from_"].this
    for join in query.args.get("joins") or []:
        if join.args.get("using") or str(join.args.get("method") or "").upper() == "NATURAL":
            raise NotUnderstood("a join by the names of columns")
        yield join.this
    yield from query.args.get("laterals") or []


def _aggregate_of(node: exp.Expr) -> exp.Func | None:
    """The aggregate or window function that a node is, or that it is a clause around."""
    if isinstance(node, (exp.Window, *_AROUND_AN_AGGREGATE)):
        inner = node.this
        return _aggregate_of(inner) or (inner if isinstance(inner, exp.Func) else None)
    return node if isinstance(node, exp.AggFunc) else None


def _may_change_rows(projection: exp.Expr) -> bool:
    return any(
        isinstance(node, exp.UDTF | exp.AnonymousAggFunc)
        or (isinstance(node, exp.Anonymous) and node.name.lower() not in _SCALAR)
        for node in projection.walk()
    )


def _every_column_decides(query: exp.Expr) -> bool:
    """Whether all columns tell rows apart, or a clause may refer to any of them."""
    if any(query.args.get(name) for name in ("distinct", "limit", "offset")):
        return True
    group, order = query.args.get("group"), query.args.get("order")
    if group is not None:
        if any(_args(group, without=("expressions",)).values()):
            return True
        if any(isinstance(each.unnest(), exp.Literal) for each in group.expressions):
            return True
    return order is not None and _may_change_rows(order)


def _choice_of_each_group(query: exp.Expr) -> exp.Binary | None:
    """Finds a condition that keeps the first rows of each group, if it alone chooses rows."""
    qualify = query.args.get("qualify")
    condition = qualify.this.unnest() if qualify is not None else None
    others = ("distinct", "limit", "offset", "group", "having", "windows")
    if not isinstance(condition, exp.EQ | exp.LT | exp.LTE):
        return None
    if any(query.args.get(name) for name in others) or _goes_by_order(query):
        return None
    if any(_may_change_rows(each) or _aggregates(each) for each in query.expressions):
        return None
    window, place = condition.left, condition.right
    numbers = isinstance(window, exp.Window) and isinstance(window.this, exp.RowNumber)
    known = set(_args(window)) <= {"this", "partition_by", "order", "over"}
    return condition if numbers and known and isinstance(place, exp.Literal) else None


def _without_order(choice: exp.Binary) -> exp.Binary:
    """The condition as it counts for how many rows of which keys there are."""
    choice = choice.copy()
    choice.left.set("order", None)
    for node in (choice.left, choice.left.this):
        node.meta[_ORDER] = True
    return choice


def _name_of(column: exp.Expr) -> tuple[str, str] | None:
    """The source and the name of a column; None if it is something else, or of no known source."""
    if not isinstance(column, exp.Column) or not column.table:
        return None
    return column.table.lower(), column.name.lower()


def _is_of(projection: exp.Expr, keys: Collection[tuple[str, str] | None]) -> bool:
    """Whether an expression has the same value for all rows with the same keys."""
    nodes = list(projection.unalias().walk())
    if any(isinstance(node, exp.Query | exp.Window | exp.AggFunc | exp.Func) for node in nodes):
        return False
    return all(_name_of(node) in keys for node in nodes if isinstance(node, exp.Column))


def _names_a_place(order: exp.Expr) -> bool:
    """Whether an order may name columns by their place, as in `order by 1`, or all of them."""
    return any(each.find(exp.Column) is None for each in order.expressions)


def _goes_by_order(query: exp.Expr) -> bool:
    """Whether the order of rows may decide which rows a query returns."""
    if any(query.args.get(name) for name in ("limit", "offset")):
        return True
    if any(join.args.get("method") for join in query.args.get("joins") or []):
        return True
    distinct, order = query.args.get("distinct"), query.args.get("order")
    if isinstance(distinct, exp.Expr) and distinct.args.get("on"):
        return True
    return order is not None and _may_change_rows(order)


def _depends_on_order(node: exp.Expr) -> bool:
    """Whether an expression may return something else if rows come in another order."""
    if isinstance(node, exp.Window):
        spec = node.args.get("spec")
        frame = str(spec.args.get("kind") or "").upper() if spec is not None else ""
        known = isinstance(_aggregate_of(node), _OF_ANY_ORDER)
        return not known or bool(node.args.get("alias")) or frame not in ("", "RANGE")
    if isinstance(node, exp.Anonymous):
        return node.name.lower() not in _SCALAR
    return isinstance(node, exp.AggFunc) and not isinstance(node, _OF_ANY_ORDER)


def _makes_one_row_of_all(query: exp.Expr) -> bool:
    """Whether it aggregates without grouping."""
    if not isinstance(query, exp.Select) or query.args.get("group"):
        return False
    clauses = (query.args.get(name) for name in ("having", "qualify", "order"))
    nodes = [*query.expressions, *(clause for clause in clauses if clause is not None)]
    return any(_aggregates(node) for node in nodes)


def _aggregates(node: exp.Expr) -> bool:
    """Whether an expression has an aggregate that is not a window function's own."""
    return any(
        isinstance(each, exp.AggFunc) and not _is_windowed(each)
        for each in node.walk(prune=lambda each: isinstance(each, exp.Query))
    )


def _is_windowed(function: exp.Expr) -> bool:
    while isinstance(function.parent, _AROUND_AN_AGGREGATE) and function.arg_key == "this":
        function = function.parent
    return isinstance(function.parent, exp.Window) and function.arg_key == "this"
