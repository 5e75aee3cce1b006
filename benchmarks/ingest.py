"""`movielens load` compared with the least DuckDB itself needs for the same table, on disk.

    python -m benchmarks.ingest                    25 M ratings, all rows of the table
    python -m benchmarks.ingest --large 100000000  and 100 M ratings

Whole processes, alternating, medians of at least three runs. dlt's documented recipe (`filesystem |
read_csv`) is measured on part of the file, and compared per row.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.processes import Measured, line, measure
from local_dev.s3 import BUCKET, s3_server

LIMIT = """
import duckdb, sys
duckdb.connect(sys.argv[1]).execute(
    "create table ratings as select userId as user_id, movieId as movie_id, rating, timestamp, "
    "1::bigint as _file_id from read_csv(?)", [sys.argv[2]]
)
"""
RECIPE = """
import sys
import dlt
from dlt.sources.filesystem import filesystem, read_csv
files = filesystem(bucket_url=f"file://{sys.argv[2]}", file_glob="*.csv")
pipeline = dlt.pipeline(
    "recipe", destination=dlt.destinations.duckdb(sys.argv[1]), dataset_name="raw",
    pipelines_dir=f"{sys.argv[1]}.dlt",
)
pipeline.run((files | read_csv()).with_name("ratings"))
"""
UPLOAD = """
import sys
import boto3
from pathlib import Path
client = boto3.client("s3")
client.create_bucket(Bucket=sys.argv[2])
for file in Path(sys.argv[1]).iterdir():
    client.upload_file(str(file), sys.argv[2], file.name)
"""
GOALS = "Goals: load 1.8 x, 100 M 1.5 x; peak 1,000 MB and at 100 M 1.2 x; recipe 30 x; S3 1.3 x"


class Bench:
    """The files, the scratch space, and the measured processes.

    Args:
        scratch: A folder with room for everything.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch

    def _fresh(self, name: str) -> Path:
        folder = self.scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def generate(self, ratings: int) -> tuple[Path, Path]:
        """Generates a release in a separate process, whose memory does not count for later ones.

        Args:
            ratings: How many.

        Returns:
            A folder with all six files, and one with the ratings alone.
        """
        everything, alone = self._fresh(f"all-{ratings}"), self._fresh(f"ratings-{ratings}")
        _movielens("data", "generate", str(everything), "--ratings", str(ratings))
        (alone / "ratings.csv").hardlink_to(everything / "ratings.csv")
        return everything, alone

    def limit(self, zone: Path) -> Measured:
        """DuckDB's own statement."""
        file = self._fresh("limit") / "limit.duckdb"
        return _python(LIMIT, str(file), str(zone / "ratings.csv"))

    def recipe(self, zone: Path) -> Measured:
        """Dlt's documented recipe."""
        return _python(RECIPE, str(self._fresh("recipe") / "recipe.duckdb"), str(zone))

    def load(self, source: str | Path, more: dict[str, str] | None = None) -> Measured:
        """`movielens load` into a new home."""
        return self.load_again(self._fresh("home"), source, more)

    def load_again(
        self, home: Path, source: str | Path, more: dict[str, str] | None = None
    ) -> Measured:
        """`movielens load` into an existing home."""
        return _movielens("load", "--home", str(home), "--source", str(source), more=more)

    def part(self, zone: Path, rows: int) -> Path:
        """The first rows of a ratings file, in a separate folder."""
        folder = self._fresh("part")
        with (zone / "ratings.csv").open() as whole, (folder / "ratings.csv").open("w") as part:
            part.writelines(islice(whole, rows + 1))
        return folder


def _python(code: str, *arguments: str, more: dict[str, str] | None = None) -> Measured:
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    return measure([sys.executable, "-c", code, *arguments], {**quiet, **(more or {})})


def _movielens(*arguments: str, more: dict[str, str] | None = None) -> Measured:
    program = Path(sys.executable).parent / "movielens"
    return measure([str(program), *arguments, "--quiet"], more)


def _main_table(bench: Bench, ratings: int, runs: int, recipe_rows: int) -> list[Measured]:
    everything, zone = bench.generate(ratings)
    print(f"\n{ratings:,} ratings, {(zone / 'ratings.csv').stat().st_size / 1e6:,.0f} MB")
    limits, loads, idle, whole, recipes = [], [], [], [], []
    part = bench.part(zone, recipe_rows)
    for _ in range(runs):
        limits.append(bench.limit(zone))
        loads.append(bench.load(zone))
        idle.append(bench.load_again(bench.scratch / "home", zone))
        whole.append(bench.load(everything))
        recipes.append(bench.recipe(part))
    print(line("DuckDB: create table as, from read_csv", limits))
    print(line("movielens load", loads, limits))
    print(line("movielens load, nothing new", idle, limits))
    print(line("movielens load, all six files", whole, limits))
    rate = ratings / median(run.seconds for run in loads)
    slow = recipe_rows / median(run.seconds for run in recipes)
    print(line(f"dlt's recipe, {recipe_rows:,} rows", recipes))
    print(f"rows per second: movielens {rate:,.0f}, recipe {slow:,.0f}: {rate / slow:.0f} x")
    _s3_table(bench, zone, runs)
    return loads


def _s3_table(bench: Bench, zone: Path, runs: int) -> None:
    with s3_server() as settings:
        _python(UPLOAD, str(zone), BUCKET, more=settings)
        disk, s3 = [], []
        for _ in range(runs):
            disk.append(bench.load(zone))
            s3.append(bench.load(f"s3://{BUCKET}", settings))
    print(line("movielens load, from disk", disk))
    print(line("movielens load, from S3 (stand-in)", s3, disk))


def _large_table(bench: Bench, ratings: int, runs: int, usual: list[Measured]) -> None:
    _, zone = bench.generate(ratings)
    print(f"\n{ratings:,} ratings, {(zone / 'ratings.csv').stat().st_size / 1e6:,.0f} MB")
    limits, loads = [], []
    for _ in range(runs):
        limits.append(bench.limit(zone))
        loads.append(bench.load(zone))
    print(line("DuckDB: create table as, from read_csv", limits))
    print(line("movielens load", loads, limits))
    growth = max(run.peak_bytes for run in loads) / max(run.peak_bytes for run in usual)
    print(f"peak memory: {growth:.2f} x that of the smaller file")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=25_000_000)
    parser.add_argument("--large", type=int, default=0, help="also a file of this many ratings")
    parser.add_argument("--recipe-rows", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        bench = Bench(Path(folder))
        print(GOALS)
        usual = _main_table(bench, arguments.ratings, arguments.runs, arguments.recipe_rows)
        if arguments.large:
            _large_table(bench, arguments.large, arguments.runs, usual)


if __name__ == "__main__":
    main()
