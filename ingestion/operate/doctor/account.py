"""Checks of a Snowflake account: keys, logins and, by trying them, each user's privileges."""

from __future__ import annotations

import re
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.build.environments import LAYERS, STORE
from ingestion.errors import MovielensError, NewerLayout, SettingsError
from ingestion.operate.doctor.findings import Check, Finding, ok, problem, skipped, warning
from ingestion.operate.doctor.landing_zone import clock
from ingestion.publish.snowflake_views import SCHEMA as MARTS
from ingestion.publish.snowflake_views import STORE as MARTS_STORE
from ingestion.publish.snowflake_views import MartsViews
from ingestion.raw import manifest
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse import layout
from ingestion.warehouse.base import IN_THIS_DATABASE, Warehouse
from ingestion.warehouse.lease import TABLE as LEASE
from ingestion.warehouse.snowflake import SnowflakeWarehouse
from ingestion.warehouse.snowflake_login import (
    LOADER,
    READER,
    KeyProblem,
    SnowflakeSettings,
    private_key,
    snowflake_settings,
)

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

TAG = "movielens doctor"
SET_UP = "run the files of infra/snowflake in order (docs/production.md)"
GRANTS = "run infra/snowflake/04_grants.sql"
_KEYS = "SNOWFLAKE_PRIVATE_KEY (PEM or base64 of it) or SNOWFLAKE_PRIVATE_KEY_PATH"
_READ = "select count(*) from "
_READABLE_BY_OTHERS = 0o077
_MANIFEST = f"{manifest.FILES}"
_STATUS = f"{MARTS}.mart_dataset_status"


@dataclass(frozen=True)
class _User:
    """A user of the account: what it must and must not be able to do.

    Attributes:
        about: What it does.
        part: Prefix of its settings' names, after `SNOWFLAKE_`.
        creates: What it creates, such as `table raw`.
        must_not_create: What it must not be able to create.
        reads: Tables that it reads, if they exist.
        must_not_read: Tables that it must not be able to read.
    """

    about: str
    part: str
    creates: tuple[str, ...]
    must_not_create: tuple[str, ...]
    reads: tuple[str, ...]
    must_not_read: tuple[str, ...] = ()

    @property
    def settings(self) -> SnowflakeSettings:
        return snowflake_settings(self.part)


_BUILDS = (
    *(f"table {schema}" for schema in (STORE, MARTS_STORE)),
    *(f"view {schema}" for schema in (STORE, *LAYERS)),
)
_LOADS = (f"table {manifest.SCHEMA}",)
_PUBLISHES = (f"view {MARTS}",)
_ALL = _User("loader and transformer", "", (*_LOADS, *_BUILDS, *_PUBLISHES), (), (_MANIFEST,))
_TRANSFORMER = _User("transformer", "", (*_BUILDS, *_PUBLISHES), _LOADS, (_MANIFEST,))
_LOADER = _User("loader", LOADER, _LOADS, (*_BUILDS, *_PUBLISHES), (_MANIFEST,))
_READER = _User(
    "dashboard", READER, (), (*_LOADS, *_BUILDS, *_PUBLISHES), (_STATUS,), (LEASE, _MANIFEST)
)


def snowflake(_: Settings) -> Iterator[Finding]:
    """Each user can log in, can do what it must, and cannot do what it must not."""
    usual = snowflake_settings().user
    loads, reads = (user.settings.user != usual for user in (_LOADER, _READER))
    for user in [_TRANSFORMER, _LOADER] if loads else [_ALL]:
        yield from _of(user)
    if reads:
        yield from _of(_READER)
    else:
        yield skipped(
            "dashboard",
            "SNOWFLAKE_DASHBOARD_USER (and its key) are not set, so what the public can see is not "
            "checked",
        )


