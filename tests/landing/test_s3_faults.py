"""S3 and network faults: survived or reported; nothing lost, nothing doubled."""

from __future__ import annotations

import gzip
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ingestion import load
from ingestion.errors import SourceError
from ingestion.landing import s3
from ingestion.landing.listing import list_landing_zone
from ingestion.operate.status import status
from ingestion.settings import Settings
from tests.support.faulty_s3 import FOR_EVER, Fault, FaultyS3, faulty_s3
from tests.support.landing_zone import LINKS, MOVIES, rows_that_count
from tests.support.marks import slow_except

BUCKET, ZONE = "movielens-faults", "s3://movielens-faults/landing"
ROWS = 5_000
RATINGS = "userId,movieId,rating,timestamp\n" + "".join(
    f"{user},{user % 97 + 1},3.5,{10**9 + user}\n" for user in range(1, ROWS + 1)
)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    with faulty_s3() as (application, variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        put(client, ratings=RATINGS, movies=MOVIES)
        yield application
        # moto keeps its buckets for as long as the process lives.
        urllib.request.urlopen(f"{variables['AWS_ENDPOINT_URL']}/moto-api/reset", b"").close()


def put(client: Any, **contents: str | bytes) -> None:
    for name, content in contents.items():
        client.put_object(
            Bucket=BUCKET, Key=f"landing/{name}.csv", Body=content, ChecksumAlgorithm="CRC32"
        )


@pytest.fixture
def from_s3(settings: Settings) -> Settings:
    return settings.model_copy(update={"source": ZONE})


SURVIVED = {
    "SlowDown when listing": Fault("503 SlowDown", "list", times=2),
    "SlowDown when asked for a version": Fault("503 SlowDown", "head", times=2),
    "SlowDown when reading": Fault("503 SlowDown", "get", "ratings.csv", times=3),
    "an internal error": Fault("500 InternalError", "get", "ratings.csv", times=2),
    "a body that is cut short": Fault("cut", "get", "ratings.csv", times=2),
    "a body that stalls": Fault("stall", "get", "ratings.csv"),
    "a flipped byte": Fault("flip", "get", "ratings.csv", times=2),
}


@pytest.mark.parametrize("name", slow_except("a flipped byte", SURVIVED))
def test_survived(
    faulty: FaultyS3, from_s3: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "READ_SECONDS", 1)
    fault = SURVIVED[name]
    fault.happened = 0
    faulty.faults.append(fault)
    report = load(settings=from_s3)
    assert fault.happened == fault.times
    assert {file.path: file.status for file in report.files} == {
        "movies.csv": "loaded",
        "ratings.csv": "loaded",
    }
    assert len(rows_that_count(from_s3.warehouse_file, "ratings")) == ROWS
    assert load(settings=from_s3).changed is False


LASTING = {
    "SlowDown": ("503 SlowDown", "SlowDown"),
    "a flipped byte": ("flip", "checksum"),
    "a body that is cut short": ("cut", "s3://movielens-faults/landing/ratings.csv"),
    "reading is denied": ("403 AccessDenied", "s3:GetObject on arn:aws:s3:::movielens-faults"),
    "an expired token": ("400 ExpiredToken", "ExpiredToken"),
}


@pytest.mark.parametrize("name", slow_except("reading is denied", LASTING))
def test_a_file_that_cannot_be_read_holds_up_no_other(
    faulty: FaultyS3, from_s3: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    what, told = LASTING[name]
    fault = Fault(what, "get", "ratings.csv", FOR_EVER)
    faulty.faults.append(fault)
    report = load(settings=from_s3)
    assert report.exit_code == 4
    assert [file.path for file in report.of_status("loaded")] == ["movies.csv"]
    (refused,) = report.of_status("refused")
    assert told in refused.reason
    assert [file.path for file in status(from_s3).refused] == ["ratings.csv"]
    faulty.faults.clear()
    assert [file.rows for file in load(settings=from_s3).of_status("loaded")] == [ROWS]
    assert len(rows_that_count(from_s3.warehouse_file, "ratings")) == ROWS
    assert status(from_s3).refused == []


NOT_LISTED = {
    "denied": ("403 AccessDenied", r"No permission to list", "s3:ListBucket"),
    "no such bucket": ("404 NoSuchBucket", "movielens-faults", "MOVIELENS_SOURCE"),
    "wrong keys": ("403 InvalidAccessKeyId", "InvalidAccessKeyId", "movielens doctor"),
    "always busy": ("503 SlowDown", "cannot be listed", "AWS_"),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if "busy" in name else ()) for name in NOT_LISTED],
)
def test_a_bucket_that_cannot_be_listed(
    faulty: FaultyS3, from_s3: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    what, told, remedy = NOT_LISTED[name]
    faulty.faults += [Fault(what, on, times=FOR_EVER) for on in ("list", "head", "get")]
    with pytest.raises(SourceError, match=told) as error:
        load(settings=from_s3)
    assert "movielens-faults" in str(error.value)
    assert remedy in error.value.remedy
    assert not from_s3.warehouse_file.exists()


def test_a_bucket_of_more_objects_than_one_page_lists(
    faulty: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    client = boto3.client("s3")
    for number in range(25):
        put(client, **{f"ratings-{number}": ""})
    faulty.requests.clear()
    assert len(list_landing_zone(ZONE).files) == 27
    assert [what for what, _, _ in faulty.requests].count("list") >= 3


def test_credentials_of_an_assumed_role(
    faulty: FaultyS3, from_s3: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "aws-config"
    config.write_text(
        "[profile reader]\nrole_arn = arn:aws:iam::123456789012:role/reader\n"
        "source_profile = user\n[profile user]\n"
        "aws_access_key_id = stand-in\naws_secret_access_key = stand-in\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "reader")
    faulty.requests.clear()
    assert load(settings=from_s3).exit_code == 0
    used = {(what, who[:4]) for what, path, who in faulty.requests if path.startswith(f"/{BUCKET}")}
    # Temporary keys begin so; those of a user with AKIA.
    assert used == {("list", "ASIA"), ("head", "ASIA"), ("get", "ASIA")}


def test_an_object_that_is_replaced_while_it_is_read(faulty: FaultyS3, from_s3: Settings) -> None:
    """The listed version or none: a retry must not take bytes of the new one."""
    client = boto3.client("s3")
    faulty.faults.append(Fault("cut", "get", "ratings.csv"))
    replaced = RATINGS.replace("3.5", "1.5")

    class Replacing(list[Fault]):
        def __iter__(self) -> Iterator[Fault]:
            # Between the attempt that is cut short and the next one.
            if faulty.faults[0].happened == 1 and not done:
                done.append(True)
                put(client, ratings=replaced)
            return super().__iter__()

    done: list[bool] = []
    faulty.faults = Replacing(faulty.faults)
    report = load(settings=from_s3)
    assert [file.path for file in report.of_status("put off")] == ["ratings.csv"]
    load(settings=from_s3)
    values = {row[2] for row in rows_that_count(from_s3.warehouse_file, "ratings")}
    assert values == {1.5}


def test_compressed_objects_are_read_whole_or_refused(faulty: FaultyS3, from_s3: Settings) -> None:
    client = boto3.client("s3")
    packed = gzip.compress(LINKS.encode())
    client.put_object(Bucket=BUCKET, Key="landing/links.csv.gz", Body=packed[:-9])
    report = load(settings=from_s3)
    assert [file.path for file in report.of_status("refused")] == ["links.csv.gz"]
    client.put_object(Bucket=BUCKET, Key="landing/links.csv.gz", Body=packed)
    assert [file.path for file in load(settings=from_s3).of_status("loaded")] == ["links.csv.gz"]
