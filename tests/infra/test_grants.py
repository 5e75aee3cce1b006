"""The Snowflake set-up gives each role what it needs and nothing else, and is idempotent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from sqlfluff.core import FluffConfig, Linter

from local_dev.account.model import ACCOUNT_DEFAULTS, PUBLIC, Account
from local_dev.account.statements import SETTINGS, NotUnderstood, filled_in, variables
from tests.support.closure import (
    ALLOWED,
    DASHBOARD,
    DEVELOPER,
    DEVELOPMENT,
    FOLDER,
    LOADER,
    OPTIONAL,
    PRODUCTION,
    SCHEMAS,
    TEARDOWN,
    TIMEOUTS,
    TRANSFORMER,
    WAREHOUSE_OF,
    Texts,
    Values,
    account_after,
    findings,
    set_up,
)
from tests.support.wrong_settings import wrong_grants, wrong_settings

_OF_EVERYONE = [f"{database}.{PUBLIC}" for database in (PRODUCTION, DEVELOPMENT)]
_SCHEMAS = [*(f"MOVIELENS.{schema}" for schema in SCHEMAS), *_OF_EVERYONE]
# Every setting that the set-up makes, made otherwise by somebody.
BY_HAND = "".join(
    [
        "use role ACCOUNTADMIN;",
        *(f"alter schema {schema} disable managed access;" for schema in _SCHEMAS),
        *(f"grant all privileges on schema {name} to role {PUBLIC};" for name in _OF_EVERYONE),
        f"grant usage on database {PRODUCTION} to role {PUBLIC};",
        f"grant usage on database {DEVELOPMENT} to role {PUBLIC};",
        *(
            f"alter warehouse {name} set warehouse_size = large auto_suspend = 3600 "
            "auto_resume = false resource_monitor = NONE statement_timeout_in_seconds = 0 "
            "statement_queued_timeout_in_seconds = 0;"
            f"alter resource monitor {name} set credit_quota = 5000 "
            "triggers on 99 percent do notify;"
            for name in TIMEOUTS
        ),
        *(
            f"alter network policy MOVIELENS_{name} set allowed_ip_list = ('0.0.0.0/0') "
            "allowed_network_rule_list = ('EVERYWHERE');"
            f"alter network rule MOVIELENS.ACCESS.{name} set value_list = ('0.0.0.0/0');"
            for name in ("PIPELINE", "DASHBOARD")
        ),
        *(
            f"alter user {name} set type = person default_role = {PUBLIC} "
            "default_secondary_roles = ('ALL') default_warehouse = NONE network_policy = NONE "
            "rsa_public_key = '' rsa_public_key_2 = 'another' statement_timeout_in_seconds = 0 "
            "statement_queued_timeout_in_seconds = 0 "
            "workload_identity = (subject = '*' oidc_audience_list = ('any')) "
            "timezone = 'Asia/Tokyo' timestamp_type_mapping = timestamp_ltz autocommit = false "
            "lock_timeout = 43200 prevent_unload_to_inline_url = false "
            "prevent_unload_to_internal_stages = false;"
            f"alter user {name} unset authentication policy;"
            "alter authentication policy "
            f"MOVIELENS.ACCESS.{name.removeprefix('MOVIELENS_')} set authentication_methods = "
            "('ALL') client_types = ('ALL') pat_policy = (default_expiry_in_days = 365);"
            for name in (LOADER, TRANSFORMER, DASHBOARD)
        ),
        "alter storage integration MOVIELENS_STAGING set storage_allowed_locations = ('s3://x/');",
        "alter stage MOVIELENS.RAW.STAGING set url = 's3://x/';",
        "alter stage MOVIELENS.RAW.LANDING set url = 's3://x/';",
    ]
)

DROPPED = "use role ACCOUNTADMIN;" + "".join(
    f"drop schema if exists {name};" for name in _OF_EVERYONE
)


@pytest.mark.parametrize("optional", [False, True], ids=["what all run", "with all options"])
def test_nothing_is_wrong_with_the_set_up(optional: bool) -> None:
    assert findings(account_after(set_up(optional))) == []


def test_the_dashboard_reads_published_views_and_nothing_else() -> None:
    assert sorted(account_after(set_up()).rights_of_user(DASHBOARD)) == [
        "SELECT ON ALL VIEWS IN SCHEMA MOVIELENS.MARTS",
        "SELECT ON FUTURE VIEWS IN SCHEMA MOVIELENS.MARTS",
        "USAGE ON DATABASE MOVIELENS",
        "USAGE ON SCHEMA MOVIELENS.MARTS",
        "USAGE ON WAREHOUSE MOVIELENS_DASHBOARD",
    ]


def test_developers_read_raw_and_store_and_write_in_their_own_database_only() -> None:
    """Nothing of MARTS, MARTS_STORE, the stage, the lease or the pipeline's warehouse."""
    assert sorted(account_after(set_up()).rights(DEVELOPER)) == [
        "CREATE SCHEMA ON DATABASE MOVIELENS_DEV",
        "GRANTS ON WHAT IT MAKES IN DATABASE MOVIELENS_DEV",
        "SELECT ON ALL TABLES IN SCHEMA MOVIELENS.RAW",
        "SELECT ON ALL TABLES IN SCHEMA MOVIELENS.STORE",
        "SELECT ON FUTURE TABLES IN SCHEMA MOVIELENS.RAW",
        "SELECT ON FUTURE TABLES IN SCHEMA MOVIELENS.STORE",
        "USAGE ON DATABASE MOVIELENS",
        "USAGE ON DATABASE MOVIELENS_DEV",
        "USAGE ON SCHEMA MOVIELENS.RAW",
        "USAGE ON SCHEMA MOVIELENS.STORE",
        "USAGE ON WAREHOUSE MOVIELENS_DEVELOPER",
    ]


def test_what_developers_grant_reaches_nobody_else() -> None:
    """Clones hold user ids, and whoever cannot use the database cannot use a grant in it."""
    account = account_after(set_up())
    reach = {
        role
        for role in (*ALLOWED, PUBLIC)
        if [right for right in account.rights(role) if DEVELOPMENT in re.split(r"[ .]", right)]
    }
    assert reach == {DEVELOPER}