def _key(user: _User) -> Iterator[Finding]:
    settings, about = user.settings, f"{user.about}: key"
    missing = [name for name in ("account", "user") if not getattr(settings, name)]
    for name in missing:
        yield problem(
            about,
            f"no-{name}",
            f"SNOWFLAKE_{name.upper()} is not set",
            "the account is ORGANISATION-ACCOUNT, the users are in infra/snowflake/05_users.sql",
        )
    try:
        key = private_key(settings)
    except KeyProblem as error:
        yield problem(about, "key-unusable", str(error), f"set {_KEYS} to a PKCS 8 key")
        return
    if key is None and not settings.authenticator:
        yield problem(
            about,
            "no-key",
            "there is neither a key nor a token to log in with",
            f"set {_KEYS}; or SNOWFLAKE_AUTHENTICATOR=WORKLOAD_IDENTITY",
        )
        return
    if settings.private_key and settings.private_key_path:
        yield warning(
            about,
            "two-keys",
            "both SNOWFLAKE_PRIVATE_KEY and SNOWFLAKE_PRIVATE_KEY_PATH are set; the file is used",
            "unset one of them",
        )
    path = settings.private_key_path
    if path and path.expanduser().stat().st_mode & _READABLE_BY_OTHERS:
        yield warning(
            about, "key-readable-by-others", f"others can read {path}", f"chmod 600 {path}"
        )
    elif not missing:
        yield ok(about, "a private key" if key else "workload identity")


def _refused_login(user: _User, error: MovielensError) -> Finding:
    about = f"{user.about}: login"
    if isinstance(error, SettingsError):
        code = "snowflake-not-installed" if "not installed" in str(error) else "login-settings"
        return problem(about, code, str(error), error.remedy)
    said = _told(error)
    if "does not exist or not authorized" in said:
        return problem(
            about,
            "wrong-role",
            said,
            f"check SNOWFLAKE_{user.part}ROLE, or grant the role (infra/snowflake/05_users.sql, or "
            "09_developers.sql for a developer)",
        )
    if "JWT" in said:
        return problem(
            about,
            "key-not-registered",
            f"{user.settings.user}: {said}",
            "the user has another public key (infra/snowflake/05_users.sql sets it), or does not "
            "exist, or this machine's clock is off",
        )
    return problem(
        about,
        "snowflake-unreachable",
        said,
        "check SNOWFLAKE_ACCOUNT (and SNOWFLAKE_HOST, _PORT, _PROTOCOL, unset for Snowflake "
        "itself), the network, and the network policy of the user",
    )


def _of(user: _User) -> Iterator[Finding]:
    keys = list(_key(user))
    yield from keys
    if any(finding.status == "problem" for finding in keys):
        yield skipped(user.about, "there is nothing to log in with")
        return
    target = SnowflakeWarehouse(user.settings, TAG)
    try:
        with target.connect() as session:
            there = session.native
    except MovielensError as error:
        yield _refused_login(user, error)
        return
    yield ok(f"{user.about}: login", f"{user.settings.user} logs in, with the role {there.role}")
    missing = list(_missing(user, there))
    yield from missing
    if missing:
        yield skipped(f"{user.about}: privileges", "statements need what is missing")
        return
    yield from clock(format_datetime(_now(target)), "Snowflake")
    yield from _privileges(user, target)
    if not user.part:
        yield from _state(target)


def _missing(user: _User, session: SnowflakeConnection) -> Iterator[Finding]:
    """Reads what a session lacks from the answer to its login, without a virtual warehouse."""
    settings = user.settings
    if str(session.database or "").upper() != settings.database.upper():
        yield problem(
            f"{user.about}: database",
            "no-database",
            f"{settings.database} does not exist, or {session.role} may not use it",
            f"check SNOWFLAKE_DATABASE; {SET_UP}",
        )
    if not session.warehouse:
        yield problem(
            f"{user.about}: warehouse",
            "no-warehouse",
            f"{settings.warehouse or 'the user has no default warehouse, or it'} does not exist, "
            f"or {session.role} may not use it",
            f"check SNOWFLAKE_WAREHOUSE, or: {GRANTS}",
        )


