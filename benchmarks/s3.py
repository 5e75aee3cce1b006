"""A local stand-in for S3: moto's server, as a process of its own on this machine only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

BUCKET = "movielens"
SERVER = """
import sys
from moto.server import main
main(["--host", "127.0.0.1", "--port", sys.argv[1]])
"""
START_SECONDS = 30


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Serves an empty S3.

    Yields:
        The environment variables with which any S3 client reaches it.

    Raises:
        TimeoutError: If it does not answer in time.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, port], stdout=quiet, stderr=quiet, env=dict(os.environ)
    ) as server:
        try:
            _wait_for(int(port))
            yield {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "stand-in",
                "AWS_SECRET_ACCESS_KEY": "stand-in",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"the stand-in for S3 did not start within {START_SECONDS} seconds")
