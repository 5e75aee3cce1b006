"""What statements ask of an engine: their shapes, without names, values and what they compute.

A statement that is no query has a shape of its own, as `CREATE OR REPLACE VIEW name AS query`. Of
queries, wherever they are, only the parts count: clauses, functions and types. They are what
Snowflake knows or refuses, and few enough to be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqlglot import exp, parse_one

KINDS = ("statements", "clauses", "functions", "types")
Parts = dict[str, set[str]]

# Of every query, or of no interest.
_PLAIN = (
    exp.Add,
    exp.Alias,
    exp.And,
    exp.Boolean,
    exp.Column,
    exp.ColumnDef,
    exp.ColumnConstraint,
    exp.ColumnConstraintKind,
    exp.CTE,
    exp.DataTypeParam,
    exp.Div,
    exp.Dot,
    exp.EQ,
    exp.From,
    exp.GT,
    exp.GTE,
    exp.Identifier,
    exp.Kwarg,
    exp.Literal,
    exp.LT,
    exp.LTE,
    exp.Mul,
    exp.Neg,
    exp.NEQ,
    exp.Not,
    exp.Null,
    exp.Or,
    exp.Order,
    exp.Paren,
    exp.Properties,
    exp.Property,
    exp.Schema,
    exp.Select,
    exp.Star,
    exp.Sub,
    exp.Subquery,
    exp.Table,
    exp.TableAlias,
    exp.Tuple,
    exp.Var,
    exp.TableFromRows,
    exp.Where,
    exp.With,
)
_BY_WORDS = re.compile(
    r"\s*(alter\s+session|begin|comment|copy|describe|list|put|remove|show|use)\b", re.IGNORECASE
)
_NAME = "\0"
_WORDS = (
    (r"/\*.*?\*/|--[^\n]*", " "),
    (r"'(?:[^'\\]|\\.|'')*'", "'...'"),
    (r"'\.\.\.'(?:, '\.\.\.')+", "'...'"),
    (r"(?<=\bdatabase )\w+", _NAME),
    (r'(?:[\w$]+|"[^"]*")(?:\.(?:[\w$]+|"[^"]*"))+|"[^"]*"', _NAME),
    (r"\b\d+\b", "0"),
    (r"\s*;?\s*$", ""),
    (r"\s+", " "),
)


def parts_of(statements: Iterable[str]) -> Parts:
    """Takes statements of Snowflake's dialect apart.

    Args:
        statements: The statements, as they were sent.

    Returns:
        By kind, their shapes and the parts of their queries.
    """
    found: Parts = {kind: set() for kind in KINDS}
    for statement in set(statements):
        if _BY_WORDS.match(_without_comments(statement)):
            found["statements"].add(_in_words(statement))
            continue
        tree = parse_one(statement, dialect="snowflake")
        for kind, part in _parts(tree):
            found[kind].add(part)
        found["statements"].add(_shape(tree))
    return found


def _without_comments(statement: str) -> str:
    return re.sub(_WORDS[0][0], " ", statement, flags=re.DOTALL)


def _in_words(statement: str) -> str:
    """The words of a statement that sqlglot does not read as Snowflake does."""
    for pattern, to in _WORDS:
        statement = re.sub(pattern, to, statement, flags=re.DOTALL | re.IGNORECASE)
    return statement.strip().upper().replace(_NAME, "name")


def _shape(tree: exp.Expr) -> str:
    """A statement with names, values and queries taken out."""
    if isinstance(tree, exp.Query):
        return "SELECT"
    plain = tree.copy()
    for found in list(plain.find_all(exp.Query)):
        if found.parent is not None and not found.find_ancestor(exp.Query):
            found.replace(exp.var("query"))
    for condition in list(plain.find_all(exp.Where)):
        condition.set("this", exp.var("condition"))
    for values in list(plain.find_all(exp.Values)):
        values.set("expressions", [exp.var("values")])
    for schema in list(plain.find_all(exp.Schema)):
        schema.set("expressions", [exp.var("columns")])
    if isinstance(plain, exp.Update):
        plain.set("expressions", [exp.var("changes")])
    for table in list(plain.find_all(exp.Table)):
        table.replace(exp.to_table("name"))
    return " ".join(plain.sql("snowflake", comments=False).split())


def _parts(tree: exp.Expr) -> Iterator[tuple[str, str]]:
    for node in tree.walk():
        if isinstance(node, exp.DataType):
            yield "types", node.this.value
        elif isinstance(node, exp.Anonymous):
            yield "functions", node.name.lower()
        elif isinstance(node, exp.Func) and not isinstance(node, (exp.And, exp.Or)):
            is_branch = isinstance(node, exp.If) and isinstance(node.parent, exp.Case)
            if not is_branch:
                yield "functions", _function(node)
        elif isinstance(node, exp.Mod):
            yield "functions", "mod"
        elif not isinstance(node, _PLAIN) and node is not tree:
            yield "clauses", _clause(node)


def _function(node: exp.Func) -> str:
    """The name of a function as it is written; sqlglot writes some as another one."""
    if isinstance(node, (exp.Cast, exp.Extract)):
        return node.sql_name().lower()
    return re.split(r"\W", node.sql("snowflake", comments=False), maxsplit=1)[0].lower()


def _clause(node: exp.Expr) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).lower()
    if isinstance(node, exp.Join):
        return " ".join(filter(None, (node.side, node.kind, "join"))).lower()
    if isinstance(node, exp.All):  # how sqlglot reads `not in`
        return "in"
    if isinstance(node, exp.WindowSpec):
        return "window frame"
    if isinstance(node, exp.Ordered):
        return "order by, nulls first" if node.args.get("nulls_first") else "order by"
    if isinstance(node, exp.SetOperation):
        return f"{words} {'distinct' if node.args.get('distinct') else 'all'}"
    if isinstance(node, exp.In) and isinstance(node.this, exp.Tuple):
        return "in, of several columns"
    return words
