"""A stand-in for Snowflake: fakesnow's server, and a thin layer that closes its gaps.

It speaks the real connector's protocol on 127.0.0.1, over DuckDB. It proves the driver, the
protocol, the statements and the flow, not that Snowflake computes the same. See
`local_dev/README.md`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import duckdb
import fsspec
import jwt
import pyarrow as pa
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from sqlglot.expressions.core import Expression
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Message

from local_dev.account.rights import Asked, Refused, Rights, Session
from local_dev.servers import free_port, process_on
from local_dev.snowflake_gaps import rewritten, several
from local_dev.snowflake_stages import answered

QUERY, LOGIN = "/queries/v1/query-request", "/session/v1/login-request"
_KEPT = 10_000
# Snowflake also ends a blocking transaction whose client is silent, but later.
_IDLE_SECONDS = 5
_REFUSED_LOGIN, _REFUSED_ROLE, _GAP = "390144", "390189", "000603"
# A statement aborted because of a lock.
ABORTED = "000625"
# The prefix of all existing roles and virtual warehouses.
_OURS = "MOVIELENS"
_BEGINS = re.compile(r"\s*(begin|start)\b", re.IGNORECASE)
_TAG = re.compile(r"\s*alter session set query_tag\s*=\s*'([^']*)'", re.IGNORECASE)
_DEFINES = re.compile(r"\s*(create|alter\s+table|drop|comment)\b", re.IGNORECASE)
_TEMPORARY = re.compile(
    r"(?:\s|/\*.*?\*/)*create\s+(?:or\s+replace\s+)?temp(?:orary)?\s+(?P<kind>table|view)\s+"
    r"(?:if\s+not\s+exists\s+)?(?P<name>[\w$.\"]+)",
    re.IGNORECASE | re.DOTALL,
)
_ENDS = re.compile(r"\s*(commit|rollback)\b", re.IGNORECASE)
_ONLY_READS = re.compile(
    r"(\s|/\*.*?\*/|--[^\n]*\n)*(select|with|show|desc|describe|use|alter\s+session)\b",
    re.IGNORECASE | re.DOTALL,
)


# One user for all steps, or those that a set-up creates.
_ANYONE = {"SNOWFLAKE_USER": "MOVIELENS"}
_USERS = {
    "SNOWFLAKE_USER": "MOVIELENS_TRANSFORMER",
    "SNOWFLAKE_LOADER_USER": "MOVIELENS_LOADER",
    "SNOWFLAKE_DASHBOARD_USER": "MOVIELENS_DASHBOARD",
}


@dataclass
class Sessions:
    """What the layer knows beyond fakesnow.

    Attributes:
        public_key: Verifies the tokens of service users; None accepts any.
        statements: The latest statements sent, with the user and query tag of their sessions.
        roll_back: Ends the transaction of a session whose client is gone.
        connection_of: Returns the DuckDB connection of a session.
        results: Results of each part of multi-statement requests, by query id.
        rights: What each role may do; None if each may do everything.
        logged_in: Sessions by token, with rights only.
        temporary: By token, the statements that drop what is to end with the session.
    """

    public_key: RSAPublicKey | None = None
    roll_back: Callable[[str], None] = lambda token: None
    connection_of: Callable[[str], Any] = lambda token: None
    statements: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    results: OrderedDict[str, Any] = field(default_factory=OrderedDict)
    rights: Rights | None = None
    logged_in: dict[str, Session] = field(default_factory=dict)
    temporary: dict[str, list[str]] = field(default_factory=dict)
    _of_token: dict[str, dict[str, str]] = field(default_factory=dict)
    _aborted: set[str] = field(default_factory=set)
    _writing: str = ""
    _is_open: bool = False
    _is_running: bool = False
    _last_seen: float = 0.0
    _free: asyncio.Condition = field(default_factory=asyncio.Condition)

    def admits(self, login: dict[str, Any]) -> bool:
        """Checks a login as Snowflake does for a service user: by its token's signature."""
        if self.public_key is None:
            return True
        try:
            jwt.decode(login.get("TOKEN") or "", self.public_key, ["RS256"])
        except jwt.InvalidTokenError:
            return False
        return True

    def opened(self, token: str, login: dict[str, Any], role: str) -> None:
        """Records whose session it is."""
        tag = str(login.get("SESSION_PARAMETERS", {}).get("QUERY_TAG", ""))
        self._of_token[token] = {"user": str(login.get("LOGIN_NAME")), "role": role, "tag": tag}

    def note(self, token: str, statement: str) -> None:
        """Records a statement as sent."""
        about = self._of_token.get(token, {})
        tag = _TAG.match(statement)
        if tag:
            about["tag"] = tag[1]
        self.statements.append({**about, "statement": statement})

    async def in_turn(self, token: str, statement: str) -> bool:
        """Waits until a statement may run; False if its transaction has been aborted.

        A writer waits for any other writing statement or transaction: DuckDB would reject a second
        change to a row, Snowflake waits for the lock.
        """
        async with self._free:
            if token in self._aborted:
                self._aborted.discard(token)
                return bool(_BEGINS.match(statement) or _ENDS.match(statement))
            if self._writing != token and _ONLY_READS.match(statement):
                return True
            while self._writing not in ("", token):
                if not self._is_running and time.monotonic() - self._last_seen > _IDLE_SECONDS:
                    self.roll_back(self._writing)
                    self._aborted.add(self._writing)
                    break
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._free.wait(), 0.2)
            if self._writing != token:
                self._writing, self._is_open = token, bool(_BEGINS.match(statement))
            self._is_running = True
        return True

    def commits_first(self, token: str, statement: str) -> bool:
        """Whether a statement is DDL, which commits the open transaction."""
        is_in_one = self._writing == token and self._is_open
        if not (is_in_one and _DEFINES.match(statement)):
            return False
        self._is_open = False
        return True

    async def after(self, token: str, statement: str) -> None:
        """Lets others proceed after a statement outside a transaction, or one that ends it."""
        async with self._free:
            if self._writing == token:
                self._is_running, self._last_seen = False, time.monotonic()
                if not self._is_open or _ENDS.match(statement):
                    self._writing = ""
                    self._free.notify_all()


