"""Measures that several models share."""

from __future__ import annotations

from pathlib import Path

import jinja2
from sqlglot import exp, parse_one

PROJECT = Path(__file__).resolve().parents[2]


def test_a_deviation_never_divides_by_zero() -> None:
    """Snowflake may divide before it asks for two ratings, and then ends the query."""
    macro = (PROJECT / "macros" / "measures.sql").read_text()
    environment = jinja2.Environment()
    sql = environment.from_string(macro + "{{ sample_sd('n', 'total', 'squares') }}").render()
    divisors = [division.expression.unnest() for division in parse_one(sql).find_all(exp.Div)]
    may_be_zero = [each.sql() for each in divisors if not isinstance(each, exp.Nullif)]
    assert len(divisors) == 2
    assert may_be_zero == []
