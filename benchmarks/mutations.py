"""How many wrong models the audit stops.

    python -m benchmarks.mutations --mutants 500 --seed 1

Puts small, plausible mistakes into the models and macros, one at a time, and looks at what is then
built from demanding data: contracts and data tests first, which are the audit of every build, then
dbt's unit tests, then the reference of `make test`. Those that change no mart on this
data (*equivalent*) and those that do not run are not counted. Prints, by kind of mistake, what was
the first to stop the others, the share that the audit stopped and the share that all did, and then
each mistake that the audit did not stop.
"""

from __future__ import annotations

import argparse
import difflib
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.support.mutants import (
    AUDITS,
    CONTRACT,
    EFFECTIVE,
    EQUIVALENT,
    INVALID,
    KINDS,
    SURVIVED,
    Mutant,
    Trial,
    Verdict,
)

_ENDS = (INVALID, EQUIVALENT, *EFFECTIVE)
_SHARES = ("by the audit", "by all")


def _line(name: str, verdicts: Iterable[Verdict]) -> str:
    counts = Counter(verdict.end for verdict in verdicts)
    effective = sum(counts[end] for end in EFFECTIVE)
    by_audits = sum(counts[end] for end in AUDITS)
    stopped = (by_audits, effective - counts[SURVIVED])
    shares = "".join(f"{n / effective if effective else 1:>13.1%}" for n in stopped)
    columns = "".join(f"{counts[end]:>13,}" for end in _ENDS)
    return f"{name:<24}{counts.total():>8,}{columns}{shares}"


def edit_of(mutant: Mutant) -> str:
    """What a mutant changes, with a few characters around it."""
    one, other = mutant.before, mutant.text
    matcher = difflib.SequenceMatcher(None, one.split(" "), other.split(" "), autojunk=False)
    changes = []
    for tag, *(i, j, k, m) in matcher.get_opcodes():
        if tag != "equal":
            before = " ".join(one.split(" ")[max(0, i - 4) : j + 4])
            after = " ".join(other.split(" ")[max(0, k - 4) : m + 4])
            changes.append(f"- {before}\n    + {after}")
    return "\n    ".join(changes)


def main() -> None:
    """Prints the table, and what the audit let pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ratings", type=int, default=2_000)
    parser.add_argument("--model", help="put all of them into this model")
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        trial = Trial(Path(folder), arguments.seed, arguments.ratings)
        drawn = trial.mutants(arguments.mutants, arguments.model)
        verdicts = [trial.verdict(mutant) for mutant in drawn]
        trial.close()
    columns = "".join(f"{column:>13}" for column in (*_ENDS, *_SHARES))
    print(f"{'kind of mistake':<24}{'mutants':>8}{columns}")
    for kind in KINDS:
        print(_line(kind, (verdict for verdict in verdicts if verdict.mutant.kind == kind)))
    print(_line("all", verdicts))
    by_contract = [verdict for verdict in verdicts if verdict.end != CONTRACT]
    print(_line("without contracts", by_contract))
    for verdict in verdicts:
        if verdict.end in EFFECTIVE and verdict.end not in AUDITS:
            mutant = verdict.mutant
            by = ", ".join((verdict.end, *verdict.tests))
            print(f"\n{by}: {mutant.kind} in {mutant.of}, seen in {', '.join(verdict.marts)}")
            print(f"    {edit_of(mutant)}")
    failing = sorted(trial.failing_before | trial.failing_compiled)
    print(f"\nTests that fail without a mistake: {', '.join(failing) or 'none'}")
    print(f"{time.perf_counter() - started:,.0f} s")


if __name__ == "__main__":
    main()
