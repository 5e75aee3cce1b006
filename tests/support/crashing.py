"""Commands that are killed, and what must hold before and after the next run.

What counts is compared with the CSV files as plain Python reads them, and what is built and
published with what undisturbed runs gave.
"""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from tests.support import forking, table_hash
from tests.support.cli import PROGRAM, Cli
from tests.support.contract import CONTRACT, table_of

STEPPING = Path(__file__).with_name("stepping.py")
KILLED = -signal.SIGKILL
BUSY = 75
WAREHOUSE, MARTS = "warehouse.duckdb", "marts.duckdb"
# What DuckDB does to its files, as the kernel sees it.
FILE_CALLS = "pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename"

RAW_NAMES = {
    **{"userId": "user_id", "movieId": "movie_id", "tagId": "tag_id"},
    **{"imdbId": "imdb_id", "tmdbId": "tmdb_id"},
}
TABLES_OF_ROWS = {table_of(name): "_file_id" for name in CONTRACT}
CURRENT = """
    select max(file_id) from raw._files group by path having arg_max(version is not null, file_id)
"""
# What two homes with the same files need not agree on: ids and times of loads and of builds.
OF_THE_RUN = (
    *("_file_id", "file_id", "load_id", "loaded_at", "last_loaded_at"),
    *("data_version", "git_sha", "built_at", "run_at"),
)
Digests = dict[str, table_hash.Digest]


@dataclass(frozen=True)
class Reading:
    """What must count of a landing zone: a DuckDB file with its rows, and how many are rejected."""

    file: Path
    rejected: int


def read_zone(zone: Path, to: Path) -> Reading:
    """Reads every file of a landing zone into a DuckDB file, one table per dataset."""
    rejected = 0
    types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    with duckdb.connect(to) as connection:
        for dataset, columns in CONTRACT.items():
            rows: list[dict[str, Any]] = []
            for file in sorted(zone.rglob(f"{dataset}*.csv")):
                with file.open(encoding="utf-8", newline="") as stream:
                    records = [_converted(record, columns) for record in csv.DictReader(stream)]
                good = [row for row in records if 0.5 <= row.get("rating", 1) <= 5]
                rejected += len(records) - len(good)
                rows += good
            schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
            connection.register("in_python", pa.Table.from_pylist(rows, schema))
            named = ", ".join(f'"{name}" as {RAW_NAMES.get(name, name)}' for name in columns)
            table = dataset.replace("-", "_")
            connection.execute(f"create table {table} as select {named} from in_python")
    return Reading(to, rejected)


def _converted(record: dict[str, str], columns: dict[str, type]) -> dict[str, Any]:
    return {name: kind(record[name]) if record[name] else None for name, kind in columns.items()}


@dataclass(frozen=True)
class Counted:
    """How what counts in RAW differs from what must."""

    doubled: int
    lost: int


def compare(connection: duckdb.DuckDBPyConnection, wanted: Reading | None) -> Counted:
    """Compares the rows that count with what plain Python read; no reading means no rows."""
    if wanted is not None:
        connection.execute(f"attach '{wanted.file}' as wanted (read_only)")
    tables = _tables(connection, "raw")
    doubled = lost = 0
    for dataset, columns in CONTRACT.items():
        table = dataset.replace("-", "_")
        select = "select " + ", ".join(RAW_NAMES.get(name, name) for name in columns)
        is_there = "_files" in tables and table in tables
        there = f"{select} from raw.{table} where _file_id in ({CURRENT})" if is_there else ""
        needed = f"{select} from wanted.main.{table}" if wanted else ""
        doubled += _only_first(connection, there, needed)
        lost += _only_first(connection, needed, there)
    if wanted is not None:
        connection.execute("detach wanted")
    rejected = f"from raw._rejected_rows where file_id in ({CURRENT})"
    found = _count(connection, rejected) if "_files" in tables else 0
    difference = found - (wanted.rejected if wanted else 0)
    return Counted(doubled + max(difference, 0), lost + max(-difference, 0))