class Layer:
    """The endpoints in front of fakesnow's.

    Args:
        behind: fakesnow's application.
        sessions: State kept between requests.
    """

    def __init__(self, behind: Starlette, sessions: Sessions) -> None:
        self._behind = behind
        self._sessions = sessions

    @property
    def app(self) -> Starlette:
        """The application to serve."""
        return Starlette(
            routes=[
                Route(LOGIN, self.login, methods=["POST"]),
                Route(QUERY, self.query, methods=["POST"]),
                Route("/queries/{id}/result", self.result),
                Route("/session", self.session, methods=["POST"]),
                Route("/statements", self.statements, methods=["GET", "DELETE"]),
                Route("/rights", self.rights, methods=["GET"]),
                Mount("/", app=self._behind),
            ]
        )

    async def login(self, request: Request) -> Response:
        """Checks the token of a login."""
        body = await _json_of(request)
        data = body["data"]
        if not self._sessions.admits(data):
            return JSONResponse(_refused(_REFUSED_LOGIN, "JWT token is invalid."))
        if self._sessions.rights is not None:
            return await self._login_with_rights(self._sessions.rights, request, body)
        role = request.query_params.get("roleName") or _OURS
        if not role.upper().startswith(_OURS):
            told = (
                f"Role '{role}' specified in the connect string does not exist or not authorized."
            )
            return JSONResponse(_refused(_REFUSED_ROLE, told))
        status, answer = await self._passed_on(request, body)
        if answer.get("success"):
            # Like Snowflake, tell the session its virtual warehouse, if any.
            warehouse = request.query_params.get("warehouse") or _OURS
            known = warehouse.upper() if warehouse.upper().startswith(_OURS) else None
            named = {"roleName": role.upper(), "warehouseName": known}
            answer["data"]["sessionInfo"] = {**answer["data"]["sessionInfo"], **named}
            self._sessions.opened(_with_end(answer), data, role)
        return JSONResponse(answer, status)

    async def _login_with_rights(self, rights: Rights, request: Request, body: Any) -> Response:
        data, wanted = body["data"], request.query_params
        try:
            session = rights.session(
                str(data.get("LOGIN_NAME")),
                *(
                    wanted.get(name, "")
                    for name in ("roleName", "warehouse", "databaseName", "schemaName")
                ),
            )
        except Refused as refused:
            is_role = refused.args[0].startswith("Role")
            code = _REFUSED_ROLE if is_role else _REFUSED_LOGIN
            return JSONResponse(_refused(code, refused.args[0]))
        names = {"databaseName": session.database, "schemaName": session.schema}
        query = urlencode({name: value for name, value in names.items() if value})
        status, answer = await self._passed_on(request, body, query)
        if answer.get("success"):
            token = _with_end(answer)
            named = {**names, "roleName": session.role, "warehouseName": session.warehouse}
            answer["data"]["sessionInfo"] = {**answer["data"]["sessionInfo"], **named}
            self._sessions.logged_in[token] = session
            self._sessions.opened(token, data, session.role)
        return JSONResponse(answer, status)

    async def session(self, request: Request) -> Response:
        """Ending a session ends its transaction, and what is temporary."""
        token = _token(request)
        if request.query_params.get("delete"):
            for drop in self._sessions.temporary.pop(token, []):
                await self._checked(request, {"sqlText": drop}, drop)
        status, answer = await self._passed_on(request, None)
        if request.query_params.get("delete"):
            await self._sessions.after(token, "rollback")
        return JSONResponse(answer, status)

    async def query(self, request: Request) -> Response:
        """Runs one statement or several."""
        body = await _json_of(request)
        statement = body["sqlText"]
        parts = several(statement) if _may_be_several(body) else [statement]
        if len(parts) == 1:
            status, answer = await self._run(request, body, statement)
            return JSONResponse(answer, status)
        ids: list[str] = []
        for part in parts:
            status, answer = await self._run(request, body, part)
            if not answer.get("success"):
                return JSONResponse(answer, status)
            ids.append(answer["data"]["queryId"])
            self._keep(ids[-1], answer)
        several_results = {"queryId": ids[0], "resultIds": ",".join(ids), "rowtype": []}
        return JSONResponse({"success": True, "data": {**answer["data"], **several_results}})

    async def _run(self, request: Request, body: dict[str, Any], statement: str) -> tuple[int, Any]:
        self._sessions.note(_token(request), statement)
        return await self._checked(request, body, statement)

    async def _checked(
        self, request: Request, body: dict[str, Any], statement: str
    ) -> tuple[int, Any]:
        token = _token(request)
        rights, session = self._sessions.rights, self._sessions.logged_in.get(token)
        asked, narrowed = Asked(), statement
        if rights is not None and session is not None:
            try:
                asked = rights.check(session, statement)
            except Refused as refused:
                return 200, _refused(refused.code, refused.args[0], refused.state)
            narrowed = rights.narrowed(session, statement)
        if not await self._sessions.in_turn(token, statement):
            told = "Your transaction was aborted: another one was waiting for a table it had locked"
            return 200, _refused(ABORTED, told)
        try:
            if self._sessions.commits_first(token, statement):
                await self._passed_on(request, {**body, "sqlText": "commit"})
            connection = self._sessions.connection_of(token)
            narrowed = await asyncio.to_thread(answered, statement, connection) or narrowed
            answer = await self._passed_on(request, {**body, "sqlText": rewritten(narrowed)})
            if answer[1].get("success"):
                if rights is not None and session is not None:
                    rights.done(session, asked)
                if made := _TEMPORARY.match(statement):
                    drop = f"drop {made['kind']} if exists {made['name']}"
                    self._sessions.temporary.setdefault(token, []).append(drop)
            return answer
        except Refused as refused:
            return 200, _refused(refused.code, refused.args[0], refused.state)
        finally:
            await self._sessions.after(token, statement)

    def _keep(self, query_id: str, answer: Any) -> None:
        self._sessions.results[query_id] = answer
        while len(self._sessions.results) > _KEPT:
            self._sessions.results.popitem(last=False)

    async def result(self, request: Request) -> Response:
        """The result of one of several statements."""
        return JSONResponse(self._sessions.results[request.path_params["id"]])

    async def statements(self, request: Request) -> Response:
        """The statements sent; DELETE clears them."""
        if request.method == "DELETE":
            self._sessions.statements.clear()
        return JSONResponse(list(self._sessions.statements))

    async def rights(self, request: Request) -> Response:
        """What statements needed: role, privilege, kind, name, and the rights that met it."""
        used = self._sessions.rights.used if self._sessions.rights is not None else {}
        return JSONResponse([[role, *need, sorted(met)] for (role, need), met in used.items()])

    async def _passed_on(
        self, request: Request, body: Any, query: str | None = None
    ) -> tuple[int, Any]:
        """Passes a request to fakesnow, perhaps with another query; returns status and answer."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = [
            (name, value)
            for name, value in request.scope["headers"]
            if name not in (b"content-encoding", b"content-length")
        ]
        length = (b"content-length", str(len(content)).encode())
        scope = {**request.scope, "headers": [*headers, length]}
        if query is not None:
            scope["query_string"] = query.encode()
        if body is not None and "sqlText" in body:
            scope["path"], scope["raw_path"] = QUERY, QUERY.encode()
        status, parts = 500, []

        async def receive() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        await self._behind(scope, receive, send)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            # The connector would retry for minutes what can never work here.
            return 200, _refused(_GAP, "the stand-in does not support this; its log says more")
        return status, json.loads(b"".join(parts))


async def _json_of(request: Request) -> Any:
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body)


def _token(request: Request) -> str:
    return request.headers.get("authorization", "")[17:-1]


def _with_end(answer: Any) -> str:
    """Closes a gap in fakesnow: without a master token, a client never says that it is done."""
    token = str(answer["data"]["token"])
    answer["data"]["masterToken"] = token
    return token


def _may_be_several(body: dict[str, Any]) -> bool:
    return str((body.get("parameters") or {}).get("MULTI_STATEMENT_COUNT", 1)) != "1"


def _refused(code: str, message: str, state: str = "") -> dict[str, Any]:
    data = {"sqlState": state} if state else {}
    return {"success": False, "code": code, "message": message, "data": data}


def _with_nulls(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Closes a gap in fakesnow: a null time arrives as 1970."""

    def converted(times: Any) -> Any:
        times = times.combine_chunks() if isinstance(times, pa.ChunkedArray) else times
        struct = convert(times)
        parts = [struct.field(at).fill_null(0) for at in range(struct.type.num_fields)]
        return pa.StructArray.from_arrays(parts, fields=list(struct.type), mask=times.is_null())

    return converted


