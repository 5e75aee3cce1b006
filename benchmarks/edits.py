"""Plans of random edits, compared with what full rebuilds before and after them return.

    python -m benchmarks.edits --edits 200 --seed 1

Edits all models and macros, one edit at a time. For each kind of edit: how many there were, how
many of them changed no row of this data, and how many tables were planned, different, missed and
surplus (planned without being different). A table that only holds its rows in another order is
neither different nor surplus. Exits with 1 if a table differed that was not planned.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

from tests.support.planned import HOOK, INCREMENTAL, KINDS, Outcome, World
from tests.support.rebuilding import DoesNotRun

# Of these, a full refresh shows nothing: they decide how a fact is kept up.
OF_INCREMENTS = (INCREMENTAL, HOOK)
_COLUMNS = ("edits", "no effect", "planned", "different", "order only", "missed", "surplus")
_TRIES = 20


def _outcomes(
    world: World, edits: int, chance: random.Random, refused: Counter[str], *, each: bool
) -> list[Outcome]:
    found: list[Outcome] = []
    kinds = cycle(KINDS)
    for _ in range(edits * _TRIES):
        if len(found) == edits:
            break
        kind = next(kinds)
        for _ in range(_TRIES):
            edited = world.random_edit(kind, chance)
            try:
                outcome = world.outcome(edited) if edited else None
            except DoesNotRun:
                outcome = None
            if outcome is not None:
                found.append(outcome)
                if each:
                    print(_in_words(outcome), flush=True)
                for name in sorted(outcome.missed):
                    print(f"MISSED {name}, after {kind} in {outcome.edited.of}:")
                    print(outcome.edited.text, flush=True)
                break
            refused[kind] += 1
    return found


def _in_words(outcome: Outcome) -> str:
    edited = outcome.edited
    counted = (
        f"{name} {', '.join(sorted(models)) or 'none'}"
        for name, models in (("different", outcome.different), ("surplus", outcome.surplus))
    )
    return f"{edited.kind} in {edited.of}: {'; '.join(counted)}"


def _line(name: str, outcomes: Iterable[Outcome]) -> str:
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        counts["edits"] += 1
        counts["no effect"] += not (outcome.different or outcome.reordered)
        counts["planned"] += len(outcome.planned)
        counts["different"] += len(outcome.different)
        counts["order only"] += len(outcome.reordered)
        counts["missed"] += len(outcome.missed)
        counts["surplus"] += len(outcome.surplus)
    return f"{name:<26}" + "".join(f"{counts[column]:>12,}" for column in _COLUMNS)


def _share(outcomes: Iterable[Outcome]) -> str:
    planned = surplus = 0
    for outcome in outcomes:
        planned += len(outcome.planned)
        surplus += len(outcome.surplus)
    return f"{surplus / max(planned, 1):.0%} of {planned:,} planned tables"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ratings", type=int, default=5_000)
    parser.add_argument("--each", action="store_true", help="print each edit")
    arguments = parser.parse_args()
    started = time.perf_counter()
    refused: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        world = World(Path(folder), arguments.seed, arguments.ratings)
        chance = random.Random(arguments.seed)  # noqa: S311
        outcomes = _outcomes(world, arguments.edits, chance, refused, each=arguments.each)
        world.close()
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_kind[outcome.edited.kind].append(outcome)
    print(f"{'kind of edit':<26}" + "".join(f"{column:>12}" for column in _COLUMNS))
    for kind in KINDS:
        print(_line(kind, by_kind[kind]))
    print(_line("all", outcomes))
    edited = {outcome.edited.of for outcome in outcomes}
    macros = sum(name.startswith("macro.") for name in edited)
    print(f"Edited: {len(edited) - macros} of {len(world.models)} models, {macros} macros")
    print(f"Did not compile or run, so not counted: {refused.total():,}")
    of_rows = [o for o in outcomes if o.edited.kind not in OF_INCREMENTS]
    effective = [outcome for outcome in of_rows if outcome.different or outcome.reordered]
    print(f"Planned without being different: {_share(outcomes)} of all edits; ")
    print(f"  {_share(of_rows)} without those of increments;")
    print(f"  {_share(effective)} of edits with an effect on this data")
    missed = sum(len(outcome.missed) for outcome in outcomes)
    print(f"Missed: {missed}; {time.perf_counter() - started:,.0f} s")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
