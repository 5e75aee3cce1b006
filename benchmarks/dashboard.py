"""The dashboard under load: real sessions on a real server, every answer checked.

    python -m benchmarks.dashboard --home .movielens

Each session opens Overview, then changes genre and years at random, with think time in between. A
change is done once the answer states the chosen filter. Clients and server share a machine, so the
figures are pessimistic. Exits with 1 if an answer was wrong, or a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from dashboard.filters import ALL_GENRES, USUAL_MINIMUM, Filter
from local_dev.servers import free_port, process_on
from tests.support.streamlit_session import Answer, Visitor

APP = Path(__file__).resolve().parents[1] / "dashboard" / "server.py"
THINK_SECONDS = 2.0
IDLE_SESSIONS = 100
# p95 of a filter change in seconds, by number of sessions; memory growth in bytes.
GOALS = {10: 0.4, 20: 1.0}
MOST_GROWTH = 100e6


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
        visit(port, changes, random.Random(seed + number), seen)  # noqa: S311
        for number in range(sessions)
    )
    await asyncio.gather(*visits)
    return seen


async def resident_with_idle_sessions(port: int, pid: int) -> int:
    """Memory of the server, in bytes, while many idle sessions are open."""
    async with AsyncExitStack() as open_pages:
        for _ in range(IDLE_SESSIONS):
            visitor = await open_pages.enter_async_context(Visitor(port))
            await visitor.load()
        await asyncio.sleep(1)
        return resident(pid)


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
    """Reads the processor time a process has used, in seconds."""
    numbers = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def milliseconds(values: Sequence[float]) -> str:
    """Formats median and 95th percentile."""
    if len(values) < 2:
        return " / ".join([f"{value * 1000:.0f}" for value in values] * 2) or "–"
    return f"{quantiles(values, n=20)[9] * 1000:.0f} / {percentile_95(values) * 1000:.0f}"


def percentile_95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return quantiles(values, n=20, method="inclusive")[18]


def measure(port: int, pid: int, arguments: argparse.Namespace) -> list[str]:
    """Runs all rounds and prints a line for each; returns wrong answers and missed goals."""
    print(f"Memory, no session yet: {resident(pid) / 1e6:.0f} MB")
    opened = asyncio.run(first_page(port))
    print(
        f"First page: {opened.bytes / 1e3:.0f} kB, {opened.seconds * 1000:.0f} ms in a new process"
    )
    print(f"Memory after one session: {resident(pid) / 1e6:.0f} MB\n")
    wrong = list(opened.failures)
    print("| sessions | first page p50 / p95 ms | change p50 / p95 ms | changes | wrong | MB |")
    print("|---|---|---|---|---|---|")
    for sessions in arguments.sessions:
        seen = asyncio.run(crowd(port, sessions, arguments.changes, arguments.seed))
        print(
            f"| {sessions} | {milliseconds(seen.first)} | {milliseconds(seen.changes)}"
            f" | {len(seen.changes)} | {len(seen.problems)} | {resident(pid) / 1e6:.0f} |",
            flush=True,
        )
        wrong += seen.problems
        goal = GOALS.get(sessions)
        if goal and seen.changes and percentile_95(seen.changes) > goal:
            wrong.append(f"p95 with {sessions} sessions is more than {goal} s")
    idle = asyncio.run(resident_with_idle_sessions(port, pid))
    print(f"\nMemory with {IDLE_SESSIONS} idle sessions: {idle / 1e6:.0f} MB")
    before, used = resident(pid), processor_seconds(pid)
    seen = asyncio.run(combinations(port, arguments.combinations, arguments.seed))
    growth, used = resident(pid) - before, processor_seconds(pid) - used
    print(
        f"{arguments.combinations:,} random filter combinations: {growth / 1e6:+.0f} MB,"
        f" {milliseconds(seen.changes)} ms, of which the server computed"
        f" {used / arguments.combinations * 1000:.0f} ms; {len(seen.problems)} wrong"
    )
    if growth > MOST_GROWTH:
        wrong.append(f"memory grew by more than {MOST_GROWTH / 1e6:.0f} MB")
    return wrong + seen.problems


async def first_page(port: int) -> Answer:
    """Opens the page once."""
    async with Visitor(port) as visitor:
        return await visitor.load()


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", default=".movielens", help="folder of published marts")
    parser.add_argument("--sessions", type=int, nargs="*", default=[1, 10, 20, 40])
    parser.add_argument("--changes", type=int, default=8, help="per session")
    parser.add_argument("--combinations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not (Path(arguments.home) / "marts.duckdb").exists():
        sys.exit(f"Nothing is published in {arguments.home}; run: movielens demo")
    os.environ.update(MOVIELENS_HOME=arguments.home, MOVIELENS_TARGET="dev")
    port = free_port()
    where = ["--server.port", str(port), "--server.address", "127.0.0.1"]
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *where]
    with process_on(port, command) as server:
        time.sleep(2)
        wrong = measure(port, server.pid, arguments)
    for problem in sorted(set(wrong)):
        print(f"WRONG: {problem} ({wrong.count(problem)} times)")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
