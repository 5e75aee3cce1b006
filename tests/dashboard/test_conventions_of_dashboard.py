"""Rules for the dashboard's sources, and untrusted text on its way out."""

from __future__ import annotations

import ast
import csv
import io
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from dashboard import layout
from dashboard.film_views import film_id
from tests.support import marts_fixture

FOLDER = marts_fixture.PROJECT / "dashboard"
SOURCES = sorted(FOLDER.rglob("*.py"))
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)


@each_source
def test_no_html_no_scripts_no_secrets(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    # One script, a constant, scrolls to the top.
    assert ("components.v2" in text) == (source.name == "address.py")
    assert not re.search(r"unsafe_allow|components\.v1|st\.html|BEGIN PRIVATE KEY", text)


@each_source
def test_imports_nothing_that_a_visitor_does_not_need(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    tops = {
        name.split(".")[0]
        for name in names
        - {"ingestion.layout", "ingestion.literals", "ingestion.warehouse.snowflake_login"}
    }
    assert not tops & {"ingestion", "local_dev", "dlt", "dbt"}
    databases = {"duckdb", "snowflake", "sqlite3", "sqlalchemy"}
    allowed = {"marts_duckdb.py": {"duckdb"}, "marts_snowflake.py": {"snowflake"}}
    assert tops & databases <= allowed.get(source.name, set())


@each_source
def test_statements_are_constants(source: Path) -> None:
    """Each call that reads marts names a constant of queries; values go as parameters."""
    reading = {"marts.rows", "marts.rows_if_published"}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in reading:
            assert re.fullmatch(r"queries\.[A-Z_]+", ast.unparse(node.args[0]))


def test_constants_are_put_together_from_constants() -> None:
    tree = ast.parse((FOLDER / "queries.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Call)]


def test_public_settings() -> None:
    path = marts_fixture.PROJECT / ".streamlit" / "config.toml"
    config = tomllib.loads(path.read_text(encoding="utf-8"))
    assert config["client"]["showErrorDetails"] == "none"
    assert config["client"]["toolbarMode"] == "viewer"
    assert config["runner"]["magicEnabled"] is False
    assert config["server"]["enableAgentApi"] is False
    assert config["browser"]["gatherUsageStats"] is False
    assert "http" not in str(config)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_marks_and_text_stand_out_from_the_background(mode: str) -> None:
    path = marts_fixture.PROJECT / ".streamlit" / "config.toml"
    theme = tomllib.loads(path.read_text(encoding="utf-8"))["theme"][mode]
    background = theme["backgroundColor"]
    assert contrast(theme["textColor"], background) >= 4.5
    assert contrast(theme["linkColor"], background) >= 4.5
    assert all(contrast(mark, background) >= 3 for mark in theme["chartCategoricalColors"])
    first, second, *_ = theme["chartCategoricalColors"]
    assert contrast(first, second) >= 2  # those that stand side by side, in print and in grey
    low, high = theme["chartSequentialColors"][0], theme["chartSequentialColors"][-1]
    assert contrast(low, background) < 1.3 < 3 < contrast(high, background)


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("M*A*S*H", "M\\*A\\*S\\*H"),
        ("<b>&amp;", "\\<b\\>\\&amp\\;"),
        ("two\nlines", "two lines"),
        ("2001: A Space Odyssey", "2001\\: A Space Odyssey"),
        (":smile:", "\\:\u2060smile\\:"),
        ("www.x.y", "www\u2060\\.x\\.y"),
    ],
)
def test_text_of_strangers_is_escaped(text: str, markdown: str) -> None:
    assert layout.plain(text) == markdown


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", " =", "\t=", "\n+", "\r", "\uff1d", "\uff20", "|"]
)
def test_no_beginning_of_a_formula_is_left(start: str) -> None:
    (cell,) = csv.DictReader(io.StringIO(layout.csv(pd.DataFrame({"title": [f"{start}1+1"]}))))
    assert cell["title"] == f"'{start}1+1"


def test_no_mart_holds_users() -> None:
    """No row of a mart is a person, and no column identifies one."""
    columns = {
        f"{mart}.{column}" for mart, names in marts_fixture.contract().items() for column in names
    }
    assert len(columns) > 100
    named = re.compile(r"user_?id|person_id|rater|^user$|_user$|timestamp|email|ip_")
    assert {name for name in columns if named.search(name.split(".")[1])} == set()


def test_no_cell_of_a_download_is_a_formula() -> None:
    rows = pd.DataFrame(
        {"title": ["=1+1", "+x", "-x", "@x", "x=1", "a,b"], "n": [-1, 2, 3, 4, 5, 6]}
    )
    assert layout.csv(rows).splitlines() == [
        "title,n", "'=1+1,-1", "'+x,2", "'-x,3", "'@x,4", "x=1,5", '"a,b",6',
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["abc", "1e9", "' or 1=1", "9" * 20, "9" * 19, "-1", "", "²", "1.0"]
)
def test_what_is_no_film_number(text: str) -> None:
    assert film_id(text) is None


def test_what_is_a_film_number() -> None:
    assert film_id("318") == 318