def _with_anna(more: str = "") -> Account:
    """The account with the developer that the file shows in a comment."""
    _, comment = set_up()[DEVELOPERS].split("\n--\n")[-2:]
    shown = re.sub(r"^-- ", "", comment, flags=re.MULTILINE)
    return account_after({**set_up(), "anna": f"use role ACCOUNTADMIN;{shown}{more}"})


def test_the_developer_that_the_file_shows_can_do_what_the_role_can() -> None:
    account = _with_anna()
    assert findings(account) == []
    assert account.of_kind("USER").keys() == {*WAREHOUSE_OF, "ANNA"}
    assert account.rights_of_user("ANNA") == account.rights(DEVELOPER)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            f"grant role {TRANSFORMER} to user ANNA;",
            f"user ANNA reaches: CREATE VIEW ON SCHEMA MOVIELENS.MARTS (through {TRANSFORMER})",
        ),
        (
            f"grant role {LOADER} to user ANNA;",
            f"USER ANNA must not hold role {LOADER}",
        ),
        (
            "alter user ANNA set default_secondary_roles = ('ALL');",
            "user ANNA: DEFAULT_SECONDARY_ROLES is ('ALL',), not ()",
        ),
        ("alter user ANNA set type = service;", f"USER ANNA must not hold role {DEVELOPER}"),
        ("alter user ANNA set password = 'x';", "user ANNA has a password"),
    ],
)
def test_a_developer_who_can_do_more_is_named(more: str, message: str) -> None:
    assert message in findings(_with_anna(more))


def test_without_the_last_file_everyone_has_what_an_account_gives_by_default() -> None:
    account = account_after(set_up(optional=False))
    more = account.rights(DASHBOARD).keys() - account_after(set_up()).rights(DASHBOARD).keys()
    assert more == ACCOUNT_DEFAULTS == account.grants[PUBLIC]


def test_a_second_run_changes_nothing() -> None:
    once = account_after(set_up())
    twice = account_after(
        {f"{turn} {name}": text for turn in "12" for name, text in set_up().items()}
    )
    # The keys that 06 took away come back with 05 and go again with 06.
    assert (twice.things, twice.grants, twice.has) == (once.things, once.grants, once.has)
    assert twice.complaints == []


def test_a_set_up_that_was_changed_by_hand_is_set_back() -> None:
    files = set_up()
    changed = account_after({**files, "by hand": BY_HAND})
    assert len(findings(changed)) > 30
    again = {f"again {name}": text for name, text in files.items()}
    assert findings(account_after({**files, "by hand": BY_HAND, **again})) == []


def _without_each_statement() -> Iterator[tuple[str, str, dict[str, str]]]:
    files = set_up()
    for name, text in files.items():
        statements = text.split(";\n")
        for number, statement in enumerate(statements[:-1]):
            rest = ";\n".join([*statements[:number], *statements[number + 1 :]])
            code = re.sub(r"^\s*--.*\n?", "", statement, flags=re.MULTILINE).strip()
            if code:  # not an example in a comment
                yield name, code, {**files, name: rest}


@pytest.mark.slow
def test_no_statement_is_there_for_nothing() -> None:
    """Each is needed, in a new account or in one changed by hand."""
    unharmed = list(_in_many_accounts(set_up()))
    for name, code, files in _without_each_statement():
        # What it is for is read by people only; what is revoked last has a test of its own.
        if re.fullmatch(r"alter schema \S+ set\s+comment = '[^']*'", code):
            continue
        if name == DEFAULTS and code.startswith("revoke"):
            continue
        compared = zip(_in_many_accounts(files), unharmed, strict=True)
        assert any(found != before for found, before in compared), f"{name}: {code}"


def _in_many_accounts(files: dict[str, str]) -> Iterator[list[str]]:
    """Findings in a new account, and in some that were set up before and then changed by hand."""
    again = {f"again {name}": text for name, text in files.items()}
    required = {each: text for each, text in again.items() if each.split()[1] not in OPTIONAL}
    accounts: list[dict[str, str]] = [
        files,
        {**set_up(), "by hand": BY_HAND, **again},
        {**set_up(), "by hand": BY_HAND, **required},
        {**set_up(), "by hand": DROPPED, **again},
    ]
    return (findings(account_after(each)) for each in accounts)


def test_the_teardown_leaves_nothing() -> None:
    teardown = filled_in((FOLDER / TEARDOWN).read_text(), variables(FOLDER))
    left = account_after({**set_up(), TEARDOWN: teardown})
    assert left.things == {}
    assert {role for role, rights in left.grants.items() if rights} == set()
    assert left.complaints == []


UNKNOWN_TO_SQLFLUFF = (
    r"revoke use ai functions .*;|\s+allowed_ip_list = \(\)"
    r"|create or alter (?:network rule|authentication policy) [^;]*;"
    r"|alter user \S+ set authentication policy \S+ force;"
)


def test_another_parser_reads_every_file_too() -> None:
    """sqlfluff's Snowflake dialect, without what it does not know yet."""
    linter = Linter(config=FluffConfig(overrides={"dialect": "snowflake"}))
    for name, text in set_up().items():
        known = re.sub(UNKNOWN_TO_SQLFLUFF, "", text)
        assert [str(each) for each in linter.parse_string(known).violations] == [], name


class Change(NamedTuple):
    """A bad change: replaces this text in a file by that one, or, without it, appends."""

    file: str
    old: str
    new: str
    message: str


ROLES, WAREHOUSES, DATABASE, GRANTS, USERS, IDENTITY, INTEGRATION, DEFAULTS, DEVELOPERS = (
    path.name for path in sorted(FOLDER.glob("0*.sql"))
)
ADDED = "use role SECURITYADMIN;\n"
DASHBOARD_USER = f"default_role = {DASHBOARD}\n  default_secondary_roles = ()"
DASHBOARD_TIMES = "statement_timeout_in_seconds = 30\n  statement_queued_timeout_in_seconds = 30"


def _dashboard(right: str) -> str:
    return f"{DASHBOARD} must not have: {right}"


def _developer(right: str) -> str:
    return f"{DEVELOPER} must not have: {right}"


