"""Values as SQL literals, as each engine reads them: text of others never becomes SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# No engine reads this character in a literal the same way, and all have the function.
_NUL = "\0"
_JOINED = " || chr(0) || "


def duckdb_literal(value: Any) -> str:
    """Writes a value as a literal for DuckDB, where only a quote ends a text.

    Args:
        value: A text, a whole number, a time with its time zone, a path, or None.

    Returns:
        The literal.
    """
    return _literal(value, lambda text: text.replace("'", "''"))


def snowflake_literal(value: Any) -> str:
    r"""Writes a value as a literal for Snowflake, where a backslash escapes, so `\'` is a quote.

    Args:
        value: A text, a whole number, a time with its time zone, or None.

    Returns:
        The literal.
    """
    return _literal(value, lambda text: text.replace("\\", "\\\\").replace("'", "''"))


def _literal(value: Any, escaped: Callable[[str], str]) -> str:
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    parts = [f"'{escaped(part)}'" for part in str(value).split(_NUL)]
    return parts[0] if len(parts) == 1 else f"({_JOINED.join(parts)})"
