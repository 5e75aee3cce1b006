"""Random edits of models and macros, as a contributor might make them, by kind and by a seed.

A model is edited in its compiled SQL, with sqlglot; a macro in its text, of which only the SQL
between the Jinja and the numbers within it change. Whether an edit still compiles, runs and means
something else is for the caller to find out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

import sqlglot
from sqlglot import exp

Edit = Callable[[exp.Expr, random.Random], bool]
"""Changes a query in place; false if it has nothing to be changed in that way."""
NEW_COLUMN = "column_of_an_edit"


def _some(query: exp.Expr, chance: random.Random, *kinds: type[exp.Expr]) -> exp.Expr | None:
    nodes = [node for node in query.walk() if isinstance(node, kinds)]
    return chance.choice(nodes) if nodes else None


def _another(chance: random.Random, kinds: tuple[type[exp.Expr], ...], node: exp.Expr) -> exp.Expr:
    """The same operands under another operator."""
    kind = chance.choice([kind for kind in kinds if not isinstance(node, kind)])
    return kind(this=node.this, expression=node.expression)


def _operator(query: exp.Expr, chance: random.Random) -> bool:
    kinds = (exp.Add, exp.Sub, exp.Mul)
    node = _some(query, chance, *kinds, exp.Div)
    if node:
        node.replace(_another(chance, kinds, node))
    return bool(node)


def _comparison(query: exp.Expr, chance: random.Random) -> bool:
    kinds = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
    node = _some(query, chance, *kinds)
    if node:
        node.replace(_another(chance, kinds, node))
    return bool(node)


def _boundary(query: exp.Expr, chance: random.Random) -> bool:
    """Moves an equal value to the other side of a limit."""
    others: dict[type[exp.Expr], type[exp.Binary]] = {
        **{exp.LT: exp.LTE, exp.LTE: exp.LT},
        **{exp.GT: exp.GTE, exp.GTE: exp.GT},
    }
    node = _some(query, chance, *others)
    if node:
        node.replace(others[type(node)](this=node.this, expression=node.expression))
    return bool(node)


def _constant(query: exp.Expr, chance: random.Random) -> bool:
    node = _some(query, chance, exp.Literal)
    if isinstance(node, exp.Literal):
        number = node.name
        changed = f"{number}x" if node.is_string else f"{float(number) + 1:g}"
        node.set("this", changed)
    return bool(node)


def _aggregate(query: exp.Expr, chance: random.Random) -> bool:
    kinds = (exp.Sum, exp.Max, exp.Min, exp.Avg, exp.AnyValue)
    node = _some(query, chance, *kinds, exp.Count)
    if node is None or isinstance(node.this, exp.Star | exp.Distinct):
        return False
    kind = chance.choice([kind for kind in kinds if not isinstance(node, kind)])
    node.replace(kind(this=node.this))
    return True


def _join(query: exp.Expr, chance: random.Random) -> bool:
    node = _some(query, chance, exp.Join)
    if node is None or not node.args.get("on"):
        return False
    sides = ("LEFT", "RIGHT", "FULL", None)
    node.set("side", chance.choice([s for s in sides if s != (node.args.get("side") or None)]))
    node.set("kind", None)
    return True


def _key(query: exp.Expr, chance: random.Random) -> bool:
    """Drops a part of what is joined or grouped by, or joins by another column."""
    joins = [node for node in query.find_all(exp.Join) if node.args.get("on")]
    groups = [node for node in query.find_all(exp.Group) if len(node.expressions) > 1]
    if not joins and not groups:
        return False
    place = chance.choice([*joins, *groups])
    if isinstance(place, exp.Group):
        _no_longer_grouped(place, chance.choice(place.expressions))
        return True
    condition = place.args["on"]
    if isinstance(condition, exp.And):
        place.set("on", chance.choice((condition.left, condition.right)))
        return True
    return _another_column(query, _some(condition, chance, exp.Column), chance)


def _no_longer_grouped(group: exp.Group, part: exp.Expr) -> None:
    select = group.parent
    assert isinstance(select, exp.Select)
    for selected in select.expressions:
        for node in list(selected.find_all(type(part))):
            if node == part:
                node.replace(exp.AnyValue(this=node.copy()))
    part.pop()


def _condition(query: exp.Expr, chance: random.Random) -> bool:
    """Drops a clause, or one side of a condition."""
    places = [node for node in query.walk() if isinstance(node, exp.And | exp.Or)]
    clauses = [
        (node, name)
        for node in query.walk()
        if isinstance(node, exp.Select)
        for name in ("where", "having", "qualify")
        if node.args.get(name)
    ]
    if not places and not clauses:
        return False
    place = chance.choice([*places, *clauses])
    if isinstance(place, tuple):
        place[0].set(place[1], None)
    else:
        place.replace(chance.choice((place.left, place.right)))
    return True


def _new_condition(query: exp.Expr, chance: random.Random) -> bool:
    select = _some(query, chance, exp.Select)
    if not isinstance(select, exp.Select):
        return False
    columns = [one for one in select.expressions if isinstance(one.unalias(), exp.Column)]
    if not columns:
        return False
    value = exp.cast(chance.choice(columns).unalias().copy(), "varchar")
    pattern = exp.Literal.string(f"%{chance.choice('13579aeiou')}%")
    select.where(exp.Like(this=value, expression=pattern).not_(), copy=False)
    return True


def _direction(query: exp.Expr, chance: random.Random) -> bool:
    node = _some(query, chance, exp.Ordered)
    if node:
        node.set("desc", not node.args.get("desc"))
    return bool(node)


def _order(query: exp.Expr, chance: random.Random) -> bool:
    """Drops a part of an order, or swaps its parts."""
    node = _some(query, chance, exp.Order)
    if node is None:
        return False
    parts = node.expressions
    if len(parts) > 1 and chance.random() < 0.5:
        node.set("expressions", parts[::-1])
    elif len(parts) > 1:
        node.set("expressions", parts[:-1])
    elif node.this:  # of texts that are joined
        node.replace(node.this)
    else:
        node.pop()
    return True


def _distinct(query: exp.Expr, chance: random.Random) -> bool:
    selects = list(query.find_all(exp.Select))
    there = [select for select in selects if select.args.get("distinct")]
    counts = [count for count in query.find_all(exp.Count) if not isinstance(count.this, exp.Star)]
    # Most of what is selected is distinct anyway.
    node = chance.choice([*there, *counts] or selects)
    if isinstance(node, exp.Select):
        node.set("distinct", None if node.args.get("distinct") else exp.Distinct())
    elif isinstance(node.this, exp.Distinct):
        node.set("this", node.this.expressions[0])
    else:
        node.set("this", exp.Distinct(expressions=[node.this]))
    return True


def _coalesce(query: exp.Expr, chance: random.Random) -> bool:
    """Drops a fallback."""
    node = _some(query, chance, exp.Coalesce, exp.Nullif)
    if node:
        node.replace(node.this)
    return bool(node)


def _columns_swapped(query: exp.Expr, chance: random.Random) -> bool:
    """Reads another column of the same source."""
    return _another_column(query, _some(query, chance, exp.Column), chance)


def _another_column(query: exp.Expr, node: exp.Expr | None, chance: random.Random) -> bool:
    if not isinstance(node, exp.Column):
        return False
    used = {one.name for one in query.find_all(exp.Column) if one.table == node.table}
    if len(used) < 2:
        return False
    node.set("this", exp.to_identifier(chance.choice(sorted(used - {node.name}))))
    return True


def _output(query: exp.Expr) -> exp.Select | None:
    """The select that names what the query returns."""
    ctes = {cte.alias: cte.this for cte in query.find_all(exp.CTE)}
    while isinstance(query, exp.Select) and query.is_star and len(query.expressions) == 1:
        source = query.args["from_"].this
        if source.name not in ctes:
            return None
        query = ctes.pop(source.name)
    return query if isinstance(query, exp.Select) and not query.is_star else None


def _column_added(query: exp.Expr, chance: random.Random) -> bool:
    select = _output(query)
    if select is None or select.args.get("group") or select.args.get("distinct"):
        return False
    value = chance.choice(select.expressions).unalias().copy()
    select.select(exp.alias_(exp.cast(value, "varchar"), NEW_COLUMN), copy=False)
    return True


def _column_removed(query: exp.Expr, chance: random.Random) -> bool:
    select = _output(query)
    if select is None or len(select.expressions) < 2:
        return False
    chance.choice(select.expressions).pop()
    return True


def _case(query: exp.Expr, chance: random.Random) -> bool:
    """Drops an arm, or swaps two of them."""
    node = _some(query, chance, exp.Case)
    if node is None:
        return False
    arms = node.args["ifs"]
    if len(arms) > 1:
        node.set("ifs", chance.choice((arms[1:], arms[:-1], arms[::-1])))
    elif node.args.get("default"):
        node.set("default", None)
    else:
        node.replace(arms[0].args["true"])
    return True


def _window(query: exp.Expr, chance: random.Random) -> bool:
    """Drops the partition or the order of a window, or a part of them."""
    node = _some(query, chance, exp.Window)
    if node is None:
        return False
    partition, order = node.args.get("partition_by"), node.args.get("order")
    if partition and (order is None or chance.random() < 0.5):
        node.set("partition_by", partition[:-1])
    elif order is not None:
        node.set(
            "order", exp.Order(expressions=order.expressions[1:]) if order.expressions[1:] else None
        )
    return bool(partition or order)


def _cast(query: exp.Expr, chance: random.Random) -> bool:
    """Casts to another type, or not at all."""
    node = _some(query, chance, exp.Cast)
    if node is None:
        return False
    kind = chance.choice(("integer", "double", "varchar", ""))
    node.replace(exp.cast(node.this, kind) if kind else node.this)
    return True


def _set_operation(query: exp.Expr, chance: random.Random) -> bool:
    node = _some(query, chance, exp.SetOperation)
    if node is None:
        return False
    if chance.random() < 0.5:
        node.set("distinct", not node.args.get("distinct"))
    else:
        kind = chance.choice((exp.Except, exp.Intersect))
        args = {name: value for name, value in node.args.items() if name != "distinct"}
        node.replace(kind(**args, distinct=True))
        return node is not query
    return True


_UNITS = ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR")
_DAYS = {exp.DayOfWeekIso: exp.DayOfWeek, exp.DayOfWeek: exp.DayOfWeekIso}
_ELSEWHERE = "Asia/Kolkata"
# Functions that sqlglot does not know, and what is easily taken for them.
_MISTAKEN = {"to_months": "to_years", "to_days": "to_months", "to_years": "to_months"}


def _time(query: exp.Expr, chance: random.Random) -> bool:
    """Takes another unit, another zone, or a time an hour off."""
    moments = [
        one
        for one in query.find_all(exp.Column)
        if one.name.endswith(("_at", "month")) and isinstance(one.parent, exp.Func)
    ]
    known = {"timezone", *_MISTAKEN}
    named = [one for one in query.find_all(exp.Anonymous) if one.name.lower() in known]
    kinds = (exp.TimestampTrunc, exp.Extract, exp.Interval, exp.UnixToTime, exp.TimeToUnix, *_DAYS)
    places = [*query.find_all(*kinds), *named, *moments]
    if not places:
        return False
    node = chance.choice(places)
    # What is grouped by is also selected.
    same = [one for one in query.find_all(type(node)) if one == node]
    changed = _other_time(node.copy(), chance)
    for one in same:
        one.replace(changed.copy())
    return True


def _other_time(node: exp.Expr, chance: random.Random) -> exp.Expr:
    match node:
        case exp.TimestampTrunc() | exp.Interval():
            node.set("unit", _another_unit(node.args["unit"], chance))
        case exp.Extract():
            node.set("this", _another_unit(node.this, chance))
        case exp.UnixToTime():
            node.set("this", _off(exp.paren(node.this), exp.Literal.number(3_600_000_000)))
        case exp.DayOfWeekIso() | exp.DayOfWeek():
            return _DAYS[type(node)](this=node.this)
        case exp.Anonymous() if node.name.lower() == "timezone":
            node.set("expressions", [exp.Literal.string(_ELSEWHERE), *node.expressions[1:]])
        case exp.Anonymous():
            node.set("this", _MISTAKEN[node.name.lower()])
        case exp.TimeToUnix():
            return _off(node, exp.Literal.number(3_600))
        case _:
            hour = exp.Interval(this=exp.Literal.string("1"), unit=exp.var("HOUR"))
            return exp.paren(_off(node, hour))
    return node


def _off(moment: exp.Expr, by: exp.Expr) -> exp.Expr:
    return exp.Add(this=moment, expression=by)


def _another_unit(unit: exp.Expr, chance: random.Random) -> exp.Expr:
    return exp.var(chance.choice([one for one in _UNITS if one != unit.name.upper()]))


def _format(query: exp.Expr, _: random.Random) -> bool:
    """Comments, and names that only this query uses."""
    query.add_comments(["An edit that means nothing."])
    ctes = [cte.alias for cte in query.find_all(exp.CTE)]
    for node in query.find_all(exp.Identifier):
        if ctes and node.name == ctes[0] and not node.find_ancestor(exp.Schema):
            owner = node.parent
            if isinstance(owner, exp.TableAlias) or (
                isinstance(owner, exp.Table | exp.Column) and node.arg_key in ("this", "table")
            ):
                if isinstance(owner, exp.Column) and node.arg_key == "this":
                    continue
                if isinstance(owner, exp.Table) and owner.db:
                    continue
                node.set("this", f"{ctes[0]}_renamed")
    return True


KINDS: dict[str, Edit] = {
    "operator": _operator,
    "comparison": _comparison,
    "boundary": _boundary,
    "constant": _constant,
    "aggregate": _aggregate,
    "join": _join,
    "key": _key,
    "condition dropped": _condition,
    "condition added": _new_condition,
    "direction of an order": _direction,
    "part of an order": _order,
    "distinct": _distinct,
    "coalesce, nullif": _coalesce,
    "columns swapped": _columns_swapped,
    "column added": _column_added,
    "column removed": _column_removed,
    "arm of a case": _case,
    "window": _window,
    "cast": _cast,
    "set operation": _set_operation,
    "time": _time,
    "comment, name of a CTE": _format,
}
"""Kinds of edits of a model."""


def respelled(sql: str) -> str:
    """A query as `edited` writes it if nothing is edited."""
    return sqlglot.parse_one(sql, dialect="duckdb").sql("duckdb")


def edited(sql: str, kind: str, chance: random.Random) -> str | None:
    """Edits a query of DuckDB; None if it has nothing to be edited in that way."""
    query = sqlglot.parse_one(sql, dialect="duckdb")
    before = query.sql("duckdb")
    done = KINDS[kind](query, chance)
    after = query.sql("duckdb", pretty=kind.startswith("comment"))
    return after if done and after != before else None


# What may stand in the SQL of a macro, and what may stand there instead.
_WORDS = (
    *((r"\bdesc\b", "asc"), (r"\basc\b", "desc"), (r"\bnulls last\b", "nulls first")),
    *((r"\bmin\(", "max("), (r"\bmax\(", "min("), (r"\bcount\(\*\)", "max(1)")),
    *((r" > ", " >= "), (r" >= ", " > "), (r" <= ", " < "), (r" < ", " <= "), (r" = ", " <> ")),
    *((r"\band\b", "or"), (r"\bor\b", "and"), (r"\bin \(", "not in ("), (r"\bdistinct\b", "")),
    *((r"\blower\(", "upper("), (r"\btrim\(", "rtrim("), (r"\bunion all\b", "union")),
    *((r" \+ ", " - "), (r" - ", " + "), (r" \* ", " + "), (r"\bsqrt\(", "abs(")),
    *((r"\bgreatest\(", "least("), (r"\bleast\(", "greatest("), (r"\bsum\(", "max(")),
    *((r"\b1000000\b", "1000"), (r"'UTC'", "'Asia/Kolkata'"), (r"\bto_months\(", "to_years(")),
    *((r"\bsha256\(", "md5("), (r"\bisodow\(", "dayofweek("), (r"\bstrip_accents\(", "lower(")),
    *((r"\bnullif\(", "coalesce("), (r"\bhaving\b", "where"), (r"'g'", "'gi'"), (r"'e'", "'i'")),
)


def edited_macro(text: str, chance: random.Random) -> str | None:
    """Edits the text of a macro; None if nothing in it is known here."""
    tokens = list(_tokens(text))
    places = [place for at, token in enumerate(tokens) for place in _places(at, *token)]
    if not places:
        return None
    at, start, end, instead = chance.choice(places)
    values = [value for _, value in tokens]
    values[at] = values[at][:start] + instead + values[at][end:]
    return "".join(values)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    from jinja2 import Environment

    lexer = Environment(autoescape=True, keep_trailing_newline=True)
    for _, kind, value in lexer.lex(text):
        yield kind, value


def _places(at: int, kind: str, value: str) -> Iterator[tuple[int, int, int, str]]:
    """What can be edited in a piece of a macro, and how."""
    if kind in ("data", "string"):
        for pattern, instead in _WORDS:
            for found in re.finditer(pattern, value):
                yield at, found.start(), found.end(), instead
    if kind in ("data", "integer"):
        for found in re.finditer(r"\b\d+\b", value):
            yield at, found.start(), found.end(), str(int(found.group()) + 1)
