"""What fakesnow refuses and Snowflake accepts: each gap one rule that rewrites a statement.

A rule is a function from a statement to the statement that fakesnow runs in its place. Its
docstring has a pair, `before` and `after`, which a test holds it to. Statements that no rule knows
are passed on as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

from snowflake.connector.util_text import split_statements

Rule = Callable[[str], str]

NOTHING = "select 'Statement executed successfully.' as status"
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Adds a rule to those that each statement goes through, in the order of this file."""
    RULES.append(function)
    return function


def rewritten(statement: str) -> str:
    """Puts a statement through every rule.

    Args:
        statement: As a client sent it.

    Returns:
        What fakesnow is given in its place.
    """
    for each in RULES:
        statement = each(statement)
    return statement


def several(text: str) -> list[str]:
    """Divides a request into its statements.

    Args:
        text: One statement or more, with `;` between them.

    Returns:
        The statements, without `;`.
    """
    statements = split_statements(StringIO(text), remove_comments=False)
    return [sql.strip().rstrip(";") for sql, _ in statements if sql and sql.strip(" \n;")]