def _in_place(transform: Callable[..., Any]) -> Callable[..., Any]:
    """Copies a statement once; fakesnow does so before each of the seventy things that it changes.

    That was nearly all of what a statement cost.
    """
    own, of_thread = Expression.transform, threading.local()

    def one(self: Any, change: Any, *arguments: Any, copy: bool = True, **named: Any) -> Any:
        copies = copy and not getattr(of_thread, "is_in_place", False)
        return own(self, change, *arguments, copy=copies, **named)

    def all_of_them(self: Any, statement: Any, params: Any) -> Any:
        of_thread.is_in_place = True
        try:
            return transform(self, statement.copy(), params)
        finally:
            of_thread.is_in_place = False

    Expression.transform = one  # type: ignore[assignment, method-assign]
    return all_of_them


def _with_begin(command_of: Callable[[Any], str]) -> Callable[[Any], str]:
    """Closes a gap in fakesnow: unlike for a commit, it has no answer to a begin."""

    def command(expression: Any) -> str:
        named = command_of(expression)
        return "COMMIT" if named == "TRANSACTION" else named

    return command


def _key_pair(folder: Path) -> tuple[Path, Path]:
    """The private and the public key in a folder, created if missing."""
    private, public = folder / "key.pem", folder / "key.pub"
    if not private.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        spki = PublicFormat.SubjectPublicKeyInfo
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, spki))
        private.touch(mode=0o600)
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return private, public


