"""What a production run sends, and how long it takes, on the stand-ins for S3 and Snowflake.

    python -m benchmarks.production                    generated data
    python -m benchmarks.production --source FOLDER    your own MovieLens files

Prints wall time and statements of a first run, of one with nothing new and of one with one changed
file, and the bytes per row on Snowflake's stage. docs/cost.md turns them into credits.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import urllib.request
from collections import Counter
from pathlib import Path

import boto3

from benchmarks.processes import measure
from ingestion.landing.listing import list_landing_zone
from ingestion.reading.file import read_file
from ingestion.reading.rules import Rules
from ingestion.settings import resolve
from ingestion.warehouse.snowflake import snowflake_warehouse
from local_dev.generate import generate
from local_dev.s3 import s3_server
from local_dev.snowflake import snowflake_server
from local_dev.upload import upload

BUCKET = "movielens-production"
TO = f"s3://{BUCKET}/landing"
ROWS = 2_000_000
# Answered by Snowflake's cloud services layer, without a virtual warehouse.
FREE = {"show", "describe", "use", "alter", "comment", "rollback", "begin", "commit", "put"}
ONE_MORE = "1,1,once more,1400000000\n"


class Production:
    """A landing zone on S3, a Snowflake, and a home.

    Args:
        folder: The files.
        home: The home folder.
        env: The variables that reach the stand-ins.
    """

    def __init__(self, folder: Path, home: Path, env: dict[str, str]) -> None:
        self.folder, self.home, self.env = folder, home, env

    def run(self, name: str) -> None:
        """Runs `movielens run` as a process, and prints a row about it."""
        upload(self.folder, TO)
        statements(self.env)
        program = str(Path(sys.executable).parent / "movielens")
        command = [program, "run", "--home", str(self.home), "--source", TO, "--quiet"]
        took = measure(command, {**self.env, "MOVIELENS_TARGET": "prod"})
        kinds = Counter(map(kind_of, statements(self.env)))
        metered = sum(count for kind, count in kinds.items() if kind not in FREE)
        most = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
        print(
            f"{name:<22}{took.seconds:>7.1f} s{kinds.total():>7,} statements, "
            f"{metered:>4,} may need a warehouse ({most})",
            flush=True,
        )


def statements(env: dict[str, str]) -> list[str]:
    """Returns the statements that the stand-in received since the last call.

    Args:
        env: The variables that reach it.
    """
    where = f"http://127.0.0.1:{env['SNOWFLAKE_PORT']}/statements"
    with urllib.request.urlopen(where) as answer:
        found = [entry["statement"] for entry in json.load(answer)]
    urllib.request.urlopen(urllib.request.Request(where, method="DELETE")).close()
    return found


def kind_of(statement: str) -> str:
    """Returns a statement's first word."""
    text = re.sub(r"/\*.*?\*/|--[^\n]*\n", " ", statement, flags=re.DOTALL)
    return text.split()[0].lower() if text.split() else "nothing"


def _staged(folder: Path) -> None:
    """Prints the bytes per row on the stage."""
    zone_folder, work = folder / "many", folder / "work"
    work.mkdir()
    generate(zone_folder, ratings=ROWS, seed=2)
    zone = list_landing_zone(str(zone_folder))
    for file_id, file in enumerate(zone.files.values(), 10**15):
        outcome = read_file(zone, file, file_id, work, Rules())
        if outcome.parquet is None:
            raise RuntimeError(f"{file.path}: {outcome.reason}")
        parts = snowflake_warehouse(resolve()).staged({outcome.parquet: outcome.rows})
        size = sum(part.stat().st_size for part, _ in parts)
        print(
            f"{file.dataset:<16}{outcome.rows:>12,} rows, {file.bytes / outcome.rows:>5.1f} bytes "
            f"each as CSV, {size / outcome.rows:>5.1f} on the stage"
        )


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, help="a folder; default: 100,000 generated ratings")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="movielens-production-") as name,
        s3_server() as s3,
        snowflake_server() as snowflake,
    ):
        scratch, folder = Path(name), Path(name) / "zone"
        os.environ.update({**s3, **snowflake})
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        generate(folder, ratings=100_000, seed=1)
        if arguments.source:
            for file in folder.iterdir():
                file.unlink()
            for file in arguments.source.rglob("*.csv"):
                (folder / file.name).write_bytes(file.read_bytes())
        production = Production(folder, scratch / "home", {**s3, **snowflake})
        production.run("first run")
        production.run("nothing new")
        with (folder / "tags.csv").open("a") as tags:
            tags.write(ONE_MORE)
        production.run("one file changed")
        production.run("nothing new")
        _staged(scratch)


if __name__ == "__main__":
    main()
