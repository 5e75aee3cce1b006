"""The dashboard's only access to a database: published marts, read-only, one version per run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache, wraps
from threading import Lock
from typing import ParamSpec, TypeVar

import pandas as pd

from dashboard.marts_store import (
    Engine,
    MartMissing,
    MartsError,
    MartsUnreadable,
    NothingPublished,
    Parameter,
    Pinned,
    VersionGone,
    marts_named,
)
from dashboard.row_cache import RowCache
from dashboard.settings import Settings, settings

__all__ = [
    "MartMissing",
    "MartsError",
    "MartsUnreadable",
    "NothingPublished",
    "Parameter",
    "VersionGone",
    "at_once",
    "marts_named",
    "pin",
    "remembered",
    "rows",
    "rows_if_published",
    "unconfirmed_since",
    "version",
]

P = ParamSpec("P")
Answer = TypeVar("Answer")

_pinned: ContextVar[Pinned] = ContextVar("published marts of this run")
_making = Lock()
# Keyed by version, so that rows of an old version never answer for a new one. Bounded, because
# visitors choose the parameters.
_kept = RowCache(max_entries=2048, max_bytes=64_000_000)
_current: str | None = None


def pin() -> None:
    """Pins the version that answers all reads of this page run.

    Raises:
        NothingPublished: If there are no marts.
        MartsUnreadable: If there are, but neither they nor an earlier version can be read.
    """
    global _current
    pinned = _made_engine().pin()
    if pinned.store.key != _current:
        _current = pinned.store.key
        _kept.keep_only(_current)
    _pinned.set(pinned)


def at_once() -> int:
    """How many pages to compute at a time."""
    return _made_engine().at_once


def version() -> str:
    """The key of the version pinned for this run of a page or fragment; pins one if necessary.

    Raises:
        NothingPublished: As pin.
        MartsUnreadable: As pin.
    """
    if _pinned.get(None) is None:
        pin()
    return _pinned.get().store.key


def unconfirmed_since() -> datetime | None:
    """Tells whether this page run shows the last good version because the marts are unreachable.

    Returns:
        When that was last known to be the published version, in naive UTC; None if it still is.
    """
    pinned = _pinned.get()
    return None if pinned.is_confirmed else pinned.confirmed_at


def rows(statement: str, *parameters: Parameter) -> pd.DataFrame:
    """Answers a statement from the pinned version.

    Args:
        statement: One of `dashboard.queries`; reads only tables named `mart_*`.
        *parameters: One value per `?`.

    Returns:
        The rows, as a copy that the caller may change.

    Raises:
        ValueError: If the statement does anything but read marts.
        MartMissing: If a mart or column it names is not published.
        MartsUnreadable: If the database does not answer.
        VersionGone: If the pinned version has been removed; pin again.
    """
    marts_named(statement)
    store = _pinned.get().store
    key = (store.key, statement, parameters)
    return _kept.get(key, lambda: store.fetch(statement, parameters))


def remembered(make: Callable[P, Answer]) -> Callable[P, Answer]:
    """Computes an answer once per version and arguments, for all visitors.

    Args:
        make: Computes it from rows of the pinned version and its arguments, which are hashable; it
            draws nothing. Each run of a page's script redefines its functions, so a function is
            identified by file and name.

    Returns:
        The same function; what it returns is shared, so nobody may change it.
    """
    name = (make.__code__.co_filename, make.__code__.co_qualname)

    @wraps(make)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Answer:
        key = (version(), name, args, tuple(sorted(kwargs.items())))
        return _kept.get(key, lambda: make(*args, **kwargs))

    return answer


def rows_if_published(statement: str) -> pd.DataFrame:
    """Answers a statement, with no rows if the pinned version is of a release without its marts."""
    try:
        return rows(statement)
    except MartMissing:
        return pd.DataFrame()


def _duckdb(chosen: Settings) -> Engine:
    from dashboard.marts_duckdb import DuckDBEngine

    return DuckDBEngine(chosen.marts_file)


def _snowflake(chosen: Settings) -> Engine:
    from dashboard.marts_snowflake import SnowflakeEngine
    from ingestion.warehouse.snowflake_login import snowflake_settings

    return SnowflakeEngine(snowflake_settings(), chosen.version_seconds)


# Imported on use: a host with one engine need not have the client of the other. The rest of the
# project has its own, ingestion/engines, which a host of the dashboard does not install.
ENGINES: Mapping[str, Callable[[Settings], Engine]] = {"dev": _duckdb, "prod": _snowflake}


def _made_engine() -> Engine:
    with _making:
        return _engine(settings())


@lru_cache(maxsize=1)
def _engine(chosen: Settings) -> Engine:
    # The marts of an environment are exported to a file on every target.
    return ENGINES["dev" if chosen.environment else chosen.target](chosen)
