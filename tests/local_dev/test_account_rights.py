"""What the stand-in refuses: statements that a role of `infra/snowflake` may not run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from local_dev.account.rights import FORBIDDEN, MISSING, NO_WAREHOUSE, NOT_READ, Refused, Rights
from local_dev.account.rights import Session as LoggedIn
from tests.support.closure import FOLDER

LOADER, TRANSFORMER, DASHBOARD = (
    f"MOVIELENS_{name}" for name in ("LOADER", "TRANSFORMER", "DASHBOARD")
)
MANIFEST = "create table raw._files (path varchar)"
MART = "create table marts_store.mart_genre (genre varchar)"
VIEW = "create secure view marts.mart_genre as select genre from marts_store.mart_genre"


@pytest.fixture
def rights() -> Rights:
    return Rights(FOLDER)


def session(rights: Rights, user: str) -> LoggedIn:
    return rights.session(user, "", "", "MOVIELENS", "")


def run(rights: Rights, user: str, *statements: str) -> None:
    by = session(rights, user)
    for statement in statements:
        rights.done(by, rights.check(by, statement))


ALLOWED = [
    (LOADER, "create table raw.ratings (user_id bigint)"),
    (LOADER, "create table if not exists raw._lease as select 1 as fence"),
    (LOADER, "update raw._lease set fence = 1"),
    (LOADER, """PUT 'file:///x' '@"RAW"."%_FILES"/"id"' OVERWRITE = TRUE"""),
    (LOADER, """COPY INTO "RAW"."_FILES" FROM '@"RAW"."%_FILES"/"1"/x' FILE_FORMAT = (TYPE = X)"""),
    (LOADER, "comment on table raw._files is '{}'"),
    (LOADER, "delete from raw._files where path not in (select path from raw._files)"),
    (LOADER, "show tables like '_files' in schema MOVIELENS.raw"),
    (TRANSFORMER, "with f as (select * from raw._files) select * from f"),
    (TRANSFORMER, "create or replace transient table store.t as (select * from raw._files)"),
    (TRANSFORMER, "create table store.t (a int)"),
    (TRANSFORMER, "create or replace secure view marts.mart_genre as select 1 as a"),
    (TRANSFORMER, "insert into marts_store.mart_genre select path from raw._files"),
    (TRANSFORMER, "drop view if exists analytics.dim_movies"),
    (TRANSFORMER, "alter table marts_store.mart_genre drop column genre"),
    (TRANSFORMER, "create temporary table analytics.t as select 1 as a"),
    (DASHBOARD, "select * from marts.mart_genre"),
    (DASHBOARD, "select table_name from information_schema.tables"),
    (DASHBOARD, "alter session set query_tag = 'x'"),
]
REFUSED = [
    # What stopped every build, and vacuum.
    (TRANSFORMER, FORBIDDEN, "create schema if not exists MOVIELENS.analytics"),
    (LOADER, FORBIDDEN, "create schema if not exists raw"),
    (TRANSFORMER, FORBIDDEN, "delete from raw._files where path = 'x'"),
    (LOADER, MISSING, "select * from store._built_files"),
    (TRANSFORMER, FORBIDDEN, "create table raw.x (a int)"),
    (TRANSFORMER, FORBIDDEN, "create table analytics.x (a int)"),
    (TRANSFORMER, FORBIDDEN, "create or replace table raw._files as select 1 as a"),
    (TRANSFORMER, FORBIDDEN, "comment on table raw._files is '{}'"),
    (TRANSFORMER, FORBIDDEN, "alter table raw._files add column a int"),
    (TRANSFORMER, FORBIDDEN, "truncate table raw._files"),
    (TRANSFORMER, FORBIDDEN, """REMOVE '@"RAW"."%_FILES"/"1"/x'"""),
    (TRANSFORMER, FORBIDDEN, "insert into raw._lease (fence) select 1"),
    (TRANSFORMER, FORBIDDEN, "drop table raw._files"),
    (LOADER, FORBIDDEN, "drop table raw._lease"),
    (LOADER, MISSING, "create table store.x as select 1 as a"),
    (LOADER, MISSING, "create table raw.x as select * from marts.mart_genre"),
    (DASHBOARD, MISSING, "select * from marts_store.mart_genre"),
    (DASHBOARD, MISSING, "select * from raw._files"),
    (DASHBOARD, FORBIDDEN, "create view marts.x as select 1 as a"),
    (DASHBOARD, FORBIDDEN, "drop view marts.mart_genre"),
    (DASHBOARD, MISSING, "show tables in schema MOVIELENS.raw"),
    (DASHBOARD, MISSING, "use role MOVIELENS_TRANSFORMER"),
    (DASHBOARD, MISSING, "use warehouse MOVIELENS_PIPELINE"),
    (DASHBOARD, MISSING, "select * from OTHER.marts.mart_genre"),
    (TRANSFORMER, MISSING, "select * from raw.nothing"),
    (TRANSFORMER, NOT_READ, "execute immediate 'drop table raw._files'"),
    (TRANSFORMER, NOT_READ, "select from where"),
]


@pytest.fixture
def used(rights: Rights) -> Rights:
    run(rights, LOADER, MANIFEST)
    run(rights, TRANSFORMER, MART, VIEW)
    return rights


@pytest.mark.parametrize(("user", "statement"), ALLOWED)
def test_what_a_role_may_do(used: Rights, user: str, statement: str) -> None:
    run(used, user, statement)


@pytest.mark.parametrize(("user", "code", "statement"), REFUSED)
def test_what_a_role_may_not_do(used: Rights, user: str, code: str, statement: str) -> None:
    with pytest.raises(Refused) as refused:
        run(used, user, statement)
    assert refused.value.code == code


def test_a_view_needs_what_its_owner_may_read(used: Rights) -> None:
    run(used, TRANSFORMER, "drop table marts_store.mart_genre")
    with pytest.raises(Refused, match=r"MART_GENRE.* does not exist or not authorized"):
        run(used, DASHBOARD, "select * from marts.mart_genre")


def test_who_creates_a_table_again_owns_it(used: Rights) -> None:
    run(used, LOADER, "drop table raw._files", MANIFEST, "insert into raw._files values ('a')")


def test_the_information_schema_shows_what_a_role_may_use(used: Rights) -> None:
    narrowed = used.narrowed(
        session(used, DASHBOARD), "select 1 from information_schema.tables where true"
    )
    assert "'MARTS.MART_GENRE'" in narrowed
    assert "RAW" not in narrowed
    schemas = used.narrowed(
        session(used, LOADER), "select 1 from MOVIELENS.INFORMATION_SCHEMA.SCHEMATA"
    )
    assert "in ('RAW', 'INFORMATION_SCHEMA')" in schemas


def changed(folder: Path, file: str, old: str, new: str = "") -> Rights:
    """The account of a set-up with one change."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    return Rights(folder)


