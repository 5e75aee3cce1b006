"""Kills the real command: at steps, at random times and inside DuckDB's own writes.

    python -m benchmarks.crashes --kills 120 --seed 1

After each kill it checks what readers would see, runs the command again, and compares the current
rows with the CSV files as plain Python reads them, and what is built and published with undisturbed
runs. In a third of the trials everything but the warehouse is lost with the process. Kills inside
DuckDB's own writes need `strace` (Linux); without it they are skipped, with a message. Exits with 1
if anything was ever wrong.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from local_dev.generate import generate
from tests.support.crashing import EMPTY, Kill, Outcome, Place, Scenario, State, spread, state_of

# Share of kills per scenario and kind; a run takes many times as long as a load.
SHARES = {
    "load": {"step": 4, "system call": 5, "random time": 3},
    "re-load": {"step": 8, "system call": 10, "random time": 6},
    "run": {"step": 5, "system call": 4, "random time": 3},
    "re-run": {"step": 8, "system call": 8, "random time": 4},
    "vacuum": {"step": 3, "system call": 4, "random time": 2},
}
COLUMNS = ("kills", "survived", "before", "after", "unreadable", "rebuilt")
BAD = ("doubled", "lost", "wedged", "other")


def change(zone: Path) -> None:
    """Changes a landing zone in every way a load has to handle."""
    ratings = zone / "ratings.csv"
    header, *rows = ratings.read_text().splitlines()
    changed = [row.replace(",4.0,", ",1.5,") if n % 7 == 0 else row for n, row in enumerate(rows)]
    rejected = ["1,1,99.0,1000000000", "1,2,0.0,1000000000"]
    ratings.write_text("\n".join([header, *changed[40:], *rejected]) + "\n")
    of_new_users = {f"9{row}" for row in rows[::3]}
    with_new_column = [f"{header},device", *(f"{row},phone" for row in sorted(of_new_users))]
    (zone / "ratings-more.csv").write_text("\n".join(with_new_column) + "\n")
    (zone / "tags.csv").unlink()
    (zone / "links.csv").touch()


@dataclass
class Bench:
    """Everything the trials start from."""

    folder: Path
    ratings: int

    def scenarios(self) -> dict[str, Scenario]:
        """Runs undisturbed, twice, and keeps both homes."""
        place = Place(self.folder)
        first_zone, second_zone = self.folder / "zone-1", self.folder / "zone-2"
        generate(first_zone, ratings=self.ratings, seed=1)
        shutil.copytree(first_zone, second_zone)
        change(second_zone)
        first_home, first = self._undisturbed(place, None, first_zone, "1")
        second_home, second = self._undisturbed(place, first_home, second_zone, "2")
        load, run = ("load", "--remove-missing"), ("run", "--remove-missing")
        unbuilt = replace(first, built=EMPTY.built, published=EMPTY.published)
        loaded = replace(second, built=first.built, published=first.published)
        keep_nothing = {"MOVIELENS_KEEP_DAYS": "0"}
        return {
            "load": Scenario("load", place, None, first_zone, load, EMPTY, unbuilt),
            "re-load": Scenario("re-load", place, first_home, second_zone, load, first, loaded),
            "run": Scenario("run", place, None, first_zone, run, EMPTY, first),
            "re-run": Scenario("re-run", place, first_home, second_zone, run, first, second),
            "vacuum": Scenario(
                "vacuum",
                place,
                second_home,
                second_zone,
                ("vacuum",),
                second,
                second,
                env=keep_nothing,
            ),
        }

    def _undisturbed(
        self, place: Place, home: Path | None, zone: Path, name: str
    ) -> tuple[Path, State]:
        place.reset(home, zone)
        arguments = ("run", "--remove-missing", "--home", place.home, "--source", place.zone)
        done = place.cli(*arguments)
        if done.returncode:
            raise RuntimeError(f"an undisturbed run exited {done.returncode}:\n{done.stderr}")
        return place.keep(f"home-{name}"), state_of(place.home, zone, self.folder / f"read-{name}")


def kills_of(
    scenario: Scenario, how: str, count: int, chance: random.Random
) -> tuple[list[Kill], str]:
    """Chooses kills of one kind, spread evenly, and names the total they are spread over."""
    if how == "step":
        steps = scenario.steps()
        kills = [Kill(step=number) for number in spread(len(steps), count)]
        total = f"{len(steps):,} steps"
    elif how == "system call":
        calls = scenario.calls()
        kills = [Kill(call=calls[number - 1]) for number in spread(len(calls), count)]
        total = f"{len(calls):,} calls"
    else:
        usual = scenario.seconds()
        kills = [Kill(seconds=chance.uniform(0.2, 1.0) * usual) for _ in range(count)]
        total = f"{usual:.1f} s"
    may_lose = scenario.command[0] in ("load", "run")
    lost = [may_lose and number % 3 == 2 for number in range(len(kills))]
    return [replace(kill, lose_home=lose) for kill, lose in zip(kills, lost, strict=True)], total


def tally(outcomes: list[Outcome]) -> str:
    """Writes one row of the table."""
    counts = Counter[str]()
    for outcome in outcomes:
        counts["kills"] += outcome.killed
        counts["survived"] += not outcome.killed
        counts[outcome.found.partition(":")[0]] += outcome.killed
        counts["rebuilt"] += outcome.rebuilt
        counts["doubled"] += outcome.doubled > 0
        counts["lost"] += outcome.lost > 0
        counts["wedged"] += outcome.wedged
        counts["other"] += bool(outcome.problems) and not outcome.wedged
    return "".join(f"{counts[column]:>11}" for column in (*COLUMNS, *BAD))


def shares(kills: int, kinds: list[str], only: str | None) -> dict[tuple[str, str], int]:
    """Divides a number of kills among scenarios and kinds."""
    names = [only] if only else list(SHARES)
    wanted = {(name, how): SHARES[name][how] for name in names for how in kinds}
    total = sum(wanted.values())
    return {key: math.ceil(share * kills / total) for key, share in wanted.items()}


def main() -> None:
    """Prints the table and any problems."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1, help="seed of the random times")
    parser.add_argument("--ratings", type=int, default=20_000, help="initial rows")
    parser.add_argument("--only", choices=SHARES, help="a single scenario")
    arguments = parser.parse_args()
    started = time.perf_counter()
    kinds = ["step", "system call", "random time"]
    if shutil.which("strace") is None:
        kinds.remove("system call")
        print("strace not found: skipping kills inside DuckDB's own writes")
    chance = random.Random(arguments.seed)  # noqa: S311
    every: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as name:
        scenarios = Bench(Path(name), arguments.ratings).scenarios()
        print(f"{'':<30}" + "".join(f"{column:>11}" for column in (*COLUMNS, *BAD)))
        for (scenario, how), count in shares(arguments.kills, kinds, arguments.only).items():
            kills, total = kills_of(scenarios[scenario], how, count, chance)
            outcomes = [scenarios[scenario].try_kill(kill) for kill in kills]
            every += outcomes
            print(f"{scenario + ', ' + how:<30}{tally(outcomes)}  of {total}", flush=True)
            for outcome in outcomes:
                tell(outcome)
        print(f"{'all':<30}{tally(every)}")
    print(f"{time.perf_counter() - started:,.0f} s")
    sys.exit(not all(outcome.sound for outcome in every))


def tell(outcome: Outcome) -> None:
    """Prints a trial in which something went wrong, or the warehouse was lost."""
    if outcome.sound and not outcome.rebuilt and "unreadable" not in outcome.found:
        return
    lost = ", home lost" if outcome.kill.lose_home else ""
    print(
        f"    {outcome.kill}: {outcome.where}{lost}: {outcome.found}; {outcome.doubled} doubled, "
        f"{outcome.lost} lost",
        flush=True,
    )
    for problem in outcome.problems:
        print(f"        {problem}")


if __name__ == "__main__":
    main()
