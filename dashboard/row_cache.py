"""A bounded cache of answers, shared by all visitors and computed once per key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from threading import Condition
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
from cachetools import LRUCache, cached

Answer = TypeVar("Answer")
# Key of an answer: the version that gave it, and what distinguishes it from others of that version.
Key = tuple[Any, ...]
_SMALL = 64


class RowCache:
    """The most recently used answers: rows of a statement, or what a section makes of them.

    Streamlit's own cache hashes each key and unpickles each result, a tenth of a page's time;
    pandas frames are copied on write.

    Args:
        max_entries: Maximum number of answers.
        max_bytes: Maximum memory of all answers.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        # Small answers count as their share of the memory, which bounds their number.
        share = max_bytes // max_entries
        self._kept: LRUCache[Key, Any] = LRUCache(
            max_bytes, lambda answer: max(share, _bytes(answer))
        )
        # The condition makes concurrent readers of one answer wait for its computation.
        self._changing = Condition()
        self._answer = cached(self._kept, key=_key, condition=self._changing)(_computed)

    def get(self, key: Key, compute: Callable[[], Answer]) -> Answer:
        """Returns a cached answer, or computes it.

        Args:
            key: Unique key of the answer, its version first.
            compute: Computes it if it is not cached.

        Returns:
            The answer; of a frame, a copy that the caller may change.
        """
        answer: Answer = self._answer(key, compute)
        return answer.copy(deep=False) if isinstance(answer, pd.DataFrame) else answer

    def keep_only(self, version: str) -> None:
        """Forgets the answers of all other versions."""
        with self._changing:
            for key in [key for key in self._kept if key[0] != version]:
                del self._kept[key]

    def clear(self) -> None:
        """Forgets everything."""
        self._answer.cache_clear()


def _bytes(answer: Any) -> int:
    """Estimates the memory of an answer."""
    if isinstance(answer, pd.DataFrame):
        # Text is kept by Arrow, which knows its size; only objects are measured one by one.
        columns = (column for _, column in answer.items())
        return sum(each.memory_usage(index=False, deep=each.dtype == object) for each in columns)
    if isinstance(answer, pa.Table):
        return int(answer.nbytes)
    if isinstance(answer, str):
        return _SMALL + len(answer)
    if isinstance(answer, tuple):
        return _SMALL + sum(map(_bytes, answer))
    if is_dataclass(answer):
        return _SMALL + sum(_bytes(getattr(answer, field.name)) for field in fields(answer))
    return _SMALL


def _key(key: Key, _: Callable[[], Any]) -> Key:
    return key


def _computed(_: Key, compute: Callable[[], Any]) -> Any:
    return compute()
