"""What a long piece of work tells of itself while it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One step forward.

    Attributes:
        step: The step that is under way: `load`, `build`, `audit` or `publish`.
        detail: What of it, such as a file or a model.
        done: Units done so far.
        total: Units in all, or 0 if that is not known.
    """

    step: str
    detail: str = ""
    done: int = 0
    total: int = 0


OnEvent = Callable[[Event], None]


def silent(event: Event) -> None:
    """Takes an event and says nothing; what library calls use by default."""


@contextmanager
def timed(steps: dict[str, float], name: str) -> Iterator[None]:
    """Notes how long a step took.

    Args:
        steps: Seconds by step.
        name: The step.

    Yields:
        While the step goes on.
    """
    started = time.perf_counter()
    yield
    steps[name] = round(time.perf_counter() - started, 3)
