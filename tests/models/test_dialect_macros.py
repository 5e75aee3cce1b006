"""Differences between DuckDB and Snowflake live in macros, for both dialects."""

import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from dbt.adapters.base import AdapterPlugin
from dbt.adapters.duckdb import DuckDBAdapter, DuckDBConnectionManager, DuckDBCredentials
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.include.duckdb import PACKAGE_PATH

from tests.support.raw_by_hand import PROJECT

DISPATCH = re.compile(r"adapter\.dispatch\('(\w+)', 'movielens'\)")

# Functions of Snowflake's own reference that the Snowflake variants may call. The local stand-in
# accepts others (strip_accents is one), so it cannot tell.
SNOWFLAKE_FUNCTIONS = {
    "cast",
    "convert_timezone",
    "count",
    "date_part",
    "dateadd",
    "dayofweekiso",
    "flatten",
    "generator",
    "hash",
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
# Functions with the same name, arguments and result on DuckDB and Snowflake, looked up in both
# references. What one of them lacks, or means otherwise, goes into a dispatched macro.
SHARED_FUNCTIONS = {
    "abs",
    "avg",
    "cast",
    "coalesce",
    "count",
    "current_database",
    "date_trunc",
    "extract",
    "floor",
    "greatest",
    "lag",
    "lead",
    "least",
    "length",
    "log",
    "lower",
    "max",
    "min",
    "mod",
    "nullif",
    "power",
    "right",
    "round",
    "row_number",
    "sqrt",
    "sum",
    "trim",
}
# What dbt and Jinja bring, and methods of their objects.
JINJA = {
    "append",
    "config",
    "create",
    "create_schema",
    "get_relation",
    "is_incremental",
    "items",
    "join",
    "namespace",
    "range",
    "ref",
    "replace",
    "return",
    "run_query",
    "should_full_refresh",
    "source",
    "values",
    "var",
}
# What dbt itself dispatches; `snowflake__` here replaces what its adapter ships.
DISPATCHED_BY_DBT = {
    "get_assert_columns_equivalent",
    "get_columns_in_relation",
    "list_function_relations_without_caching",
    "list_relations_without_caching",
    "list_schemas",
}
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
    assert {f"{engine}__{macro}" for engine in ("default", "duckdb", "snowflake")} <= names


class ThirdConnections(DuckDBConnectionManager):
    """Of an adapter that this project has no macros for."""

    TYPE = "third"


class ThirdAdapter(DuckDBAdapter):
    """DuckDB under another name, so that dbt has a database to run it on."""

    ConnectionManager = ThirdConnections


class ThirdCredentials(DuckDBCredentials):
    """As DuckDB's."""

    @property
    def type(self) -> str:
        return "third"


@pytest.fixture
def third_engine(
    parsed_project: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """Has dbt run a macro of this project on a third adapter; gives what dbt says."""
    module, version = ModuleType("dbt.adapters.third"), ModuleType("dbt.adapters.third.__about__")
    module.Plugin = AdapterPlugin(ThirdAdapter, ThirdCredentials, PACKAGE_PATH)  # type: ignore
    version.version = "1.0.0"  # type: ignore[attr-defined]
    for each in (module, version):
        monkeypatch.setitem(sys.modules, each.__name__, each)
    profile = "movielens: {target: t, outputs: {t: {type: third, schema: s, path: ':memory:'}}}"
    (tmp_path / "profiles.yml").write_text(profile)
    said: list[str] = []

    def run(macro: str) -> str:
        def listen(event: Any) -> None:
            said.append(str(getattr(event.data, "exc", "")))

        runner = dbtRunner(manifest=parsed_project, callbacks=[listen])
        where = ["--project-dir", str(PROJECT), "--profiles-dir", str(tmp_path), "--quiet"]
        runner.invoke(["run-operation", macro, *where])
        return "\n".join(said)

    return run


@pytest.mark.parametrize("macro", dispatched())
def test_a_third_engine_gets_an_error_and_no_sql_of_another(
    macro: str, third_engine: Callable[[str], str]
) -> None:
    said = third_engine(macro)
    assert f"The macro {macro} has no variant for the adapter third." in said
    assert f"Write third__{macro} in macros/dialect, as docs/engines.md describes." in said


def test_no_variant_is_left_without_its_macro() -> None:
    variants = re.findall(r"macro (?:default|duckdb|snowflake)__(\w+)", sources_of_macros())
    assert sorted(set(variants) - DISPATCHED_BY_DBT) == dispatched()


def test_snowflake_variants_call_functions_that_snowflake_has() -> None:
    bodies = re.findall(r"macro snowflake__\w+\(.*?%}(.*?){%", sources_of_macros(), re.DOTALL)
    sql = re.sub(r"{{.*?}}|'[^']*'", "", "\n".join(bodies), flags=re.DOTALL)
    called = set(re.findall(r"(\w+) ?\(", sql)) - KEYWORDS_BEFORE_A_BRACKET
    assert called <= SNOWFLAKE_FUNCTIONS


def sql_outside_of_the_dialects() -> dict[str, str]:
    """The text of all models, data tests and macros but those of a dialect, without comments."""
    found = {}
    for folder in ("models", "tests/data", "macros"):
        for path in sorted((PROJECT / folder).rglob("*.sql")):
            if path.parent.name != "dialect":
                text = re.sub(r"--.*|{% test .*", "", path.read_text())
                found[path.name] = re.sub(r"{#.*?#}", "", text, flags=re.DOTALL)
    return found


def test_models_leave_dialects_to_macros() -> None:
    only_in_one = re.compile(
        r"::|\btarget\.(type|name)|adapter\.type|\bfilter \(where|group by all|\bexclude\b"
    )
    found = {
        name: match.group()
        for name, text in sql_outside_of_the_dialects().items()
        if (match := only_in_one.search(text))
    }
    assert found == {}


def test_functions_that_are_called_without_a_macro_are_the_same_on_both_engines() -> None:
    macros = {*re.findall(r"macro (\w+)\(", sources_of_macros()), *JINJA}
    called = {
        name: unknown
        for name, text in sql_outside_of_the_dialects().items()
        if (unknown := set(re.findall(r"(\w+)\(", text)) - macros - SHARED_FUNCTIONS)
    }
    assert called == {}


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
