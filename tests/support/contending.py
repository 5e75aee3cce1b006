"""Several machines, each with a home of its own, that share one warehouse and one landing zone."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import forking
from tests.support.cli import PROGRAM, Cli
from tests.support.crashing import (
    BUSY,
    STEPPING,
    compare,
    half_file_versions,
    opened,
    orphans,
    read_zone,
)

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Runner:
    """A command that was started on one machine.

    Attributes:
        name: What and where.
        process: Its process.
        where: The file that tells at which step it was paused.
    """

    name: str
    process: forking.Process
    where: Path | None = None

    def end(self) -> tuple[int, str]:
        """Waits for its end; gives its exit code and what it printed."""
        out, err = self.process.communicate(timeout=240)
        return self.process.wait(), out + err

    def wait_until_paused(self) -> str:
        """Waits for its pause; gives the step at which it came."""
        while _state(self.process.pid) != "T":
            assert self.process.poll() is None, "it ended before its pause"
            time.sleep(0.005)
        assert self.where is not None
        return self.where.read_text().strip()

    def go_on(self) -> None:
        """Ends its pause."""
        self.process.send_signal(signal.SIGCONT)


def _state(pid: int) -> str:
    """One letter for what a process does; T if a signal has stopped it."""
    stat = Path(f"/proc/{pid}/stat")
    # Its name, in brackets, may hold anything.
    return stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else ""


class Machines:
    """Homes on one warehouse and one landing zone.

    Args:
        folder: Where everything is made.
        count: How many.
        lease_seconds: How long a lease lasts.
    """

    def __init__(self, folder: Path, count: int, lease_seconds: int = 900) -> None:
        self.folder, self.zone = folder, folder / "zone"
        self.warehouse = folder / "shared" / "warehouse.duckdb"
        self.homes = [folder / f"home-{number}" for number in range(count)]
        self.zone.mkdir(parents=True)
        self.warehouse.parent.mkdir()
        (folder / "cwd").mkdir()
        self.env = {
            "MOVIELENS_WAREHOUSE": str(self.warehouse),
            "MOVIELENS_LEASE_SECONDS": str(lease_seconds),
        }
        self._cli = Cli(folder / "cwd")

    def arguments(self, home: int, command: Sequence[str]) -> list[str]:
        """A command line on one machine."""
        return [*command, "--home", str(self.homes[home]), "--source", str(self.zone)]

    def call(self, home: int, *command: str) -> tuple[int, str]:
        """Runs a command to its end; gives its exit code and what it printed."""
        return self.start(home, *command).end()

    def start(self, home: int, *command: str) -> Runner:
        """Starts a command."""
        name = f"{command[0]} in {self.homes[home].name}"
        return Runner(name, self._popen([str(PROGRAM), *self.arguments(home, command)]))

    def start_and_pause(self, home: int, at: Sequence[str], *command: str) -> Runner:
        """Starts a command and waits until it has stopped at a step (see stepping.py)."""
        asked, where = self.folder / "asked.json", self.folder / "where.txt"
        asked.write_text(json.dumps({"pause": list(at), "tell": str(where)}))
        stepping = [sys.executable, "-P", str(STEPPING), str(asked), "--"]
        process = self._popen([*stepping, *self.arguments(home, command)])
        runner = Runner(f"{command[0]} in {self.homes[home].name}", process, where)
        runner.wait_until_paused()
        return runner

    def _popen(self, command: Sequence[str]) -> forking.Process:
        return forking.start(command, cwd=self._cli.folder, env=self._cli.environment(self.env))

    def problems(self) -> list[str]:
        """Problems found, in words: nothing may be doubled, lost, partial or left over."""
        with opened(self.warehouse) as connection:
            reading = self.folder / f"read-{time.monotonic_ns()}"
            counted = compare(connection, read_zone(self.zone, reading))
            reading.unlink()
            found = half_file_versions(connection) + orphans(connection)
        if counted.doubled or counted.lost:
            found.append(f"{counted.doubled} rows doubled, {counted.lost} lost")
        return found


def at_once(
    machines: Machines, runs: Sequence[tuple[int, str]], apart: Sequence[float] = ()
) -> list[tuple[str, int, str]]:
    """Starts commands within a moment; gives name, exit code and output of each.

    Args:
        machines: Where.
        runs: Home and command of each.
        apart: Seconds to wait before each start; by default none.
    """
    runners = []
    for (home, command), seconds in zip(runs, apart or [0.0] * len(runs), strict=True):
        time.sleep(seconds)
        runners.append(machines.start(home, command))
    return [(runner.name, *runner.end()) for runner in runners]


def wrong_endings(endings: Sequence[tuple[str, int, str]]) -> list[str]:
    """Names runners that neither succeeded nor exited because another run is in progress."""
    wrong = [
        f"{name} exited {code}: {told}"
        for name, code, told in endings
        if code not in (0, BUSY) or "Traceback" in told
    ]
    if not any(code == 0 for _, code, _ in endings):
        wrong.append(f"none of {len(endings)} runners ended well")
    return wrong
