"""Stopping a command: by Ctrl-C, a process manager or a closed terminal."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from local_dev.servers import free_port
from tests.support import forking
from tests.support.cli import Cli
from tests.support.landing_zone import rows_that_count, write

pytestmark = pytest.mark.xdist_group("stopping")

BY_HAND = (signal.SIGINT, 130)
TERMINATED = (signal.SIGTERM, 143)
HUNG_UP = (signal.SIGHUP, 143)
slow = pytest.mark.slow
HEADER = "userId,movieId,rating,timestamp\n"

stopped_by = pytest.mark.parametrize(
    ("number", "code"),
    [BY_HAND, *(pytest.param(*other, marks=slow) for other in (TERMINATED, HUNG_UP))],
    ids=["int", "term", "hup"],
)


@pytest.fixture(autouse=True)
def hears_of_hangups() -> Iterator[None]:
    """Whoever was started with nohup ignores the signal, and so would what it starts."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def wait_until(happened: Callable[[], bool], process: forking.Process) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.005)


@stopped_by
def test_a_load_says_one_sentence_and_loads_all_afterwards(
    program: Cli, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    zone, home = tmp_path / "zone", tmp_path / "home"
    # A row that is no number makes it read record by record, in Python.
    write(zone, ratings=HEADER + "x,1,3.5,964982701\n" + "1,2,3.5,964982704\n" * 50_000)
    process = program.start("load", "--source", zone, "--home", home)
    wait_until((home / "work").exists, process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (code, "")
    assert stderr.startswith("Error: Stopped. No partial work was committed")
    assert stderr.count("\n") == 2
    assert program("load", "--source", zone, "--home", home).returncode == 0
    assert len(rows_that_count(home / "warehouse.duckdb", "ratings")) == 50_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [BY_HAND, pytest.param(*TERMINATED, marks=slow)], ids=["int", "term"]
)
def test_a_query_of_duckdb_is_stopped_as_well(
    cli: Cli, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    zone, home, rows = tmp_path / "zone", tmp_path / "home", 3_000_000
    write(zone, movies="movieId,title,genres\n1,Toy Story (1995),Comedy\n")
    duckdb.execute(
        f"copy (select range as userId, 1 as movieId, 3.5 as rating, 964982703 as timestamp "
        f"from range({rows})) to '{zone / 'ratings.csv'}' (header)"
    )
    process = cli.start("load", "--json", "--source", zone, "--home", home)
    written = home / "work"
    wait_until(lambda: any(file.stat().st_size for file in written.rglob("*.parquet")), process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (code, "")
    answer = json.loads(stdout)
    assert answer["exit_code"] == code
    assert answer["error"]["message"].startswith("Stopped.")
    assert cli.json("load", "--source", zone, "--home", home)["load_id"]


@stopped_by
def test_a_build_leaves_what_is_published(
    cli: Cli, home: Path, number: signal.Signals, code: int
) -> None:
    published = (home / "marts.duckdb").read_bytes()
    log = home / "logs" / "dbt.log"
    size = log.stat().st_size
    process = cli.start("run", "--full-refresh", "--json", "--home", home)
    wait_until(lambda: log.stat().st_size > size + 10_000, process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    answer = json.loads(stdout)
    assert (answer["exit_code"], stdout.count("\n")) == (code, 1)
    assert (home / "marts.duckdb").read_bytes() == published
    assert "already" in cli("publish", "--home", home).stdout
    assert cli.json("run", "--home", home)["status"] == "done"
    assert (home / "marts.duckdb").read_bytes() == published


@pytest.mark.slow
def test_a_second_sigterm_does_not_break_into_the_cleaning_up(cli: Cli, home: Path) -> None:
    """`timeout` sends two: one to the command, one to its process group."""
    log = home / "logs" / "dbt.log"
    size = log.stat().st_size
    process = cli.start("run", "--full-refresh", "--home", home)
    wait_until(lambda: log.stat().st_size > size + 10_000, process)
    for _ in range(5):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    _, stderr = process.communicate()
    assert process.returncode == 143
    assert stderr.startswith("Error: Stopped.")
    assert cli("status", "--home", home).returncode == 0


# What serves


def is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


SERVING = [
    ("dashboard", signal.SIGINT),
    pytest.param("dashboard", signal.SIGTERM, marks=slow),
    pytest.param("dashboard", signal.SIGHUP, marks=slow),
    pytest.param("demo --serve", signal.SIGTERM, marks=slow),
    pytest.param("dev s3 --no-sample", signal.SIGINT, marks=slow),
    ("dev s3 --no-sample", signal.SIGTERM),
    pytest.param("dev snowflake", signal.SIGINT, marks=slow),
    ("dev snowflake", signal.SIGTERM),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "number"), SERVING, ids=str)
def test_what_serves_frees_its_port(
    program: Cli, built: Path, home: Path, command: str, number: signal.Signals
) -> None:
    port = free_port()
    source = ("--source", built / "zone") if command.startswith("demo") else ()
    process = program.start(*command.split(), "--home", home, "--port", port, *source)
    try:
        assert process.stderr is not None
        assert any("Ctrl-C stops it" in line for line in process.stderr)
        wait_until(lambda: answers(port), process)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)
        assert process.returncode == (0 if number == signal.SIGINT else 143), stderr
        assert "Traceback" not in stderr
        assert is_free(port)
    finally:
        process.kill()


@pytest.mark.parametrize("what", [("s3", "--no-sample"), pytest.param(("snowflake",), marks=slow)])
def test_a_stand_in_leaves_no_server_behind(cli: Cli, what: tuple[str, ...]) -> None:
    """A process manager's SIGTERM reaches the command only, not the server that it started."""
    number, code = TERMINATED
    port = free_port()
    process = cli.start("dev", *what, "--port", port, "--home", "home")
    assert process.stdout is not None
    assert "export" in process.stdout.readline()
    with socket.create_connection(("127.0.0.1", port)):
        pass
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == code
    with socket.create_server(("127.0.0.1", port)):
        pass  # raises if the server is still there
