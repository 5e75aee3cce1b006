"""Columns are followed down to the sources, with what they pass on the way."""

from __future__ import annotations

import pytest

from ingestion.errors import SettingsError
from ingestion.lineage.analysis import Analysis, Flow
from ingestion.lineage.columns import analyse
from ingestion.lineage.models import Model
from ingestion.lineage.tree import Step, as_mermaid, as_text, origins, trace

MODELS = (
    Model(
        name="fct",
        relation=("s", "fct"),
        sql="select k, a * 2 as a from raw.t",
        parents=("raw.t",),
    ),
    Model(
        name="mart",
        relation=("s", "mart"),
        sql="""
            select k, sum(a) + max(a) as x, count(*) as n, sum(a) / count(*) as mean
            from s.fct group by k
        """,
        parents=("fct",),
    ),
)


@pytest.fixture(scope="module")
def analyses() -> dict[str, Analysis]:
    return analyse(MODELS, dialect="duckdb", sources={"raw.t": ("k", "a")})


def test_the_tree_of_a_column(analyses: dict[str, Analysis]) -> None:
    (tree,) = trace(analyses, "mart.x")
    raw = Step(table="raw.t", column="a", through=((),))
    fct = Step(table="fct", column="a", through=(("max",), ("sum",)), sources=(raw,))
    assert tree == Step(table="mart", column="x", sources=(fct,))
    assert as_text(tree) == [
        "mart.x",
        "└─ fct.a  (through max or sum)",
        "   └─ raw.t.a",
    ]


def test_the_trees_of_a_model(analyses: dict[str, Analysis]) -> None:
    assert [str(tree) for tree in trace(analyses, " MART ")] == [
        *("mart.k", "mart.x", "mart.n", "mart.mean")
    ]
    assert as_text(trace(analyses, "mart.mean")[0]) == [
        "mart.mean",
        "├─ fct.a  (through sum)",
        "│  └─ raw.t.a",
        "└─ rows of fct  (through count)",
    ]


def test_a_chart(analyses: dict[str, Analysis]) -> None:
    assert as_mermaid(trace(analyses, "mart")) == [
        "flowchart LR",
        '  raw__t__k["raw.t.k"] --> fct__k["fct.k"]',
        '  fct__k["fct.k"] --> mart__k["mart.k"]',
        '  raw__t__a["raw.t.a"] --> fct__a["fct.a"]',
        '  fct__a["fct.a"] -->|"max or sum"| mart__x["mart.x"]',
        '  fct__rows["rows of fct"] -->|"count"| mart__n["mart.n"]',
        '  fct__a["fct.a"] -->|"sum"| mart__mean["mart.mean"]',
        '  fct__rows["rows of fct"] -->|"count"| mart__mean["mart.mean"]',
    ]


def test_the_origins_of_a_column(analyses: dict[str, Analysis]) -> None:
    found = {str(tree): origins(tree) for tree in trace(analyses, "mart")}
    assert found == {
        "mart.k": {Flow("raw.t", "k", ())},
        "mart.x": {Flow("raw.t", "a", ("max",)), Flow("raw.t", "a", ("sum",))},
        "mart.n": {Flow("fct", None, ("count",))},
        "mart.mean": {Flow("raw.t", "a", ("sum",)), Flow("fct", None, ("count",))},
    }


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("marts", "There is no model 'marts'", "choose another: mart"),
        ("mart.meen", "There is no column 'meen' in mart", "choose another: mean"),
        ("mart.zzz", "There is no column 'zzz' in mart", "choose another: k, x, n, mean"),
        ("raw.t", "There is no model 'raw'", "choose another: fct, mart"),
    ],
)
def test_unknown_names(analyses: dict[str, Analysis], name: str, message: str, remedy: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        trace(analyses, name)
    assert caught.value.remedy == remedy
    assert caught.value.exit_code == 2
