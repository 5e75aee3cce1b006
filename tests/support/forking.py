"""Commands as processes that start where all imports are done and dbt has read the project.

Of a short command's time most goes into importing dlt and dbt, and of a build's half into dbt's
reading of the project. A server does both once for a test session; each command is then a fork of
it. It is a process all the same, with an environment, a folder, streams, an exit code and memory
of its own, and can be sent signals. The product's own modules are imported anew in each.

    python -P tests/support/forking.py SOCKET

The server ends when nobody who has joined it is left.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeAlias

from filelock import FileLock

PROGRAM = Path(sys.executable).parent / "movielens"
# What commands import of others' packages, and when they use it.
LIBRARIES = (
    "boto3",
    "click",
    "dbt.adapters.duckdb",
    "dbt.adapters.snowflake",
    "dbt.cli.main",
    "dbt.task.build",
    "dlt.destinations.impl.duckdb.factory",
    "dlt.destinations.impl.filesystem.factory",
    "dlt.destinations.impl.snowflake.factory",
    "duckdb",
    "pyarrow.compute",
    "pyarrow.parquet",
    "pydantic_settings",
    "rich.progress",
    "s3fs",
    "snowflake.connector",
    "sqlglot.dialects.duckdb",
)
OWN = ("ingestion", "local_dev", "dashboard")
# What a command that can be forked begins with.
STARTS = (str(PROGRAM), sys.executable)
SETTINGS = ("AWS_", "DBT_", "MOVIELENS_", "SNOWFLAKE_")
LOCK, LOG = "lock", "log"
ENOUGH_TESTS = 10
LONGEST_REQUEST = 1 << 18


# ---- who starts commands -------------------------------------------------------------------------


class Fork:
    """A command at work, in the words of `subprocess.Popen`."""

    def __init__(
        self,
        server: Path,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdout: int | IO[Any] = subprocess.PIPE,
        stderr: int | IO[Any] = subprocess.PIPE,
    ) -> None:
        self.args = list(command)
        self.returncode: int | None = None
        request = {"command": self.args, "cwd": str(cwd), "env": dict(env)}
        with contextlib.ExitStack() as given_away:
            self.stdout, out = _stream(stdout, given_away)
            self.stderr, err = _stream(stderr, given_away)
            nothing = given_away.enter_context(Path(os.devnull).open())
            self._server = _connected(server)
            streams = [nothing.fileno(), out, err]
            socket.send_fds(self._server, [json.dumps(request).encode()], streams)
        self.pid = int(self._server.recv(LONGEST_REQUEST))

    def poll(self) -> int | None:
        """The exit code, or None as long as it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end, and gives its exit code."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._server, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._server.recv(LONGEST_REQUEST))
            self._server.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Reads all that it says, and waits for its end."""
        deadline = time.monotonic() + (timeout or 1e6)
        with ThreadPoolExecutor(2) as at_once:
            reading = [at_once.submit(_rest, stream) for stream in (self.stdout, self.stderr)]
            try:
                said = [each.result(deadline - time.monotonic()) for each in reading]
                self.wait(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            finally:
                if self.returncode is None:
                    self.kill()
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        """Sends a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)


Process: TypeAlias = Fork | subprocess.Popen[str]


def _stream(wanted: int | IO[Any], given_away: contextlib.ExitStack) -> tuple[Any, int]:
    """Our end of a stream, if we have one, and the other one's descriptor."""
    if wanted == subprocess.PIPE:
        ours, theirs = os.pipe()
        given_away.callback(os.close, theirs)
        return os.fdopen(ours, encoding="utf-8"), theirs
    if wanted == subprocess.DEVNULL:
        return None, given_away.enter_context(Path(os.devnull).open("w")).fileno()
    return None, wanted.fileno()  # type: ignore[union-attr]


def _rest(stream: IO[str] | None) -> str:
    if stream is None or stream.closed:
        return ""
    with stream:
        return stream.read()