BAD = {
    # The dashboard reaches more than the published views.
    "dashboard reads RAW": Change(
        GRANTS,
        "",
        f"grant select on all tables in schema MOVIELENS.RAW to role {DASHBOARD};",
        _dashboard("SELECT ON ALL TABLES IN SCHEMA MOVIELENS.RAW"),
    ),
    "dashboard reads candidates": Change(
        GRANTS,
        "",
        f"grant usage on schema MOVIELENS.MARTS_CANDIDATE to role {DASHBOARD};",
        _dashboard("USAGE ON SCHEMA MOVIELENS.MARTS_CANDIDATE"),
    ),
    "dashboard reads the store": Change(
        GRANTS,
        "",
        f"grant select on future tables in schema MOVIELENS.MARTS_STORE to role {DASHBOARD};",
        _dashboard("SELECT ON FUTURE TABLES IN SCHEMA MOVIELENS.MARTS_STORE"),
    ),
    "dashboard reads tables of MARTS": Change(
        GRANTS,
        f"on future views in schema MOVIELENS.MARTS to role {DASHBOARD}",
        f"on future tables in schema MOVIELENS.MARTS to role {DASHBOARD}",
        _dashboard("SELECT ON FUTURE TABLES IN SCHEMA MOVIELENS.MARTS"),
    ),
    "future grant for the whole database": Change(
        GRANTS,
        f"on future views in schema MOVIELENS.MARTS to role {DASHBOARD}",
        f"on future views in database MOVIELENS to role {DASHBOARD}",
        _dashboard("SELECT ON FUTURE VIEWS IN DATABASE MOVIELENS"),
    ),
    "dashboard writes views": Change(
        GRANTS,
        f"grant usage on schema MOVIELENS.MARTS to role {DASHBOARD}",
        f"grant usage, create view on schema MOVIELENS.MARTS to role {DASHBOARD}",
        _dashboard("CREATE VIEW ON SCHEMA MOVIELENS.MARTS"),
    ),
    "all privileges": Change(
        GRANTS,
        f"grant usage on schema MOVIELENS.MARTS to role {DASHBOARD}",
        f"grant all privileges on schema MOVIELENS.MARTS to role {DASHBOARD}",
        _dashboard("ALL PRIVILEGES ON SCHEMA MOVIELENS.MARTS"),
    ),
    "grant option": Change(
        GRANTS,
        f"on all views in schema MOVIELENS.MARTS to role {DASHBOARD}",
        f"on all views in schema MOVIELENS.MARTS to role {DASHBOARD} with grant option",
        _dashboard("SELECT WITH GRANT OPTION ON ALL VIEWS IN SCHEMA MOVIELENS.MARTS"),
    ),
    "dashboard on the pipeline's warehouse": Change(
        GRANTS,
        f"grant usage on warehouse MOVIELENS_DASHBOARD to role {DASHBOARD}",
        f"grant usage on warehouse MOVIELENS_PIPELINE to role {DASHBOARD}",
        _dashboard("USAGE ON WAREHOUSE MOVIELENS_PIPELINE"),
    ),
    "dashboard stops its warehouse": Change(
        GRANTS,
        f"grant usage on warehouse MOVIELENS_DASHBOARD to role {DASHBOARD}",
        f"grant usage, operate on warehouse MOVIELENS_DASHBOARD to role {DASHBOARD}",
        _dashboard("OPERATE ON WAREHOUSE MOVIELENS_DASHBOARD"),
    ),
    "dashboard changes its warehouse": Change(
        GRANTS,
        "",
        f"grant modify on warehouse MOVIELENS_DASHBOARD to role {DASHBOARD};",
        _dashboard("MODIFY ON WAREHOUSE MOVIELENS_DASHBOARD"),
    ),
    "dashboard owns a schema": Change(
        GRANTS,
        "",
        f"grant ownership on schema MOVIELENS.MARTS to role {DASHBOARD} revoke current grants;",
        _dashboard("OWNERSHIP ON SCHEMA MOVIELENS.MARTS"),
    ),
    "dashboard takes the lease": Change(
        GRANTS,
        "",
        f"grant update on table MOVIELENS.RAW._LEASE to role {DASHBOARD};",
        _dashboard("UPDATE ON TABLE MOVIELENS.RAW._LEASE"),
    ),
    "dashboard manages grants": Change(
        GRANTS,
        "",
        f"grant manage grants on account to role {DASHBOARD};",
        _dashboard("MANAGE GRANTS ON ACCOUNT"),
    ),
    "dashboard loses the views that are replaced": Change(
        GRANTS,
        f"grant select on future views in schema MOVIELENS.MARTS to role {DASHBOARD};",
        "",
        f"{DASHBOARD} lacks: SELECT ON FUTURE VIEWS IN SCHEMA MOVIELENS.MARTS",
    ),
    # By way of other roles, and of everyone.
    "dashboard inherits the transformer": Change(
        ROLES,
        "",
        f"grant role {TRANSFORMER} to role {DASHBOARD};",
        _dashboard("CREATE VIEW ON SCHEMA MOVIELENS.ANALYTICS (through MOVIELENS_TRANSFORMER)"),
    ),
    "dashboard inherits an administrator": Change(
        ROLES,
        f"grant role {DASHBOARD} to role SYSADMIN",
        f"grant role SYSADMIN to role {DASHBOARD}",
        _dashboard("ROLE SYSADMIN"),
    ),
    "inheritance over two roles": Change(
        ROLES,
        "",
        f"create role if not exists HELPER; grant role {LOADER} to role HELPER; "
        f"grant role HELPER to role {DASHBOARD};",
        _dashboard("CREATE TABLE ON SCHEMA MOVIELENS.RAW (through MOVIELENS_LOADER)"),
    ),
    "a role that nobody knows": Change(
        ROLES,
        "",
        "create role if not exists HELPER;",
        "role HELPER is none of the set-up's",
    ),
    "everyone reads MARTS": Change(
        GRANTS,
        "",
        "grant select on future views in schema MOVIELENS.MARTS to role PUBLIC;",
        "PUBLIC must not have: SELECT ON FUTURE VIEWS IN SCHEMA MOVIELENS.MARTS",
    ),
    "everyone uses a warehouse": Change(
        GRANTS,
        "",
        "grant usage on warehouse MOVIELENS_PIPELINE to role PUBLIC;",
        _dashboard("USAGE ON WAREHOUSE MOVIELENS_PIPELINE (through PUBLIC)"),
    ),
    "everyone keeps the schema of a new database": Change(
        DATABASE,
        "revoke all privileges on schema MOVIELENS.PUBLIC from role PUBLIC;",
        "",
        "PUBLIC must not have: ALL PRIVILEGES ON SCHEMA MOVIELENS.PUBLIC",
    ),
    "everyone keeps the new database": Change(
        DATABASE,
        "revoke all privileges on database MOVIELENS from role PUBLIC;",
        "",
        "PUBLIC must not have: USAGE ON DATABASE MOVIELENS",
    ),
    # The loader and the transformer reach more than theirs.
    "loader builds": Change(
        GRANTS,
        "",
        f"grant usage, create table on schema MOVIELENS.ANALYTICS to role {LOADER};",
        f"{LOADER} must not have: CREATE TABLE ON SCHEMA MOVIELENS.ANALYTICS",
    ),
    "loader makes schemas": Change(
        GRANTS,
        f"grant usage on database MOVIELENS to role {LOADER}",
        f"grant usage, create schema on database MOVIELENS to role {LOADER}",
        f"{LOADER} must not have: CREATE SCHEMA ON DATABASE MOVIELENS",
    ),
    "loader makes stages": Change(
        GRANTS,
        f"grant usage, create table on schema MOVIELENS.RAW to role {LOADER}",
        f"grant usage, create table, create stage on schema MOVIELENS.RAW to role {LOADER}",
        f"{LOADER} must not have: CREATE STAGE ON SCHEMA MOVIELENS.RAW",
    ),
    "loader uses the integration": Change(
        INTEGRATION,
        "on stage MOVIELENS.RAW.STAGING to",
        "on integration MOVIELENS_STAGING to",
        f"{LOADER} must not have: USAGE ON INTEGRATION MOVIELENS_STAGING",
    ),
    "loader removes leases": Change(
        GRANTS,
        f"grant select, update on table MOVIELENS.RAW._LEASE to role {LOADER}",
        f"grant select, update, delete on table MOVIELENS.RAW._LEASE to role {LOADER}",
        f"{LOADER} must not have: DELETE ON TABLE MOVIELENS.RAW._LEASE",
    ),
    "transformer writes RAW": Change(
        GRANTS,
        f"grant select on future tables in schema MOVIELENS.RAW to role {TRANSFORMER}",
        f"grant select, insert on future tables in schema MOVIELENS.RAW to role {TRANSFORMER}",
        f"{TRANSFORMER} must not have: INSERT ON FUTURE TABLES IN SCHEMA MOVIELENS.RAW",
    ),
    "transformer makes tables in RAW": Change(
        GRANTS,
        f"grant usage on schema MOVIELENS.RAW to role {TRANSFORMER}",
        f"grant usage, create table on schema MOVIELENS.RAW to role {TRANSFORMER}",
        f"{TRANSFORMER} must not have: CREATE TABLE ON SCHEMA MOVIELENS.RAW",
    ),
    "transformer makes databases": Change(
        GRANTS,
        "",
        f"grant create database on account to role {TRANSFORMER};",
        f"{TRANSFORMER} must not have: CREATE DATABASE ON ACCOUNT",
    ),
    "loader may not extend the lease": Change(
        GRANTS,
        f"grant select, update on table MOVIELENS.RAW._LEASE to role {LOADER};",
        "",
        f"{LOADER} lacks: UPDATE ON TABLE MOVIELENS.RAW._LEASE",
    ),
    "a schema in which owners grant": Change(
        DATABASE,
        "alter schema MOVIELENS.MARTS_STORE enable managed access",
        "alter schema MOVIELENS.MARTS_STORE disable managed access",
        f"{TRANSFORMER} must not have: GRANTS ON WHAT IT MAKES IN SCHEMA MOVIELENS.MARTS_STORE",
    ),
    "the lease is owned by who writes it": Change(
        DATABASE,
        "create table if not exists MOVIELENS.RAW._LEASE",
        f"use role {LOADER};\ncreate table if not exists MOVIELENS.RAW._LEASE",
        f"{LOADER} must not have: OWNERSHIP ON TABLE MOVIELENS.RAW._LEASE",
    ),
    "the lease has no row": Change(
        DATABASE,
        "insert into MOVIELENS.RAW._LEASE (fence, next_file_id)\n"
        "  select 0, 0 where not exists (select 1 from MOVIELENS.RAW._LEASE);",
        "",
        "table MOVIELENS.RAW._LEASE: HAS A ROW is not set",
    ),
    "loader builds in the store": Change(
        GRANTS,
        "",
        f"grant usage, create table on schema MOVIELENS.STORE to role {LOADER};",
        f"{LOADER} must not have: CREATE TABLE ON SCHEMA MOVIELENS.STORE",
    ),
    "dashboard reads what builds have computed": Change(
        GRANTS,
        "",
        f"grant select on future tables in schema MOVIELENS.STORE to role {DASHBOARD};",
        _dashboard("SELECT ON FUTURE TABLES IN SCHEMA MOVIELENS.STORE"),
    ),
    # Developers reach into production, or production into what is theirs.
    "developers write the store": Change(
        DEVELOPERS,
        f"grant select on future tables in schema MOVIELENS.STORE to role {DEVELOPER}",
        f"grant select, update on future tables in schema MOVIELENS.STORE to role {DEVELOPER}",
        _developer("UPDATE ON FUTURE TABLES IN SCHEMA MOVIELENS.STORE"),
    ),
    "developers add to the store": Change(
        DEVELOPERS,
        f"grant usage on schema MOVIELENS.STORE to role {DEVELOPER}",
        f"grant usage, create table on schema MOVIELENS.STORE to role {DEVELOPER}",
        _developer("CREATE TABLE ON SCHEMA MOVIELENS.STORE"),
    ),
    "developers write RAW": Change(
        DEVELOPERS,
        f"grant select on all tables in schema MOVIELENS.RAW to role {DEVELOPER}",
        f"grant select, insert on all tables in schema MOVIELENS.RAW to role {DEVELOPER}",
        _developer("INSERT ON ALL TABLES IN SCHEMA MOVIELENS.RAW"),
    ),
    "developers make schemas of production": Change(
        DEVELOPERS,
        f"grant usage on database MOVIELENS to role {DEVELOPER}",
        f"grant usage, create schema on database MOVIELENS to role {DEVELOPER}",
        _developer("CREATE SCHEMA ON DATABASE MOVIELENS"),
    ),
    "developers take the lease": Change(
        DEVELOPERS,
        "",
        f"grant update on table MOVIELENS.RAW._LEASE to role {DEVELOPER};",
        _developer("UPDATE ON TABLE MOVIELENS.RAW._LEASE"),
    ),
    "developers publish": Change(
        DEVELOPERS,
        "",
        f"grant usage, create view on schema MOVIELENS.MARTS to role {DEVELOPER};",
        _developer("CREATE VIEW ON SCHEMA MOVIELENS.MARTS"),
    ),
    "developers write published versions": Change(
        DEVELOPERS,
        "",
        f"grant insert on future tables in schema MOVIELENS.MARTS_STORE to role {DEVELOPER};",
        _developer("INSERT ON FUTURE TABLES IN SCHEMA MOVIELENS.MARTS_STORE"),
    ),
    "developers read the whole database": Change(
        DEVELOPERS,
        f"on future tables in schema MOVIELENS.STORE to role {DEVELOPER}",
        f"on future tables in database MOVIELENS to role {DEVELOPER}",
        _developer("SELECT ON FUTURE TABLES IN DATABASE MOVIELENS"),
    ),
    "developers read the stage": Change(
        DEVELOPERS,
        "",
        f"grant usage on stage MOVIELENS.RAW.STAGING to role {DEVELOPER};",
        _developer("USAGE ON STAGE MOVIELENS.RAW.STAGING"),
    ),
    "developers use the integration": Change(
        DEVELOPERS,
        "",
        f"grant usage on integration MOVIELENS_STAGING to role {DEVELOPER};",
        _developer("USAGE ON INTEGRATION MOVIELENS_STAGING"),
    ),
    "developers on the pipeline's warehouse": Change(
        DEVELOPERS,
        "",
        f"grant usage on warehouse MOVIELENS_PIPELINE to role {DEVELOPER};",
        _developer("USAGE ON WAREHOUSE MOVIELENS_PIPELINE"),
    ),
    "developers let others use their database": Change(
        DEVELOPERS,
        f"grant usage, create schema on database MOVIELENS_DEV to role {DEVELOPER}",
        f"grant usage, create schema on database MOVIELENS_DEV to role {DEVELOPER} "
        "with grant option",
        _developer("USAGE WITH GRANT OPTION ON DATABASE MOVIELENS_DEV"),
    ),
    "developers own their database": Change(
        DEVELOPERS,
        "",
        f"grant ownership on database MOVIELENS_DEV to role {DEVELOPER};",
        _developer("OWNERSHIP ON DATABASE MOVIELENS_DEV"),
    ),
    "developers inherit the transformer": Change(
        DEVELOPERS,
        "",
        f"grant role {TRANSFORMER} to role {DEVELOPER};",
        _developer(f"CREATE VIEW ON SCHEMA MOVIELENS.MARTS (through {TRANSFORMER})"),
    ),
    "developers inherit the dashboard": Change(
        DEVELOPERS,
        "",
        f"grant role {DASHBOARD} to role {DEVELOPER};",
        _developer(f"ROLE {DASHBOARD} (through {DASHBOARD})"),
    ),
    "transformer inherits the developers": Change(
        DEVELOPERS,
        "",
        f"grant role {DEVELOPER} to role {TRANSFORMER};",
        f"{TRANSFORMER} must not have: CREATE SCHEMA ON DATABASE MOVIELENS_DEV "
        f"(through {DEVELOPER})",
    ),
    "transformer reads what developers make": Change(
        DEVELOPERS,
        "",
        f"grant usage on database MOVIELENS_DEV to role {TRANSFORMER};",
        f"{TRANSFORMER} must not have: USAGE ON DATABASE MOVIELENS_DEV",
    ),
    "everyone keeps the developers' database": Change(
        DEVELOPERS,
        "revoke all privileges on database MOVIELENS_DEV from role PUBLIC;",
        "",
        "PUBLIC must not have: USAGE ON DATABASE MOVIELENS_DEV",
    ),
    "everyone keeps the schema of the developers' database": Change(
        DEVELOPERS,
        "revoke all privileges on schema MOVIELENS_DEV.PUBLIC from role PUBLIC;",
        "",
        "PUBLIC must not have: ALL PRIVILEGES ON SCHEMA MOVIELENS_DEV.PUBLIC",
    ),
    "a service user is a developer": Change(
        DEVELOPERS,
        "",
        f"grant role {DEVELOPER} to user {DASHBOARD};",
        f"USER {DASHBOARD} must not hold role {DEVELOPER}",
    ),
    "developers cannot clone what is to come": Change(
        DEVELOPERS,
        f"grant select on future tables in schema MOVIELENS.STORE to role {DEVELOPER};",
        "",
        f"{DEVELOPER} lacks: SELECT ON FUTURE TABLES IN SCHEMA MOVIELENS.STORE",
    ),
    "a database that takes no clones": Change(
        DEVELOPERS,
        "create transient database",
        "create database",
        "database MOVIELENS_DEV: TRANSIENT is not set",
    ),
    "a database of the account's owner": Change(
        DEVELOPERS,
        "use role SYSADMIN;",
        "",
        "database MOVIELENS_DEV is owned by ACCOUNTADMIN",
    ),
    "production without fail-safe": Change(
        DATABASE,
        "create database",
        "create transient database",
        "database MOVIELENS: TRANSIENT is True, and was not to be set",
    ),
    "a database that nobody knows": Change(
        DEVELOPERS,
        "",
        "use role SYSADMIN; create database if not exists HELPER;",
        "database HELPER is none of the set-up's",
    ),
    # Users.
    "two roles for one user": Change(
        USERS,
        "",
        f"grant role {TRANSFORMER} to user {DASHBOARD};",
        f"user {DASHBOARD} has roles ['{DASHBOARD}', '{TRANSFORMER}'], not {DASHBOARD} alone",
    ),
    "what a user reaches with its second role": Change(
        USERS,
        "",
        f"grant role {TRANSFORMER} to user {DASHBOARD};",
        f"user {DASHBOARD} reaches: CREATE VIEW ON SCHEMA MOVIELENS.ANALYTICS "
        f"(through {TRANSFORMER})",
    ),
    "an administrator's role for a user": Change(
        USERS,
        "",
        f"grant role SECURITYADMIN to user {LOADER};",
        f"USER {LOADER} must not hold role SECURITYADMIN",
    ),
    "all secondary roles": Change(
        USERS,
        DASHBOARD_USER,
        DASHBOARD_USER.replace("()", "('ALL')"),
        f"user {DASHBOARD}: DEFAULT_SECONDARY_ROLES is ('ALL',), not ()",
    ),
    "secondary roles by default": Change(
        USERS,
        DASHBOARD_USER,
        f"default_role = {DASHBOARD}",
        f"user {DASHBOARD}: DEFAULT_SECONDARY_ROLES is not set",
    ),
    "a user for a person": Change(
        USERS,
        f"alter user {LOADER} set\n  type = service",
        f"alter user {LOADER} set\n  type = person",
        f"user {LOADER}: TYPE is 'PERSON', not 'SERVICE'",
    ),
    "a user of the old kind": Change(
        USERS,
        f"alter user {LOADER} set\n  type = service",
        f"alter user {LOADER} set\n  type = legacy_service",
        f"user {LOADER}: TYPE is 'LEGACY_SERVICE', not 'SERVICE'",
    ),
    "a password": Change(
        USERS,
        "  comment = 'Loads RAW'",
        "  password = 'x'",
        f"user {LOADER}: PASSWORD is 'x', and was not to be set",
    ),
    "no key": Change(
        USERS,
        "  rsa_public_key = 'PUBLIC KEY OF THE DASHBOARD'\n",
        "",
        f"user {DASHBOARD} has 0 ways to log in",
    ),
    "a second key": Change(
        USERS,
        f"alter user {LOADER} unset rsa_public_key_2",
        f"alter user {LOADER} set rsa_public_key_2 = 'x'",
        f"user {LOADER}: RSA_PUBLIC_KEY_2 is 'x', and was not to be set",
    ),
    "no network policy": Change(
        USERS,
        "  network_policy = MOVIELENS_DASHBOARD\n",
        "",
        f"user {DASHBOARD}: NETWORK_POLICY is not set",
    ),
    "a network policy for everybody": Change(
        USERS,
        "value_list = ('192.0.2.0/24')",
        "value_list = ('0.0.0.0/0')",
        "network rule MOVIELENS.ACCESS.DASHBOARD is wider than /16: 0.0.0.0/0",
    ),
    "a policy that names everybody itself": Change(
        USERS,
        "allowed_ip_list = ()",
        "allowed_ip_list = ('0.0.0.0/0')",
        "network policy MOVIELENS_DASHBOARD is wider than /16: 0.0.0.0/0",
    ),
    "a key that does from every runner of GitHub": Change(
        USERS,
        "allowed_network_rule_list = ('MOVIELENS.ACCESS.DASHBOARD')",
        "allowed_network_rule_list = ('SNOWFLAKE.NETWORK_SECURITY.GITHUBACTIONS_GLOBAL')",
        "network policy MOVIELENS_DASHBOARD: ALLOWED_NETWORK_RULE_LIST is",
    ),
    "a list of rules that is empty, which Snowflake may refuse": Change(
        USERS,
        "",
        "alter network policy MOVIELENS_DASHBOARD set allowed_network_rule_list = ();",
        "expected something in ALLOWED_NETWORK_RULE_LIST",
    ),
    "a token instead of the key": Change(
        USERS,
        "authentication_methods = ('KEYPAIR')",
        "authentication_methods = ('KEYPAIR', 'PROGRAMMATIC_ACCESS_TOKEN')",
        "authentication policy MOVIELENS.ACCESS.DASHBOARD: AUTHENTICATION_METHODS is",
    ),
    "a policy that nobody has": Change(
        USERS,
        f"alter user {DASHBOARD} set authentication policy MOVIELENS.ACCESS.DASHBOARD force;",
        "",
        f"user {DASHBOARD}: AUTHENTICATION POLICY is not set",
    ),
    "a policy that a second run cannot set": Change(
        USERS,
        "MOVIELENS.ACCESS.DASHBOARD force",
        "MOVIELENS.ACCESS.DASHBOARD",
        f"USER {DASHBOARD} has an authentication policy already",
    ),
    "the key of another user": Change(
        USERS,
        "'PUBLIC KEY OF THE DASHBOARD'",
        "'PUBLIC KEY OF THE TRANSFORMER'",
        f"user {DASHBOARD}: RSA_PUBLIC_KEY is 'PUBLIC KEY OF THE TRANSFORMER'",
    ),
    "somebody else's tokens": Change(
        IDENTITY,
        "issuer = 'https://token.actions.githubusercontent.com'",
        "issuer = 'https://evil.example'",
        f"user {LOADER}: WORKLOAD_IDENTITY is {{'TYPE': 'OIDC', 'ISSUER': 'https://evil.example'",
    ),
    "a user that nobody knows": Change(
        USERS,
        "",
        "create user if not exists HELPER type = service;",
        "user HELPER is none of the set-up",
    ),
    "no time limit for the dashboard's user": Change(
        USERS,
        DASHBOARD_TIMES,
        DASHBOARD_TIMES.replace("statement_timeout_in_seconds = 30\n", ""),
        f"user {DASHBOARD}: STATEMENT_TIMEOUT_IN_SECONDS is not set",
    ),
    "any branch may log in": Change(
        IDENTITY,
        "subject = 'repo:OWNER/REPOSITORY:environment:production'",
        "subject = 'repo:OWNER/REPOSITORY:*'",
        "is not one environment of one repository",
    ),
    "a key that is left": Change(
        IDENTITY,
        f"alter user {LOADER} unset rsa_public_key;",
        "",
        f"user {LOADER} has 2 ways to log in",
    ),
    "two users of one identity": Change(
        IDENTITY,
        "oidc_audience_list = ('movielens-loader')",
        "oidc_audience_list = ('movielens-transformer')",
        f"user {LOADER}: WORKLOAD_IDENTITY is",
    ),
    # Money.
    "a warehouse that stays awake": Change(
        WAREHOUSES,
        "auto_suspend = 60\n  auto_resume",
        "auto_suspend = 3600\n  auto_resume",
        "warehouse MOVIELENS_PIPELINE: AUTO_SUSPEND is 3600, not 60",
    ),
    "a warehouse that is awake at once": Change(
        WAREHOUSES,
        "initially_suspended = true",
        "initially_suspended = false",
        "warehouse MOVIELENS_PIPELINE: INITIALLY_SUSPENDED is False, not True",
    ),
    "a large warehouse": Change(
        WAREHOUSES,
        "MOVIELENS_DASHBOARD set\n  warehouse_size = xsmall",
        "MOVIELENS_DASHBOARD set\n  warehouse_size = xlarge",
        "warehouse MOVIELENS_DASHBOARD: WAREHOUSE_SIZE is 'XLARGE', not 'XSMALL'",
    ),
    "many clusters": Change(
        WAREHOUSES,
        "comment = 'Answers the dashboard'",
        "max_cluster_count = 10",
        "warehouse MOVIELENS_DASHBOARD: MAX_CLUSTER_COUNT is 10, and was not to be set",
    ),
    "no time limit for the dashboard's warehouse": Change(
        WAREHOUSES,
        "statement_timeout_in_seconds = 30\n",
        "statement_timeout_in_seconds = 172800\n",
        "warehouse MOVIELENS_DASHBOARD: STATEMENT_TIMEOUT_IN_SECONDS is 172800, not 30",
    ),
    "no limit of the queue": Change(
        WAREHOUSES,
        "  statement_queued_timeout_in_seconds = 600\n",
        "",
        "warehouse MOVIELENS_PIPELINE: STATEMENT_QUEUED_TIMEOUT_IN_SECONDS is not set",
    ),
    "a warehouse without a monitor": Change(
        WAREHOUSES,
        "  resource_monitor = MOVIELENS_DASHBOARD\n",
        "",
        "warehouse MOVIELENS_DASHBOARD: RESOURCE_MONITOR is not set",
    ),
    "a monitor that only tells": Change(
        WAREHOUSES,
        "on 80 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate",
        "on 80 percent do notify",
        "resource monitor MOVIELENS_PIPELINE: TRIGGERS is {'NOTIFY': 80}, not",
    ),
    "developers spend without limit": Change(
        DEVELOPERS,
        "  resource_monitor = MOVIELENS_DEVELOPER\n",
        "",
        "warehouse MOVIELENS_DEVELOPER: RESOURCE_MONITOR is not set",
    ),
    "a large warehouse for developers": Change(
        DEVELOPERS,
        "warehouse_size = xsmall",
        "warehouse_size = xlarge",
        "warehouse MOVIELENS_DEVELOPER: WAREHOUSE_SIZE is 'XLARGE', not 'XSMALL'",
    ),
    "a warehouse that nobody knows": Change(
        WAREHOUSES,
        "",
        "use role SYSADMIN; create warehouse if not exists HELPER;",
        "warehouse HELPER is none of the set-up",
    ),
    # The bucket.
    "the whole bucket": Change(
        INTEGRATION,
        "'s3://BUCKET/movielens-staging/',",
        "'s3://BUCKET/',",
        "integration MOVIELENS_STAGING is not limited to one prefix: s3://BUCKET/",
    ),
    "a prefix that others begin with": Change(
        INTEGRATION,
        "'s3://BUCKET/movielens-staging/',",
        "'s3://BUCKET/movielens-staging',",
        "integration MOVIELENS_STAGING is not limited to one prefix: s3://BUCKET/movielens-staging",
    ),
    "a stage on more than the landing zone": Change(
        INTEGRATION,
        "url = 's3://BUCKET/movielens/'",
        "url = 's3://BUCKET/'",
        "stage MOVIELENS.RAW.LANDING: URL is 's3://BUCKET/'",
    ),
    "a stage elsewhere": Change(
        INTEGRATION,
        "url = 's3://BUCKET/movielens-staging/'",
        "url = 's3://BUCKET/others/'",
        "stage MOVIELENS.RAW.STAGING: URL is 's3://BUCKET/others/'",
    ),
    # What a second run, or Snowflake, refuses.
    "not to be run again": Change(
        DATABASE,
        "create database if not exists MOVIELENS",
        "create database MOVIELENS",
        "DATABASE MOVIELENS is there already; a second run fails",
    ),
    "the wrong administrator": Change(
        WAREHOUSES,
        "use role ACCOUNTADMIN",
        "use role SYSADMIN",
        "SYSADMIN may not create RESOURCE MONITOR MOVIELENS_PIPELINE",
    ),
    "a grant on what is not there": Change(
        GRANTS,
        f"grant usage on schema MOVIELENS.MARTS to role {DASHBOARD}",
        f"grant usage on schema MOVIELENS.MART to role {DASHBOARD}",
        "SCHEMA MOVIELENS.MART is not there",
    ),
    "a name with a slip": Change(
        GRANTS,
        f"to role {DASHBOARD}",
        "to role MOVIELENS_DASHBORD",
        "ROLE MOVIELENS_DASHBORD is not there",
    ),
}
# What shows only when the files are run a second time.
SHOWS_LATER = {"not to be run again", "a policy that a second run cannot set"}


