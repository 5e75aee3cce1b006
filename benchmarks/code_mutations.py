"""How many mistakes in the code that guards data the tests stop.

    python -m benchmarks.code_mutations --mutants 100 --seed 1

Puts small, plausible mistakes into a copy of this checkout, one at a time, and runs the quick tests
that guard the edited module, the shortest first, until one fails. Prints, by module, what became of
the mutants, and then each survivor with its edit. A survivor may be as good as the original, or
differ in words or speed only: whether it could lose, double or misplace a row is for the reader to
say.
"""

from __future__ import annotations

import argparse
import difflib
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from itertools import chain, islice, zip_longest
from pathlib import Path

from tests.support.code_edits import Mistake
from tests.support.code_mutants import (
    GUARDS,
    INVALID,
    STOPPED,
    SURVIVED,
    TIMEOUT,
    Trial,
    Verdict,
    drawn,
)

_ENDS = (INVALID, STOPPED, TIMEOUT, SURVIVED)


def edit_of(mistake: Mistake) -> str:
    """The lines that a mistake changes, before and after."""
    before, after = mistake.before.splitlines(), mistake.text.splitlines()
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    return "\n".join(f"    {line}" for line in lines if not line.startswith(("---", "+++", "@@")))


def _line(name: str, verdicts: Iterable[Verdict]) -> str:
    counts = Counter(verdict.end for verdict in verdicts)
    return f"{name:<24}{counts.total():>8,}" + "".join(f"{counts[end]:>14,}" for end in _ENDS)


def main() -> None:
    """Prints the table and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--module", action="append", choices=sorted(GUARDS))
    arguments = parser.parse_args()
    started = time.perf_counter()
    modules = arguments.module or list(GUARDS)
    each = [[(module, found) for found in drawn(module, arguments.seed)] for module in modules]
    by_turns = (mutant for mutant in chain(*zip_longest(*each)) if mutant)
    mutants = islice(by_turns, arguments.mutants)
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        trial = Trial(Path(folder))
        # Module by module, as each has its own tests.
        for module, mistake in sorted(mutants, key=lambda pair: modules.index(pair[0])):
            verdict = trial.verdict(module, mistake)
            verdicts.append(verdict)
            where = f"ingestion/{module}.py:{mistake.line}, {mistake.kind}"
            print(f"{verdict.end}, {verdict.seconds:.0f} s: {where}\n    {verdict.test}")
            print(edit_of(mistake), flush=True)
    print(f"\n{'module':<24}{'mutants':>8}" + "".join(f"{end:>14}" for end in _ENDS))
    for module in modules:
        print(_line(module, (verdict for verdict in verdicts if verdict.module == module)))
    print(_line("all", verdicts))
    for verdict in verdicts:
        if verdict.end == SURVIVED:
            mistake = verdict.mistake
            print(f"\n{mistake.kind} in ingestion/{verdict.module}.py, line {mistake.line}")
            print(edit_of(mistake))
    print(f"\nTests that fail without a mistake: {', '.join(trial.failing_before) or 'none'}")
    print(f"{time.perf_counter() - started:,.0f} s")


if __name__ == "__main__":
    main()
