"""Snowflake login for the whole project: one set of settings, one key loader.

Settings have the names that Snowflake's own clients use (`SNOWFLAKE_ACCOUNT`, ...), so a set-up for
those works here. Imports stay light, because the dashboard uses this on a separate host.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LOADER, READER = "LOADER_", "DASHBOARD_"
LOGIN_SECONDS = 10
# What an account may have set otherwise; 05_users.sql sets the same for dbt's and dlt's sessions.
SESSION: dict[str, Any] = {
    "TIMEZONE": "UTC",
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    "AUTOCOMMIT": True,
    "LOCK_TIMEOUT": 600,  # seconds; Snowflake's default is half a day
}


class KeyProblem(ValueError):
    """A private key that cannot be used; the message contains no part of the key."""


class SnowflakeSettings(BaseSettings):
    """One Snowflake user's settings, from the environment, else `.env`, else the default."""

    model_config = SettingsConfigDict(
        env_prefix="SNOWFLAKE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    account: str = Field(default="", description="Account identifier, such as myorg-account1.")
    user: str = Field(default="", description="Service user.")
    role: str | None = Field(default=None, description="Role; default: the user's default role.")
    warehouse: str | None = Field(
        default=None, description="Virtual warehouse; default: the user's default."
    )
    database: str = Field(default="MOVIELENS", description="Database that holds all schemas.")
    private_key: SecretStr | None = Field(
        default=None, description="Private key: PEM text, base64 of it, or base64 DER."
    )
    private_key_path: Path | None = Field(default=None, description="File with the private key.")
    private_key_passphrase: SecretStr | None = Field(
        default=None, description="Passphrase of the key."
    )
    authenticator: str | None = Field(
        default=None, description="WORKLOAD_IDENTITY to log in with OIDC instead of a key."
    )
    workload_identity_provider: str | None = Field(
        default=None, description="OIDC, AWS, AZURE or GCP, for WORKLOAD_IDENTITY."
    )
    token: SecretStr | None = Field(default=None, description="OIDC token, for WORKLOAD_IDENTITY.")
    token_file_path: Path | None = Field(default=None, description="File with the OIDC token.")
    host: str | None = Field(default=None, description="Host; default: the account's.")
    port: int = Field(default=443, description="Port.")
    protocol: Literal["https", "http"] = Field(default="https", description="Protocol.")


def snowflake_settings(part: str = "") -> SnowflakeSettings:
    """Resolves the settings of one user.

    Args:
        part: `LOADER_` for the user that loads RAW, a separate one if any of
            SNOWFLAKE_LOADER_USER, _ROLE, _PRIVATE_KEY, ... is set; `DASHBOARD_` for the user that
            reads. Settings without that prefix are the default.
    """
    common = SnowflakeSettings()
    if not part:
        return common
    own = SnowflakeSettings(_env_prefix=f"SNOWFLAKE_{part}")
    return common.model_copy(update=own.model_dump(exclude_unset=True))


def private_key(settings: SnowflakeSettings) -> bytes | None:
    """Loads a private key in any supported form.

    The connector, dbt and dlt each read different forms; all accept the result.

    Args:
        settings: With PEM text (line breaks optional), base64 of it, base64 DER, or a file of any
            of these or of DER; with or without a passphrase.

    Returns:
        The key as unencrypted PKCS 8 in DER, as the connector takes it; None if none is set.

    Raises:
        KeyProblem: If it cannot be read; the message contains no part of the key.
    """
    if settings.private_key_path is not None:
        try:
            given = settings.private_key_path.expanduser().read_bytes()
        except OSError as error:
            raise KeyProblem(
                f"SNOWFLAKE_PRIVATE_KEY_PATH: {settings.private_key_path}: {error.strerror}"
            ) from None
    elif settings.private_key is not None:
        given = settings.private_key.get_secret_value().encode()
    else:
        return None
    passphrase = settings.private_key_passphrase
    return _pkcs8(_decoded(given), passphrase.get_secret_value().encode() if passphrase else None)


_BEGINS = b"-----BEGIN"


def _decoded(given: bytes) -> bytes:
    r"""Returns PEM or DER from a key that may be base64, or have its line ends written as `\n`."""
    text = given.strip().replace(b"\\n", b"\n")
    if text.startswith(_BEGINS):
        return text
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        return given


def _pkcs8(key: bytes, passphrase: bytes | None) -> bytes:
    from cryptography.hazmat.primitives import serialization

    is_pem = key.lstrip().startswith(_BEGINS)
    load = serialization.load_pem_private_key if is_pem else serialization.load_der_private_key
    try:
        loaded = load(key, passphrase)
    except TypeError:
        needed = "is not encrypted, but SNOWFLAKE_PRIVATE_KEY_PASSPHRASE is set"
        if passphrase is None:
            needed = "is encrypted, and SNOWFLAKE_PRIVATE_KEY_PASSPHRASE is not set"
        raise KeyProblem(f"The private key {needed}") from None
    except Exception:
        # The library's message may quote parts of the key.
        raise KeyProblem(
            "The private key is not an RSA key in PEM or DER, or SNOWFLAKE_PRIVATE_KEY_PASSPHRASE "
            "is wrong"
        ) from None
    return loaded.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def token(settings: SnowflakeSettings) -> str | None:
    """Returns the current OIDC token, for a client that cannot read the token file itself.

    The file may be renewed at any time.

    Raises:
        KeyProblem: If the file cannot be read.
    """
    if settings.token_file_path is not None:
        try:
            return settings.token_file_path.expanduser().read_text().strip()
        except OSError as error:
            raise KeyProblem(
                f"SNOWFLAKE_TOKEN_FILE_PATH: {settings.token_file_path}: {error.strerror}"
            ) from None
    return settings.token.get_secret_value() if settings.token else None


def connector_arguments(settings: SnowflakeSettings, tag: str) -> dict[str, Any]:
    """Builds the arguments of `snowflake.connector.connect`.

    Args:
        settings: The login.
        tag: Query tag of the session.

    Raises:
        KeyProblem: If the private key or the token file cannot be read.
    """
    current = token(settings)
    file = str(settings.token_file_path) if settings.token_file_path else None
    arguments = {
        "account": settings.account,
        "user": settings.user,
        "role": settings.role,
        "warehouse": settings.warehouse,
        "database": settings.database,
        "host": settings.host,
        "port": settings.port,
        "protocol": settings.protocol,
        "private_key": private_key(settings),
        "authenticator": settings.authenticator,
        "workload_identity_provider": settings.workload_identity_provider,
        # The client rereads the file at each login, as the token may have been renewed.
        "token": None if file else current,
        "token_file_path": file,
        "login_timeout": LOGIN_SECONDS,
        "session_parameters": {"QUERY_TAG": tag, **SESSION},
        "application": "movielens_warehouse",
    }
    return {name: value for name, value in arguments.items() if value is not None}