@contextmanager
def snowflake_server(
    state: Path | None = None,
    *,
    port: int | None = None,
    keys: Path | None = None,
    set_up: Path | None = None,
) -> Iterator[dict[str, str]]:
    """Serves Snowflake on 127.0.0.1, in its own process, which accepts one key.

    Args:
        state: A folder that keeps the databases between starts; None keeps them in memory.
        port: The port; None for a free one.
        keys: A folder that keeps the key between starts; None for a temporary key.
        set_up: A folder like infra/snowflake: its databases and users are there, and what its
            roles may not do is refused. None creates databases on demand and refuses nothing.

    Yields:
        The environment variables that let any client reach it.

    Raises:
        OSError: If the port is taken, or the server does not answer in time.
    """
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="movielens-snowflake-") as scratch:
        private, public = _key_pair(keys or Path(scratch))
        where = [str(folder or "") for folder in (state, set_up)]
        command = [sys.executable, "-W", "ignore", "-m", "local_dev.snowflake"]
        users = _ANYONE if set_up is None else _USERS
        with process_on(port, [*command, str(port), str(public), *where]):
            yield {
                **users,
                "SNOWFLAKE_ACCOUNT": "standin",
                "SNOWFLAKE_DATABASE": "MOVIELENS",
                "SNOWFLAKE_HOST": "127.0.0.1",
                "SNOWFLAKE_PORT": str(port),
                "SNOWFLAKE_PROTOCOL": "http",
                "SNOWFLAKE_PRIVATE_KEY_PATH": str(private),
            }


