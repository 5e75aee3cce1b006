"""Opens the store that holds a landing zone, with the credentials that dlt would use.

dlt users configure its filesystem source with `SOURCES__FILESYSTEM__BUCKET_URL` and
`SOURCES__FILESYSTEM__CREDENTIALS__…`, or the same in `.dlt/secrets.toml`. Importing dlt takes a
second, too long for a run with nothing new, so that configuration is read without it; dlt is asked
only for more than a bucket URL and S3 keys. Where nothing is configured, each store's client finds
its own credentials, as under dlt.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

from ingestion.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from dlt.common.storages.configuration import FilesystemConfiguration
    from dlt.common.storages.fsspec_filesystem import FileItemDict
    from dlt.extract import DltResource

_SECTIONS = ("sources", "filesystem", "filesystem")
_FIELDS = ("bucket_url", "credentials", "kwargs", "client_kwargs", "config_kwargs")
_S3_KEYS = tuple(
    f"credentials.{name}"
    for name in (
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "region_name",
        "endpoint_url",
    )
)
# fsspec would keep a client for the life of the process, also after a notebook sets AWS_PROFILE.
_OPENED_ANEW = {"skip_instance_cache": True}
_EXTRAS = {
    "movielens-warehouse[s3]": ("s3", "s3a"),
    "dlt[gs]": ("gs", "gcs"),
    "dlt[az]": ("az", "abfs", "abfss", "adl", "azure"),
    "dlt[sftp]": ("sftp", "ssh"),
    "dlt[hf]": ("hf",),
}


def open_store(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Opens the store of a landing zone: a folder, or a URL such as `s3://bucket/prefix`.

    Returns:
        Its file system, and the landing zone's path in it.

    Raises:
        SourceError: If no installed package reads such URLs, or the credentials are unusable.
    """
    said = {} if is_local(url) else _said_to_dlt()
    arguments = _of_s3(url, said)
    try:
        if arguments is None:
            fs, root = _opened_by_dlt(url)
        else:
            fs, root = fsspec.core.url_to_fs(url, **arguments, **_OPENED_ANEW)
    except ImportError as error:
        raise _not_installed(url, error) from None
    except ValueError as error:
        raise SourceError(
            f"{url}: {error}", "give a folder, or s3://bucket/prefix, as MOVIELENS_SOURCE"
        ) from None
    # Two spellings of one local folder must not look like two landing zones.
    root = os.path.normpath(root) if "file" in fs.protocol else root.rstrip("/")
    return fs, root


def configured_url() -> str | None:
    """The landing zone that dlt's configuration names: `sources.filesystem.bucket_url`."""
    return _said_to_dlt().get("bucket_url")


def is_local(url: str) -> bool:
    """Whether a landing zone is a folder on this machine."""
    return "://" not in url or url.startswith(("file:", "local:"))


def files_of(resource: DltResource) -> list[FileItemDict]:
    """Lists the files that a `dlt.sources.filesystem` resource selects.

    Raises:
        SettingsError: If the resource yields anything but files.
        SourceError: If it cannot list them.
    """
    from dlt.common.exceptions import MissingDependencyException
    from dlt.common.storages.fsspec_filesystem import FileItemDict

    try:
        files = list(resource)
    except Exception as error:  # dlt wraps what each store's client raises
        cause = error.__cause__ or error
        url = str(resource.explicit_args.get("bucket_url") or resource.name)
        if isinstance(cause, MissingDependencyException):
            raise _not_installed(url, cause) from None
        raise SourceError(
            f"dlt cannot list {url}: {type(cause).__name__}: {cause}",
            "check bucket_url and SOURCES__FILESYSTEM__CREDENTIALS__… (or .dlt/secrets.toml)",
        ) from None
    if not all(isinstance(file, FileItemDict) for file in files):
        raise SettingsError(
            f"The dlt resource {resource.name} yields items that are not files",
            "give a URL, or filesystem(...) of dlt.sources.filesystem without a reader",
        )
    return files


