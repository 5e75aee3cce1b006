"""One loader of keys and tokens for ingestion, dbt and the dashboard, in every form in use."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ingestion.warehouse.snowflake import dbt_variables
from ingestion.warehouse.snowflake_login import (
    LOADER,
    KeyProblem,
    SnowflakeSettings,
    connector_arguments,
    private_key,
    snowflake_settings,
)

PASSPHRASE = b"canary-of-a-passphrase"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PLAIN = serialization.NoEncryption()
LOCKED = serialization.BestAvailableEncryption(PASSPHRASE)
WANTED = KEY.private_bytes(DER, PKCS8, PLAIN)


def one_line(pem: bytes) -> bytes:
    return pem.replace(b"\n", b" ").strip()


def with_backslashes(pem: bytes) -> bytes:
    return pem.replace(b"\n", b"\\n")


def with_returns(pem: bytes) -> bytes:
    return b"\r\n" + pem.replace(b"\n", b"\r\n")


def unchanged(key: bytes) -> bytes:
    return key


TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": unchanged,
    "one line": one_line,
    "backslash and n": with_backslashes,
    "with returns": with_returns,
    "base64": base64.b64encode,
    "base64 in lines": base64.encodebytes,
}
PEMS = {
    "PKCS 8": KEY.private_bytes(PEM, PKCS8, PLAIN),
    "PKCS 1": KEY.private_bytes(PEM, TRADITIONAL, PLAIN),
    "encrypted": KEY.private_bytes(PEM, PKCS8, LOCKED),
}
DERS = {"PKCS 8": WANTED, "encrypted": KEY.private_bytes(DER, PKCS8, LOCKED)}


@pytest.fixture(autouse=True)
def _no_other_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def settings_of(kind: str, **given: object) -> SnowflakeSettings:
    passphrase = PASSPHRASE.decode() if kind == "encrypted" else None
    return SnowflakeSettings(_env_file=None, private_key_passphrase=passphrase, **given)


@pytest.mark.parametrize("kind", PEMS)
@pytest.mark.parametrize("form", TEXTS)
def test_a_key_in_pem(tmp_path: Path, kind: str, form: str) -> None:
    given = TEXTS[form](PEMS[kind])
    (tmp_path / "key").write_bytes(given)
    assert private_key(settings_of(kind, private_key=given.decode())) == WANTED
    assert private_key(settings_of(kind, private_key_path=tmp_path / "key")) == WANTED


@pytest.mark.parametrize("kind", DERS)
def test_a_key_in_der(tmp_path: Path, kind: str) -> None:
    (tmp_path / "key.der").write_bytes(DERS[kind])
    assert private_key(settings_of(kind, private_key_path=tmp_path / "key.der")) == WANTED
    encoded = base64.b64encode(DERS[kind]).decode()
    assert private_key(settings_of(kind, private_key=encoded)) == WANTED


def test_no_key_is_none() -> None:
    assert private_key(SnowflakeSettings(_env_file=None)) is None


CUT = PEMS["PKCS 8"][:900]
UNUSABLE = {
    "no key at all": ({"private_key": "not a key"}, "not an RSA key in PEM or DER"),
    "a key that is cut off": ({"private_key": CUT.decode()}, "not an RSA key in PEM or DER"),
    "no passphrase": ({"private_key": PEMS["encrypted"].decode()}, "PASSPHRASE is not set"),
    "a passphrase too many": (
        {"private_key": PEMS["PKCS 8"].decode(), "private_key_passphrase": "x"},
        "is not encrypted, but SNOWFLAKE_PRIVATE_KEY_PASSPHRASE is set",
    ),
    "another passphrase": (
        {"private_key": PEMS["encrypted"].decode(), "private_key_passphrase": "another"},
        "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE is wrong",
    ),
    "no such file": ({"private_key_path": "gone.p8"}, "gone.p8: No such file or directory"),
    "a folder": ({"private_key_path": "."}, "Is a directory"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_key_that_cannot_be_used_is_said_without_a_byte_of_it(name: str) -> None:
    given, told = UNUSABLE[name]
    with pytest.raises(KeyProblem, match=told) as problem:
        private_key(SnowflakeSettings(_env_file=None, **given))
    said = f"{problem.value!r} {problem.value.__cause__!r}"
    for line in PEMS["PKCS 8"].decode().splitlines() + PEMS["encrypted"].decode().splitlines():
        assert line not in said


def test_the_user_that_loads_may_be_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SNOWFLAKE_ACCOUNT": "myorg-account1",
        "SNOWFLAKE_USER": "MOVIELENS_TRANSFORMER",
        "SNOWFLAKE_ROLE": "MOVIELENS_TRANSFORMER",
        "SNOWFLAKE_LOADER_USER": "MOVIELENS_LOADER",
        "SNOWFLAKE_LOADER_ROLE": "MOVIELENS_LOADER",
    }.items():
        monkeypatch.setenv(name, value)
    own, loader = snowflake_settings(), snowflake_settings(LOADER)
    assert (own.user, own.role, own.account) == (*2 * ("MOVIELENS_TRANSFORMER",), "myorg-account1")
    assert (loader.user, loader.role) == ("MOVIELENS_LOADER", "MOVIELENS_LOADER")
    assert loader.account == "myorg-account1"


def test_without_a_key_a_token_logs_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the connector documents workload identity; the file may be renewed between two logins."""
    file = tmp_path / "token"
    file.write_text("first\n")
    for name, value in {
        "SNOWFLAKE_ACCOUNT": "a",
        "SNOWFLAKE_AUTHENTICATOR": "WORKLOAD_IDENTITY",
        "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "OIDC",
        "SNOWFLAKE_TOKEN_FILE_PATH": str(file),
    }.items():
        monkeypatch.setenv(name, value)
    given = connector_arguments(snowflake_settings(), "tag")
    assert given["authenticator"] == "WORKLOAD_IDENTITY"
    assert given["workload_identity_provider"] == "OIDC"
    assert given["token_file_path"] == str(file)
    assert not {"private_key", "password", "token"} & given.keys()
    assert dbt_variables()["DBT_ENV_SECRET_SNOWFLAKE_TOKEN"] == "first"
    file.write_text("second\n")
    assert dbt_variables()["DBT_ENV_SECRET_SNOWFLAKE_TOKEN"] == "second"
    file.unlink()
    for of_a_client in (dbt_variables, lambda: connector_arguments(snowflake_settings(), "tag")):
        with pytest.raises(KeyProblem, match="SNOWFLAKE_TOKEN_FILE_PATH"):
            of_a_client()


def test_a_session_depends_on_no_default_of_the_account() -> None:
    session = connector_arguments(SnowflakeSettings(_env_file=None), "tag")["session_parameters"]
    assert session == {
        "QUERY_TAG": "tag",
        "TIMEZONE": "UTC",
        "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
        "AUTOCOMMIT": True,
        "LOCK_TIMEOUT": 600,
    }
