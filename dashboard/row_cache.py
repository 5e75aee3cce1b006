"""Answers of the database, kept for all visitors: bounded, and computed once however many ask."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

import pandas as pd


class RowCache:
    """The answers that were asked for last.

    Streamlit's own cache hashes each key and unpickles each answer, which took a tenth of the time
    of a page; frames of pandas copy only what is changed.

    Args:
        max_entries: How many answers are kept at most.
        max_bytes: How much memory they may take together.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._kept: OrderedDict[Hashable, tuple[pd.DataFrame, int]] = OrderedDict()
        self._asking: dict[Hashable, Lock] = {}
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable, compute: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Gives an answer.

        Args:
            key: What tells it from every other one.
            compute: Asks for it, if it is not kept.

        Returns:
            A copy that the caller may change.
        """
        with self._lock:
            if key in self._kept:
                return self._copy(key)
            asking = self._asking.setdefault(key, Lock())
        with asking:
            with self._lock:
                if key in self._kept:
                    return self._copy(key)
            try:
                rows = compute()
                with self._lock:
                    self._keep(key, rows)
                    return rows.copy(deep=False)
            finally:
                with self._lock:
                    self._asking.pop(key, None)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _copy(self, key: Hashable) -> pd.DataFrame:
        self._kept.move_to_end(key)
        return self._kept[key][0].copy(deep=False)

    def _keep(self, key: Hashable, rows: pd.DataFrame) -> None:
        size = int(rows.memory_usage(deep=True).sum())
        if size > self._max_bytes or key in self._kept:
            return
        self._kept[key] = rows, size
        self._bytes += size
        while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed
