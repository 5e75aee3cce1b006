"""What differs between DuckDB and Snowflake is said in macros, and in both dialects."""

import re
import unicodedata
from pathlib import Path

import duckdb
import pytest
from dbt.contracts.graph.manifest import Manifest

from .conftest import PROJECT

DISPATCH = re.compile(r"adapter\.dispatch\('(\w+)', 'movielens'\)")

# Functions of Snowflake's own reference that the Snowflake variants may call. The local stand-in
# accepts others (strip_accents is one), so it cannot tell.
SNOWFLAKE_FUNCTIONS = {
    "cast",
    "convert_timezone",
    "dateadd",
    "dayofweekiso",
    "flatten",
    "generator",
    "listagg",
    "nullif",
    "regexp_replace",
    "regexp_substr",
    "row_number",
    "seq4",
    "sha2",
    "split",
    "table",
    "to_timestamp_ntz",
    "translate",
}
# What dbt itself dispatches; `snowflake__` here replaces what its adapter ships.
DISPATCHED_BY_DBT = {"set_query_tag", "unset_query_tag"}
KEYWORDS_BEFORE_A_BRACKET = {"group", "over"}


def sources_of_macros() -> str:
    """The text of all macros of the project."""
    return "\n".join(path.read_text() for path in sorted((PROJECT / "macros").rglob("*.sql")))


def dispatched() -> list[str]:
    """The names of the macros that choose by dialect."""
    return sorted(set(DISPATCH.findall(sources_of_macros())))


@pytest.mark.parametrize("macro", dispatched())
def test_a_dialect_macro_has_a_variant_for_each(macro: str, parsed_project: Manifest) -> None:
    names = {node.name for node in parsed_project.macros.values()}
    assert {f"default__{macro}", f"snowflake__{macro}"} <= names


def test_no_variant_is_left_without_its_macro() -> None:
    variants = re.findall(r"macro (?:default|duckdb|snowflake)__(\w+)", sources_of_macros())
    assert sorted(set(variants) - DISPATCHED_BY_DBT) == dispatched()


def test_snowflake_variants_call_functions_that_snowflake_has() -> None:
    bodies = re.findall(r"macro snowflake__\w+\(.*?%}(.*?){%", sources_of_macros(), re.DOTALL)
    sql = re.sub(r"{{.*?}}|'[^']*'", "", "\n".join(bodies), flags=re.DOTALL)
    called = set(re.findall(r"(\w+) ?\(", sql)) - KEYWORDS_BEFORE_A_BRACKET
    assert called <= SNOWFLAKE_FUNCTIONS


@pytest.mark.parametrize("folder", ["models", "tests/data"])
def test_models_leave_dialects_to_macros(folder: str) -> None:
    only_in_one = re.compile(
        r"::|target\.type|\bfilter \(where|group by all|\bexclude\b|\barg_m(ax|in)\b|\bunnest\b"
        r"|\bflatten\b|hash_agg|split_to_table|\b(epoch|make_timestamp|strptime|regexp_\w+)\("
    )
    found = {
        path.name: match.group()
        for path in sorted((PROJECT / folder).rglob("*.sql"))
        if (match := only_in_one.search(path.read_text()))
    }
    assert found == {}


def lists_for_translate() -> tuple[str, str, str]:
    """Accented letters, the combining marks after them, and the plain letters, as Snowflake's."""
    text = Path(PROJECT / "macros/dialect/text.sql").read_text()
    accented, marks, plain = re.search(  # type: ignore[union-attr]
        r"'([^'{]+){{ \"([^\"]+)\" }}',\s+'([^']+)'", text
    ).groups()
    return accented, marks.encode().decode("unicode_escape"), plain


def test_snowflake_strips_the_accents_that_duckdb_strips() -> None:
    accented, marks, plain = lists_for_translate()
    assert len(accented) == len(set(accented)) == len(plain)
    assert all(unicodedata.combining(mark) for mark in marks)
    query = "select strip_accents($letters)"
    assert duckdb.execute(query, {"letters": accented}).fetchone() == (plain,)


def test_snowflake_strips_accents_of_all_of_western_and_central_europe() -> None:
    accented, _, _ = lists_for_translate()
    letters = [chr(code) for code in range(0xC0, 0x180)]
    with_accent = {
        letter
        for letter in letters
        if letter.islower() and len(unicodedata.normalize("NFD", letter)) > 1
    }
    assert with_accent <= set(accented)
