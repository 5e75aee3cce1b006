"""Loading from S3: a real client, and a local server that speaks its protocol."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ingestion import load
from ingestion.errors import SourceError
from ingestion.landing.listing import list_landing_zone
from ingestion.landing.s3 import open_object
from ingestion.reading.file import read_file
from ingestion.reading.rules import Rules
from ingestion.settings import Settings
from tests.support.breaking_proxy import BreakingProxy, breaking_proxy
from tests.support.formats import spark_parts, written
from tests.support.landing_zone import MOVIES, RATINGS, SIX, TABLES, rows_in_files, rows_that_count

BUCKET = "movielens-raw"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a server with an empty bucket, reached as any S3 is: by the environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "stand-in",
        "AWS_SECRET_ACCESS_KEY": "stand-in",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    made = boto3.client("s3")
    made.create_bucket(Bucket=BUCKET)
    yield made
    server.stop()


def put(client: Any, key: str, body: str | bytes) -> None:
    client.put_object(Bucket=BUCKET, Key=key, Body=body)


def test_a_bucket_gives_what_a_folder_gives(client: Any, settings: Settings) -> None:
    zone = Path(settings.source or "")
    zone.mkdir()
    for name, content in SIX.items():
        (zone / name).write_text(content)
        put(client, f"landing/{name}", content)
    put(client, "landing/ratings-2.csv.gz", gzip.compress(RATINGS.encode()))
    (zone / "ratings-2.csv").write_text(RATINGS)
    from_s3 = settings.model_copy(update={"source": f"s3://{BUCKET}/landing"})
    report = load(settings=from_s3)
    assert {file.status for file in report.files} == {"loaded"}
    for dataset in TABLES:
        expected = rows_in_files(*zone.glob(f"{dataset.replace('_', '-')}*.csv"))
        assert rows_that_count(settings.warehouse_file, dataset) == expected
    assert load(settings=from_s3).changed is False
    put(client, "landing/movies.csv", MOVIES + "7,New (2001),x\n")
    assert [file.path for file in load(settings=from_s3).of_status("loaded")] == ["movies.csv"]


def test_parts_in_a_bucket_are_those_in_a_folder(client: Any, settings: Settings) -> None:
    rows = [("1", str(film), "4.0", "964982703") for film in range(1, 10)]
    zone = settings.model_copy(update={"source": f"s3://{BUCKET}/parts"})
    first, second = spark_parts("ratings", rows, "parquet"), spark_parts("ratings", rows, "tsv")
    for name, content in first.items():
        put(client, f"parts/ratings/{name}", content)
    put(client, "parts/movies.csv", MOVIES)
    assert load(settings=zone).rows == 9 + 2
    for name in first:
        client.delete_object(Bucket=BUCKET, Key=f"parts/ratings/{name}")
    for name, content in second.items():
        put(client, f"parts/ratings/{name}", content)
    put(client, "parts/ratings/_temporary/0/part-00003.tsv", b"")
    assert load(settings=zone).load_id is None
    client.delete_object(Bucket=BUCKET, Key="parts/ratings/_temporary/0/part-00003.tsv")
    assert len(load(settings=zone).of_status("removed")) == 3
    expected = sorted((1, film, 4.0, 964982703) for film in range(1, 10))
    assert rows_that_count(settings.warehouse_file, "ratings") == expected


def test_parquet_that_changes_after_it_was_listed_is_put_off(
    client: Any, settings: Settings, tmp_path: Path
) -> None:
    rows = [("1", "2", "4.0", "964982703")]
    put(client, "ratings.parquet", written("ratings", rows, "parquet"))
    zone = list_landing_zone(f"s3://{BUCKET}")
    put(client, "ratings.parquet", written("ratings", rows * 2, "parquet"))
    outcome = read_file(zone, zone.files["ratings.parquet"], 1, tmp_path, Rules())
    assert (outcome.status, outcome.rows) == ("put off", 0)


def test_an_object_that_is_not_the_listed_one_is_put_off(client: Any) -> None:
    put(client, "ratings.csv", RATINGS)
    zone = list_landing_zone(f"s3://{BUCKET}")
    put(client, "ratings.csv", RATINGS.replace("0.5", "1.5"))
    with pytest.raises(FileNotFoundError):
        open_object(zone.fs, zone.files["ratings.csv"])
    client.delete_object(Bucket=BUCKET, Key="ratings.csv")
    with pytest.raises(FileNotFoundError):
        open_object(zone.fs, zone.files["ratings.csv"])


def test_a_server_that_is_gone_is_an_error_of_the_file(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, "ratings.csv", RATINGS)
    zone = list_landing_zone(f"s3://{BUCKET}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(OSError, match=rf"s3://{BUCKET}/ratings.csv: Could not connect"):
        open_object(zone.fs, zone.files["ratings.csv"])


def test_a_changed_environment_takes_effect_in_the_same_process(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a notebook, where someone corrects AWS_PROFILE or AWS_ENDPOINT_URL and goes on."""
    put(client, "ratings.csv", RATINGS)

    def read() -> bytes:
        zone = list_landing_zone(f"s3://{BUCKET}")
        with open_object(zone.fs, zone.files["ratings.csv"]) as stream:
            return stream.read()

    right = client.meta.endpoint_url
    assert read() == RATINGS.encode()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:9"):
        read()
    monkeypatch.setenv("AWS_ENDPOINT_URL", right)
    assert read() == RATINGS.encode()


