"""`movielens load` against the least that DuckDB itself needs for the same table, on disk.

    python -m benchmarks.ingest --ratings 25000000

Whole process against whole process, in turns, medians of at least three runs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.processes import Measured, line, measure

LIMIT = """
import duckdb, sys
duckdb.connect(sys.argv[1]).execute(
    "create table ratings as select userId as user_id, movieId as movie_id, rating, timestamp, "
    "1::bigint as _file_id from read_csv(?)", [sys.argv[2]]
)
"""
GOAL = 2.5


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _limit(scratch: Path, csv: Path) -> Measured:
    home = _fresh(scratch / "limit")
    return measure([sys.executable, "-c", LIMIT, str(home / "limit.duckdb"), str(csv)])


def _movielens(*arguments: str) -> Measured:
    return measure([str(Path(sys.executable).parent / "movielens"), *arguments, "--quiet"])


def _load(home: Path, source: Path) -> Measured:
    return _movielens("load", "--home", str(home), "--source", str(source))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=25_000_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        scratch = Path(folder)
        source = scratch / "landing"
        # In a process of its own: what this one has used would count as the peak of each child.
        made = _movielens(
            "data",
            "generate",
            str(scratch / "all"),
            "--no-genome",
            "--ratings",
            str(arguments.ratings),
        )
        source.mkdir()
        csv = (scratch / "all" / "ratings.csv").rename(source / "ratings.csv")
        size = csv.stat().st_size / 1e6
        print(f"{arguments.ratings:,} ratings, {size:,.0f} MB (made in {made.seconds:.0f} s)")
        limits, loads, idle = [], [], []
        for _ in range(arguments.runs):
            limits.append(_limit(scratch, csv))
            home = _fresh(scratch / "home")
            loads.append(_load(home, source))
            idle.append(_load(home, source))
        print(line("DuckDB: create table as, from read_csv", limits))
        print(line(f"movielens load (goal {GOAL} x)", loads, limits))
        print(line("movielens load, nothing new", idle, limits))
        rate = arguments.ratings / median(run.seconds for run in loads)
        print(f"movielens load: {rate:,.0f} rows per second")


if __name__ == "__main__":
    main()
