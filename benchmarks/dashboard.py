"""The dashboard under load: real sessions on a real server, every answer checked.

    python -m benchmarks.dashboard --home .movielens --processes 2
    python -m benchmarks.dashboard --processes 2 --against ../an-older-checkout

Each session opens Overview, then changes genre and years at random, with think time in between. A
change is done once the answer states the chosen filter. Two processes stand behind the nginx of
docs/dashboard.md. Clients, proxy and servers share a machine, so the figures are pessimistic; the
share of each in the machine's processor time is printed beside them. Exits with 1 if an answer was
wrong, or a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from dashboard.filters import ALL_GENRES, USUAL_MINIMUM, Filter
from local_dev.servers import free_port, process_on
from tests.support.documented_proxy import nginx
from tests.support.streamlit_session import Answer, Visitor

PROJECT = Path(__file__).resolve().parents[1]
THINK_SECONDS = 2.0
IDLE_SESSIONS = 100
# p95 in seconds of a first page and of a filter change, by number of sessions; two processes.
GOALS = {60: (1.5, 1.0)}
MOST_GROWTH = 100e6
TABLE = (
    "| server | sessions | first page p50 / p95 ms | change p50 / p95 ms | changes | wrong | MB"
    " | servers, proxy, sessions: share of the processors |\n|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Served:
    """A dashboard that is being served.

    Attributes:
        name: What it is called in the tables.
        port: Where it listens.
        pids: Its processes.
        proxy: The process in front of them, if there is one.
    """

    name: str
    port: int
    pids: tuple[int, ...]
    proxy: int | None = None

    def resident(self) -> int:
        """Memory of its processes, in bytes."""
        return sum(map(resident, self.pids))

    def processor_seconds(self) -> float:
        """Processor time that its processes have used, in seconds."""
        return sum(map(processor_seconds, self.pids))


@contextmanager
def served(name: str, checkout: Path, processes: int) -> Iterator[Served]:
    """Serves a checkout's dashboard while the block runs.

    Args:
        name: What it is called in the tables.
        checkout: The project, of this or an older version.
        processes: One, or two behind the documented proxy.
    """
    with ExitStack() as running:
        ports, pids = [free_port() for _ in range(processes)], []
        for port in ports:
            where = ["--server.port", str(port), "--server.address", "127.0.0.1"]
            app = str(checkout / "dashboard" / "server.py")
            command = [sys.executable, "-m", "streamlit", "run", app, *where]
            pids.append(running.enter_context(process_on(port, command, cwd=checkout)).pid)
        proxy = None
        (port, *more) = ports
        if more:
            folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
            port, proxy = running.enter_context(nginx(folder, ports))
        time.sleep(2)
        yield Served(name, port, tuple(pids), proxy)


@dataclass
class Round:
    """What concurrent sessions saw.

    Attributes:
        first: Seconds of each first page.
        changes: Seconds of each filter change.
        problems: Wrong answers.
    """

    first: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


async def visit(port: int, changes: int, chance: random.Random, seen: Round) -> None:
    """One session: opens the page, and changes the filter a number of times.

    Args:
        port: The server's port.
        changes: How many times.
        chance: Chooses filters and think times.
        seen: Collects the measurements.
    """
    # A crowd does not arrive all at once.
    await asyncio.sleep(chance.uniform(0, THINK_SECONDS))
    try:
        async with Visitor(port) as visitor:
            answer = await visitor.load()
            seen.first.append(answer.seconds)
            seen.problems += answer.failures
            for _ in range(changes):
                await asyncio.sleep(chance.uniform(0.5, 1.5) * THINK_SECONDS)
                answer = await change(visitor, chance, seen)
                seen.changes.append(answer.seconds)
    except Exception as error:
        seen.problems.append(f"{type(error).__name__}: {error}")


async def change(
    visitor: Visitor, chance: random.Random, seen: Round, *, minimum: bool = False
) -> Answer:
    """Chooses another filter, and checks that the answer applies it.

    Args:
        visitor: An open page.
        chance: Chooses the filter.
        seen: Collects problems.
        minimum: Whether to change the minimum number of ratings too.
    """
    genre = chance.choice(list(visitor.widgets["Genre"].options))
    years = visitor.widgets["Released"]
    first, last = sorted(chance.randint(int(years.min), int(years.max)) for _ in range(2))
    asked = {"Genre": genre, "Released": (float(first), float(last))}
    least = USUAL_MINIMUM
    if minimum:
        least = chance.randint(1, 200)
        asked["Minimum_ratings"] = least
    answer = await visitor.change(**asked)
    chosen = Filter(
        genre=None if genre == ALL_GENRES else genre,
        first=first,
        last=last,
        whole_span=(first, last) == (int(years.min), int(years.max)),
        minimum=least,
    )
    if not any(chosen.sentence in text for text in answer.texts):
        seen.problems.append(f"not applied: {chosen.sentence}")
    seen.problems += answer.failures
    return answer


async def crowd(port: int, sessions: int, changes: int, seed: int) -> Round:
    """Concurrent sessions.

    Args:
        port: The server's port.
        sessions: How many.
        changes: Filter changes per session.
        seed: Seed of their choices.
    """
    seen = Round()
    visits = (
        # Other choices in each round: those of the round before are in the cache.
        visit(port, changes, random.Random(f"{seed} {sessions} {number}"), seen)  # noqa: S311 (no secret)
        for number in range(sessions)
    )
    await asyncio.gather(*visits)
    return seen


async def resident_with_idle_sessions(on: Served) -> int:
    """Memory of the server, in bytes, while many idle sessions are open."""
    async with AsyncExitStack() as open_pages:
        for _ in range(IDLE_SESSIONS):
            visitor = await open_pages.enter_async_context(Visitor(on.port))
            await visitor.load()
        await asyncio.sleep(1)
        return on.resident()


async def combinations(port: int, count: int, seed: int) -> Round:
    """One session that keeps choosing random combinations of all three filters."""
    seen, chance = Round(), random.Random(seed)  # noqa: S311
    async with Visitor(port) as visitor:
        await visitor.load()
        for _ in range(count):
            answer = await change(visitor, chance, seen, minimum=True)
            seen.changes.append(answer.seconds)
    return seen


def resident(pid: int) -> int:
    """Reads the resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def processor_seconds(pid: int) -> float:
    """Reads the processor time a process and its children have used, in seconds."""
    numbers = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    own = (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return own + sum(processor_seconds(int(child)) for child in children)


def milliseconds(values: Sequence[float]) -> str:
    """Formats median and 95th percentile."""
    if len(values) < 2:
        return " / ".join([f"{value * 1000:.0f}" for value in values] * 2) or "–"
    return f"{quantiles(values, n=20)[9] * 1000:.0f} / {percentile_95(values) * 1000:.0f}"


def percentile_95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return quantiles(values, n=20, method="inclusive")[18]


def warmed(on: Served) -> list[str]:
    """Opens the first page, and says what it took; returns wrong answers."""
    before = on.resident()
    opened = asyncio.run(first_page(on.port))
    for _ in on.pids:
        asyncio.run(first_page(on.port))
    print(
        f"{on.name}: first page {opened.bytes / 1e3:.0f} kB, {opened.seconds * 1000:.0f} ms in a"
        f" new process; memory before {before / 1e6:.0f} MB, after {on.resident() / 1e6:.0f} MB"
    )
    return list(opened.failures)


def crowded(on: Served, sessions: int, arguments: argparse.Namespace) -> Round:
    """Runs concurrent sessions, and prints a line of the table."""

    def used() -> tuple[float, ...]:
        proxy = processor_seconds(on.proxy) if on.proxy else 0.0
        return on.processor_seconds(), proxy, time.process_time()

    started, before = time.perf_counter(), used()
    seen = asyncio.run(crowd(on.port, sessions, arguments.changes, arguments.seed))
    whole = (time.perf_counter() - started) * (os.cpu_count() or 1)
    shares = (f"{(now - then) / whole:.0%}" for then, now in zip(before, used(), strict=True))
    print(
        f"| {on.name} | {sessions} | {milliseconds(seen.first)} | {milliseconds(seen.changes)}"
        f" | {len(seen.changes)} | {len(seen.problems)} | {on.resident() / 1e6:.0f}"
        f" | {', '.join(shares)} |",
        flush=True,
    )
    return seen


def missed(seen: Round, sessions: int) -> list[str]:
    """Names the goals that were not reached with so many sessions."""
    found = []
    goals = zip(GOALS.get(sessions, ()), ("first page", "change"), strict=False)
    for (goal, what), values in zip(goals, (seen.first, seen.changes), strict=False):
        if len(values) > 1 and percentile_95(values) > goal:
            found.append(f"p95 of a {what} with {sessions} sessions is more than {goal} s")
    return found


def remembers(on: Served, arguments: argparse.Namespace) -> list[str]:
    """Measures memory with idle sessions and many filters; returns wrong answers."""
    idle = asyncio.run(resident_with_idle_sessions(on))
    print(f"\nMemory with {IDLE_SESSIONS} idle sessions: {idle / 1e6:.0f} MB")
    before, used = on.resident(), on.processor_seconds()
    seen = asyncio.run(combinations(on.port, arguments.combinations, arguments.seed))
    growth, used = on.resident() - before, on.processor_seconds() - used
    print(
        f"{arguments.combinations:,} random filter combinations: {growth / 1e6:+.0f} MB,"
        f" {milliseconds(seen.changes)} ms, of which the server computed"
        f" {used / max(1, arguments.combinations) * 1000:.0f} ms; {len(seen.problems)} wrong"
    )
    if growth > MOST_GROWTH:
        seen.problems.append(f"memory grew by more than {MOST_GROWTH / 1e6:.0f} MB")
    return seen.problems


def measure(arguments: argparse.Namespace) -> list[str]:
    """Runs all rounds and prints a line for each; returns wrong answers and missed goals.

    Before and after take turns, so that a busy machine slows both.
    """
    with ExitStack() as running:
        now = running.enter_context(served("now", PROJECT, arguments.processes))
        servers = [now]
        if arguments.against:
            earlier = Path(arguments.against).resolve()
            servers.insert(0, running.enter_context(served("before", earlier, 1)))
        wrong = [problem for each in servers for problem in warmed(each)]
        print(f"\n{TABLE}")
        for sessions in arguments.sessions:
            for each in servers:
                seen = crowded(each, sessions, arguments)
                wrong += seen.problems
                if each is now and arguments.processes > 1:
                    wrong += missed(seen, sessions)
        return wrong + (remembers(now, arguments) if arguments.combinations else [])


async def first_page(port: int) -> Answer:
    """Opens the page once."""
    async with Visitor(port) as visitor:
        return await visitor.load()


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", default=".movielens", help="folder of published marts")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1)
    parser.add_argument("--against", help="checkout of an older version, served by one process")
    parser.add_argument("--sessions", type=int, nargs="*", default=[1, 10, 20, 40, 60, 100])
    parser.add_argument("--changes", type=int, default=8, help="per session")
    parser.add_argument("--combinations", type=int, default=1000, help="0 for none")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    home = Path(arguments.home).resolve()
    if not (home / "marts.duckdb").exists():
        sys.exit(f"Nothing is published in {arguments.home}; run: movielens demo")
    os.environ.update(MOVIELENS_HOME=str(home), MOVIELENS_TARGET="dev")
    wrong = measure(arguments)
    for problem in sorted(set(wrong)):
        print(f"WRONG: {problem} ({wrong.count(problem)} times)")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
