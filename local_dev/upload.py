"""Uploads a folder of MovieLens files to a landing zone on S3."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from ingestion.datasets import MARKER
from ingestion.errors import SettingsError
from ingestion.landing.listing import list_landing_zone
from local_dev.staging import write_marker

# Identifies an object's content, however its upload was split.
_HASH = "sha256"
Progress = Callable[[str, float], None]


def _silent(_what: str, _share: float) -> None:
    pass


@dataclass(frozen=True)
class UploadReport:
    """What became of each file.

    Attributes:
        to: URL of the landing zone.
        uploaded: Keys that are new or have new content.
        unchanged: Keys that already have this content.
        ignored: Files that are not MovieLens files.
        bytes: Bytes sent.
    """

    to: str
    uploaded: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    bytes: int = 0


def upload(folder: Path, to: str, progress: Progress = _silent) -> UploadReport:
    """Uploads what is new or changed; deletes nothing.

    With it goes what names the edition, which a prefix does not: the README, and the marker, made
    if the folder has none.

    Args:
        folder: A folder of MovieLens files, at any depth.
        to: The landing zone, `s3://bucket/prefix`; the bucket must exist.
        progress: Called with each file, and the share of all bytes done.

    Returns:
        What became of each file.

    Raises:
        SettingsError: If `to` is not an S3 URL, or S3 refuses.
        SourceError: If the folder holds no MovieLens files.
    """
    url = urlsplit(to)
    if url.scheme != "s3" or not url.netloc:
        raise SettingsError(f"{to} is not an S3 URL", "give s3://bucket/prefix")
    zone = list_landing_zone(str(folder))
    with _marker(folder, zone.edition) as marker:
        stored = dict.fromkeys(file.stored_path for file in zone.files.values())
        if zone.readme and (folder / zone.readme.path).is_file():  # else it is in a zip
            stored[zone.readme.path] = None
        files = {path: folder / path for path in stored} | {MARKER: marker}
        return _upload(files, to, zone.ignored, progress)


@contextmanager
def _marker(folder: Path, edition: str) -> Iterator[Path]:
    if (folder / MARKER).exists():
        yield folder / MARKER
        return
    with TemporaryDirectory(prefix="movielens-upload-") as made:
        write_marker(Path(made), {"edition": edition})
        yield Path(made) / MARKER


def _upload(
    files: dict[str, Path], to: str, ignored: list[str], progress: Progress
) -> UploadReport:
    url = urlsplit(to)
    total = sum(file.stat().st_size for file in files.values())
    uploaded, unchanged, sent, done = [], [], 0, 0
    client = boto3.Session().client("s3")
    for path, file in files.items():
        key = f"{url.path.strip('/')}/{path}".lstrip("/")
        progress(path, done / max(total, 1))
        try:
            if _is_there(client, url.netloc, key, file):
                unchanged.append(path)
            else:
                _send(client, url.netloc, key, file)
                uploaded.append(path)
                sent += file.stat().st_size
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise SettingsError(
                f"s3://{url.netloc}/{key}: {error}. Already uploaded: "
                f"{', '.join(uploaded) or 'none'}",
                "movielens doctor --source says what is missing; s3:PutObject is required, too",
            ) from None
        done += file.stat().st_size
    return UploadReport(to, uploaded, unchanged, ignored, sent)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, _HASH).hexdigest()


def _is_there(client: Any, bucket: str, key: str, file: Path) -> bool:
    try:
        metadata = client.head_object(Bucket=bucket, Key=key)["Metadata"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return bool(metadata.get(_HASH) == _digest(file))


def _send(client: Any, bucket: str, key: str, file: Path) -> None:
    # S3 stores the checksum, and readers of the object verify it.
    more = {"ChecksumAlgorithm": "CRC32", "Metadata": {_HASH: _digest(file)}}
    client.upload_file(str(file), bucket, key, ExtraArgs=more)