def test_without_its_warehouse_a_role_computes_nothing(tmp_path: Path) -> None:
    grant = f"grant usage on warehouse MOVIELENS_PIPELINE to role {LOADER};"
    rights = changed(tmp_path, "04_grants.sql", grant)
    assert session(rights, LOADER).warehouse is None
    with pytest.raises(Refused) as refused:
        run(rights, LOADER, "select * from raw._lease")
    assert refused.value.code == NO_WAREHOUSE


def test_without_its_database_a_role_is_nowhere(tmp_path: Path) -> None:
    grant = f"grant usage on database MOVIELENS to role {LOADER};"
    rights = changed(tmp_path, "04_grants.sql", grant)
    assert session(rights, LOADER).database is None


@pytest.mark.parametrize("user", [LOADER, TRANSFORMER, DASHBOARD])
def test_without_its_role_a_user_does_not_log_in(tmp_path: Path, user: str) -> None:
    rights = changed(tmp_path, "05_users.sql", f"grant role {user} to user {user};")
    with pytest.raises(Refused, match=f"Role '{user}' specified in the connect string"):
        session(rights, user)


@pytest.mark.parametrize(
    ("owner", "reader", "made", "read", "where"),
    [
        (LOADER, TRANSFORMER, [MANIFEST], "raw._files", "tables in schema MOVIELENS.RAW"),
        (
            TRANSFORMER,
            DASHBOARD,
            [MART, VIEW],
            "marts.mart_genre",
            "views in schema MOVIELENS.MARTS",
        ),
    ],
)
def test_a_set_up_that_is_run_again_grants_what_is_there(
    tmp_path: Path, owner: str, reader: str, made: list[str], read: str, where: str
) -> None:
    """And without the grant, what was made before is out of reach."""
    run(Rights(FOLDER, tmp_path / "kept"), owner, *made)
    run(Rights(FOLDER, tmp_path / "kept"), reader, f"select * from {read}")
    grant = f"grant select on all {where} to role {reader};"
    with_future_only = changed(tmp_path / "without", "04_grants.sql", grant)
    shutil.copy(tmp_path / "kept", tmp_path / "same")
    without = Rights(tmp_path / "without", tmp_path / "same")
    with pytest.raises(Refused, match="not exist or not authorized"):
        run(without, reader, f"select * from {read}")
    run(with_future_only, owner, *made)
    run(with_future_only, reader, f"select * from {read}")


def test_users_and_roles_must_exist(rights: Rights) -> None:
    with pytest.raises(Refused, match="JWT token is invalid"):
        rights.session("SOMEBODY", "", "", "MOVIELENS", "")
    with pytest.raises(Refused, match="Role 'SYSADMIN' specified in the connect string does not"):
        rights.session(LOADER, "sysadmin", "", "MOVIELENS", "")


def test_who_created_what_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "rights.json"
    first = Rights(FOLDER, kept)
    run(first, LOADER, MANIFEST)
    run(first, TRANSFORMER, MART, VIEW)
    again = Rights(FOLDER, kept)
    run(again, LOADER, "insert into raw._files values ('a')")
    run(again, DASHBOARD, "select * from marts.mart_genre")
    with pytest.raises(Refused):
        run(again, TRANSFORMER, "insert into raw._files values ('a')")
