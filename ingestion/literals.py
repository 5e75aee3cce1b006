"""SQL literals for each engine, so that untrusted text never becomes SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Engines differ on this character in a literal, but all have chr().
_NUL = "\0"
_JOINED = " || chr(0) || "


def duckdb_literal(value: Any) -> str:
    """Formats a value as a DuckDB literal, in which only a quote ends a string.

    Args:
        value: A string, an integer, a time with its time zone, a path, or None.
    """
    return _literal(value, lambda text: text.replace("'", "''"))


def snowflake_literal(value: Any) -> str:
    r"""Formats a value as a Snowflake literal, in which a backslash escapes: `\'` is a quote.

    Args:
        value: A string, an integer, a time with its time zone, or None.
    """
    return _literal(value, lambda text: text.replace("\\", "\\\\").replace("'", "''"))


def _literal(value: Any, escaped: Callable[[str], str]) -> str:
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    parts = [f"'{escaped(part)}'" for part in str(value).split(_NUL)]
    return parts[0] if len(parts) == 1 else f"({_JOINED.join(parts)})"
