"""Histories of drops through `load` and `build`, compared with rebuilds after each drop.

    python -m benchmarks.histories --histories 20 --steps 6 --seed 1

The same histories and comparisons as tests/models/test_histories.py, built with all data tests.
Exits with 1 if anything ever differed from a rebuild.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ingestion.errors import MovielensError
from ingestion.operate.steps import build
from ingestion.settings import Settings
from tests.support.histories import History
from tests.support.replay import AFTER_A_LOAD, Drops, FullRefresh, Replay, in_words, play


def _drops(seed: int, steps: int) -> Drops:
    """The drops of a seed; sometimes two are built together, but never the last."""
    after = [AFTER_A_LOAD[(seed + at) % len(AFTER_A_LOAD)] for at in range(steps - 1)]
    return [([], then) for then in (*after, "build")]


def _went_wrong(replay: Replay, history: History, drops: Drops) -> str:
    try:
        mismatches = play(replay, history, drops)
    except MovielensError as error:
        return f"{error}\n{replay.told()}"
    return in_words(mismatches) if mismatches else ""


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=20)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    parser.add_argument("--base", type=Path, help="a folder with a release to start from")
    arguments = parser.parse_args()
    started = time.perf_counter()
    compared: Counter[str] = Counter()
    steps = failures = 0
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as name:
        full_refresh = FullRefresh(Settings(_env_file=None), Path(name))
        for seed in range(arguments.seed, arguments.seed + arguments.histories):
            folder = Path(name) / str(seed)
            replay = Replay(folder / "landing", folder, build, full_refresh)
            history = History(folder / "landing", seed, arguments.base)
            problem = _went_wrong(replay, history, _drops(seed, arguments.steps))
            compared += replay.compared
            steps += len(replay.history)
            failures += bool(problem)
            print(f"history {seed}: {len(replay.history)} drops: {problem or 'equals a rebuild'}")
            sys.stdout.flush()
    counts = ", ".join(f"{count:,} with {reference}" for reference, count in compared.items())
    print(f"{arguments.histories} histories, {steps} drops, relations compared: {counts}")
    print(f"{failures} histories with a mismatch; {time.perf_counter() - started:,.0f} s")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
