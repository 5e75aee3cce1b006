"""Jinja SQL of macros and hooks: what in it is format only, and which variables it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# How a variable of the project is read; without a name if it is not a literal.
_VARIABLE = re.compile(r"""\bvar\s*\(\s*(?:['"](\w+)['"])?""")


def without_format(text: str, dialect: str) -> str:
    """Returns Jinja SQL without comments, and without white space outside literals.

    Args:
        text: The Jinja SQL.
        dialect: The dialect of the SQL in it.

    Returns:
        The same text for texts that differ in format only. What might be part of a literal stays
        as it is.
    """
    from jinja2 import Environment, TemplateSyntaxError

    from ingestion.lineage.parsing import without_format as without_format_of_sql

    try:
        tokens = [(kind, value) for _, kind, value in Environment(autoescape=True).lex(text)]
    except TemplateSyntaxError:
        return text
    code: list[str] = []
    sql = "".join(_sql_between(tokens, code))
    # An expression may open a literal that the SQL after it goes on with.
    opens = any(kind == "string" and value.count("'") % 2 for kind, value in tokens)
    return repr((sql if opens else without_format_of_sql(sql, dialect), code))


def _sql_between(tokens: Iterable[tuple[str, str]], code: list[str]) -> Iterator[str]:
    """Yields the SQL, with a placeholder for each piece of Jinja, which is added to `code`."""
    for kind, value in tokens:
        if kind == "data":
            yield value
        elif kind.endswith("_begin") and kind != "comment_begin":
            code.append("")
            yield f"__{len(code)}__"
        if kind not in ("data", "whitespace") and not kind.startswith("comment"):
            # Signs for trimming have had their effect; white space after an end is trimmed, too.
            trims = kind.endswith(("_begin", "_end"))
            code[-1] += f" {value.strip().strip('-+') if trims else value}"


def variables_in(texts: Iterable[str], known: Iterable[str]) -> set[str]:
    """Finds the variables of the project that Jinja SQL reads; all, if one cannot be told."""
    found = {name for text in texts for name in _VARIABLE.findall(text)}
    return set(known) if "" in found else found & set(known)
