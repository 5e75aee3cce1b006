"""Small, plausible mistakes in Python code, and in the SQL that it holds.

    for mistake in mistakes(source):
        print(mistake.kind, mistake.line, mistake.text)

Messages, reports, annotations and docstrings are left alone: a mistake there moves no row.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Rule = Callable[[ast.AST], Iterator[object]]
"""Changes a node in place: each step is another change, and the end undoes the last one."""

_OTHER_OPERATORS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
# What a function returns that has forgotten what it is for.
_NOTHING = {"None": "", "list": "[]", "dict": "{}", "set": "set()", "bool": "False", "int": "0"}
_SQL = re.compile(r"\b(select|update|delete from|where|file_id|is not null|current_timestamp)\b")
# Calls that tell people something.
_SAYS = re.compile(r"Report$|^Event$|\bon_event$|\bnotes\.append$|^timed$|\binfo$")
# Words of SQL, and what somebody may write instead.
_OTHER_WORDS = (
    (r"<=", "<"),
    (r"(?<=\s)<(?=\s)", "<="),
    (r"(?<=\s)>(?=\s)", ">="),
    (r"(?<=\s)=(?=\s)", "<>"),
    (r"<>", "="),
    (r"\bmin\(", "max("),
    (r"\bmax\(", "min("),
    (r" not in\b", " in"),
    (r"\bis not null\b", "is null"),
    (r"\bnot \(", "("),
    (r"\bdistinct ", ""),
    (r" and ", " or "),
    (r" or ", " and "),
    (r" desc\b", ""),
    (r" - ", " + "),
    (r" \+ ", " - "),
)
_END_OF_CONDITION = re.compile(r"\s(group by|order by|limit)\b")


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A module with one mistake.

    Attributes:
        kind: The kind of mistake.
        line: The line of the original that it is in.
        text: What it is after the edit, in the format of `ast.unparse`.
        before: What it is without, in the same format.
    """

    kind: str
    line: int
    text: str
    before: str


def plain(source: str) -> str:
    """The text of a module without a mistake, in the format of those with one."""
    return ast.unparse(ast.parse(source))


