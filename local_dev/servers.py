"""Local servers, each in its own process."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ingestion.signals import running

START_SECONDS = 60


def free_port() -> int:
    """Finds a free port on 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process_on(
    port: int, command: Sequence[str], **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a server while the block runs.

    Args:
        port: Where it listens on 127.0.0.1.
        command: Starts it.
        **options: More for `subprocess.Popen`, such as `env`.

    Yields:
        Its process, once it answers.

    Raises:
        OSError: If another program is on that port, or it does not answer in time.
    """
    with socket.create_server(("127.0.0.1", port)):
        pass  # raises if another program listens there
    quiet = subprocess.DEVNULL
    with running(command, stdout=quiet, stderr=quiet, **options) as server:
        _wait_for(port, server)
        yield server


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"the server on port {port} did not start")
