"""Thousands of small files: what `movielens load` takes, and the statements it sends to Snowflake.

    python -m benchmarks.many_files                            10,000 files of 100 ratings
    python -m benchmarks.many_files --files 3000 --runs 1      fewer
    python -m benchmarks.many_files --statements 200 1000      on the stand-in for Snowflake

On DuckDB: whole processes, in turns with DuckDB's own `create table as` from `read_csv` of the same
files; then a load with nothing new, and one with a hundred changed files.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.processes import Measured, line, measure
from benchmarks.production import FREE, kind_of, statements
from local_dev.snowflake import snowflake_server

ROWS, CHANGED = 100, 100
HEADER = "userId,movieId,rating,timestamp\n"
LIMIT = """
import sys, duckdb
file, zone = sys.argv[1:]
duckdb.connect(file).execute(f"create table ratings as from read_csv('{zone}/*.csv')")
"""


def write(zone: Path, files: int, seed: int = 0) -> None:
    """Writes small files of ratings.

    Args:
        zone: The folder, which may have some already.
        files: How many.
        seed: Other ratings for the same users and movies.
    """
    values = random.Random(seed)  # noqa: S311 (made-up ratings, no secret)
    zone.mkdir(exist_ok=True)
    for number in range(1, files + 1):
        ratings = (
            f"{number},{movie},{values.randint(1, 10) / 2},{1_400_000_000 + movie}\n"
            for movie in range(1, ROWS + 1)
        )
        (zone / f"ratings-{number:06}.csv").write_text(HEADER + "".join(ratings))


def _load(home: Path, zone: Path, more: dict[str, str] | None = None) -> Measured:
    program = str(Path(sys.executable).parent / "movielens")
    return measure([program, "load", "--home", str(home), "--source", str(zone), "--quiet"], more)


def _on_duckdb(scratch: Path, files: int, runs: int) -> None:
    zone, home, other = scratch / "zone", scratch / "home", scratch / "limit.duckdb"
    limits, loads, idle, changed = [], [], [], []
    for _ in range(runs):
        write(zone, files)
        shutil.rmtree(home, ignore_errors=True)
        other.unlink(missing_ok=True)
        limits.append(measure([sys.executable, "-c", LIMIT, str(other), str(zone)]))
        loads.append(_load(home, zone))
        idle.append(_load(home, zone))
        write(zone, min(files, CHANGED), seed=1)
        changed.append(_load(home, zone))
    print(f"{files:,} files of {ROWS} ratings")
    print(line("DuckDB: create table as, from read_csv", limits))
    print(line("movielens load", loads, limits))
    print(line("movielens load, nothing new", idle, limits))
    print(line(f"movielens load, {min(files, CHANGED)} files changed", changed, limits))


def _on_snowflake(scratch: Path, files: int) -> None:
    with snowflake_server() as env:
        zone, home = scratch / f"zone-{files}", scratch / f"home-{files}"
        for seed, name in enumerate(("first load", "all files changed")):
            write(zone, files, seed)
            statements(env)
            took = _load(home, zone, {**env, "MOVIELENS_TARGET": "prod"})
            kinds = [kind_of(statement) for statement in statements(env)]
            metered = sum(kind not in FREE for kind in kinds)
            print(
                f"{files:>7,} files, {name:<18}{len(kinds):>5} statements, {metered:>4} may need a "
                f"warehouse, {took.seconds:>6.1f} s, peak {took.peak_bytes / 1e6:,.0f} MB",
                flush=True,
            )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--statements", type=int, nargs="+", metavar="FILES", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        for files in arguments.statements:
            _on_snowflake(Path(folder), files)
        if not arguments.statements:
            _on_duckdb(Path(folder), arguments.files, arguments.runs)


if __name__ == "__main__":
    main()