def mistakes(source: str) -> Iterator[Mistake]:
    """Makes every mistake once, in the order of the kinds."""
    tree, before = ast.parse(source), plain(source)
    for kind, rule in RULES.items():
        for node in _code(tree):
            for _ in rule(node):
                text = ast.unparse(ast.fix_missing_locations(tree))
                line = getattr(node, "lineno", 0)
                yield Mistake(kind=kind, line=line, text=text, before=before)


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that decide what happens, from the outside in."""
    yield node
    for child in _parts(node):
        yield from _code(child)


def _parts(node: ast.AST) -> Iterable[ast.AST]:
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom) or _only_says(node):
        return ()
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return ()
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.body
    if isinstance(node, ast.JoinedStr):
        return [part for part in node.values if isinstance(part, ast.FormattedValue)]
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value else ()
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return ()
    return ast.iter_child_nodes(node)


def _only_says(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and bool(_SAYS.search(ast.unparse(node.func)))


def _set(node: ast.AST, field: str, *values: object) -> Iterator[object]:
    before = getattr(node, field)
    for value in values:
        setattr(node, field, value)
        yield value
    setattr(node, field, before)


def _without(node: ast.AST, field: str, *, but: int = 0) -> Iterator[object]:
    """Leaves out one item of a list after the other, so long as some are left."""
    items = getattr(node, field)
    if len(items) > but:
        shorter = ([*items[:at], *items[at + 1 :]] for at in range(len(items)))
        yield from _set(node, field, *shorter)


def _comparison(node: ast.AST) -> Iterator[object]:
    if isinstance(node, ast.Compare):
        for other in _OTHER_OPERATORS[type(node.ops[0])]:
            yield from _set(node, "ops", [other(), *node.ops[1:]])


def _and_or(node: ast.AST) -> Iterator[object]:
    if isinstance(node, ast.BoolOp):
        yield from _set(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        yield from _without(node, "values", but=1)


def _negation(node: ast.AST) -> Iterator[object]:
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield from _set(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _statement(node: ast.AST) -> Iterator[object]:
    for field in ("body", "orelse", "finalbody"):
        found = getattr(node, field, None)
        statements: list[ast.stmt] = found if isinstance(found, list) else []
        for at, statement in enumerate(statements):
            if _can_be_forgotten(statement):
                rest = [*statements[:at], ast.Pass(), *statements[at + 1 :]]
                yield from _set(node, field, rest)


def _can_be_forgotten(statement: ast.AST) -> bool:
    match statement:
        case ast.Expr(value=value) if isinstance(value, ast.Constant | ast.Yield):
            return False
        case ast.Expr(value=value):
            return not _only_says(value)
        case ast.Assign(targets=[target]):
            return isinstance(target, ast.Attribute | ast.Subscript)
        case ast.If(orelse=[]):
            return ast.unparse(statement.test) != "TYPE_CHECKING"
        case _:
            return isinstance(statement, ast.Raise | ast.AugAssign | ast.For)


def _early_return(node: ast.AST) -> Iterator[object]:
    if isinstance(node, ast.FunctionDef) and node.returns:
        returned = ast.unparse(node.returns)
        nothing = "None" if returned.endswith(" | None") else _NOTHING.get(returned.split("[")[0])
        if nothing is not None:
            docstring = node.body[: ast.get_docstring(node) is not None]
            yield from _set(node, "body", [*docstring, *ast.parse(f"return {nothing}").body])


def _argument(node: ast.AST) -> Iterator[object]:
    if isinstance(node, ast.Call):
        yield from _without(node, "keywords")
        match node.args:
            case [one, other, *rest] if ast.dump(one) != ast.dump(other):
                yield from _set(node, "args", [other, one, *rest])


def _constant(node: ast.AST) -> Iterator[object]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield from _set(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield from _set(node, "value", node.value + 1, node.value - 1)


def _context(node: ast.AST) -> Iterator[object]:
    """Leaves out what a block is within: a transaction, a lock."""
    if isinstance(node, ast.With):
        nothing = ast.parse("__import__('contextlib').nullcontext()", mode="eval").body
        for item in node.items:
            if item.optional_vars is None and not _only_says(item.context_expr):
                yield from _set(item, "context_expr", nothing)


def _filter(node: ast.AST) -> Iterator[object]:
    if isinstance(node, ast.comprehension):
        yield from _without(node, "ifs")


def _sql(node: ast.AST) -> Iterator[object]:
    if isinstance(node, ast.JoinedStr):
        yield from _set(node, "values", *map(_filled(node), _other_sql(_template(node))))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _set(node, "value", *_other_sql(node.value))


def _template(node: ast.JoinedStr) -> str:
    """An f-string with the number of each of its values in braces."""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else f"{{{at}}}"
        for at, part in enumerate(node.values)
    )


def _filled(node: ast.JoinedStr) -> Callable[[str], list[ast.expr]]:
    def fill(template: str) -> list[ast.expr]:
        parts = re.split(r"\{(\d+)\}", template)
        return [
            node.values[int(part)] if at % 2 else ast.Constant(part)
            for at, part in enumerate(parts)
        ]

    return fill


def _other_sql(sql: str) -> Iterator[str]:
    if not _SQL.search(sql):
        return
    for word, other in _OTHER_WORDS:
        for found in re.finditer(word, sql):
            yield sql[: found.start()] + other + sql[found.end() :]
    for start in (found.end() for found in re.finditer(r"\bwhere\s+", sql)):
        end = _end_of_condition(sql, start)
        conjuncts = _conjuncts(sql[start:end])
        for at in range(len(conjuncts)):
            rest = " and ".join([*conjuncts[:at], *conjuncts[at + 1 :]])
            yield sql[:start] + (rest or "true") + sql[end:]


def _conjuncts(condition: str) -> list[str]:
    conjuncts: list[str] = []
    for part in condition.split(" and "):
        if conjuncts and conjuncts[-1].count("(") > conjuncts[-1].count(")"):
            conjuncts[-1] += f" and {part}"
        else:
            conjuncts.append(part)
    return conjuncts


def _end_of_condition(sql: str, start: int) -> int:
    """Where the condition ends that starts there: with its clause, or the bracket around it."""
    open_brackets = 0
    for at in range(start, len(sql)):
        open_brackets += (sql[at] == "(") - (sql[at] == ")")
        if open_brackets < 0 or (open_brackets == 0 and _END_OF_CONDITION.match(sql, at)):
            return at
    return len(sql)


RULES: dict[str, Rule] = {
    "comparison": _comparison,
    "and, or": _and_or,
    "negated condition": _negation,
    "statement dropped": _statement,
    "early return": _early_return,
    "argument": _argument,
    "constant": _constant,
    "context dropped": _context,
    "filter dropped": _filter,
    "sql": _sql,
}
"""The kinds of mistakes."""
