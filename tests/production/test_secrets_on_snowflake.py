"""A production run tells its secrets to nobody; and what the gate between the engines notices."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from ingestion.build.dbt import Dbt
from ingestion.progress import silent
from ingestion.settings import Settings
from tests.support.both_targets import PASSPHRASE, Production
from tests.support.checkout import copy_of_the_project
from tests.support.parity import differences, relations

pytestmark = [pytest.mark.xdist_group("production"), pytest.mark.slow]

PROJECT = Path(__file__).resolve().parent.parent.parent
AWS_SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "canary/secret+4712",
    "AWS_SESSION_TOKEN": "canary/token+4713",
    "AWS_ACCESS_KEY_ID": "AKIACANARY",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
}


REFUSED = ("build", "publish", "rollback", "vacuum", "status", "run --source files")


@pytest.mark.parametrize("is_short", [True, False], ids=["", "others"])
def test_no_secret_is_written_anywhere(production: Production, is_short: bool) -> None:
    pem = production.env["SNOWFLAKE_PRIVATE_KEY"].splitlines()
    key = serialization.load_pem_private_key("\n".join(pem).encode(), PASSPHRASE.encode())
    plain = (
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
        .splitlines()
    )
    secrets = [PASSPHRASE, base64.b64encode(PASSPHRASE.encode()).decode()]
    secrets += [AWS_SECRETS["AWS_SECRET_ACCESS_KEY"], AWS_SECRETS["AWS_SESSION_TOKEN"]]
    secrets += [*pem[1:-1], *plain[1:-1]]
    refused = {"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": f"{PASSPHRASE}-wrong"}
    from_s3 = ("--source", "s3://movielens-canary/landing")
    attempts = [
        (("load", *from_s3), AWS_SECRETS),
        (("load", "--source", "files"), refused),
        (("load", "--source", "files"), {"SNOWFLAKE_PRIVATE_KEY": pem[1]}),
        (("config",), {}),
        (("doctor", "--source", "files"), {"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": f"{PASSPHRASE}x"}),
    ]
    others = [
        *((tuple(name.split()), refused) for name in REFUSED),
        (("doctor", *from_s3), AWS_SECRETS),
        (("status",), {"SNOWFLAKE_DATABASE": "no such database"}),
        (("load", "--source", "files", "--switch-source"), {}),
        (("doctor", "--source", "files"), {"SNOWFLAKE_PRIVATE_KEY": pem[1]}),
        (("doctor", "--source", "files"), {}),
    ]
    told = "".join(
        output_of(production, *command, "--home", "prod", "--debug", env={**production.env, **env})
        for command, env in (attempts if is_short else others)
    )
    home = [file for file in (production.folder / "prod").rglob("*") if file.is_file()]
    assert len(home) > 10
    written = {str(file): file.read_bytes() for file in home}
    written["output"] = told.encode()
    for secret in secrets:
        assert [name for name, content in written.items() if secret.encode() in content] == []


def output_of(production: Production, *arguments: str, env: dict[str, str]) -> str:
    process = production.cli.start(*arguments, env=env)
    told = "".join(process.communicate(timeout=200))
    assert process.returncode in (0, 1, 2), told
    return told


NO_TESTS = ("--exclude-resource-type", "test", "unit_test")


def test_a_macro_that_means_something_else_turns_parity_red(
    production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = production.folder / "project"
    for name in ("models", "macros", "tests/data"):
        shutil.copytree(PROJECT / name, changed / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, changed)
    macros = changed / "macros" / "dialect" / "time.sql"
    text = macros.read_text()
    macros.write_text(text.replace("dayofweekiso({{ moment }})", "8 - dayofweekiso({{ moment }})"))
    assert macros.read_text() != text
    for name, value in production.env.items():
        monkeypatch.setenv(name, value)
    mart = "marts_candidate.mart_weekday_hour"
    before = relations(production.target)[mart]
    home = production.folder / "changed"
    home.mkdir()
    settings = Settings(home=home, target="prod", project=changed, _env_file=None)
    results = Dbt(settings, silent).build(["mart_weekday_hour"], *NO_TESTS)
    assert {str(result.status) for result in results} == {"success"}
    after = relations(production.target)[mart]
    assert "content of n_ratings" not in differences(before, after)
    assert "content of (rows)" in differences(before, after)


def test_a_model_that_breaks_its_contract_is_not_built(
    production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snowflake would convert what the table's own types allow."""
    changed = copy_of_the_project(production.folder / "broken")
    model = changed / "models" / "mart" / "mart_weekday_hour.sql"
    text = model.read_text()
    monkeypatch.setenv("MOVIELENS_TARGET", "prod")
    for name, value in production.env.items():
        monkeypatch.setenv(name, value)
    home = production.folder / "broken-home"
    home.mkdir()
    settings = Settings(home=home, target="prod", project=changed, _env_file=None)
    column = "cast(coalesce(rated.n_ratings, 0) as bigint) as n_ratings"
    for broken in ("cast(rated.n_ratings as varchar) as n_ratings", "rated.n_ratings as other"):
        model.write_text(text.replace(column, broken))
        assert model.read_text() != text
        results = Dbt(settings, silent).build([model.stem], *NO_TESTS)
        (result,) = (each for each in results if each.node.name == model.stem)
        assert str(result.status) == "error"
        assert "enforced contract" in str(result.message)
