"""Checks of the landing zone: it can be listed, a file can be read, the clocks agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ingestion.errors import MovielensError
from ingestion.home import last_source
from ingestion.landing.listing import list_landing_zone
from ingestion.landing.lookalikes import by_advice
from ingestion.landing.stores import configured_url, open_store
from ingestion.operate.doctor.findings import Check, Finding, ok, problem, skipped, warning
from ingestion.settings import Settings

ABOUT = "landing zone"
CHAIN = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is "
    "attached"
)
# S3 rejects requests signed with a clock off by 15 minutes; Snowflake, tokens off by one or two.
OFF = timedelta(minutes=1)


def landing_zone(settings: Settings) -> Iterator[Finding]:
    """It can be listed, and holds a MovieLens file that can be read."""
    source = settings.source or configured_url() or last_source(settings)
    if not source:
        yield problem(
            ABOUT,
            "no-source",
            "no landing zone is set",
            "name a folder or s3://bucket/prefix with --source or MOVIELENS_SOURCE",
        )
        return
    if source.startswith("s3:"):
        findings = list(_bucket(source))
        yield from findings
        if any(finding.status == "problem" for finding in findings):
            yield skipped("files", "the bucket cannot be listed")
            return
    try:
        zone = list_landing_zone(source, unmodelled=settings.load_unmodelled)
    except MovielensError as error:
        yield problem("files", "no-files", str(error), error.remedy)
        return
    yield ok(
        "files", f"{len(zone.files)} MovieLens files, {len(zone.ignored)} others in {zone.url}"
    )
    for paths, advice in by_advice(zone.unread):
        yield warning("files", "looks-like-movielens", f"not read: {paths}", f"it {advice}")
    file = min(zone.files.values(), key=lambda each: each.bytes)
    try:
        with zone.fs.open(file.key, "rb", block_size=1024) as stream:
            stream.read(1)
    except Exception as error:  # each store's client raises its own exceptions
        permission = f"s3:GetObject on {source}/*" if source.startswith("s3:") else "read access"
        yield problem(
            "files",
            "file-not-readable",
            f"{file.path} cannot be read: {type(error).__name__}: {error}",
            f"grant this user {permission}",
        )


def _bucket(source: str) -> Iterator[Finding]:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        from ingestion.landing.s3 import login
    except ImportError:
        remedy = 'pip install "movielens-warehouse[s3]"'
        yield problem(ABOUT, "s3-not-installed", "the S3 client is not installed", remedy)
        return
    bucket, prefix = urlsplit(source).netloc, urlsplit(source).path.strip("/")
    patience = Config(
        connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 2}
    )
    try:
        given = login(open_store(source)[0])
        session = boto3.Session(profile_name=given.pop("profile_name"))
        client = session.client("s3", config=patience, **given)
        answer = client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except ClientError as error:
        yield _refused(error.response, bucket, prefix)
    except BotoCoreError as error:
        yield _not_reached(error, bucket)
    except MovielensError as error:
        yield problem(ABOUT, "aws-no-credentials", str(error), error.remedy)
    else:
        yield ok(ABOUT, f"the bucket {bucket} can be listed")
        yield from clock(answer["ResponseMetadata"]["HTTPHeaders"].get("date"), "S3")


def _not_reached(error: Exception, bucket: str) -> Finding:
    name = type(error).__name__
    if name in ("NoCredentialsError", "PartialCredentialsError"):
        return problem(ABOUT, "aws-no-credentials", f"no credentials for s3://{bucket}", CHAIN)
    if name == "ProfileNotFound":
        return problem(ABOUT, "aws-no-profile", str(error), f"name an existing profile; or {CHAIN}")
    return problem(
        ABOUT,
        "s3-unreachable",
        f"s3://{bucket}: {name}: {error}",
        "check AWS_ENDPOINT_URL (unset for Amazon itself), AWS_DEFAULT_REGION and the network",
    )


def _refused(response: Any, bucket: str, prefix: str) -> Finding:
    said = response.get("Error", {})
    code, status = str(said.get("Code")), response["ResponseMetadata"]["HTTPStatusCode"]
    found = f"s3://{bucket}/{prefix}: {code}: {said.get('Message')}"
    if code == "RequestTimeTooSkewed":
        return problem("clock", "clock-is-off", found, "set this machine's clock (NTP)")
    if code in ("NoSuchBucket", "404"):
        return problem(
            ABOUT, "s3-no-bucket", found, "check MOVIELENS_SOURCE; infra/aws creates the bucket"
        )
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"):
        return problem(ABOUT, "aws-credentials-refused", found, CHAIN)
    if status == 403:
        permission = f"grant this user or role s3:ListBucket on arn:aws:s3:::{bucket}"
        return problem(ABOUT, "s3-list-denied", found, f"{permission}; infra/aws does")
    return problem(ABOUT, "s3-refused", found, "check MOVIELENS_SOURCE and AWS_DEFAULT_REGION")


def clock(date: str | None, of_whom: str) -> Iterator[Finding]:
    """Compares this machine's clock with a server's.

    Args:
        date: The server's, as in a response header.
        of_whom: The server's name.

    Yields:
        What was found, if the server sent a date.
    """
    if not date:
        return
    difference = datetime.now(UTC) - parsedate_to_datetime(date)
    seconds = round(difference.total_seconds())
    if abs(difference) > OFF:
        yield problem(
            "clock",
            "clock-is-off",
            f"this machine's clock is {seconds:+,} s from that of {of_whom}, "
            "which rejects what is signed at another time",
            "set this machine's clock (NTP)",
        )
    else:
        yield ok("clock", f"{seconds:+} s from that of {of_whom}")


CHECKS: list[Check] = [landing_zone]
