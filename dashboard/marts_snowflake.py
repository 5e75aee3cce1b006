"""Published marts in Snowflake, read as the dashboard's own user."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from dashboard.marts_store import (
    MartMissing,
    MartsUnreadable,
    NothingPublished,
    Parameter,
    Pinned,
    VersionGone,
    frame,
    marts_named,
)
from ingestion.warehouse.snowflake_login import SnowflakeSettings, connector_arguments

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

TAG = "movielens dashboard"
# Fail within ten seconds: a visitor is waiting.
LOGIN_SECONDS = ANSWER_SECONDS = 8
# After a failure, all requests fail at once for this long.
RETRY_SECONDS = 15
_SOON = 2
_AT_ONCE = 8

_CURRENT = "select version from marts.current_version"
_IS_KEPT = "select count(*) from marts.mart_dataset_status_by_version where _version = ?"
# invalid identifier; object does not exist or is not authorized
_NOT_THERE = (904, 2003, 2043)


class SnowflakeEngine:
    """The views of published marts; one entry names the published version.

    Args:
        login: The dashboard's login.
        version_seconds: How long the published version is cached.
    """

    at_once = 16

    def __init__(self, login: SnowflakeSettings, version_seconds: float) -> None:
        self._session = Session(login)
        self._name = f"{login.account} {login.database}"
        self._version_seconds = version_seconds
        self._last: Pinned | None = None
        self._asked_at = 0.0
        self._asking = Lock()

    def pin(self) -> Pinned:
        """Pins the published version, asking Snowflake if the cached one is too old.

        Returns:
            The published version; the last known one while Snowflake does not answer or another
            visitor's page is already asking.

        Raises:
            NothingPublished: If no version is published.
            MartsUnreadable: If Snowflake does not answer and never has.
        """
        last = self._last
        if last and self._is_fresh(last):
            return last
        if last is None:
            self._asking.acquire()
        elif not self._asking.acquire(blocking=False):
            return last
        try:
            if self._last and self._is_fresh(self._last):
                return self._last
            self._last = self._asked()
            return self._last
        finally:
            self._asking.release()

    def _is_fresh(self, last: Pinned) -> bool:
        asked_lately = monotonic() - self._asked_at < self._version_seconds
        return last.is_confirmed and asked_lately and not self._session.is_down

    def _asked(self) -> Pinned:
        last = self._last
        try:
            version = self.published_version()
        except MartsUnreadable:
            if last is None:
                raise
            return replace(last, is_confirmed=False)
        except NothingPublished:
            self._last = None
            raise
        self._asked_at = monotonic()
        store = SnowflakeMarts(self, self._name, version)
        if last and last.store.key == store.key:
            return Pinned(last.store, _now())
        return Pinned(store, _now())

    def published_version(self) -> str:
        """Reads which version is published.

        Raises:
            NothingPublished: If none is.
            MartsUnreadable: If Snowflake does not answer.
        """
        try:
            answer = self.fetch(_CURRENT)
        except MartMissing:
            raise NothingPublished("No marts are published") from None
        version = answer[0][0].as_py() if answer.num_rows else None
        if not version:
            raise NothingPublished("No marts are published")
        return str(version)

    def fetch(self, statement: str, parameters: Sequence[Parameter] = ()) -> pa.Table:
        """Runs one statement; see `Session.fetch`."""
        return self._session.fetch(statement, parameters)

    def ask_again(self) -> None:
        """Lets the next page ask which version is published."""
        self._asked_at = -self._version_seconds


class SnowflakeMarts:
    """The published marts at one version.

    Args:
        engine: Runs the statements.
        name: The marts' account and database.
        version: The version.
    """

    def __init__(self, engine: SnowflakeEngine, name: str, version: str) -> None:
        self.key = f"{name} {version}"
        self._engine = engine
        self._version = version

    def fetch(self, statement: str, parameters: tuple[Parameter, ...]) -> pd.DataFrame:
        """Runs one select over marts on this version, even while another one is being published.

        Raises:
            MartMissing: If a mart or a column is missing.
            MartsUnreadable: If Snowflake does not answer in time, or refuses.
            VersionGone: If this version has been removed.
        """
        marts = marts_named(statement)
        pinned = [self._version] * len(marts)
        try:
            answer = self._engine.fetch(at_version(statement), (*pinned, *parameters))
        except MartMissing:
            raise MartMissing(", ".join(marts)) from None
        if answer.num_rows == 0:
            self._check_kept()
        return frame(answer)

    def _check_kept(self) -> None:
        """An empty answer may mean that this version has been removed."""
        if self._engine.fetch(_IS_KEPT, (self._version,))[0][0].as_py():
            return
        if self._engine.published_version() != self._version:
            self._engine.ask_again()
            raise VersionGone("The version was removed")


def at_version(statement: str) -> str:
    """Restricts the marts a select names to one version.

    Returns:
        The select; its first parameters are the version, once per mart.
    """
    views = ", ".join(
        f"{mart} as (select * from marts.{mart}_by_version where _version = ?)"
        for mart in marts_named(statement)
    )
    return f"with {views} {statement.strip()}"


class Session:
    """One connection for all visitors, opened on demand and reopened when lost."""

    def __init__(self, login: SnowflakeSettings) -> None:
        self._login = login
        self._connection: SnowflakeConnection | None = None
        self._connecting = Lock()
        self._down_until = 0.0
        self._workers = ThreadPoolExecutor(_AT_ONCE, "snowflake")

    @property
    def is_down(self) -> bool:
        """Whether Snowflake failed to answer and has not been retried yet."""
        return monotonic() < self._down_until

    def fetch(self, statement: str, parameters: Sequence[Parameter]) -> pa.Table:
        """Runs one statement, with one parameter per `?`.

        Raises:
            MartMissing: If something it names is missing.
            MartsUnreadable: If Snowflake does not answer in time, or refuses.
        """
        if self.is_down:
            raise MartsUnreadable("Snowflake does not answer")
        # The connector's own time-outs apply to each of several attempts; DNS look-up has none.
        asked = self._workers.submit(self._ask, statement, parameters)
        try:
            return asked.result(ANSWER_SECONDS)
        except TimeoutError:
            self._connection = None
            raise self._failed(TimeoutError(f"no answer in {ANSWER_SECONDS} seconds")) from None

    def _ask(self, statement: str, parameters: Sequence[Parameter]) -> pa.Table:
        started = monotonic()
        connection = self._connected()
        try:
            return _answer(connection, statement, parameters)
        except _client().Error as error:
            if error.errno in _NOT_THERE:
                raise MartMissing("") from None
            self._drop(connection)
            # A quick failure may be an expired session; a slow one would only be slow again.
            if monotonic() - started > _SOON:
                raise self._failed(error) from None
        connection = self._connected()
        try:
            return _answer(connection, statement, parameters)
        except _client().Error as error:
            raise self._failed(error) from None

    def _connected(self) -> SnowflakeConnection:
        with self._connecting:
            if self.is_down:
                raise MartsUnreadable("Snowflake does not answer")
            if self._connection is None:
                self._connection = self._connect()
            return self._connection

    def _connect(self) -> SnowflakeConnection:
        try:
            # An unreadable key raises a ValueError, whose text says why without quoting the key.
            connection: SnowflakeConnection = _client().connect(**arguments(self._login))
        except (_client().Error, ValueError) as error:
            raise self._failed(error) from None
        return connection

    def _drop(self, connection: SnowflakeConnection) -> None:
        with self._connecting:
            if self._connection is connection:
                self._connection = None

    def _failed(self, error: Exception) -> MartsUnreadable:
        # One refused statement is no reason to stop sending others.
        if not isinstance(error, _client().ProgrammingError):
            self._down_until = monotonic() + RETRY_SECONDS
        said = str(getattr(error, "msg", None) or error).strip().partition("\n")[0]
        logging.getLogger("dashboard").warning(
            "Snowflake: %s. Pages show the last good version, if there is one. "
            "`movielens doctor --target prod` says which setting is wrong",
            said,
        )
        return MartsUnreadable("Snowflake does not answer")


def arguments(login: SnowflakeSettings) -> dict[str, Any]:
    """The arguments of `snowflake.connector.connect`, with time-outs for a waiting visitor.

    Raises:
        ValueError: If the private key cannot be read.
    """
    common = connector_arguments(login, TAG)
    return {
        **common,
        "paramstyle": "qmark",
        "login_timeout": LOGIN_SECONDS,
        "network_timeout": ANSWER_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "session_parameters": {
            **common["session_parameters"],
            "STATEMENT_TIMEOUT_IN_SECONDS": ANSWER_SECONDS,
            "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": ANSWER_SECONDS,
        },
    }


def _answer(
    connection: SnowflakeConnection, statement: str, parameters: Sequence[Parameter]
) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        return cursor.fetch_arrow_all(force_return_table=True)


@cache
def _client() -> Any:
    # Imported here: it costs a second and 32 MB, which not every page needs.
    with warnings.catch_warnings():
        # Its bundled requests warns about dependency versions it was not built for.
        warnings.simplefilter("ignore")
        import snowflake.connector
    return snowflake.connector


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