def _connected(server: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(str(server))
    return connection


def start(command: Sequence[str], **options: Any) -> Process:
    """Starts `movielens ...` or `python -P script.py ...` as a fork, or anew where that is no gain.

    Args:
        command: Begins with `PROGRAM`, or with this interpreter.
        **options: `cwd`, `env`, `stdout` and `stderr`, as `subprocess.Popen` takes them.
    """
    if not _is_worth_it:
        return start_anew(command, **options)
    return Fork(_server(), command, **options)


def start_anew(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Starts any command as a program that has imported nothing, with the same options."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **{**pipes, **options})


@functools.cache
def _server() -> Path:
    """Joins the server of this test session for as long as this process lives."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}-{time.time_ns()}")
    # In a short folder: the path of a socket has at most 107 characters.
    folder = Path(tempfile.gettempdir()) / f"movielens-tests-{run[:24]}"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / LOCK):
        folder.mkdir(exist_ok=True)
        _joined.append(_join(folder / "socket"))
    return folder / "socket"


_joined: list[socket.socket] = []
_is_worth_it = False


def expect(tests: int) -> None:
    """Decides by their number whether tests get a server, which takes ten seconds to get ready."""
    global _is_worth_it
    _is_worth_it = sys.platform == "linux" and tests >= ENOUGH_TESTS


def _join(server: Path) -> socket.socket:
    process = None
    while True:
        with contextlib.suppress(OSError):
            connection = _connected(server)
            connection.send(b"{}")
            return connection
        if process is None:
            server.unlink(missing_ok=True)
            process = _started(server)
        assert process.poll() is None, server.with_name(LOG).read_text()
        time.sleep(0.02)


def _started(server: Path) -> subprocess.Popen[bytes]:
    # The settings of the test that happens to be first are not for the others.
    env = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    with server.with_name(LOG).open("w") as said:
        return subprocess.Popen(
            [sys.executable, "-P", __file__, str(server)],
            cwd=server.parent,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for pytest, which then leaves it
        )


# ---- the server ----------------------------------------------------------------------------------


def get_ready() -> None:
    """Imports everything and has dbt read the project, as any command would."""
    import gc
    import threading
    from importlib import import_module

    from ingestion.build import parsed as parsed_projects
    from ingestion.build.dbt import Dbt
    from ingestion.cli.command import _NeverUsed
    from ingestion.progress import silent
    from ingestion.settings import Settings

    # Its threads would be waited for in forks, which do not have them. Without, dbt reads the same.
    os.environ["DBT_STATIC_PARSER"] = "false"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    sys.meta_path.insert(0, _NeverUsed())
    for library in LIBRARIES:
        import_module(library)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), _env_file=None)
        settings.logs_dir.mkdir()
        Dbt(settings, silent)
    # What they have computed for one process is not for another; but what dbt has read is.
    for name in list(sys.modules):
        if name.partition(".")[0] in OWN and name != parsed_projects.__name__:
            del sys.modules[name]
    assert threading.active_count() == 1, "a fork has none of the other threads, but their locks"
    gc.freeze()


class Server:
    """Forks for whoever asks, and tells when and how each fork has ended."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._joined: set[socket.socket] = set()
        self._at_work: dict[int, tuple[int, socket.socket]] = {}

    def serve(self) -> dict[str, Any] | None:
        """Goes on until nobody is left; in each fork, ends at once with what it has to do."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    asking, _ = self._listener.accept()
                    self._selector.register(asking, selectors.EVENT_READ)
                elif isinstance(key.fileobj, int):
                    self._tell_the_end(key.fileobj)
                elif isinstance(key.fileobj, socket.socket):
                    request = self._answer(key.fileobj)
                    if request is not None:
                        return request
                    if not self._joined and not self._at_work and not request:
                        return None

    def _answer(self, asking: socket.socket) -> dict[str, Any] | None:
        try:
            content, streams, *_ = socket.recv_fds(asking, LONGEST_REQUEST, 3)
        except ConnectionError:
            content, streams = b"", []
        if not content:
            self._forget(asking)
            return None
        request: dict[str, Any] = json.loads(content)
        if not request:
            self._joined.add(asking)
            return None
        pid = os.fork()
        if pid == 0:
            self._close()
            return {**request, "streams": streams}
        for stream in streams:
            os.close(stream)
        asking.send(str(pid).encode())
        watched = os.pidfd_open(pid)
        self._at_work[watched] = (pid, asking)
        self._selector.register(watched, selectors.EVENT_READ)
        return None

    def _forget(self, asking: socket.socket) -> None:
        """Whoever starts a command and goes away before its end leaves it to be killed."""
        self._joined.discard(asking)
        self._selector.unregister(asking)
        asking.close()
        for pid, of in self._at_work.values():
            if of is asking:
                os.kill(pid, signal.SIGKILL)

    def _tell_the_end(self, watched: int) -> None:
        self._selector.unregister(watched)
        os.close(watched)
        pid, asking = self._at_work.pop(watched)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with contextlib.suppress(OSError):  # it may have gone away
            asking.send(str(code).encode())

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            os.close(key.fd)
        self._selector.close()


def become(command: Sequence[str], cwd: str, env: Mapping[str, str], streams: list[int]) -> None:
    """Makes of this fork the process that was asked for, and runs the command."""
    import runpy

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup all of this ignores it
    if command[0] == str(PROGRAM):
        sys.argv = list(command)
        from ingestion.cli import main

        main()
    else:
        # python -P script.py ...
        sys.argv = list(command[2:])
        runpy.run_path(command[2], run_name="__main__")


def end(code: object) -> None:
    """Ends as an interpreter does, but without taking apart all that was imported."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)  # noqa: T201
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def clear_away(folder: Path) -> None:
    """Removes the server's folder, unless somebody is about to start another server."""
    import shutil

    with contextlib.suppress(TimeoutError), FileLock(folder / LOCK, timeout=0):
        shutil.rmtree(folder)


if __name__ == "__main__":
    # First, so that whoever joins has waited until it is ready.
    get_ready()
    socket_path = Path(sys.argv[1])
    request = Server(socket_path).serve()
    if request is None:
        clear_away(socket_path.parent)
    else:
        try:
            become(**request)
        except SystemExit as ended:
            end(ended.code)
        except Exception:
            traceback.print_exc()
            end(1)
        end(0)
