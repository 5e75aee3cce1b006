"""Reads S3 objects, each in one stream: the version that was listed, as it was uploaded."""

from __future__ import annotations

import io
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ingestion.errors import GaveUp
from ingestion.landing.listing import LandingFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from s3fs import S3FileSystem

BUFFER_BYTES = 4 << 20
ATTEMPTS, READ_SECONDS = 5, 30
# S3's answers for an object that is gone or was replaced since it was listed.
_CHANGED = ("404", "NoSuchKey", "412", "PreconditionFailed")
_FORBIDDEN = ("403", "AccessDenied", "Forbidden")


def open_object(fs: S3FileSystem, file: LandingFile) -> io.BufferedReader:
    """Opens an object to be read once, from first byte to last.

    Unlike ranged reads, this can be checked: S3 answers only if the object is still the one that
    was listed, and the client verifies the checksum stored at upload. It uses the endpoint and
    credentials of `fs`.

    Of a file in a zip, only its part of the object is asked for. S3 has no checksum of that; the
    zip has.

    Returns:
        A stream; reading it raises OSError for any failure in transit.

    Raises:
        FileNotFoundError: If it is gone or was replaced since it was listed.
        PermissionError: If the credentials do not permit reading it.
        GaveUp: If, after retries, S3 cannot be reached or refuses for another reason.
    """
    bucket, key, _ = fs.split_path(file.key)
    wanted = {"IfMatch": file.etag} if file.etag else {}
    if file.member:
        start = file.member.offset
        wanted["Range"] = f"bytes={start}-{start + file.member.span - 1}"
    else:
        wanted["ChecksumMode"] = "ENABLED"
    try:
        answer = _client_of(fs).get_object(Bucket=bucket, Key=key, **wanted)
    except ClientError as error:
        raise _in_words(error, bucket, key) from None
    except BotoCoreError as error:
        raise GaveUp(f"s3://{bucket}/{key}: {error}") from None
    return io.BufferedReader(_Body(answer["Body"], f"s3://{bucket}/{key}"), BUFFER_BYTES)


def first_bytes(fs: S3FileSystem, file: LandingFile, size: int) -> bytes:
    """Reads the first bytes of an object, if it is still the one that was listed.

    Raises:
        OSError: If it is not, or cannot be read; see `open_object`.
    """
    bucket, key, _ = fs.split_path(file.key)
    try:
        part = {"Range": f"bytes=0-{size - 1}", "IfMatch": file.etag}
        return bytes(_client_of(fs).get_object(Bucket=bucket, Key=key, **part)["Body"].read())
    except ClientError as error:
        raise _in_words(error, bucket, key) from None
    except BotoCoreError as error:
        raise GaveUp(f"s3://{bucket}/{key}: {error}") from None


def login(fs: S3FileSystem) -> dict[str, str | None]:
    """Returns the boto3 client arguments that an S3 file system uses, plus `profile_name`.

    Where nothing was given, AWS's default credential chain applies.
    """
    return {
        "endpoint_url": fs.endpoint_url,
        "aws_access_key_id": fs.key,
        "aws_secret_access_key": fs.secret,
        "aws_session_token": fs.token,
        "profile_name": fs.kwargs.get("profile"),
        **{name: fs.client_kwargs.get(name) for name in ("region_name", "verify")},
    }


def _client_of(fs: S3FileSystem) -> Any:
    # A notebook that corrects AWS_PROFILE and loads again is to get another client.
    environment = frozenset(each for each in os.environ.items() if each[0].startswith("AWS_"))
    return _client(environment, bool(fs.anon), **login(fs))


@lru_cache
def _client(
    _: frozenset[tuple[str, str]], anon: bool, profile_name: str | None, **login: str | None
) -> Any:
    config = Config(
        retries={"mode": "standard", "max_attempts": int(os.getenv("AWS_MAX_ATTEMPTS", ATTEMPTS))},
        read_timeout=READ_SECONDS,
        signature_version=UNSIGNED if anon else None,
    )
    # A new session: boto3's shared one caches the profiles it first saw.
    return boto3.Session(profile_name=profile_name).client("s3", config=config, **login)


def _in_words(error: ClientError, bucket: str, key: str) -> OSError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _CHANGED:
        return FileNotFoundError(f"s3://{bucket}/{key}")
    if code in _FORBIDDEN:
        return PermissionError(
            f"s3://{bucket}/{key}: {error}; allow s3:GetObject on arn:aws:s3:::{bucket}/*"
        )
    return GaveUp(f"s3://{bucket}/{key}: {error}")


class _Body(io.RawIOBase):
    """A response body as a stream that raises only OSError."""

    def __init__(self, body: Any, name: str) -> None:
        self._body = body
        self._name = name
        self._read = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._read

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        try:
            piece: bytes = self._body.read(len(view))
        except BotoCoreError as error:
            raise OSError(f"{self._name}: {error}") from None
        view[: len(piece)] = piece
        self._read += len(piece)
        return len(piece)

    def close(self) -> None:
        self._body.close()
        super().close()
