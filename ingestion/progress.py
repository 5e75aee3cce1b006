"""Progress events of long-running work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One step forward.

    Attributes:
        step: The current step: `load`, `build`, `audit` or `publish`.
        detail: The current item, such as a file or a model.
        done: Units done so far.
        total: Units in all, or 0 if unknown.
    """

    step: str
    detail: str = ""
    done: int = 0
    total: int = 0


OnEvent = Callable[[Event], None]


def silent(event: Event) -> None:
    """Ignores an event; the default for library calls."""


@contextmanager
def timed(steps: dict[str, float], name: str) -> Iterator[None]:
    """Records how long a step took, in seconds."""
    started = time.perf_counter()
    yield
    steps[name] = round(time.perf_counter() - started, 3)