def _said(change: Change, again: bool) -> list[str]:
    files = set_up()
    if change.old:
        assert change.old in files[change.file], "the text to be changed is not there"
        # Every place where it stands: a setting that is given at creation is also set afterwards.
        files[change.file] = files[change.file].replace(change.old, change.new)
    else:
        files[change.file] += ADDED + change.new
    if again:
        files |= {f"{name} again": text for name, text in files.items()}
    try:
        return findings(account_after(files))
    except NotUnderstood as error:
        return [str(error)]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_change_is_named(name: str) -> None:
    said = _said(BAD[name], again=name in SHOWS_LATER)
    assert [each for each in said if BAD[name].message in each] != [], said


def _is_noticed(texts: Texts, values: Values | None = None) -> bool:
    """With the optional files or without, a first time or again."""
    without = {name: text for name, text in texts.items() if name not in OPTIONAL}
    try:
        return any(
            findings(account_after(each), values)
            for files in (texts, without)
            for each in (files, {**files, **{f"{name} again": files[name] for name in files}})
        )
    except NotUnderstood:
        return True


@pytest.mark.slow
def test_no_other_value_of_any_setting_goes_unnoticed() -> None:
    changes = list(wrong_settings(set_up()))
    assert len(changes) > 250
    assert [each.what for each in changes if not _is_noticed(each.texts)] == []


