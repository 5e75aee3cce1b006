"""Mistakes are what they are said to be, each in one place; `code_mutants` makes use of them."""

from __future__ import annotations

import ast

import pytest

from tests.support.checkout import PROJECT
from tests.support.code_edits import mistakes, plain
from tests.support.code_mutants import GUARDS, drawn, source_of


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        ("comparison", "a < b", {"a <= b", "a > b"}),
        ("and, or", "a and b", {"a or b", "a", "b"}),
        ("negated condition", "a if b else c", {"a if not b else c"}),
        ("statement dropped", "f()\nx.a = 1", {"pass\nx.a = 1", "f()\npass"}),
        ("statement dropped", "run.notes.append('done')", set()),
        (
            "early return",
            "def f() -> list[int]:\n    g()",
            {"def f() -> list[int]:\n    return []"},
        ),
        ("argument", "f(a, b=1)", {"f(a)"}),
        ("argument", "f(a, b)", {"f(b, a)"}),
        ("constant", "x = 1", {"x = 2", "x = 0"}),
        ("constant", "raise E(1)", set()),
        ("context dropped", "with lock, f() as g:\n    h(g)", {"nullcontext(), f() as g"}),
        ("filter dropped", "[a for a in b if a]", {"[a for a in b]"}),
        (
            "sql",
            "x = 'select a where a in (c and d) and e'",
            {"where e'", "where a in (c and d)'"},
        ),
        ("sql", "f'delete from {a} where {b} < {c}'", {"f'delete from {a} where true'"}),
        ("sql", "f'where a {b}'", {"f'where true'"}),
        ("sql", "x = 'yes or no'", set()),
    ],
)
def test_each_kind(kind: str, source: str, expected: set[str]) -> None:
    found = {mistake.text for mistake in mistakes(source) if mistake.kind == kind}
    assert all(any(text in each for each in found) for text in expected)
    assert bool(found) == bool(expected)


def test_what_guards_data_is_there() -> None:
    for module, tests in GUARDS.items():
        assert source_of(module)
        assert all((PROJECT / test).exists() for test in tests)


def test_mutants_are_distinct_and_compile() -> None:
    texts = [mistake.text for mistake in drawn("warehouse/run", seed=1)]
    assert len({plain(source_of("warehouse/run")), *texts}) == len(texts) + 1 > 10
    assert all(ast.parse(text) for text in texts)
