"""A stand-in for S3: moto's server in its own process, on 127.0.0.1 only."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_dev.servers import free_port, process_on

BUCKET, PREFIX = "movielens", "landing"
SAMPLE_RATINGS = 20_000
SERVER = """
import sys
from moto.server import main
main(["--host", "127.0.0.1", "--port", sys.argv[1]])
"""


@contextmanager
def s3_server(*, port: int | None = None, sample: bool = False) -> Iterator[dict[str, str]]:
    """Serves S3 on 127.0.0.1.

    Args:
        port: The port; None for a free one.
        sample: Whether to fill a bucket with generated data and name it in MOVIELENS_SOURCE.

    Yields:
        The environment variables that let any S3 client reach it.

    Raises:
        OSError: If the port is taken, or the server does not answer in time.
    """
    port = port or free_port()
    with process_on(port, [sys.executable, "-c", SERVER, str(port)]):
        variables = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "stand-in",
            "AWS_SECRET_ACCESS_KEY": "stand-in",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        if sample:
            _fill(variables)
            variables["MOVIELENS_SOURCE"] = f"s3://{BUCKET}/{PREFIX}"
        yield variables


def _fill(variables: dict[str, str]) -> None:
    import boto3

    from local_dev.generate import generate

    client = boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_DEFAULT_REGION"],
    )
    client.create_bucket(Bucket=BUCKET)
    with tempfile.TemporaryDirectory(prefix="movielens-s3-") as folder:
        generate(Path(folder), ratings=SAMPLE_RATINGS, seed=1)
        for file in Path(folder).iterdir():
            client.upload_file(str(file), BUCKET, f"{PREFIX}/{file.name}")