def _not_installed(url: str, error: Exception) -> SourceError:
    scheme = url.partition("://")[0]
    extra = next((name for name, schemes in _EXTRAS.items() if scheme in schemes), None)
    return SourceError(
        f"{url}: this installation cannot read {scheme}:// ({error})",
        f'install the extra: pip install "{extra}"' if extra else "install the package it names",
    )


def _said_to_dlt() -> dict[str, str]:
    """Returns dlt's settings for its filesystem source, by names like `credentials.endpoint_url`.

    In dlt's order: environment, secrets, config; within each, the most specific section wins.
    """
    folders = [
        Path("/var/dlt"),
        Path(os.environ.get("XDG_DATA_HOME", "/var"), "dlt"),
        Path("~/.dlt").expanduser(),
        Path(os.environ.get("DLT_PROJECT_DIR", "."), os.environ.get("DLT_CONFIG_FOLDER", ".dlt")),
    ]
    providers = [
        [_flat(file) for folder in folders if (file := folder / name).is_file()]
        for name in ("config.toml", "secrets.toml")
    ]
    environment = {
        name.lower().replace("__", "."): text for name, text in os.environ.items() if name.isupper()
    }
    said: dict[str, str] = {}
    for settings in [*providers, [environment]]:
        for depth in range(len(_SECTIONS) + 1):
            prefix = "".join(f"{section}." for section in _SECTIONS[:depth])
            for names in settings:
                for name, text in names.items():
                    short = name.removeprefix(prefix)
                    if name.startswith(prefix) and short.split(".")[0] in _FIELDS:
                        said[short] = text
    return said


def _flat(file: Path) -> dict[str, str]:
    def flat(table: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
        for name, value in table.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{name}.")
            else:
                yield prefix + name, str(value)

    try:
        return dict(flat(tomllib.loads(file.read_text()), ""))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} cannot be read: {error}", "fix it or remove it") from None


def _of_s3(url: str, said: dict[str, str]) -> dict[str, Any] | None:
    """Returns the arguments dlt would open the store with; None if only dlt can tell."""
    keys = {name: text for name, text in said.items() if name != "bucket_url"}
    if not keys:
        return {}
    key, secret, token, region, endpoint = (keys.pop(name, None) for name in _S3_KEYS)
    if keys or not url.startswith("s3:") or not (key and secret):
        return None
    optional_checksums = ("response_checksum_validation", "request_checksum_calculation")
    arguments = {
        "key": key,
        "secret": secret,
        "token": token,
        "client_kwargs": {"region_name": region} if region else None,
        "endpoint_url": endpoint,
        "config_kwargs": dict.fromkeys(optional_checksums, "when_required") if endpoint else None,
    }
    given = {name: value for name, value in arguments.items() if value is not None}
    return {"use_listings_cache": False, "listings_expiry_time": 60.0, **given}


def _configuration(url: str) -> FilesystemConfiguration:
    from dlt.common.configuration import resolve_configuration
    from dlt.common.storages.configuration import FilesystemConfiguration

    made = resolve_configuration(FilesystemConfiguration(bucket_url=url), sections=_SECTIONS)
    made.kwargs = {**(made.kwargs or {}), **_OPENED_ANEW}
    return made


def _opened_by_dlt(url: str) -> tuple[Any, str]:
    from dlt.common.configuration.exceptions import ConfigurationException
    from dlt.common.storages.fsspec_filesystem import fsspec_from_config

    try:
        return fsspec_from_config(_configuration(url))
    except ConfigurationException as error:
        raise SourceError(
            f"{url}: dlt's configuration for this store is unusable: {error}",
            "complete SOURCES__FILESYSTEM__CREDENTIALS__… or [sources.filesystem.credentials] in "
            ".dlt/secrets.toml",
        ) from None