def serve(
    port: int,
    state: Path | None = None,
    public_key: RSAPublicKey | None = None,
    set_up: Path | None = None,
) -> None:
    """Serves on 127.0.0.1 until the process is told to stop.

    Args:
        port: The port.
        state: A folder that keeps the databases between starts; None keeps them in memory.
        public_key: Verifies the tokens of service users; None accepts everyone.
        set_up: A folder with a set-up to apply; None refuses nothing.
    """
    os.environ.setdefault("TZ", "UTC")
    # `from fakesnow import server` gives a function of that name.
    server: Any = import_module("fakesnow.server")
    from fakesnow.instance import FakeSnow

    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
        server.shared_fs = FakeSnow(db_path=state)
    arrow: Any = import_module("fakesnow.arrow")
    arrow.timestamp_to_sf_struct = _with_nulls(arrow.timestamp_to_sf_struct)
    # fakesnow would also expand session variables, which nobody here uses, inside literals.
    cursor: Any = import_module("fakesnow.cursor").FakeSnowflakeCursor
    cursor._inline_variables = lambda self, statement: statement
    cursor._transform = _in_place(cursor._transform)
    expr: Any = import_module("fakesnow.expr")
    expr.key_command = _with_begin(expr.key_command)

    # An S3 stage is read with this process's credentials; Snowflake uses its integration's.
    server.shared_fs.duck_conn.register_filesystem(fsspec.filesystem("s3"))

    def roll_back(token: str) -> None:
        if token in server.sessions:
            connection = server.sessions[token]
            with suppress(duckdb.TransactionException):  # Some statements commit by themselves.
                connection._duck_conn.rollback()
            connection._in_transaction = False

    def connection_of(token: str) -> Any:
        session = server.sessions.get(token)
        return session and session._duck_conn

    rights = None
    if set_up is not None:
        rights = Rights(set_up, state / "rights.json" if state else None)
        own = server.shared_fs.connect().cursor()
        for statement in rights.creating():
            own.execute(statement)
    app = Layer(server.app, Sessions(public_key, roll_back, connection_of, rights=rights)).app
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def _main() -> None:
    port, public, *folders = sys.argv[1:]
    key = load_pem_public_key(Path(public).read_bytes())
    state, set_up = (Path(folder) if folder else None for folder in folders)
    serve(int(port), state, cast("RSAPublicKey", key), set_up)


if __name__ == "__main__":
    _main()
