"""Compares two tables in plain Python: what `movielens diff` must say of them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def comparable(value: Any) -> Any:
    """The same object for the same value: Python's NaN is not equal to itself."""
    return "not a number" if isinstance(value, float) and math.isnan(value) else value


def compared(before: Sequence[Row], after: Sequence[Row], key: Sequence[str] | None) -> Any:
    """Compares tables with the same columns.

    Args:
        before: Its rows before.
        after: Its rows after.
        key: The columns of its key; none if it has at most one row. None to compare whole rows.

    Returns:
        Rows added, removed and changed; rows changed in each column; the keys of each kind.
    """
    if key is None or not _can_match(before, after, key):
        were, are = Counter(map(_whole, before)), Counter(map(_whole, after))
        return (are - were).total(), (were - are).total(), 0, {}, None
    old, new = _by_key(before, key), _by_key(after, key)
    columns: Counter[str] = Counter()
    changed = set()
    for each in old.keys() & new.keys():
        (was,), (is_,) = old[each], new[each]
        names = [name for name in is_ if comparable(was[name]) != comparable(is_[name])]
        columns.update(names)
        changed |= {each} if names else set()
    added, removed = new.keys() - old.keys(), old.keys() - new.keys()
    kinds = {
        "added": [each for each in added for _ in new[each]],
        "removed": [each for each in removed for _ in old[each]],
        "changed": list(changed),
    }
    return len(kinds["added"]), len(kinds["removed"]), len(changed), dict(columns), kinds


def _can_match(before: Sequence[Row], after: Sequence[Row], key: Sequence[str]) -> bool:
    """Whether a key of both has one row in each."""
    old, new = _by_key(before, key), _by_key(after, key)
    return all(len(old[each]) == len(new[each]) == 1 for each in old.keys() & new.keys())


def _by_key(rows: Sequence[Row], key: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    found = defaultdict(list)
    for row in rows:
        found[tuple(row[name] for name in key)].append(row)
    return found


def _whole(row: Row) -> tuple[Any, ...]:
    return tuple(map(comparable, row.values()))