@pytest.mark.slow
def test_no_other_grant_goes_unnoticed() -> None:
    right = account_after(set_up())
    changes = [
        each
        for each in wrong_grants(set_up())
        # Many of them are there already, and say nothing new.
        if (changed := account_after(each.texts)).grants != right.grants or changed.has != right.has
    ]
    assert len(changes) > 300
    assert [each.what for each in changes if not _is_noticed(each.texts)] == []


def test_no_setting_that_the_set_up_leaves_alone_goes_unnoticed() -> None:
    account, changes = account_after(set_up()), []
    for (kind, name), thing in account.things.items():
        named = "storage integration" if kind == "INTEGRATION" else kind.lower()
        for setting in sorted(SETTINGS[kind] - thing.settings.keys() - {"COMMENT"}):
            more = f"use role ACCOUNTADMIN; alter {named} {name} set {setting} = ('x');"
            changes.append((f"{name}: {setting}", {**set_up(), "by hand": more}))
    assert len(changes) > 40
    assert [what for what, texts in changes if findings(account_after(texts)) == []] == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("dashboard_addresses", "'0.0.0.0/0'"),
        ("dashboard_addresses", "'128.0.0.0/1'"),
        ("dashboard_addresses", "'10.0.0.0/8'"),
        ("pipeline_addresses", "'198.18.0.0/15'"),
        # Halves of a /15, and of everything.
        ("pipeline_addresses", "'198.18.0.0/16', '198.19.0.0/16'"),
        ("pipeline_addresses", "'0.0.0.0/1', '128.0.0.0/1'"),
        ("pipeline_addresses", "'192.0.2.0/24', '0.0.0.0/0'"),
        ("pipeline_addresses", "'::/0'"),
        ("pipeline_addresses", "'runner.example.org'"),
        ("pipeline_addresses", ""),
        ("pipeline_credits", "0"),
        ("dashboard_credits", "1000000"),
        ("developer_credits", "1001"),
        ("github_repository", "*"),
        ("github_repository", "OWNER/*"),
        ("github_repository", "OWNER"),
        ("github_environment", "*"),
        ("github_environment", "production:ref:x"),
        ("staging_bucket", ""),
        ("staging_bucket", "*"),
        ("staging_prefix", ""),
        ("staging_prefix", "*"),
        ("staging_role_arn", "*"),
        ("staging_role_arn", "arn:aws:iam::000000000000:root"),
    ],
)
def test_what_nobody_should_fill_in_is_named(variable: str, value: str) -> None:
    values = {**variables(FOLDER), variable: value}
    assert variable in variables(FOLDER)
    assert _is_noticed(set_up(values=values), values)


