"""The proxy of docs/dashboard.md, run as it is written there."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local_dev.servers import free_port, process_on

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dashboard.md"
# As the page has them: where the proxy listens, and the processes behind it.
LISTEN, PROCESSES = "8080", ("8501", "8502")


def block(language: str) -> str:
    """Reads the one configuration in a language of code blocks."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    return str(found)


def nginx_configuration(folder: Path, port: int, processes: Sequence[int]) -> str:
    """Writes what nginx needs besides, around the documented part.

    Args:
        folder: For what nginx writes.
        port: Where it listens on this machine.
        processes: The ports of two processes of the dashboard.
    """
    documented = block("nginx").replace(f"listen {LISTEN};", f"listen 127.0.0.1:{port};")
    for written, real in zip(PROCESSES, processes, strict=True):
        documented = documented.replace(f":{written}", f":{real}")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    return (
        f"daemon off;\nuser {getpass.getuser()};\npid {folder}/nginx.pid;\n"
        f"error_log {folder}/error.log;\nevents {{ worker_connections 4096; }}\n"
        f"http {{\naccess_log off;\n{places}{documented}}}\n"
    )


@contextmanager
def nginx(folder: Path, processes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs the documented nginx in front of two processes while the block runs.

    Args:
        folder: For its files.
        processes: The ports of the processes.

    Yields:
        The port it listens on, and the number of its process.
    """
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(nginx_configuration(folder, port, processes), encoding="utf-8")
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(configuration)]
    with process_on(port, command) as server:
        yield port, server.pid