def _now(target: Warehouse) -> datetime:
    now: datetime = target.fetch("select current_timestamp")[0][0]
    return now.astimezone(UTC)


def _privileges(user: _User, target: Warehouse) -> Iterator[Finding]:
    schemas = _schemas(target)
    may, may_not = [], []
    for thing in user.creates:
        schema = thing.split()[1]
        if schema not in schemas:
            yield warning(
                user.about,
                "schema-missing",
                f"{user.settings.database} has no schema {schema}, or {user.about} may not use it",
                f"the first run creates it if it may; {SET_UP}",
            )
        elif refusal := _refusal(target, thing):
            yield problem(user.about, "cannot-write", f"create {thing}: {refusal}", GRANTS)
        else:
            may.append(schema)
    for thing in user.must_not_create:
        if thing.split()[1] in schemas and not _refusal(target, thing):
            may_not.append(f"create {thing}")
    for table in user.reads:
        if target.has_table(*table.split(".")) and (refusal := _refused(target, _READ + table)):
            yield problem(user.about, "cannot-read", f"{table}: {refusal}", GRANTS)
    may_not += [f"read {t}" for t in user.must_not_read if not _refused(target, _READ + t)]
    if may_not:
        yield problem(
            user.about,
            "may-do-too-much",
            f"{user.settings.user} can {', '.join(may_not)}, but must not be able to",
            "revoke what infra/snowflake/04_grants.sql does not grant",
        )
    yield ok(user.about, f"writes {', '.join(may) or 'nothing'}; reads {', '.join(user.reads)}")


def _schemas(target: Warehouse) -> set[str]:
    found = target.fetch(
        f"select lower(schema_name) from information_schema.schemata where {IN_THIS_DATABASE}"
    )
    return {name for (name,) in found}


def _refusal(target: Warehouse, thing: str) -> str:
    """Tries to create a table or view, and to put a file on the table's stage; removes both."""
    kind, schema = thing.split()
    name = f"_doctor_{secrets.token_hex(4)}"
    body = "as select 1 as a" if kind == "view" else "(a int)"
    refused = _refused(target, f"create {kind} {schema}.{name} {body}")
    if refused:
        return refused
    try:
        return _stage_refusal(target, schema, name) if kind == "table" else ""
    finally:
        target.fetch(f"drop {kind} {schema}.{name}")


def _stage_refusal(target: Warehouse, schema: str, table: str) -> str:
    if schema != manifest.SCHEMA:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "probe.csv"
        file.write_text("1\n")
        stage = f'@"{schema.upper()}"."%{table.upper()}"/"probe"'
        return _refused(target, f"put 'file://{file}' '{stage}' OVERWRITE = TRUE")


def _told(error: MovielensError) -> str:
    return str(error).removesuffix(". The published marts are untouched")


def _refused(target: Warehouse, statement: str) -> str:
    try:
        target.fetch(statement)
    except MovielensError as error:
        return _told(error)
    return ""


def _state(target: Warehouse) -> Iterator[Finding]:
    """Whether this version knows the layout, a run is in progress, and what readers see."""
    if not target.has_table(manifest.SCHEMA, "_lease"):
        yield ok("account", "nothing is loaded yet")
        return
    try:
        layout.check(target)
    except NewerLayout as error:
        yield problem("account", "layout-newer", str(error), error.remedy)
    held = target.fetch(
        f"select holder from {LEASE} where holder is not null and expires_at > current_timestamp"
    )
    if held:
        yield warning(
            "account",
            "run-at-work",
            f"a run is in progress ({held[0][0]}); another one would exit with code 75",
            f"wait for it to end; if it is dead: {command('run', '--take-over')}",
        )
    current = MartsViews(target).current()
    if current is None:
        yield warning("published", "nothing-published", "readers see nothing yet", command("run"))
    else:
        yield ok("published", f"version {current}")


