"""What environments cost, as shares of a full build; and kills of applies, promotions and drops.

    python -m benchmarks.environments --ratings 1000000 --kills 60

Each command runs in a process of its own, as people run it. Kills, if asked for, start from a small
home; after each, every environment has to show its old build or its new one. Exits with 1 if one
did not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from local_dev.generate import generate
from tests.support.checkout import copy_of_the_project
from tests.support.cli import Cli
from tests.support.killed_environments import kills, trials

EDIT = ("models/mart/mart_weekday_hour.sql", "rated.n_ratings, 0)", "rated.n_ratings, 0) + 0")
KILLED = ("apply", "promote", "drop")


class Bench:
    """A home, and models to edit.

    Args:
        folder: Where both are made.
        ratings: How many ratings to generate.
    """

    def __init__(self, folder: Path, ratings: int) -> None:
        generate(folder / "zone", ratings=ratings, seed=1)
        (folder / "cwd").mkdir(parents=True, exist_ok=True)
        self._cli = Cli(folder / "cwd", fresh=True)
        self._home = folder / "home"
        self._project = copy_of_the_project(folder / "project")
        self._env = {
            "MOVIELENS_PROJECT": str(self._project),
            "MOVIELENS_SOURCE": str(folder / "zone"),
        }
        self._full = 0.0

    def edit(self, *, back: bool = False) -> None:
        """Edits a mart, or takes the edit back."""
        name, old, new = EDIT
        text = (self._project / name).read_text()
        (self._project / name).write_text(text.replace(*((new, old) if back else (old, new))))

    def time(self, what: str, *command: str) -> None:
        """Runs a command; prints how long it took, and as a share of the first one."""
        started = time.perf_counter()
        answer = self._cli.json(*command, "--home", self._home, env=self._env)
        seconds = time.perf_counter() - started
        self._full = self._full or seconds
        models = answer.get("build", {}).get("models", "")
        print(f"{what:<48}{seconds:>8.2f} s{seconds / self._full:>8.2f} x{models!s:>8}", flush=True)


def measure(folder: Path, ratings: int) -> None:
    """Prints what each command costs."""
    bench = Bench(folder, ratings)
    print(f"{ratings:,} ratings{'':<30}{'':>10}{'of first':>10}{'models':>8}")
    bench.time("load, build and publish everything", "run")
    bench.time("run again, nothing to do", "run")
    bench.time("plan with nothing to do", "plan")
    bench.time("create an environment", "apply", "dev_anna")
    bench.edit()
    bench.time("plan after an edit of one mart", "plan", "dev_anna")
    bench.time("plan again", "plan", "dev_anna")
    bench.time("apply it", "apply", "dev_anna")
    bench.time("the same edit in another environment", "apply", "dev_ben")
    bench.time("diff", "diff", "dev_anna")
    bench.time("promote", "promote", "dev_anna")
    bench.edit(back=True)
    bench.time("revert: run with the code of before", "run")
    bench.time("rebuild everything from scratch", "build", "--full-refresh")


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=1_000_000)
    parser.add_argument(
        "--kills", type=int, default=0, help="of each of the three commands a third"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as name:
        measure(Path(name) / "costs", arguments.ratings)
        if not arguments.kills:
            return
        folder = Path(name) / "kills"
        generate(folder / "zone", ratings=1_000, seed=1)
        prepared = trials(folder, folder / "zone")
        sound = True
        for command in KILLED:
            outcomes = kills(prepared[command], arguments.kills // len(KILLED))
            killed = sum(outcome.killed for outcome in outcomes)
            wrong = [outcome for outcome in outcomes if not outcome.sound]
            print(f"{command}: {killed} killed, {len(wrong)} wrong", *wrong, sep="\n  ", flush=True)
            sound = sound and not wrong
    sys.exit(not sound)


if __name__ == "__main__":
    main()
