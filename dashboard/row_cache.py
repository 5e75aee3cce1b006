"""A bounded cache of query results, shared by all visitors and computed once per key."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Condition

import pandas as pd
from cachetools import LRUCache, cached

Compute = Callable[[], pd.DataFrame]


class RowCache:
    """The most recently used results.

    Streamlit's own cache hashes each key and unpickles each result, a tenth of a page's time;
    pandas frames are copied on write.

    Args:
        max_entries: Maximum number of results.
        max_bytes: Maximum memory of all results.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        # Small answers count as their share of the memory, which bounds their number.
        share = max_bytes // max_entries
        self._kept: LRUCache[Hashable, pd.DataFrame] = LRUCache(
            max_bytes, lambda rows: max(share, int(rows.memory_usage(deep=True).sum()))
        )
        # The condition makes concurrent readers of one result wait for its computation.
        self._answer = cached(self._kept, key=_key, condition=Condition())(_computed)

    def get(self, key: Hashable, compute: Compute) -> pd.DataFrame:
        """Returns a cached result, or computes it.

        Args:
            key: Unique key of the result.
            compute: Computes it if it is not cached.

        Returns:
            A copy that the caller may change.
        """
        return self._answer(key, compute).copy(deep=False)

    def clear(self) -> None:
        """Forgets everything."""
        self._answer.cache_clear()


def _key(key: Hashable, _: Compute) -> Hashable:
    return key


def _computed(_: Hashable, compute: Compute) -> pd.DataFrame:
    return compute()
