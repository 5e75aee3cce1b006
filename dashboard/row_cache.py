"""Answers of the database, kept for all visitors: bounded, and computed once however many ask."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Condition

import pandas as pd
from cachetools import LRUCache, cached

Compute = Callable[[], pd.DataFrame]


class RowCache:
    """The answers that were asked for last.

    Streamlit's own cache hashes each key and unpickles each answer, which took a tenth of the time
    of a page; frames of pandas copy only what is changed.

    Args:
        max_entries: How many answers are kept at most.
        max_bytes: How much memory they may take together.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        # Small answers count as their share of the memory, which bounds their number.
        share = max_bytes // max_entries
        self._kept: LRUCache[Hashable, pd.DataFrame] = LRUCache(
            max_bytes, lambda rows: max(share, int(rows.memory_usage(deep=True).sum()))
        )
        # With the condition, whoever asks for what is being computed waits for it.
        self._answer = cached(self._kept, key=_key, condition=Condition())(_computed)

    def get(self, key: Hashable, compute: Compute) -> pd.DataFrame:
        """Gives an answer.

        Args:
            key: What tells it from every other one.
            compute: Asks for it, if it is not kept.

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
