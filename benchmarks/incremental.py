"""What a load and a build cost when few, some or all rows are new.

    python -m benchmarks.incremental --ratings 25000000

Loads and builds a home from scratch. Then, each in a copy of that home, a file lands that repeats
1 %, 10 % or 100 % of the ratings under new users, and finally one with tags only. Prints medians in
seconds, and their ratio to the load and build from scratch of the same run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import duckdb

PROGRAM = str(Path(sys.executable).parent / "movielens")
SHARES = (0.01, 0.1, 1.0)
NEW_USERS = 1_000_000_000  # added to the user ids of repeated ratings
FACTS = ("fct_ratings", "fct_tags", "fct_genome_scores")


class Cost(NamedTuple):
    """Seconds of one load and one build.

    Attributes:
        load: The load.
        facts: The three incremental facts, within the build.
        models: All other models.
        audit: All tests.
        dbt: The rest of the build: starting dbt, parsing the project, its report.
        total: The load and the build.
    """

    load: float
    facts: float
    models: float
    audit: float
    dbt: float
    total: float


def _movielens(*arguments: object) -> Any:
    command = [PROGRAM, *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout}")
    return json.loads(done.stdout)


def _cost(home: Path, zone: Path) -> Cost:
    loaded = _movielens("load", "--home", home, "--source", zone)
    built = _movielens("build", "--home", home)
    parts: dict[str, float] = defaultdict(float)
    for node, seconds in built["node_seconds"].items():
        kind, _, name = node.partition(".")
        parts["facts" if name in FACTS else "models" if kind == "model" else "audit"] += seconds
    nodes = (parts["facts"], parts["models"], parts["audit"])
    total = loaded["seconds"] + built["seconds"]
    return Cost(loaded["seconds"], *nodes, built["seconds"] - sum(nodes), total)


def _medians(costs: list[Cost]) -> Cost:
    return Cost(*(median(values) for values in zip(*costs, strict=True)))


class Bench:
    """A home loaded and built from scratch, to which a drop can be added any number of times.

    Args:
        scratch: A folder for everything.
        ratings: The initial number of ratings.
        runs: How often each drop is measured.
    """

    def __init__(self, scratch: Path, ratings: int, runs: int) -> None:
        self.zone = scratch / "zone"
        self._home = scratch / "home"
        self._base = scratch / "base"
        self._runs = runs
        _movielens("data", "generate", self.zone, "--ratings", ratings)
        self.whole = _medians([self._first() for _ in range(runs)])
        self._home.rename(self._base)

    def _first(self) -> Cost:
        shutil.rmtree(self._home, ignore_errors=True)
        return _cost(self._home, self.zone)

    def cost(self, drop: Callable[[Path], Path]) -> Cost:
        """Measures a drop, and removes its file; returns the medians.

        Args:
            drop: Writes a file into the landing zone, and returns its path.
        """
        file = drop(self.zone)
        costs = []
        for _ in range(self._runs):
            # Always in the same place: dbt reparses a project whose warehouse has moved.
            shutil.rmtree(self._home, ignore_errors=True)
            shutil.copytree(self._base, self._home, copy_function=shutil.copyfile)
            costs.append(_cost(self._home, self.zone))
        file.unlink()
        return _medians(costs)


def _ratings(count: int) -> Callable[[Path], Path]:
    """Existing ratings, repeated under new users."""

    def drop(zone: Path) -> Path:
        file = zone / "ratings-new.csv"
        duckdb.connect().execute(
            f"copy (select userId + {NEW_USERS} as userId, movieId, rating, timestamp "
            f"from read_csv('{zone / 'ratings.csv'}') limit {count}) to '{file}' (header)"
        )
        return file

    return drop


def _tags(zone: Path) -> Path:
    file = zone / "tags-new.csv"
    header, *rows = (zone / "tags.csv").read_text().splitlines()
    again = [f"{NEW_USERS}{row}" for row in rows[:1000] if '"' not in row]
    file.write_text("\n".join([header, *again]) + "\n")
    return file


def _line(name: str, cost: Cost, whole: Cost) -> str:
    seconds = "".join(f"{value:>9.1f}" for value in cost)
    return f"{name:<24}{seconds}{cost.total / whole.total:>9.2f} x"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=25_000_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        bench = Bench(Path(folder), arguments.ratings, arguments.runs)
        print(f"{arguments.ratings:,} ratings; seconds, and ratio to the first line")
        print(f"{'new rows':<24}{''.join(f'{part:>9}' for part in Cost._fields)}")
        print(_line("all, from scratch", bench.whole, bench.whole), flush=True)
        for share in SHARES:
            cost = bench.cost(_ratings(int(share * arguments.ratings)))
            print(_line(f"{share:.0%} of the ratings", cost, bench.whole), flush=True)
        print(_line("1,000 tags", bench.cost(_tags), bench.whole), flush=True)


if __name__ == "__main__":
    main()
