"""Every case of bad input, its expected and its actual outcome, as Markdown.

    python -m benchmarks.bad_input            # one row per family, as in docs/guarantees.md
    python -m benchmarks.bad_input --cases    # one row per case

Exits 1 if any outcome differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tests.support.bad_input import CASES, FAMILIES
from tests.support.bad_input.checker import Checked, check_all

LONGEST = 160


def _cell(text: str) -> str:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
    return shown.replace("|", "\\|").replace("<", "&lt;")


def _row(*cells: object) -> str:
    return f"| {' | '.join(_cell(str(cell)) for cell in cells)} |"


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    heads = list(heads)
    return "\n".join([_row(*heads), f"|{'---|' * len(heads)}", *rows])


def by_case(checked: Iterable[Checked]) -> str:
    """One row per case."""
    return _table(
        ("family", "case", "expected", "outcome", ""),
        (
            _row(
                c.case.family, c.case.name, c.case.expected, c.found, "**no**" if c.problems else ""
            )
            for c in checked
        ),
    )


def by_family(checked: Iterable[Checked]) -> str:
    """One row per family: its cases by outcome."""
    rows = []
    total = [0] * 6
    for family, cases in groupby(checked, lambda c: c.case.family):
        alike = list(cases)
        refused = sum(bool(c.case.refused) for c in alike)
        ignored = sum(c.case.ignored for c in alike)
        rejected = sum(bool(c.case.rejected) for c in alike)
        numbers = [
            len(alike),
            len(alike) - refused - ignored - rejected,
            rejected,
            refused,
            ignored,
            sum(bool(c.problems) for c in alike),
        ]
        total = [a + b for a, b in zip(total, numbers, strict=True)]
        rows.append(_row(family, *numbers))
    heads = (
        "family", "cases", "loaded whole", "rows rejected, the others loaded", "refused", "ignored",
        "otherwise",
    )  # fmt: skip
    return _table(heads, [*rows, _row("**all**", *total)])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", action="store_true", help="one row per case")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="movielens-bench-") as folder:
        checked = check_all(Path(folder), CASES)
    families = list(FAMILIES)
    checked.sort(key=lambda c: families.index(c.case.family))
    print(by_case(checked) if arguments.cases else by_family(checked))
    for c in checked:
        for problem in c.problems:
            print(f"{c.case.family}: {c.case.name}: {problem}", file=sys.stderr)
    sys.exit(any(c.problems for c in checked))


if __name__ == "__main__":
    main()
