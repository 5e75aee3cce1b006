"""`movielens doctor`: working set-ups, and what it reports about broken ones."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import duckdb
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from filelock import FileLock

from dashboard.settings import Settings as DashboardSettings
from ingestion import load
from ingestion.engine import engine_of
from ingestion.operate.doctor import Diagnosis, account, diagnose
from ingestion.operate.doctor.machine import names_of_settings
from ingestion.settings import Settings, resolve
from ingestion.warehouse import snowflake_login
from local_dev.s3 import s3_server
from local_dev.servers import free_port
from tests.support.cli import Cli
from tests.support.closure import SCHEMAS
from tests.support.landing_zone import write_six

WORKFLOWS = Path(__file__).resolve().parents[2] / ".github" / "workflows"
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "canary-4711"}


@dataclass
class SetUp:
    """A home to break things in.

    Attributes:
        folder: The working directory.
        home: The home folder, of a run that went well.
        monkeypatch: For settings.
        snowflake: What reaches the stand-in; empty unless it is used.
    """

    folder: Path
    home: Path
    monkeypatch: pytest.MonkeyPatch
    snowflake: dict[str, str]

    def set(self, **variables: object) -> None:
        for name, value in variables.items():
            self.monkeypatch.setenv(name, str(value))

    def diagnose(self) -> Diagnosis:
        return diagnose(resolve())


@pytest.fixture
def set_up(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetUp:
    for name in list(os.environ):
        if name.startswith(("MOVIELENS", "SNOWFLAKE", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    write_six(tmp_path / "zone")
    made = SetUp(tmp_path, home, monkeypatch, {})
    # Nobody's own profile, and no machine that hands out roles.
    none = {"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"}
    made.set(AWS_EC2_METADATA_DISABLED="true", AWS_DEFAULT_REGION="us-east-1", **none)
    made.set(MOVIELENS_HOME=home, MOVIELENS_SOURCE=tmp_path / "zone")
    return made


@pytest.fixture
def production(set_up: SetUp, snowflake: dict[str, str]) -> SetUp:
    set_up.snowflake = snowflake
    set_up.set(MOVIELENS_TARGET="prod", **snowflake)
    return set_up


def test_a_set_up_that_works(set_up: SetUp, cli: Cli) -> None:
    assert [f for f in set_up.diagnose().findings if f.status in ("warning", "problem")] == []
    done = cli("doctor", "--home", set_up.home, "--source", set_up.folder / "zone")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 problems and 0 warnings")


def test_no_setting_that_something_reads_is_called_unknown(set_up: SetUp) -> None:
    settings = resolve()
    workflows = "".join(path.read_text() for path in WORKFLOWS.glob("*.yml"))
    names = set(re.findall(r"^ +((?:MOVIELENS|SNOWFLAKE)_[A-Z_]+):", workflows, re.MULTILINE))
    assert {"MOVIELENS_SOURCE", "SNOWFLAKE_LOADER_USER"} <= names
    names |= {f"MOVIELENS_{name}".upper() for name in DashboardSettings.model_fields}
    for name in names:
        set_up.monkeypatch.setenv(name, "1")
    assert [finding.found for finding in names_of_settings(settings) if finding.code] == []


@pytest.mark.slow
def test_production_that_works(production: SetUp, cli: Cli) -> None:
    env = {**production.snowflake, "MOVIELENS_TARGET": "prod"}
    options = ("--home", "home", "--source", production.folder / "zone")
    cli.json("load", *options, env=env)
    diagnosis = cli.json("doctor", *options, env=env)
    found = {finding["code"] for finding in diagnosis["findings"] if finding["code"]}
    # What is not loaded but built has no schema on the stand-in yet.
    assert found == {"schema-missing", "nothing-published"}
    told = {finding["about"]: finding["found"] for finding in diagnosis["findings"]}
    assert told["loader and transformer"].startswith("writes raw; reads raw._files")
    assert "DASHBOARD_USER" in told["dashboard"]


@pytest.mark.slow
def test_what_it_tries_is_removed_again(production: SetUp) -> None:
    load(settings=resolve())
    production.diagnose()
    tables = "select lower(table_name) from information_schema.tables"
    names = [name for (name,) in engine_of(resolve()).warehouse().fetch(tables)]
    assert "_lease" in names
    assert [name for name in names if "doctor" in name] == []


# ---- set-ups that do not work --------------------------------------------------------------------


@contextmanager
def s3_that_says(status: int, code: str, date: datetime | None = None) -> Iterator[str]:
    """A server that answers every request in the same way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
            if status == 200:
                body = "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"
            self.send_response_only(status)
            self.send_header("Date", format_datetime(date or datetime.now(UTC), usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


Break = Callable[[SetUp], object]


def misspelt(set_up: SetUp) -> None:
    set_up.set(MOVIELENS_SORCE="x")


def another_duckdb(set_up: SetUp) -> None:
    folder = set_up.folder / "site" / "duckdb-0.1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: duckdb\nVersion: 0.1.0\n")
    set_up.monkeypatch.syspath_prepend(str(folder.parent))


def home_is_a_file(set_up: SetUp) -> None:
    (set_up.folder / "file").write_text("")
    set_up.set(MOVIELENS_HOME=set_up.folder / "file")


def cut_off(set_up: SetUp) -> None:
    (set_up.home / "work").mkdir()
    (set_up.home / "work" / "1.parquet").write_text("half")


def no_models(set_up: SetUp) -> None:
    set_up.set(MOVIELENS_PROJECT=set_up.folder)


def damaged_warehouse(set_up: SetUp) -> None:
    (set_up.home / "warehouse.duckdb").write_bytes(b"no database" * 1000)


def damaged_marts(set_up: SetUp) -> None:
    (set_up.home / "marts.duckdb").write_bytes(b"no database" * 1000)


def never_published(set_up: SetUp) -> None:
    (set_up.home / "marts.duckdb").unlink()


def dead_schedule(set_up: SetUp) -> None:
    past = (datetime.now() - timedelta(days=3)).timestamp()
    os.utime(set_up.home / "last-run", (past, past))


def failed_run(set_up: SetUp) -> None:
    (set_up.home / "last-run").write_text("AuditFailure\n")


def no_source(set_up: SetUp) -> None:
    set_up.monkeypatch.delenv("MOVIELENS_SOURCE")
    shutil.rmtree(set_up.home / "reports")


def empty_zone(set_up: SetUp) -> None:
    shutil.rmtree(set_up.folder / "zone")
    (set_up.folder / "zone").mkdir()


def no_credentials(set_up: SetUp) -> None:
    set_up.set(MOVIELENS_SOURCE="s3://bucket/landing")


def no_such_profile(set_up: SetUp) -> None:
    set_up.set(MOVIELENS_SOURCE="s3://bucket/landing", AWS_PROFILE="nobody")


def nobody_listens(set_up: SetUp) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    set_up.set(MOVIELENS_SOURCE="s3://bucket/landing", AWS_ENDPOINT_URL=endpoint, **KEYS)


def saying(status: int, code: str, ahead: timedelta = timedelta()) -> Break:
    def broken(set_up: SetUp) -> object:
        server = s3_that_says(status, code, datetime.now(UTC) + ahead)
        endpoint = server.__enter__()
        set_up.set(MOVIELENS_SOURCE="s3://bucket/landing", AWS_ENDPOINT_URL=endpoint, **KEYS)
        return server

    return broken


BROKEN: dict[str, tuple[Break, str, str]] = {
    "a misspelt setting": (misspelt, "unknown-setting", "MOVIELENS_SOURCE"),
    "another version of a package": (another_duckdb, "package-version", "make setup"),
    "a home that is a file": (home_is_a_file, "home-not-writable", "MOVIELENS_HOME"),
    "a load that was cut off": (cut_off, "run-cut-off", "movielens run"),
    "no models": (no_models, "no-models", "MOVIELENS_PROJECT"),
    "a damaged warehouse": (damaged_warehouse, "warehouse-cannot-be-opened", "movielens run"),
    "damaged marts": (damaged_marts, "published-cannot-be-read", "movielens rollback"),
    "nothing published": (never_published, "nothing-published", "movielens run"),
    "a schedule that is dead": (dead_schedule, "no-run-lately", "MOVIELENS_RUN_EVERY_HOURS"),
    "a run that failed": (failed_run, "last-run-failed", "movielens status"),
    "no landing zone": (no_source, "no-source", "MOVIELENS_SOURCE"),
    "an empty landing zone": (empty_zone, "no-files", "movielens demo"),
    "no credentials": (no_credentials, "aws-no-credentials", "AWS_PROFILE"),
    "a profile that is not there": (no_such_profile, "aws-no-profile", "AWS_PROFILE"),
    "an endpoint that is not there": (nobody_listens, "s3-unreachable", "AWS_ENDPOINT_URL"),
    "no such bucket": (saying(404, "NoSuchBucket"), "s3-no-bucket", "MOVIELENS_SOURCE"),
    "listing denied": (saying(403, "AccessDenied"), "s3-list-denied", "s3:ListBucket"),
    "wrong keys": (saying(403, "InvalidAccessKeyId"), "aws-credentials-refused", "AWS_PROFILE"),
    "an expired token": (saying(400, "ExpiredToken"), "aws-credentials-refused", "AWS_PROFILE"),
    "a clock that S3 refuses": (saying(403, "RequestTimeTooSkewed"), "clock-is-off", "NTP"),
    "a clock that is ahead": (saying(200, "", timedelta(minutes=-7)), "clock-is-off", "NTP"),
}
WARNINGS = {
    "unknown-setting",
    "run-cut-off",
    "nothing-published",
    "no-run-lately",
    "last-run-failed",
    "two-keys",
    "key-readable-by-others",
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_set_up_has_its_code_and_its_remedy(set_up: SetUp, name: str) -> None:
    broken, code, remedy = BROKEN[name]
    kept = broken(set_up)
    check(set_up.diagnose(), code, remedy)
    del kept


def check(diagnosis: Diagnosis, code: str, remedy: str) -> None:
    found = {finding.code: finding for finding in diagnosis.findings if finding.code}
    assert code in found, found
    wrong = [each for each in diagnosis.findings if each.status == "problem"]
    assert [each for each in wrong if each.code != code] == []
    assert remedy in found[code].remedy
    assert diagnosis.exit_code == (code not in WARNINGS)
    assert "check-failed" not in found
    told = " ".join(f"{each.found} {each.remedy}" for each in diagnosis.findings)
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in told


def test_a_run_at_work_is_said(set_up: SetUp) -> None:
    with FileLock(set_up.home / "run.lock"):
        found = {finding.code for finding in set_up.diagnose().findings}
    assert "run-at-work" in found


def test_a_warehouse_that_another_program_holds_is_said(set_up: SetUp, cli: Cli) -> None:
    with duckdb.connect(set_up.home / "warehouse.duckdb"):
        done = cli("doctor", "--home", set_up.home, "--source", set_up.folder / "zone")
    assert done.returncode == 1
    assert "[warehouse-busy]" in done.stdout


def test_an_object_of_a_bucket_is_read(set_up: SetUp) -> None:
    with s3_server() as variables:
        set_up.set(MOVIELENS_SOURCE="s3://movielens/landing", **variables)
        client = boto3.client("s3")
        client.create_bucket(Bucket="movielens")
        for file in (set_up.folder / "zone").iterdir():
            client.upload_file(str(file), "movielens", f"landing/{file.name}")
        diagnosis = set_up.diagnose()
    assert diagnosis.exit_code == 0, diagnosis.findings
    assert "6 MovieLens files" in {f.about: f.found for f in diagnosis.findings}["files"]


# ---- accounts that do not work -------------------------------------------------------------------


def another_key(folder: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = folder / "another.p8"
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return file


def without(*names: str) -> Break:
    def broken(set_up: SetUp) -> None:
        for name in names:
            set_up.monkeypatch.delenv(name)

    return broken


def setting(name: str, value: str) -> Break:
    return lambda set_up: set_up.set(**{name: value})


def unregistered(set_up: SetUp) -> None:
    set_up.set(SNOWFLAKE_PRIVATE_KEY_PATH=another_key(set_up.folder))


def open_key(set_up: SetUp) -> None:
    copy = shutil.copy(set_up.snowflake["SNOWFLAKE_PRIVATE_KEY_PATH"], set_up.folder / "open.p8")
    Path(copy).chmod(0o644)
    set_up.set(SNOWFLAKE_PRIVATE_KEY_PATH=copy)


def nobody_answers(set_up: SetUp) -> None:
    set_up.monkeypatch.setattr(snowflake_login, "LOGIN_SECONDS", 2)
    set_up.set(SNOWFLAKE_PORT=free_port())


BROKEN_ACCOUNTS: dict[str, tuple[Break, str, str]] = {
    "no account": (without("SNOWFLAKE_ACCOUNT"), "no-account", "ORGANISATION-ACCOUNT"),
    "no user": (without("SNOWFLAKE_USER"), "no-user", "05_users"),
    "no key": (without("SNOWFLAKE_PRIVATE_KEY_PATH"), "no-key", "SNOWFLAKE_PRIVATE_KEY"),
    "a key that is none": (
        setting("SNOWFLAKE_PRIVATE_KEY_PATH", "none.p8"),
        "key-unusable",
        "SNOWFLAKE_PRIVATE_KEY",
    ),
    "a passphrase too many": (
        setting("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "x"),
        "key-unusable",
        "SNOWFLAKE_PRIVATE_KEY",
    ),
    "two keys": (setting("SNOWFLAKE_PRIVATE_KEY", "x"), "two-keys", "unset one"),
    "a key for all to read": (open_key, "key-readable-by-others", "chmod 600"),
    "a key of somebody else": (unregistered, "key-not-registered", "05_users.sql"),
    "a port that is closed": (nobody_answers, "snowflake-unreachable", "SNOWFLAKE_HOST"),
    "a role that is not granted": (
        setting("SNOWFLAKE_ROLE", "ACCOUNTADMIN"),
        "wrong-role",
        "05_users.sql",
    ),
    "a virtual warehouse that is not there": (
        setting("SNOWFLAKE_WAREHOUSE", "BIG"),
        "no-warehouse",
        "SNOWFLAKE_WAREHOUSE",
    ),
}


# One that the settings show, one that the key shows, one that the account says.
FEW_ACCOUNTS = ("no account", "a passphrase too many", "a key of somebody else")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FEW_ACCOUNTS else pytest.mark.slow)
        for name in BROKEN_ACCOUNTS
    ],
)
def test_each_broken_account_has_its_code_and_its_remedy(production: SetUp, name: str) -> None:
    broken, code, remedy = BROKEN_ACCOUNTS[name]
    broken(production)
    check(production.diagnose(), code, remedy)


@pytest.mark.slow
def test_a_stage_is_tried(production: SetUp) -> None:
    with s3_server() as variables:
        production.set(MOVIELENS_STAGE="s3://movielens-stage/staging", **variables)
        check(production.diagnose(), "stage-half-set", "set both")
        production.set(MOVIELENS_STAGE_NAME="RAW.STAGING")
        check(production.diagnose(), "stage-not-writable", "s3:PutObject")
        client = boto3.Session().client("s3")
        client.create_bucket(Bucket="movielens-stage")
        check(production.diagnose(), "stage-not-usable", "07_storage_integration.sql")
        assert "Contents" not in client.list_objects_v2(Bucket="movielens-stage")


@pytest.mark.slow
def test_a_dashboard_that_may_do_everything_is_a_problem(production: SetUp, cli: Cli) -> None:
    """The stand-in has no privileges, so anybody may, in every schema of the set-up."""
    env = {**production.snowflake, "MOVIELENS_TARGET": "prod"}
    cli.json("load", "--home", "home", "--source", production.folder / "zone", env=env)
    target = engine_of(resolve()).warehouse()
    target.execute(*(f"create schema if not exists {schema}" for schema in SCHEMAS))
    production.set(SNOWFLAKE_DASHBOARD_USER="MOVIELENS_DASHBOARD")
    diagnosis = production.diagnose()
    found = [f for f in diagnosis.findings if f.code == "may-do-too-much"]
    assert [f.about for f in found] == ["dashboard"]
    created = re.findall(r"create (?:table|view) (\w+)", found[0].found)
    # ACCESS has rules and policies alone; no user of the set-up may even look into it.
    assert {schema.upper() for schema in created} == {*SCHEMAS} - {"ACCESS"}
    for what in ("read raw._lease", "read raw._files"):
        assert what in found[0].found


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Insufficient privileges to operate on integration 'MOVIELENS_STAGING'", "skipped"),
        ("Stage 'RAW.LANDING' does not exist or not authorized", "problem"),
    ],
)
def test_a_stage_that_only_loads_may_read_is_no_problem(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, said: str, status: str
) -> None:
    """By its documentation, LIST takes USAGE on the storage integration; a load does not."""
    monkeypatch.setattr(account, "_listed", lambda _: ([], f"Snowflake: {said} (3001)"))
    ours = settings.model_copy(update={"read_stage": "RAW.LANDING"})
    (finding,) = account.read_stage(ours)
    assert finding.status == status