def _only_first(connection: duckdb.DuckDBPyConnection, first: str, second: str) -> int:
    if not first:
        return 0
    return _count(connection, f"{first} except all {second}" if second else first)


def _tables(connection: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    rows = connection.execute(
        "select table_name from information_schema.tables where table_schema = ? and "
        "table_catalog = current_database() order by 1",
        [schema],
    )
    return [name for (name,) in rows.fetchall()]


def _count(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    return int(connection.execute(f"select count(*) from ({rows})").fetchall()[0][0])


def half_file_versions(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Committed file versions that are not whole, or twice, in RAW; vacuumed ones may be gone."""
    tables = _tables(connection, "raw")
    if "_files" not in tables:
        return []
    rows = " union all ".join(
        f"select '{table}' as dataset, _file_id as file_id from raw.{table}"
        for table in TABLES_OF_ROWS
        if table in tables
    )
    wrong = connection.execute(
        f"""
        with there as (
            select file_id, count(*) as n from ({rows}) group by file_id
        )
        select path, file_id, rows_loaded, coalesce(n, 0)
        from raw._files left join there using (file_id)
        where version is not null and rows_loaded is distinct from coalesce(n, 0)
            and not (coalesce(n, 0) = 0 and file_id not in ({CURRENT}))
        """
    )
    return [f"{path} ({id_}): {n} rows for {wanted}" for path, id_, wanted, n in wrong.fetchall()]


def orphans(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Rows in RAW that are of no committed file version."""
    tables = _tables(connection, "raw")
    found = []
    for table, column in {**TABLES_OF_ROWS, "_rejected_rows": "file_id"}.items():
        if table in tables:
            of_none = f"from raw.{table} where {column} not in (select file_id from raw._files)"
            count = _count(connection, of_none)
            found += [f"raw.{table}: {count} rows of no file version"] if count else []
    return found


def digests(connection: duckdb.DuckDBPyConnection, *schemas: str) -> Digests:
    """Of each table and view that is not of this project's own bookkeeping."""
    found = table_hash.digests(connection, *schemas, left_out=OF_THE_RUN)
    return {name: digest for name, digest in found.items() if "._" not in name}


def digests_of_views(connection: duckdb.DuckDBPyConnection) -> Digests:
    """Of the `src_` models."""
    found = digests(connection, "analytics")
    return {name: digest for name, digest in found.items() if name.startswith("analytics.src_")}


@dataclass(frozen=True)
class State:
    """What undisturbed runs led to: what counts, what is built, what is published.

    Attributes:
        counts: What must count; None before the first load.
        views: Digests of the `src_` views.
        built: Digests of everything built from them.
        published: Digests of the published marts; empty before the first publish.
    """

    counts: Reading | None = None
    views: Digests = field(default_factory=dict)
    built: Digests = field(default_factory=dict)
    published: Digests = field(default_factory=dict)


EMPTY = State()


@contextmanager
def opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens a copy, so that not looking, but the next run, replays DuckDB's log."""
    with tempfile.TemporaryDirectory(dir=file.parent.parent) as scratch:
        for part in (file, file.with_name(f"{file.name}.wal")):
            if part.exists():
                shutil.copy(part, scratch)
        with duckdb.connect(Path(scratch) / file.name) as connection:
            connection.execute("set timezone = 'UTC'")
            yield connection


def state_of(home: Path, zone: Path, reading: Path) -> State:
    """Takes down what a home holds that nothing disturbed."""
    counts = read_zone(zone, reading)
    with opened(home / WAREHOUSE) as connection:
        assert compare(connection, counts) == Counted(0, 0)
        views = digests_of_views(connection)
        built = digests(connection, "analytics", "marts_candidate")
    return State(counts, views, built, published(home))


def published(home: Path) -> Digests:
    """Digests of what readers see."""
    if not (home / MARTS).exists():
        return {}
    with opened(home / MARTS) as connection:
        found = digests(connection, "main")
    assert found, "there are no marts in what readers see"
    return found


def published_version(home: Path) -> str | None:
    """The version that readers see."""
    if not (home / MARTS).exists():
        return None
    with opened(home / MARTS) as connection:
        status = connection.execute("select data_version from mart_dataset_status")
        return str(status.fetchall()[0][0])


@dataclass(frozen=True)
class Kill:
    """Where or when a command is killed.

    Attributes:
        step: At which of the steps that Python takes, from 1.
        steps: Or at the one whose name begins like the last of these, once the others were met.
        call: At which of DuckDB's calls to the kernel about the warehouse, such as `fsync:2`.
        seconds: After how long.
        lose_home: Whether everything but the warehouse is lost with the process.
    """

    step: int = 0
    steps: tuple[str, ...] = ()
    call: str = ""
    seconds: float = 0.0
    lose_home: bool = False


@dataclass
class Outcome:
    """What a kill led to.

    Attributes:
        kill: The kill.
        where: The step at which it came, as far as is known.
        killed: Whether the command was killed before its end.
        found: `before` or `after`, whichever state counted when it was dead; or `unreadable`.
        problems: What must not be, in words.
        doubled: Rows too many after the next run.
        lost: Rows too few after the next run.
        wedged: Whether the next run failed.
        rebuilt: Whether the next run set the warehouse aside and loaded it anew.
    """

    kill: Kill
    where: str = ""
    killed: bool = False
    found: str = ""
    problems: list[str] = field(default_factory=list)
    doubled: int = 0
    lost: int = 0
    wedged: bool = False
    rebuilt: bool = False

    @property
    def sound(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.problems or self.doubled or self.lost or self.wedged)


class Place:
    """A home and a landing zone at fixed paths, which each trial starts anew from copies.

    Args:
        folder: Where they are made.
        zone: A landing zone that is used where it is, for its place is part of what is loaded.
    """

    def __init__(self, folder: Path, zone: Path | None = None) -> None:
        self.folder = folder
        self.home, self.zone = folder / "home", zone or folder / "zone"
        (folder / "cwd").mkdir(parents=True)
        self.cli = Cli(folder / "cwd")

    def keep(self, name: str) -> Path:
        """Copies the home as it is, to start from."""
        return shutil.copytree(self.home, self.folder / name, copy_function=shutil.copy2)

    def reset(self, home: Path | None, zone: Path) -> None:
        """Starts anew from copies; without a home, from none."""
        for there, copied in ((self.home, home), (self.zone, zone)):
            if copied != there:
                shutil.rmtree(there, ignore_errors=True)
                if copied is not None:
                    shutil.copytree(copied, there, copy_function=shutil.copy2)

    def lose_home(self) -> None:
        """Loses everything but the warehouse, as when a machine is lost."""
        for entry in self.home.glob("*"):
            if entry.is_dir():
                shutil.rmtree(entry)
            elif not entry.name.startswith(WAREHOUSE):
                entry.unlink()


@dataclass(frozen=True)
class Scenario:
    """A command that is killed.

    Attributes:
        name: For people.
        place: Where it happens.
        home: The home that it starts from; None for none.
        zone: The landing zone.
        command: `load`, `run` or another command with its options.
        before: What holds before it.
        after: What holds after it.
        recovery: What is run next; default: the same.
        env: Settings.
    """

    name: str
    place: Place
    home: Path | None
    zone: Path
    command: tuple[str, ...]
    before: State
    after: State
    recovery: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    def arguments(self, command: Sequence[str]) -> list[str]:
        """The command line."""
        options = ["--home", str(self.place.home)]
        if command[0] in ("load", "run"):
            options += ["--source", str(self.place.zone)]
        return [*command, *options]

    def steps(self) -> list[str]:
        """Lists every step of an undisturbed command."""
        self.place.reset(self.home, self.zone)
        listed = self.place.folder / "steps.txt"
        process = self._start_stepping({"list": str(listed)})
        _, told = process.communicate()
        assert process.returncode == 0, told
        return listed.read_text().splitlines()

    def calls(self) -> list[str]:
        """Lists DuckDB's calls to the kernel about the warehouse, in the thread that has most."""
        self.place.reset(self.home, self.zone)
        traced = self.place.folder / "calls.txt"
        process = self._start(self._traced("-o", str(traced), "-e", f"trace={FILE_CALLS}"))
        _, told = process.communicate()
        assert process.returncode == 0, told
        of_threads: dict[str, list[str]] = {}
        for line in traced.read_text().splitlines():
            thread, call = line.split(maxsplit=1)
            of_threads.setdefault(thread, []).append(call.partition("(")[0])
        longest = max(of_threads.values(), key=len)
        seen = Counter[str]()
        for number, call in enumerate(longest):
            seen[call] += 1
            longest[number] = f"{call}:{seen[call]}"
        return longest

    def seconds(self) -> float:
        """Times an undisturbed command: the first one may wait for what starts all of them."""
        return min(self._undisturbed(), self._undisturbed())

    def _undisturbed(self) -> float:
        self.place.reset(self.home, self.zone)
        started = time.perf_counter()
        process = self._start([str(PROGRAM), *self.arguments(self.command)])
        _, told = process.communicate()
        assert process.returncode == 0, told
        return time.perf_counter() - started

    def try_kill(self, kill: Kill) -> Outcome:
        """Kills the command, looks, runs it again and looks again."""
        self.place.reset(self.home, self.zone)
        outcome = Outcome(kill)
        self.kill(outcome)
        self._look_at_what_is_left(outcome)
        if kill.lose_home:
            self.place.lose_home()
        self._recover(outcome)
        if not outcome.wedged:
            self._look_at_what_came_of_it(outcome)
        return outcome

    def _start(self, command: Sequence[str]) -> forking.Process:
        start = forking.start if command[0] in forking.STARTS else forking.start_anew
        return start(
            command,
            cwd=self.place.cli.folder,
            env=self.place.cli.environment(self.env),
            stdout=subprocess.DEVNULL,
        )

    def _start_stepping(self, asked: dict[str, Any]) -> forking.Process:
        told = self.place.folder / "asked.json"
        told.write_text(json.dumps(asked))
        command = [sys.executable, "-P", str(STEPPING), str(told), "--"]
        return self._start([*command, *self.arguments(self.command)])

    def _traced(self, *options: str) -> list[str]:
        file = str(self.place.home / WAREHOUSE)
        files = ["-P", file, "-P", f"{file}.wal"]
        strace = ["strace", "-f", "-qq", *files, *options]
        return [*strace, str(PROGRAM), *self.arguments(self.command)]

    def kill(self, outcome: Outcome) -> None:
        """Starts the command, kills it as asked, and notes where."""
        kill = outcome.kill
        where = self.place.folder / "where.txt"
        where.unlink(missing_ok=True)
        if kill.step or kill.steps:
            at = kill.step or kill.steps
            process = self._start_stepping({"kill": at, "tell": str(where)})
        elif kill.call:
            name, _, number = kill.call.partition(":")
            inject = f"inject={name}:signal=KILL:when={number}"
            trace = ("-e", f"trace={FILE_CALLS}", "-e", inject)
            process = self._start(self._traced("-o", str(where), *trace))
        else:
            process = self._start([str(PROGRAM), *self.arguments(self.command)])
            time.sleep(kill.seconds)
            process.kill()
        _, told = process.communicate()
        outcome.killed = process.returncode == KILLED
        if not outcome.killed and process.returncode != 0:
            outcome.problems.append(f"exited {process.returncode} before the kill: {told}")
        lines = where.read_text().splitlines() if where.exists() else []
        calls = [line.partition(" ")[2].strip() for line in lines if "(" in line]
        outcome.where = calls[-1][:72] if calls and kill.call else "".join(lines[:1])
        if kill.seconds:
            outcome.where = f"after {kill.seconds:.2f} s"

    def _look_at_what_is_left(self, outcome: Outcome) -> None:
        seen = published(self.place.home)
        if seen not in (self.before.published, self.after.published):
            outcome.problems.append("readers see marts that are neither the old nor the new ones")
        if not (self.place.home / WAREHOUSE).exists():
            outcome.found = "before"
            return
        try:
            with opened(self.place.home / WAREHOUSE) as connection:
                self._look_inside(connection, outcome)
        except duckdb.Error as error:
            outcome.found = f"unreadable: {str(error).splitlines()[0]}"

    def _look_inside(self, connection: duckdb.DuckDBPyConnection, outcome: Outcome) -> None:
        outcome.problems += half_file_versions(connection)
        views = digests_of_views(connection)
        known = (self.before.views, self.after.views)
        if any(all(state.get(view) != rows for state in known) for view, rows in views.items()):
            outcome.problems.append("a src_ view is neither that of before nor that of after")
        if compare(connection, self.before.counts) == Counted(0, 0):
            outcome.found = "before"
        elif compare(connection, self.after.counts) == Counted(0, 0):
            outcome.found = "after"
        else:
            outcome.problems.append("what counts is neither the old files nor the new ones")

    def _recover(self, outcome: Outcome) -> None:
        command = self.arguments(self.recovery or self.command)
        done = self.place.cli(*command, env=self.env)
        if outcome.kill.lose_home and done.returncode == BUSY and "--take-over" in done.stderr:
            # A run that died on a machine that is lost keeps its lease until it ends.
            done = self.place.cli(*command, "--take-over", env=self.env)
        outcome.wedged = done.returncode != 0
        if outcome.wedged:
            outcome.problems.append(f"the next run exited {done.returncode}: {done.stderr.strip()}")
        outcome.rebuilt = any(self.place.home.glob(f"{WAREHOUSE}.damaged-*"))

    def _look_at_what_came_of_it(self, outcome: Outcome) -> None:
        with opened(self.place.home / WAREHOUSE) as connection:
            counted = compare(connection, self.after.counts)
            outcome.doubled, outcome.lost = counted.doubled, counted.lost
            outcome.problems += orphans(connection) + half_file_versions(connection)
            if self.command[0] != "load":
                built = digests(connection, "analytics", "marts_candidate")
                outcome.problems += _different(built, self.after.built)
                version = connection.execute("select version from audit.builds").fetchall()
                self._look_at_what_is_published(outcome, str(version[0][0]))
        left = [*self.place.home.glob("*.next*"), *self.place.home.glob("versions/*.unfinished*")]
        outcome.problems += [f"{file.name} was left behind" for file in left]

    def _look_at_what_is_published(self, outcome: Outcome, version: str) -> None:
        outcome.problems += _different(published(self.place.home), self.after.published)
        if published_version(self.place.home) != version:
            outcome.problems.append("what is published is not the version that was built")


def _different(found: Digests, wanted: Digests) -> list[str]:
    names = sorted(found.keys() | wanted.keys())
    return [f"{name} differs" for name in names if found.get(name) != wanted.get(name)]


def spread(total: int, count: int, chance: Random | None = None) -> list[int]:
    """Chooses numbers from 1 to a total, one of each of equal stretches.

    Args:
        total: The largest number.
        count: How many to choose.
        chance: Draws each; by default, each is the one in the middle.
    """
    stretches = range(min(count, total))
    at = [chance.random() if chance else 0.5 for _ in stretches]
    return [int((number + at[number]) * total / count) + 1 for number in stretches]