def stage(settings: Settings) -> Iterator[Finding]:
    """Rows can be put on the S3 stage, if one is set, and Snowflake sees them."""
    if settings.stage is None and settings.stage_name is None:
        return
    if settings.stage is None or settings.stage_name is None:
        yield problem(
            "stage",
            "stage-half-set",
            "only one of MOVIELENS_STAGE and MOVIELENS_STAGE_NAME is set",
            "set both, or neither for Snowflake's own stages",
        )
        return
    import fsspec

    probe = f"{settings.stage.rstrip('/')}/_doctor_{secrets.token_hex(4)}"
    try:
        fs, key = fsspec.core.url_to_fs(probe, skip_instance_cache=True)
        bucket = key.partition("/")[0]
        if not fs.exists(bucket):  # dlt would try to create it
            raise FileNotFoundError(f"whether there is a bucket {bucket} cannot be told")
        fs.pipe_file(key, b"1")
    except Exception as error:  # each store's client raises its own exceptions
        yield problem(
            "stage",
            "stage-not-writable",
            f"{settings.stage}: {type(error).__name__}: {error}",
            "grant s3:PutObject there, and s3:GetBucketLocation on the bucket, "
            "as infra/aws/landing-zone.yaml does",
        )
        return
    try:
        yield _seen_by_snowflake(settings, probe.rpartition("/")[2])
    finally:
        fs.rm(key)


def _seen_by_snowflake(settings: Settings, probe: str) -> Finding:
    names, said = _listed(str(settings.stage_name))
    if any(name.endswith(probe) for name in names):
        return ok("stage", f"Snowflake sees what is put on {settings.stage}")
    if _NO_INTEGRATION.search(said):
        return skipped("stage", f"{settings.stage_name}: {_ONLY_LISTS}")
    said = said or f"it does not show what was put on {settings.stage}"
    return problem(
        "stage",
        "stage-not-usable",
        f"{settings.stage_name}: {said}",
        "create the stage on that prefix, and grant the loader usage of it: "
        "infra/snowflake/07_storage_integration.sql",
    )


# By its documentation, LIST takes USAGE on the storage integration as well, with which the loader
# could make stages on other prefixes; COPY does not.
_NO_INTEGRATION = re.compile(r"insufficient privileges .*\bintegration\b", re.IGNORECASE)
_ONLY_LISTS = (
    "Snowflake lists it only to roles that may use its storage integration, which loads need not; "
    "the next load tells whether it can be read"
)


def _listed(stage: str) -> tuple[list[str], str]:
    """Lists a stage as the loader; returns its files, and what Snowflake says if it refuses."""
    target = SnowflakeWarehouse(snowflake_settings(LOADER), TAG)
    try:
        return [str(row[0]) for row in target.fetch(f"list @{stage}")], ""
    except MovielensError as error:
        return [], _told(error)


def read_stage(settings: Settings) -> Iterator[Finding]:
    """Snowflake sees the landing zone through the stage on it, if one is set."""
    if settings.read_stage is None:
        return
    zone = f"{str(settings.source or '').rstrip('/')}/"
    names, said = _listed(settings.read_stage)
    if any(name.startswith(zone) for name in names):
        yield ok("read stage", f"Snowflake sees the files of {settings.source}")
        return
    if _NO_INTEGRATION.search(said):
        yield skipped("read stage", f"{settings.read_stage}: {_ONLY_LISTS}")
        return
    said = said or f"it shows no file of {settings.source}"
    yield problem(
        "read stage",
        "read-stage-not-usable",
        f"{settings.read_stage}: {said}; loads read every file here",
        "create the stage on the landing zone, and grant the loader usage of it: "
        "infra/snowflake/07_storage_integration.sql",
    )


CHECKS: list[Check] = [snowflake, stage, read_stage]
