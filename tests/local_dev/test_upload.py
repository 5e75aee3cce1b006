"""A folder of files to S3: a real client, a local server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from ingestion.landing.listing import list_landing_zone
from local_dev.s3 import s3_server
from local_dev.upload import upload
from tests.support.cli import Cli
from tests.support.landing_zone import MOVIES, SIX, write_six

TO = "s3://movielens-upload/landing"


def test_what_is_new_or_changed_is_uploaded(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "zone"
    write_six(folder)
    (folder / "README.txt").write_text("none of MovieLens")
    with s3_server() as env:
        refused = cli("data", "upload", folder, TO, env=env)
        assert refused.returncode == 2
        assert "NoSuchBucket" in refused.stderr
        client = client_of(env)
        client.create_bucket(Bucket="movielens-upload")
        first = cli.json("data", "upload", folder, TO, env=env)
        assert sorted(first["uploaded"]) == sorted([*SIX, "movielens.json"])
        assert (first["unchanged"], first["ignored"]) == ([], ["README.txt"])
        head = client.head_object(
            Bucket="movielens-upload", Key="landing/movies.csv", ChecksumMode="ENABLED"
        )
        assert head["ChecksumCRC32"]
        (folder / "movies.csv").write_text(MOVIES + "9,New,x\n")
        (folder / "tags.csv").unlink()
        again = cli.json("data", "upload", folder, TO, env=env)
        assert again["uploaded"] == ["movies.csv"]
        assert sorted(again["unchanged"]) == sorted(
            {*SIX, "movielens.json"} - {"movies.csv", "tags.csv"}
        )
        loaded = cli.json("load", "--source", TO, "--home", "home", env=env)
        assert {file["path"] for file in loaded["files"]} == set(SIX)
        # As in the folder, and not as the prefix, which is all that S3 knows.
        assert loaded["edition"] == "zone"


def test_a_release_keeps_its_edition_and_its_readme(tmp_path: Path) -> None:
    folder = tmp_path / "ml-latest-small"
    write_six(folder)
    said = "Summary\n\nThis dataset (ml-latest-small) describes ratings. It contains 3 ratings and "
    (folder / "README.txt").write_text(f"{said}2 tag applications across 4 movies by 2 users.\n")
    here = list_landing_zone(str(folder))
    assert here.readme
    with s3_server() as env, pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        client_of(env).create_bucket(Bucket="movielens-upload")
        upload(folder, TO)
        there = list_landing_zone(TO)
    assert (there.edition, there.readme) == (here.edition, here.readme)
    assert there.edition == "ml-latest-small"


def client_of(env: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        region_name=env["AWS_DEFAULT_REGION"],
    )


@pytest.mark.parametrize("to", ["landing", "https://bucket/landing", "s3:///landing"])
def test_what_is_no_bucket_is_refused(cli: Cli, tmp_path: Path, to: str) -> None:
    write_six(tmp_path / "zone")
    done = cli("data", "upload", tmp_path / "zone", to)
    assert done.returncode == 2
    assert "s3://bucket/prefix" in done.stderr
