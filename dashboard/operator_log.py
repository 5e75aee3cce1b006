"""What the site's operator needs to know: logged, because visitors are never shown commands."""

from __future__ import annotations

import logging
from time import monotonic

from dashboard.settings import settings

REPEAT_SECONDS = 300
_last_told: dict[str, float] = {}


def tell_operator(found: str, remedy: str) -> None:
    """Logs a message, at most every five minutes however many visitors run into its cause.

    Args:
        found: What is wrong.
        remedy: What cures it in published marts. An environment's are exported, not published, so
            for them the log names that instead.
    """
    environment = settings().environment
    if environment:
        remedy = (
            f"Build {environment} again if its marts are stale or incomplete;"
            f" `movielens dashboard --env {environment}` exports them again"
        )
    message = f"{found}. {remedy}"
    now = monotonic()
    if now < _last_told.get(message, -REPEAT_SECONDS) + REPEAT_SECONDS:
        return
    _last_told[message] = now
    logging.getLogger("dashboard").warning(message)
