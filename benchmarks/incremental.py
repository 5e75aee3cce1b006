"""What a load and a build cost when little, some or all of the rows are new.

    python -m benchmarks.incremental --ratings 25000000

A home is loaded and built whole; then a file of new users with old ratings lands, of 1 %, 10 % and
100 % of the rows that were there, each in a copy of that home; and, last, one with tags alone.
Seconds of whole processes, and their ratio to the whole load and build of the same run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

PROGRAM = str(Path(sys.executable).parent / "movielens")
SHARES = (0.01, 0.1, 1.0)
NEW_USERS = 1_000_000_000  # what is added to the ids of the users whose ratings are taken again


class Cost(NamedTuple):
    """Seconds of one load and one build.

    Attributes:
        load: The load.
        facts: The three facts that are incremental, within the build.
        models: All other models.
        audit: All tests.
        build: The whole build.
    """

    load: float
    facts: float
    models: float
    audit: float
    build: float


def _movielens(*arguments: object) -> Any:
    command = [PROGRAM, *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout}")
    return json.loads(done.stdout)


def _costs(home: Path, zone: Path) -> Cost:
    loaded = _movielens("load", "--home", home, "--source", zone)
    built = _movielens("build", "--home", home)
    parts: dict[str, float] = defaultdict(float)
    for node, seconds in built["node_seconds"].items():
        kind, _, name = node.partition(".")
        is_fact = name in ("fct_ratings", "fct_tags", "fct_genome_scores")
        parts["facts" if is_fact else "models" if kind == "model" else "audit"] += seconds
    return Cost(
        loaded["seconds"], parts["facts"], parts["models"], parts["audit"], built["seconds"]
    )


def _copy(home: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return shutil.copytree(home, to, copy_function=shutil.copyfile)


def _add_ratings(zone: Path, ratings: int) -> None:
    """Ratings that are there already, as those of users that are not."""
    connection = duckdb.connect()
    connection.execute(
        f"copy (select userId + {NEW_USERS} as userId, movieId, rating, timestamp "
        f"from read_csv('{zone / 'ratings.csv'}') limit {ratings}) "
        f"to '{zone / 'ratings-new.csv'}' (header)"
    )


def _add_tags(zone: Path) -> None:
    header, *rows = (zone / "tags.csv").read_text().splitlines()
    again = [f"{NEW_USERS}{row}" for row in rows[:1000] if '"' not in row]
    (zone / "tags-new.csv").write_text("\n".join([header, *again]) + "\n")


def _line(name: str, cost: Cost, whole: Cost) -> str:
    seconds = "".join(f"{value:>9.1f}" for value in cost)
    ratios = f"{cost.load / whole.load:>9.2f} x{cost.build / whole.build:>8.2f} x"
    return f"{name:<24}{seconds}{ratios}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=25_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        scratch = Path(folder)
        zone, home = scratch / "zone", scratch / "home"
        _movielens("data", "generate", zone, "--ratings", arguments.ratings)
        whole = _costs(home, zone)
        columns = ("load", "facts", "models", "audit", "build", "load", "build")
        print(f"{arguments.ratings:,} ratings; seconds, and ratios to the first line")
        print(f"{'new rows':<24}{''.join(f'{column:>9}' for column in columns)}")
        print(_line("all, from scratch", whole, whole), flush=True)
        for share in SHARES:
            copied = _copy(home, scratch / "copy")
            _add_ratings(zone, int(share * arguments.ratings))
            print(_line(f"{share:.0%} of the ratings", _costs(copied, zone), whole), flush=True)
        (zone / "ratings-new.csv").unlink()
        _add_tags(zone)
        print(_line("1,000 tags", _costs(_copy(home, scratch / "copy"), zone), whole), flush=True)


if __name__ == "__main__":
    main()