def test_a_network_of_one_address_or_of_65536_is_fine() -> None:
    values = {
        **variables(FOLDER),
        "pipeline_addresses": "'203.0.113.7'",
        "dashboard_addresses": "'198.18.0.0/16'",
    }
    for optional in (True, False):
        assert findings(account_after(set_up(optional, values)), values) == []


@pytest.mark.parametrize(
    "statement",
    [
        "grant select on table MOVIELENS.RAW._LEASE to user MOVIELENS_DASHBOARD",
        "grant usage on schema MOVIELENS.RAW to share PARTNER",
        "grant usage on schema MOVIELENS.RAW to database role MOVIELENS.READER",
        "grant database role SNOWFLAKE.OBJECT_VIEWER to role MOVIELENS_DASHBOARD",
        "grant caller select on table MOVIELENS.RAW._LEASE to role MOVIELENS_DASHBOARD",
        "grant rule the world on account to role MOVIELENS_DASHBOARD",
        'grant usage on schema MOVIELENS."raw" to role MOVIELENS_DASHBOARD',
        "grant usage on schema identifier($name) to role MOVIELENS_DASHBOARD",
        "create or replace database MOVIELENS",
        "create transient schema if not exists MOVIELENS_DEV.RAW",
        "create database if not exists COPY clone MOVIELENS",
        "create view if not exists MOVIELENS.MARTS.X as select 1",
        "create table if not exists MOVIELENS.RAW.X as select 1",
        "alter database MOVIELENS rename to OTHER",
        "alter account set network_policy = MOVIELENS_PIPELINE",
        "alter user MOVIELENS_DASHBOARD set must_change_password = false",
        "alter user MOVIELENS_DASHBOARD add programmatic access token T",
        "drop schema MOVIELENS.RAW",
        "use secondary roles all",
        "use warehouse MOVIELENS_DASHBOARD",
        "execute immediate $$ grant role SYSADMIN to role PUBLIC $$",
        "call SYSTEM$GRANT('x')",
        "begin grant role SYSADMIN to role PUBLIC",
        "set name = 'x'",
        "show grants",
        "select 1",
    ],
)
def test_what_is_not_understood_is_refused(statement: str) -> None:
    with pytest.raises(NotUnderstood, match=f"{GRANTS}: not understood") as refused:
        account_after({**set_up(), GRANTS: f"{set_up()[GRANTS]}\n{statement};"})
    assert statement.split()[0].upper() in str(refused.value).upper()


def test_a_variable_that_is_not_set_is_an_error() -> None:
    with pytest.raises(Exception, match="nobody_set_this"):
        filled_in("alter user X set comment = '<% ctx.env.nobody_set_this %>';", variables(FOLDER))


def test_every_variable_is_used() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.sql"))
    assert [name for name in variables(FOLDER) if f"ctx.env.{name} " not in text] == []
