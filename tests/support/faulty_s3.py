"""moto's server on 127.0.0.1, with faults in front of it, each as S3 or a network has them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

FOR_EVER = 10**6
_ACCESS_KEY = re.compile(r"Credential=([^/]+)/")
Start = Callable[..., Any]


@dataclass
class Fault:
    """What goes wrong, and with which requests.

    Attributes:
        what: `503 SlowDown` or another status and code; `flip` a byte of the body; `stall` in the
            middle of it; `cut` it short.
        on: `list`, `get` or `head`.
        key: What the key ends with; empty for any.
        times: With how many requests it happens.
        happened: With how many it has.
    """

    what: str
    on: str = "get"
    key: str = ""
    times: int = 1
    happened: int = 0

    def applies(self, environ: dict[str, Any]) -> bool:
        """Tells whether it happens to a request."""
        return (
            self.happened < self.times
            and operation(environ) == self.on
            and environ["PATH_INFO"].endswith(self.key)
        )


def operation(environ: dict[str, Any]) -> str:
    """What a request asks for: `list`, `get`, `head` or another method."""
    if "list-type=2" in environ.get("QUERY_STRING", ""):
        return "list"
    return str(environ["REQUEST_METHOD"]).lower()


def moto_s3() -> Any:
    """Makes moto's application; all of a process share their buckets."""
    return DomainDispatcherApplication(create_backend_app)


@dataclass
class FaultyS3:
    """A WSGI application in front of moto's.

    Attributes:
        faults: What goes wrong; the first that applies happens.
        requests: Operation, path and access key of each request.
    """

    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    _behind: Any = field(default_factory=moto_s3)

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        found = _ACCESS_KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
        who = found[1] if found else ""
        self.requests.append((operation(environ), environ["PATH_INFO"], who))
        fault = next((fault for fault in self.faults if fault.applies(environ)), None)
        if fault is None:
            answer: Iterable[bytes] = self._behind(environ, start)
            return answer
        fault.happened += 1
        if fault.what[0].isdigit():
            return refused(fault.what, environ, start)
        body = b"".join(self._behind(environ, start))
        return _damaged(fault.what, body)


def refused(what: str, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Answers with a status and a code, such as `403 AccessDenied`, as S3 does."""
    status, code = what.split()
    body = f"<Error><Code>{code}</Code><Message>{code} it is</Message></Error>".encode()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    start(f"{status} {code}", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _damaged(what: str, body: bytes) -> Iterator[bytes]:
    middle = len(body) // 2
    if what == "flip":
        yield body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        return
    yield body[:middle]
    if what == "stall":
        time.sleep(3)


@contextmanager
def faulty_s3() -> Iterator[tuple[FaultyS3, dict[str, str]]]:
    """Serves it; gives it with the settings that reach it."""
    application = FaultyS3()
    with served(application) as variables:
        yield application, variables


@contextmanager
def served(application: Callable[..., Iterable[bytes]]) -> Iterator[dict[str, str]]:
    """Serves an application that has moto's behind it; gives the settings that reach it."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "stand-in",
            "AWS_SECRET_ACCESS_KEY": "stand-in",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        server.shutdown()
        server.server_close()
