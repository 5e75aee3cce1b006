"""Rounds of concurrent runners, on two machines with one warehouse.

    python -m benchmarks.concurrency --rounds 50 --seed 1

Each round adds a drop, starts two to five runners at almost the same time, and compares the current
rows of RAW with the CSV files as plain Python reads them. Exits with 1 if a row was ever doubled or
lost, a file version was incomplete, or a runner exited with anything but 0 or 75.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from local_dev.generate import generate
from tests.support.contending import Machines, at_once, wrong_endings
from tests.support.crashing import BUSY

MACHINES = 2
APART_SECONDS = 0.3


def drop(zone: Path, number: int, chance: random.Random) -> None:
    """Adds a file of new users, and changes one of the earlier drops.

    Args:
        zone: The landing zone.
        number: Number of the round.
        chance: Chooses the drop to change.
    """
    header, *rows = (zone / "ratings.csv").read_text().splitlines()
    of_new_users = [f"{number + 1}0{row}" for row in rows[:200]]
    new = zone / f"ratings-{number}.csv"
    new.write_text("\n".join([header, *of_new_users]) + "\n")
    changed = chance.choice(sorted(zone.glob("ratings-*.csv")))
    lines = changed.read_text().splitlines()
    changed.write_text("\n".join([*lines[:1], *lines[2:]]) + "\n")


def main() -> None:
    """Prints the figures and any problems."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311
    started = time.perf_counter()
    codes: Counter[int] = Counter()
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as name:
        machines = Machines(Path(name) / "machines", MACHINES)
        generate(machines.zone, ratings=20_000, seed=arguments.seed)
        for number in range(arguments.rounds):
            drop(machines.zone, number, chance)
            runners = [(chance.randrange(MACHINES), "load") for _ in range(chance.randint(2, 5))]
            apart = [chance.uniform(0, APART_SECONDS) for _ in runners]
            endings = at_once(machines, runners, apart)
            codes.update(code for _, code, _ in endings)
            wrong = [*wrong_endings(endings), *machines.problems()]
            problems += wrong
            print(f"round {number}: {[code for _, code, _ in endings]} {wrong or ''}", flush=True)
    print(
        f"{arguments.rounds} rounds, {codes.total()} runners on {MACHINES} machines: "
        f"{codes[0]} succeeded, {codes[BUSY]} exited with {BUSY}, {len(problems)} problems; "
        f"{time.perf_counter() - started:,.0f} s"
    )
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
