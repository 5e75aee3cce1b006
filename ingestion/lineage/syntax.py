"""What the syntax of a query says without any names being looked up.

`order by` decides only the order of the rows, which is nothing to most readers. It counts for what
may go by it: a choice of rows (`limit`, `distinct on`), window functions, aggregates but those of
which it is known that they do not, and whatever is not known here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sqlglot import exp

# In its `meta` a function has, under this key, the name that the SQL calls it by.
SPELLED = "spelled"
# A window function has this one if the order of its rows means nothing here.
_ORDER = "order means nothing"
# Of the functions that sqlglot does not know, those that return one value for each row. Any other
# might return several rows, or be an aggregate.
_SCALAR = {"hash", "strip_accents", "timezone", "to_months", "to_timestamp_ntz"}
# Aggregates and window functions that return the same in whichever order they get rows that have no
# order among themselves. A sum is not one: that of floating-point numbers depends on the order.
_OF_ANY_ORDER = (
    *(exp.Count, exp.CountIf, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr),
    *(exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist),
)
_AROUND_AN_AGGREGATE = (exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.WithinGroup)


class NotUnderstood(Exception):
    """A query has something whose effect on columns and rows is not known here."""


def refuse_any_rows(query: exp.Expr) -> None:
    """Refuses a query that lets the engine choose rows: anything may have an effect on that.

    Raises:
        NotUnderstood: If it does.
    """
    limited = any(query.args.get(name) for name in ("limit", "offset"))
    if query.args.get("sample") or (limited and not query.args.get("order")):
        raise NotUnderstood("a choice of any rows")


def refuse_all_but(node: exp.Expr, *known: str) -> None:
    """Refuses a node that has more than what the caller takes into account.

    Raises:
        NotUnderstood: If it has.
    """
    others = [name for name, value in node.args.items() if value and name not in known]
    if others:
        raise NotUnderstood(f"{', '.join(others)} of {node.key}")


def args_of(node: exp.Expr, without: Iterable[str] = ()) -> dict[str, object]:
    """Returns what a node has; absent and empty are the same, and so are `asc` and no direction."""
    ordered = isinstance(node, exp.Ordered)
    return {
        name: value
        for name, value in sorted(node.args.items())
        if name not in without
        and not (value is None or (isinstance(value, list) and not value))
        and not (ordered and value is False)
    }


def sources_of(query: exp.Expr) -> Iterator[exp.Expr]:
    """Yields the nodes behind `from`, in order.

    Raises:
        NotUnderstood: If a join goes by the names of columns.
    """
    if query.args.get("from_"):
        yield query.args["from_"].this
    for join in query.args.get("joins") or []:
        if join.args.get("using") or str(join.args.get("method") or "").upper() == "NATURAL":
            raise NotUnderstood("a join by the names of columns")
        yield join.this
    yield from query.args.get("laterals") or []


def aggregate_of(node: exp.Expr) -> exp.Func | None:
    """Returns the aggregate or window function that a node is, or that it is a clause around."""
    if isinstance(node, (exp.Window, *_AROUND_AN_AGGREGATE)):
        inner = node.this
        return aggregate_of(inner) or (inner if isinstance(inner, exp.Func) else None)
    return node if isinstance(node, exp.AggFunc) else None


def may_change_rows(projection: exp.Expr) -> bool:
    """Whether a function in an expression might return several rows, or make one of many."""
    return any(
        isinstance(node, exp.UDTF | exp.AnonymousAggFunc)
        or (isinstance(node, exp.Anonymous) and node.name.lower() not in _SCALAR)
        for node in projection.walk()
    )


def every_column_decides(query: exp.Expr) -> bool:
    """Whether all columns of a query tell its rows apart, or a clause may refer to any."""
    if any(query.args.get(name) for name in ("distinct", "limit", "offset")):
        return True
    group, order = query.args.get("group"), query.args.get("order")
    if group is not None:
        if any(args_of(group, without=("expressions",)).values()):
            return True
        if any(isinstance(each.unnest(), exp.Literal) for each in group.expressions):
            return True
    return order is not None and may_change_rows(order)


def choice_of_each_group(query: exp.Expr) -> exp.Binary | None:
    """Finds a condition that keeps the first rows of each group, if it alone chooses rows."""
    qualify = query.args.get("qualify")
    condition = qualify.this.unnest() if qualify is not None else None
    others = ("distinct", "limit", "offset", "group", "having", "windows")
    if not isinstance(condition, exp.EQ | exp.LT | exp.LTE):
        return None
    if any(query.args.get(name) for name in others) or goes_by_order(query):
        return None
    if any(may_change_rows(each) or _aggregates(each) for each in query.expressions):
        return None
    window, place = condition.left, condition.right
    numbers = isinstance(window, exp.Window) and isinstance(window.this, exp.RowNumber)
    known = set(args_of(window)) <= {"this", "partition_by", "order", "over"}
    return condition if numbers and known and isinstance(place, exp.Literal) else None


def without_order(choice: exp.Binary) -> exp.Binary:
    """Returns what `choice_of_each_group` found as it counts for the number of rows and keys."""
    choice = choice.copy()
    choice.left.set("order", None)
    for node in (choice.left, choice.left.this):
        node.meta[_ORDER] = True
    return choice


def name_of(column: exp.Expr) -> tuple[str, str] | None:
    """Returns the source and the name of a column; None if it is none, or of no known source."""
    if not isinstance(column, exp.Column) or not column.table:
        return None
    return column.table.lower(), column.name.lower()


def is_of(projection: exp.Expr, keys: Collection[tuple[str, str] | None]) -> bool:
    """Whether an expression has the same value for all rows with the same keys."""
    nodes = list(projection.unalias().walk())
    if any(isinstance(node, exp.Query | exp.Window | exp.AggFunc | exp.Func) for node in nodes):
        return False
    return all(name_of(node) in keys for node in nodes if isinstance(node, exp.Column))


def names_a_place(order: exp.Expr) -> bool:
    """Whether an order may name columns by their place, as in `order by 1`, or all of them."""
    return any(each.find(exp.Column) is None for each in order.expressions)


def goes_by_order(query: exp.Expr) -> bool:
    """Whether the order of rows may decide which rows a query returns."""
    if any(query.args.get(name) for name in ("limit", "offset")):
        return True
    if any(join.args.get("method") for join in query.args.get("joins") or []):
        return True
    distinct, order = query.args.get("distinct"), query.args.get("order")
    if isinstance(distinct, exp.Expr) and distinct.args.get("on"):
        return True
    return order is not None and may_change_rows(order)


def depends_on_order(node: exp.Expr) -> bool:
    """Whether an expression may return something else if rows come in another order."""
    if node.meta.get(_ORDER) is not None:
        return False
    if isinstance(node, exp.Window):
        spec = node.args.get("spec")
        frame = str(spec.args.get("kind") or "").upper() if spec is not None else ""
        known = isinstance(aggregate_of(node), _OF_ANY_ORDER)
        return not known or bool(node.args.get("alias")) or frame not in ("", "RANGE")
    if isinstance(node, exp.Anonymous):
        return node.name.lower() not in _SCALAR
    return isinstance(node, exp.AggFunc) and not isinstance(node, _OF_ANY_ORDER)


def makes_one_row_of_all(query: exp.Expr) -> bool:
    """Whether a query aggregates without grouping."""
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
