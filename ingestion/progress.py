"""What a long piece of work tells of itself while it goes on."""

from __future__ import annotations

from collections.abc import Callable
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
