"""What the site's operator needs to know: logged, because visitors are never shown commands."""

from __future__ import annotations

import logging
from time import monotonic

REPEAT_SECONDS = 300
_last_told: dict[str, float] = {}


def tell_operator(message: str) -> None:
    """Logs a message, at most every five minutes however many visitors run into its cause."""
    now = monotonic()
    if now < _last_told.get(message, -REPEAT_SECONDS) + REPEAT_SECONDS:
        return
    _last_told[message] = now
    logging.getLogger("dashboard").warning(message)