@pytest.fixture
def proxy(client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[BreakingProxy]:
    """Between client and server; breaks off two files of the bucket."""
    rows = "".join(f"{user},{user % 97 + 1},3.5,{10**9 + user}\n" for user in range(1, 40_001))
    put(client, "breaking/ratings.csv", RATINGS.splitlines()[0] + "\n" + rows)
    put(client, "breaking/ratings-2.csv.gz", gzip.compress(urandom_ratings(), 1))
    put(client, "breaking/movies.csv", MOVIES)
    with breaking_proxy(int(client.meta.endpoint_url.rpartition(":")[2])) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port}")
        yield made


def urandom_ratings() -> bytes:
    chance = random.Random(1)
    rows = "".join(
        f"{n + 50_000},{chance.randrange(9**9)},2.5,{10**9 + n}\n" for n in range(20_000)
    )
    return f"{RATINGS.splitlines()[0]}\n{rows}".encode()


@pytest.mark.slow
@pytest.mark.parametrize("breaks", [1, 3])
def test_a_connection_that_breaks_is_begun_again(
    proxy: BreakingProxy, settings: Settings, breaks: int
) -> None:
    proxy.to_break = breaks
    report = load(settings=settings.model_copy(update={"source": f"s3://{BUCKET}/breaking"}))
    assert proxy.broken == breaks
    assert {file.path: file.rows for file in report.files} == {
        "movies.csv": len(MOVIES.splitlines()) - 1,
        "ratings.csv": 40_000,
        "ratings-2.csv.gz": 20_000,
    }
    assert len(rows_that_count(settings.warehouse_file, "ratings")) == 60_000


@pytest.mark.slow
def test_a_connection_that_always_breaks_holds_up_no_other_file(
    proxy: BreakingProxy, settings: Settings
) -> None:
    from_s3 = settings.model_copy(update={"source": f"s3://{BUCKET}/breaking"})
    proxy.to_break = 1_000
    report = load(settings=from_s3)
    assert report.exit_code == 4
    assert [file.path for file in report.of_status("loaded")] == ["movies.csv"]
    assert all(f"s3://{BUCKET}/breaking/" in file.reason for file in report.of_status("refused"))
    proxy.to_break = 0
    again = load(settings=from_s3)
    assert sorted(file.rows for file in again.of_status("loaded")) == [20_000, 40_000]
