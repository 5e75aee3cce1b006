"""A stand-in for S3: moto's server, as a process of its own on this machine only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from local_dev.servers import free_port, process_on

BUCKET = "movielens"
SERVER = """
import sys
from moto.server import main
main(["--host", "127.0.0.1", "--port", sys.argv[1]])
"""


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Serves an empty S3.

    Yields:
        The environment variables with which any S3 client reaches it.

    Raises:
        TimeoutError: If it does not answer in time.
    """
    port = free_port()
    with process_on(port, [sys.executable, "-c", SERVER, str(port)]):
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "stand-in",
            "AWS_SECRET_ACCESS_KEY": "stand-in",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
