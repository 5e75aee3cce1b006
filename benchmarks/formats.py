"""What `movielens load` takes for the same ratings as CSV, TSV, Parquet, and a folder of parts.

    python -m benchmarks.formats                         1 million ratings, medians of three
    python -m benchmarks.formats --ratings 25000000      more

Whole processes, in turns.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from benchmarks.processes import Measured, line, measure

PARTS = 200
FORMATS = ("ratings.csv", "ratings.tsv", "ratings.parquet", "parts")


def ratings(number: int, seed: int = 1) -> pa.Table:
    """Makes up ratings: about 150 by each user."""
    values = random.Random(seed)  # noqa: S311 (made-up ratings, no secret)
    return pa.table(
        {
            "userId": pa.array((n // 150 + 1 for n in range(number)), pa.int64()),
            "movieId": pa.array((values.randint(1, 200_000) for _ in range(number)), pa.int64()),
            "rating": pa.array((values.randint(1, 10) / 2 for _ in range(number)), pa.float64()),
            "timestamp": pa.array((10**9 + 60 * n for n in range(number)), pa.int64()),
        }
    )


def write(table: pa.Table, folder: Path) -> dict[str, int]:
    """Writes the rows into a landing zone per format; returns the size of each in bytes."""
    for name in FORMATS:
        (folder / name).mkdir()
    for name, delimiter in (("ratings.csv", ","), ("ratings.tsv", "\t")):
        options = arrow_csv.WriteOptions(delimiter=delimiter, quoting_style="none")
        arrow_csv.write_csv(table, folder / name / name, options)
    pq.write_table(table, folder / "ratings.parquet" / "ratings.parquet")
    size = -(-len(table) // PARTS)
    (folder / "parts" / "ratings").mkdir()
    for number in range(PARTS):
        part = folder / "parts" / "ratings" / f"part-{number:05}.snappy.parquet"
        pq.write_table(table.slice(number * size, size), part)
    return {
        name: sum(file.stat().st_size for file in (folder / name).rglob("*.*") if file.is_file())
        for name in FORMATS
    }


def main() -> None:
    """Prints a table row for each format."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ratings", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    program = str(Path(sys.executable).parent / "movielens")
    took: dict[str, list[Measured]] = {name: [] for name in FORMATS}
    with tempfile.TemporaryDirectory() as scratch:
        sizes = write(ratings(options.ratings), Path(scratch))
        for run in range(options.runs):
            for name in FORMATS:
                home, zone = Path(scratch) / f"home-{name}-{run}", Path(scratch) / name
                load = [program, "load", "--home", str(home), "--source", str(zone), "--quiet"]
                took[name].append(measure(load))
    for name, runs in took.items():
        label = f"{PARTS} parts of Parquet" if name == "parts" else name
        print(line(f"{label}, {sizes[name] / 1e6:.0f} MB", runs, took["ratings.csv"]))


if __name__ == "__main__":
    main()
