"""`generate` compared with DuckDB writing a ratings.csv of the same size.

    python -m benchmarks.generate --ratings 25000000

Whole processes, alternating, medians of at least three runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.processes import Measured, line, measure

# A separate process creates the table beforehand: only writing is measured.
TABLE = """
import duckdb, sys
duckdb.connect(sys.argv[1]).execute(
    "create table ratings as select cast(i // 154 as integer) as userId, "
    "cast(hash(i) % 200000 as integer) as movieId, (1 + hash(i + 1) % 10) / 2 as rating, "
    "cast(824124615 + hash(i + 2) % 700000000 as bigint) as timestamp "
    "from range(cast(? as bigint)) as numbers(i)", [int(sys.argv[2])]
)
"""
LIMIT = """
import duckdb, sys
duckdb.connect(sys.argv[1], read_only=True).table("ratings").write_csv(sys.argv[2], header=True)
"""
GENERATE = """
import sys
from local_dev.generate import generate
generate(sys.argv[1], ratings=int(sys.argv[2]), genome=sys.argv[3] == "genome")
"""
GOAL = 3.0
GOAL_PEAK_MB = 1_500


def _python(code: str, *arguments: object) -> Measured:
    return measure([sys.executable, "-c", code, *map(str, arguments)])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=25_000_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        scratch = Path(folder)
        table = scratch / "limit.duckdb"
        _python(TABLE, table, arguments.ratings)
        limits, without, whole = [], [], []
        for _ in range(arguments.runs):
            limits.append(_python(LIMIT, table, scratch / "limit.csv"))
            without.append(_python(GENERATE, scratch / "data", arguments.ratings, "no genome"))
            whole.append(_python(GENERATE, scratch / "data", arguments.ratings, "genome"))
        size = (scratch / "limit.csv").stat().st_size / 1e6
        made = sum(path.stat().st_size for path in (scratch / "data").iterdir()) / 1e6
        print(
            f"{arguments.ratings:,} ratings; CSV of the limit {size:,.0f} MB, made {made:,.0f} MB"
        )
        print(f"Goals: {GOAL} x, peak {GOAL_PEAK_MB:,} MB")
        print(line("DuckDB: the table of ratings to CSV", limits))
        print(line("generate, four files", without, limits))
        print(line("generate, six files", whole, limits))


if __name__ == "__main__":
    main()
