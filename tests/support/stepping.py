"""The real `movielens`, killed or paused at one of its steps: each statement and file change.

    python -P tests/support/stepping.py asked.json -- load --home home --source landing

`asked.json` says what to do: `{"list": "steps.txt"}` writes the name of each step, one a line;
`{"kill": 17, "tell": "where.txt"}` sends SIGKILL to itself at the 17th and leaves its name;
`{"kill": ["after sql insert", "before sql commit"], ...}` does so at the first whose name begins
like the last of these, once the others were met in their order; `pause` sends SIGSTOP instead;
`"ahead": 3600` sets the clock that file ids are made of ahead by as many seconds.

A step is counted before and after each call of DuckDB that does something and each change of a
file or folder that Python makes. Nothing of the product is replaced: each call goes through to the
library as it is.
"""

from __future__ import annotations

import builtins
import functools
import io
import itertools
import json
import os
import shutil  # noqa: F401 - it asks what `os` can do when it is imported, so before any change
import signal
import sys
import tempfile  # noqa: F401 - the same
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

STATEMENTS = ("execute", "executemany", "sql", "query")
OTHER_CALLS = ("begin", "commit", "rollback", "checkpoint", "close", "__exit__")
FILE_CHANGES = (
    *("rename", "replace", "unlink", "remove", "rmdir", "mkdir", "link", "symlink"),
    *("fsync", "truncate", "ftruncate"),
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
SHOWN = 72
HOME = next((f"{b}/" for a, b in itertools.pairwise(sys.argv) if a == "--home"), "/")
_kill, _open, _write = os.kill, os.open, os.write


class Steps:
    """Counts the steps of this process, and does at one of them what was asked for."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._how = signal.SIGKILL if "kill" in asked else signal.SIGSTOP
        at = asked.get("kill", asked.get("pause", 0))
        self._number, self._names = (at, []) if isinstance(at, int) else (0, list(at))
        self._lists = "list" in asked
        told = asked["list"] if self._lists else asked["tell"]
        self._told = _open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self._count = 0
        self._lock = threading.Lock()

    def take(self, name: str) -> None:
        with self._lock:
            self._count += 1
            if self._lists:
                _write(self._told, f"{name}\n".encode())
            elif self._is_it(name):
                _write(self._told, f"{name}\n".encode())
                _kill(os.getpid(), self._how)

    def _is_it(self, name: str) -> bool:
        if self._names and name.startswith(self._names[0]):
            del self._names[0]
            return not self._names
        return self._count == self._number


def short(path: object) -> str:
    return str(path).replace(HOME, "", 1)


def stepping(steps: Steps, call: Callable[..., Any], name: Callable[..., str | None]) -> Any:
    """A function that goes through to another, with a step before and one after."""

    @functools.wraps(call)
    def passed_on(*arguments: Any, **more: Any) -> Any:
        step = name(*arguments, **more)
        if step is None:
            return call(*arguments, **more)
        steps.take(f"before {step}")
        result = call(*arguments, **more)
        steps.take(f"after {step}")
        return result

    return passed_on


def named(what: str, *, with_path: bool = False) -> Callable[..., str]:
    def name(*arguments: Any, **_: Any) -> str:
        paths = [a for a in arguments[:1] if with_path and isinstance(a, str | Path)]
        return " ".join([what, *map(short, paths)])

    return name


def statement_of(_: object, query: object = "", *__: object, **___: object) -> str:
    # dbt writes a comment in front of each statement.
    words = str(query).split("*/")[-1].split()
    return f"sql {' '.join(words)[:SHOWN]}"


def opened(file: object, mode: object = "r", *_: object, **__: object) -> str | None:
    writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    return f"file open {short(file)}" if writes and isinstance(file, str | Path) else None


def opened_low(file: object, flags: int, *_: object, **__: object) -> str | None:
    return f"file open {short(file)}" if flags & WRITING else None


def watch(steps: Steps) -> None:
    """Puts a step round every call that changes something outside this process."""
    connection: Any = duckdb.DuckDBPyConnection
    for method in STATEMENTS:
        setattr(connection, method, stepping(steps, getattr(connection, method), statement_of))
    for method in OTHER_CALLS:
        name = named(f"sql {method.strip('_')}")
        setattr(connection, method, stepping(steps, getattr(connection, method), name))
    if os.environ.get("MOVIELENS_TARGET") == "prod":
        watch_snowflake(steps)
    duckdb.connect = stepping(steps, duckdb.connect, named("database open", with_path=True))
    for function in FILE_CHANGES:
        if hasattr(os, function):
            changed = stepping(
                steps, getattr(os, function), named(f"file {function}", with_path=True)
            )
            setattr(os, function, changed)
    os.open = stepping(steps, os.open, opened_low)
    builtins.open = io.open = stepping(steps, builtins.open, opened)


def watch_snowflake(steps: Steps) -> None:
    from ingestion.warehouse.snowflake import _client

    cursor = _client().cursor.SnowflakeCursor
    cursor.execute = stepping(steps, cursor.execute, statement_of)


def set_clock_ahead(seconds: int) -> None:
    now = time.time_ns
    time.time_ns = lambda: now() + seconds * 1_000_000_000


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    command = sys.argv[sys.argv.index("--") + 1 :]
    if asked.get("ahead"):
        set_clock_ahead(asked["ahead"])
    if "list" in asked or "tell" in asked:
        watch(Steps(asked))
    from ingestion.cli import main as movielens

    movielens(args=command, prog_name="movielens")


if __name__ == "__main__":
    main()
