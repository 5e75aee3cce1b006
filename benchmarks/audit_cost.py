"""What the audit costs beside the models, in processor time.

    python -m benchmarks.audit_cost --ratings 25000000

Loads and builds a home, then runs the compiled statements of all models and of all data tests once
more, one at a time on the tables of that build, and measures the processor time of each. Prints the
dearest, the sums, and the share of the audit; the goal is 35 %. Unit tests are not in it: they cost
the same whatever the data.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb

from ingestion.operate.run import run
from ingestion.settings import Settings
from local_dev.generate import generate
from tests.support.rebuilding import Code

GOAL = 0.35
_SHOWN = 12


def costs(connection: duckdb.DuckDBPyConnection, statements: Mapping[str, str]) -> dict[str, float]:
    """Runs statements one after the other.

    Returns:
        The processor time of each in seconds, all threads together.
    """
    found = {}
    for name, sql in statements.items():
        started = time.process_time()
        connection.execute(sql)
        found[name] = time.process_time() - started
    return found


def _print(kind: str, found: Mapping[str, float]) -> float:
    total = sum(found.values())
    dearest = sorted(found, key=found.__getitem__, reverse=True)[:_SHOWN]
    for name in dearest:
        print(f"{kind:<8}{name[:90]:<92}{found[name]:>8.1f}")
    print(f"{kind:<8}{f'all {len(found)}':<92}{total:>8.1f}\n")
    return total


def main() -> None:
    """Prints the dearest models and tests, and the audit's share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=25_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        zone = Path(folder, "zone")
        generate(zone, ratings=arguments.ratings)
        settings = Settings(home=Path(folder, "home"), source=str(zone), _env_file=None)
        run(settings)
        code = Code(settings, Path(folder, "dbt"), with_tests=True)
        models = {
            name: f"create or replace temp table one_model as {model.sql}"
            for name, model in code.models.items()
            if model.materialized != "view"
        }
        tests = {test.name: f"select count(*) from ({test.sql})" for test in code.tests()}
        with duckdb.connect(settings.warehouse_file, read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            of_models = _print("model", costs(connection, models))
            of_tests = _print("test", costs(connection, tests))
    share = of_tests / (of_models + of_tests)
    print(f"audit: {share:.0%} of models and data tests (goal: {GOAL:.0%})")


if __name__ == "__main__":
    main()
