"""Statements that Snowflake accepts and fakesnow does not, one rewriting rule each.

A rule maps a statement to the one fakesnow runs instead. A test checks it against the `before` and
`after` in its docstring. Statements that match no rule pass unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO

from snowflake.connector.util_text import split_statements

_ANY_CASE = re.IGNORECASE | re.DOTALL
_SESSION_SETTING = re.compile(r"\s*alter\s+session\s+(un)?set\s+(query_tag|timezone)\b", _ANY_CASE)
_STAGE_AND_OPTIONS = r"'(?P<stage>@[^']*)'(?P<options>.*)"
_COPY = re.compile(
    r"(?P<copy>\s*copy\s+into\s+\S+\s+from\s+)'?(?P<stage>@[^'\s]*)'?(?P<options>.*)", _ANY_CASE
)
_PUT = re.compile(r"(?P<put>\s*put\s+'file:[^']*'\s+)" + _STAGE_AND_OPTIONS, _ANY_CASE)
_MODE_IN_QUOTES = re.compile(r"=\s*'(CASE_(?:IN)?SENSITIVE)'")
_SHOW_TABLES = re.compile(
    r"\s*show\s+tables\s+like\s+(?P<pattern>'[^']*')\s+in\s+schema\s+(?P<database>\w+)\.(?P<schema>\w+)\s*$",
    _ANY_CASE,
)
_REMOVE = re.compile(r"\s*(remove|rm)\s+'?@", _ANY_CASE)
_CREATE = r"^((?:\s|/\*.*?\*/)*create\s+(?:or\s+replace\s+)?)"
_TEMPORARY = re.compile(_CREATE + r"temp(?:orary)?\s+((?:table|view)\s)", _ANY_CASE)
_SUM_OF_HASHES = re.compile(r"\bsum\(hash\(([^()]*)\)\)", _ANY_CASE)

_OCTETS = re.compile(r"\boctet_length\(", re.IGNORECASE)
_TABLES = re.compile(r"\bfrom\s+information_schema\.tables\b", _ANY_CASE)

Rule = Callable[[str], str]

NOTHING = "select 'Statement executed successfully.' as status"
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Registers a rule; statements go through all rules in the order of this file."""
    RULES.append(function)
    return function


def rewritten(statement: str) -> str:
    """Applies every rule to a client's statement; returns the one for fakesnow."""
    for each in RULES:
        statement = each(statement)
    return statement


@rule
def session_settings(statement: str) -> str:
    """Session settings that change no result are accepted.

    before: alter session set query_tag = 'movielens'
    after: select 'Statement executed successfully.' as status
    """
    return NOTHING if _SESSION_SETTING.match(statement) else statement


@rule
def put_to_table_stage(statement: str) -> str:
    """A quoted stage with quotes inside, and commas between options, as dlt writes them.

    before: PUT 'file:///x.parquet' '@"RAW"."%_FILES"/"id"' OVERWRITE = TRUE, AUTO_COMPRESS = FALSE
    after: PUT 'file:///x.parquet' @RAW.%_FILES/id OVERWRITE = TRUE AUTO_COMPRESS = FALSE
    """
    found = _PUT.match(statement)
    if not found:
        return statement
    stage, options = found["stage"].replace('"', ""), found["options"].replace(",", " ")
    return f"{found['put']}{stage}{re.sub('  +', ' ', options)}"


@rule
def copy_from_table_stage(statement: str) -> str:
    """The same stages in a copy; commas in the format; a quoted matching mode.

    before: COPY INTO "RAW"."T" FROM '@"RAW"."%T"/"1"/t.parquet' FILE_FORMAT = (TYPE = 'PARQUET', BINARY_AS_TEXT = FALSE) MATCH_BY_COLUMN_NAME='CASE_INSENSITIVE'
    after: COPY INTO "RAW"."T" FROM @RAW.%T/1/t.parquet FILE_FORMAT = (TYPE = 'PARQUET' BINARY_AS_TEXT = FALSE) MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE
    """  # noqa: E501 - statements as they are sent, each on one line
    found = _COPY.match(statement)
    if not found:
        return statement
    options = re.sub(r", *", " ", found["options"]).replace(
        "'CASE_INSENSITIVE'", "CASE_INSENSITIVE"
    )
    return f"{found['copy']}{found['stage'].replace(chr(34), '')}{options}"


@rule
def remove_staged_files(statement: str) -> str:
    """Files stay on the stand-in's stage until its folder is removed.

    before: REMOVE '@"RAW"."%T"/"1"/t.parquet'
    after: select 'Statement executed successfully.' as status
    """
    return NOTHING if _REMOVE.match(statement) else statement


@rule
def temporary_in_a_schema(statement: str) -> str:
    """Temporary relations in a schema become ordinary ones; DuckDB has none there.

    before: create or replace temporary table MOVIELENS.analytics.t__dbt_tmp as (select 1 as a)
    after: create or replace table MOVIELENS.analytics.t__dbt_tmp as (select 1 as a)
    """
    return _TEMPORARY.sub(r"\1\2", statement, count=1)


@rule
def sum_of_hashes(statement: str) -> str:
    """Sums of hashes are whole numbers; fakesnow would add them as floats.

    before: select sum(hash(a, b)) from t
    after: select sum(cast(hash(a, b) as number(37, 0))) from t
    """
    return _SUM_OF_HASHES.sub(r"sum(cast(hash(\1) as number(37, 0)))", statement)


@rule
def bytes_of_text(statement: str) -> str:
    """`octet_length` of text; DuckDB has it for bytes only.

    before: select octet_length(line) from t
    after: select strlen(line) from t
    """
    return _OCTETS.sub("strlen(", statement)


@rule
def show_tables_with_comments(statement: str) -> str:
    """`show tables` includes comments.

    before: show tables like '_files' in schema M.raw
    after: select table_name as "name", comment as "comment" from M.information_schema.tables where table_schema = upper('raw') and table_name ilike '_files'
    """  # noqa: E501 - statements as they are sent, each on one line
    found = _SHOW_TABLES.match(statement)
    if not found:
        return statement
    return (
        'select table_name as "name", comment as "comment" '
        f"from {found['database']}.information_schema.tables "
        f"where table_schema = upper('{found['schema']}') and table_name ilike {found['pattern']}"
    )


@rule
def views_among_the_tables(statement: str) -> str:
    """`information_schema.tables` includes views.

    before: select table_name from information_schema.tables
    after: select table_name from (select table_schema, table_name, table_type, bytes, row_count from information_schema.tables union all select table_schema, table_name, 'VIEW', null, null from information_schema.views)
    """  # noqa: E501 - statements as they are sent, each on one line
    columns = "select table_schema, table_name, {} from information_schema.{}"
    tables = ("table_type, bytes, row_count", "tables")
    views = ("'VIEW', null, null", "views")
    both = f"{columns.format(*tables)} union all {columns.format(*views)}"
    return _TABLES.sub(f"from ({both})", statement)


def several(text: str) -> list[str]:
    """Splits a request into its statements, without the `;` between them."""
    statements = split_statements(StringIO(text), remove_comments=False)
    return [sql.strip().rstrip(";") for sql, _ in statements if sql and sql.strip(" \n;")]
