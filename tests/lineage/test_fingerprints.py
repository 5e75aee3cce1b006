"""A fingerprint is another one exactly if the table can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ingestion.lineage.columns import analyse
from ingestion.lineage.comparison import Change, compare
from ingestion.lineage.fingerprints import Fingerprint, Project, fingerprints
from ingestion.lineage.models import Model

SOURCES = {
    "raw.ratings": {"user_id": "bigint", "movie_id": "bigint", "rating": "double"},
    "raw.movies": {"movie_id": "bigint", "title": "text", "genres": "text"},
}
MACROS = {
    "macro rows_to_add": "{% macro rows_to_add() -%} select * from x {%- endmacro %}",
    "macro since": "{% macro since() -%} {{ var('first_year') }} {%- endmacro %}",
}
FACT = Model(
    name="fct_ratings",
    relation=("analytics", "fct_ratings"),
    sql="select user_id, movie_id, rating from raw.ratings",
    parents=("raw.ratings", "src_files"),
    materialized="incremental",
    hooks={"pre-hook 1": "{{ since() }} path"},
    macros=MACROS,
)
FILES = Model(
    name="src_files",
    relation=("analytics", "src_files"),
    sql="select 1 as file_id, 'x' as path, 2 as bytes",
)
MOVIES = Model(
    name="dim_movies",
    relation=("analytics", "dim_movies"),
    sql="select movie_id, trim(title) as title, genres from raw.movies where title <> ''",
    parents=("raw.movies",),
)
MART = Model(
    name="mart_movie",
    relation=("marts", "mart_movie"),
    sql="""
        with counted as (
            select movie_id, count(*) as n_ratings, count(distinct user_id) as n_users
            from analytics.fct_ratings group by movie_id
        )
        select m.movie_id, m.title, c.n_ratings
        from analytics.dim_movies as m left join counted as c on m.movie_id = c.movie_id
    """,
    parents=("dim_movies", "fct_ratings"),
    contract={"movie_id": "bigint", "title": "varchar", "n_ratings": "bigint"},
)
TITLES = Model(
    name="mart_title",
    relation=("marts", "mart_title"),
    sql="select title from marts.mart_movie",
    parents=("mart_movie",),
)
MODELS = (TITLES, MART, MOVIES, FACT, FILES)
ALL = {model.name for model in MODELS}


def taken(*edited: Model, **project: Any) -> dict[str, Fingerprint]:
    models = {**{model.name: model for model in MODELS}, **{model.name: model for model in edited}}
    common: dict[str, Any] = {"sources": SOURCES, "variables": {"first_year": 1995, "few": 5}}
    of = Project(**{"dialect": "duckdb", "engine": "duckdb 1.5.6", **common, **project})
    analyses = analyse(models.values(), dialect="duckdb", sources=of.sources)
    return fingerprints(models.values(), analyses, of)


def changes(*edited: Model, **project: Any) -> dict[str, Change]:
    compared = compare(taken(), taken(*edited, **project))
    return {name: change for name, change in compared.items() if change.kind != "unchanged"}


def rebuilt(*edited: Model, **project: Any) -> set[str]:
    return {name for name, change in changes(*edited, **project).items() if change.rebuilds}


def edited(model: Model, old: str, new: str) -> Model:
    assert old in model.sql
    return replace(model, sql=model.sql.replace(old, new))


def test_the_same_code_has_the_same_fingerprints_in_any_order_and_as_json() -> None:
    first = taken()
    assert changes() == {}
    assert list(first)[-2:] == ["mart_movie", "mart_title"]
    assert {Fingerprint.from_json(each.to_json()) == each for each in first.values()} == {True}
    assert len({each.value for each in first.values()}) == len(first)


def test_comments_and_format_rebuild_nothing() -> None:
    found = changes(edited(MOVIES, "where", "\n-- Some have none.\nWHERE"))
    assert found == {"dim_movies": Change(model="dim_movies", kind="format")}
    found = changes(replace(MOVIES, source_code="select {# a comment #}"))
    assert {name: each.kind for name, each in found.items()} == {"dim_movies": "format"}


def test_an_edit_reaches_those_that_read_the_column() -> None:
    found = changes(edited(MOVIES, "trim(title)", "lower(title)"))
    assert set(found) == {"dim_movies", "mart_movie", "mart_title"}
    assert found["dim_movies"] == Change(
        model="dim_movies", kind="edited", changed=("title",), rebuilds=True
    )
    assert found["mart_movie"] == Change(
        model="mart_movie", kind="downstream", changed=("title",), rebuilds=True
    )
    assert {change.category for change in found.values()} == {"breaking"}


def test_an_edit_of_what_nothing_reads_stays_where_it_is() -> None:
    assert rebuilt(edited(MOVIES, "genres from", "lower(genres) as genres from")) == {"dim_movies"}
    assert rebuilt(edited(MART, "count(distinct user_id)", "max(user_id)")) == set()


def test_an_edit_of_rows_reaches_all_that_read_the_model() -> None:
    found = changes(edited(MOVIES, "<> ''", "<> '?'"))
    assert set(found) == {"dim_movies", "mart_movie", "mart_title"}
    assert all(change.rows_changed and not change.changed for change in found.values())
    assert {change.category for change in found.values()} == {"breaking"}


def reader(of: str) -> Model:
    sql = f"select {of} as x from marts.mart_movie"
    return replace(TITLES, name="reader", relation=("marts", "reader"), sql=sql)


def passing_on(of: str) -> Model:
    sql = f"select {of} as x from marts.mart_title"
    return replace(reader(of), sql=sql, parents=("mart_title",))


@pytest.mark.parametrize(
    ("model", "is_rebuilt"),
    [
        (reader("max(title)"), False),
        (reader("title"), False),
        (reader("first(title)"), True),
        (reader("string_agg(title, ', ')"), True),
        (reader("row_number() over (order by title)"), True),
        (passing_on("max(title)"), False),
        (passing_on("first(title)"), True),
        (replace(reader("max(title)"), materialized="incremental", macros=MACROS), True),
    ],
)
def test_an_edit_of_an_order_reaches_those_that_go_by_it(model: Model, is_rebuilt: bool) -> None:
    by_title = replace(MART, sql=f"{MART.sql} order by m.title")
    by_id = replace(MART, sql=f"{MART.sql} order by m.movie_id")
    found = compare(taken(model, by_title), taken(model, by_id))
    rebuilt = {name for name, change in found.items() if change.rebuilds}
    assert rebuilt == {"mart_movie"} | ({"reader"} if is_rebuilt else set())
    assert found["mart_movie"].kind == "edited"
    assert found["mart_movie"].category == "none"


def test_a_new_column_is_additive_and_rebuilds_that_model_only() -> None:
    wider = edited(MART, "c.n_ratings", "c.n_ratings, c.n_users")
    wider = replace(wider, contract={**MART.contract, "n_users": "bigint"})
    (change,) = changes(wider).values()
    assert change.model == "mart_movie"
    assert change.added == ("n_users",)
    assert change.category == "additive"
    assert change.settings == ("contract",)


def test_a_column_that_is_gone_or_renamed_is_breaking() -> None:
    found = changes(edited(MART, "m.title,", "m.title as name,"), edited(TITLES, "title", "name"))
    assert (found["mart_movie"].added, found["mart_movie"].removed) == (("name",), ("title",))
    assert found["mart_movie"].category == "breaking"


def test_another_order_of_columns_is_another_table() -> None:
    found = changes(edited(MOVIES, "trim(title) as title, genres", "genres, trim(title) as title"))
    assert found == {"dim_movies": Change(model="dim_movies", kind="edited", rebuilds=True)}
    assert found["dim_movies"].category == "none"


def test_models_that_come_and_go() -> None:
    before = taken()
    after = {name: each for name, each in before.items() if name != "mart_title"}
    gone = compare(before, after)["mart_title"]
    assert (gone.kind, gone.category, gone.rebuilds) == ("removed", "breaking", False)
    new = compare(after, before)["mart_title"]
    assert (new.kind, new.category, new.rebuilds) == ("added", "additive", True)
    assert new.added == gone.removed == ("title",)


OF_A_FACT = {"fct_ratings", "mart_movie", "mart_title"}
OF_TITLES = {"dim_movies", "mart_movie", "mart_title"}


def with_type(**types: str) -> Model:
    return replace(MART, contract={**MART.contract, **types})


def with_column(**types: str) -> dict[str, dict[str, str]]:
    return {**SOURCES, "raw.movies": {**SOURCES["raw.movies"], **types}}


@pytest.mark.parametrize(
    ("models", "project", "expected"),
    [
        # Of the table only, so of no reader.
        ([replace(MOVIES, materialized="view")], {}, {"dim_movies"}),
        ([with_type(n_ratings="integer")], {}, {"mart_movie"}),
        ([with_type(title="text")], {}, {"mart_movie", "mart_title"}),
        # These can change what is in it.
        ([replace(MART, config={"sql_header": "set x"})], {}, {"mart_movie", "mart_title"}),
        ([replace(FACT, hooks={"pre-hook 1": "delete from x"})], {}, OF_A_FACT),
        ([replace(FACT, macros={**MACROS, "macro since": "{{ var('few') }}"})], {}, OF_A_FACT),
        ([replace(FACT, materialized="table", macros={})], {}, OF_A_FACT),
        ([replace(MOVIES, framework={"hook start": "set x = 1"})], {}, OF_TITLES),
        # A fact's macros read `path`, which its full refresh does not.
        ([edited(FILES, "'x'", "'y'")], {}, OF_A_FACT | {"src_files"}),
        ([edited(FILES, "2 as", "3 as")], {}, {"src_files"}),
        ([edited(FILES, "2 as bytes", "2 as bytes, 3 as rows_loaded")], {}, {"src_files"}),
        # Of all.
        ([], {"engine": "duckdb 1.5.7"}, ALL),
        ([], {"variables": {"first_year": 1996, "few": 5}}, OF_A_FACT),
        ([], {"variables": {"first_year": 1995, "few": 6}}, set()),
        ([], {"sources": with_column(title="bigint")}, OF_TITLES),
        ([], {"sources": with_column(new="text")}, set()),
    ],
)
def test_what_else_a_table_is_made_with(
    models: list[Model], project: dict[str, Any], expected: set[str]
) -> None:
    assert rebuilt(*models, **project) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{% macro rows_to_add() -%} select * from x {#- why -#} {%- endmacro %}",
        "{%- macro rows_to_add( ) -%}\n    select * -- why\n    from x\n{%- endmacro -%}",
    ],
)
def test_comments_and_format_of_macros_rebuild_nothing(text: str) -> None:
    fact = replace(FACT, macros={**MACROS, "macro rows_to_add": text})
    assert changes(fact) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select ' '", "select '  '"),
        ("select '{{ x }} a'", "select '{{ x }}  a'"),
        ('{{ "\'" }} a {{ "\'" }}', '{{ "\'" }}  a {{ "\'" }}'),
        ("{{ x('a') }}", "{{ x('b') }}"),
        ("{{ x('a  b') }}", "{{ x('a b') }}"),
        ("{% if a %}b{% endif %}", "{% if not a %}b{% endif %}"),
        ("{{ a }}_b", "{{ a }} _b"),
        ("{{ a }}{{ b }}", "{{ a }} {{ b }}"),
        ("it's {{ a }}", "it's  {{ a }}"),
        ("{{ 'not closed", "{{  'not closed"),
    ],
)
def test_other_text_of_a_macro_is_another_fact(one: str, other: str) -> None:
    facts = [replace(FACT, macros={"macro m": text}) for text in (one, other)]
    assert taken(facts[0])["fct_ratings"].value != taken(facts[1])["fct_ratings"].value


def test_a_variable_that_cannot_be_told_counts_as_every_one() -> None:
    fact = replace(FACT, macros={"macro m": "{{ var(name) }}"})
    one, other = (taken(fact, variables={"few": few}) for few in (5, 6))
    assert one["fct_ratings"].value != other["fct_ratings"].value


def test_sql_that_is_not_understood_is_rebuilt_for_anything() -> None:
    pivot = replace(MART, sql="select * from (pivot analytics.dim_movies on genres using count(*))")
    before = taken(pivot)
    after = taken(pivot, edited(MOVIES, "genres from", "lower(genres) as genres from"))
    changed = {name for name, change in compare(before, after).items() if change.rebuilds}
    assert changed == {"dim_movies", "mart_movie", "mart_title"}
