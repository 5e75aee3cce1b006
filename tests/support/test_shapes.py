"""What `shapes` makes of statements."""

from __future__ import annotations

import pytest

from tests.support.shapes import KINDS, parts_of


@pytest.mark.parametrize(
    ("statement", "shape"),
    [
        ("create or replace view a.b as select * from c.d", "CREATE OR REPLACE VIEW name AS query"),
        ("delete from a.b where c in (select d from e)", "DELETE FROM name WHERE condition"),
        (
            "insert into a.b (c, d) values (1, 'x'), (2, null)",
            "INSERT INTO name (columns) VALUES values",
        ),
        ("with a as (select 1 as b) select b from a", "SELECT"),
        ("/* who */ show tables like 'a' in schema b.c;", "SHOW TABLES LIKE '...' IN SCHEMA name"),
        ('COPY INTO "A"."B" FROM \'@s/f\' PURGE = TRUE', "COPY INTO name FROM '...' PURGE = TRUE"),
    ],
)
def test_a_statement_has_a_shape(statement: str, shape: str) -> None:
    assert parts_of([statement])["statements"] == {shape}


def test_names_and_values_do_not_matter() -> None:
    one = "update a.b set c = 1, d = 'it''s' where e = 2"
    other = "update x.y set z = 'z' where f = 'g' -- why"
    assert parts_of([one]) == parts_of([other])


@pytest.mark.parametrize(
    ("more", "kind", "part"),
    [
        ("nobody_knows(a)", "functions", "nobody_knows"),
        ("cast(a as variant)", "types", "VARIANT"),
        ("a ilike 'b'", "clauses", "ilike"),
        (
            "sum(a) over (order by a rows between 1 preceding and current row)",
            "clauses",
            "window frame",
        ),
        ("case when a = 1 then max(a) end", "functions", "max"),
        ("extract(year from a)", "functions", "extract"),
    ],
)
def test_what_is_new_in_a_query_is_seen(more: str, kind: str, part: str) -> None:
    def of(columns: str) -> dict[str, set[str]]:
        return parts_of([f"create table t as select {columns} from u where b not in (select 1)"])

    before, after = of("a"), of(f"a, {more} as c")
    assert part not in before[kind]
    assert part in after[kind]
    assert after["statements"] == before["statements"]
    assert set(after) == set(KINDS)
