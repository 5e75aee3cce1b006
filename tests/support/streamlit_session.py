"""A visitor without a browser: speaks Streamlit's front-end protocol over its websocket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

ANSWER_SECONDS = 120
_JOINER = "\u2060"


@dataclass(frozen=True)
class Answer:
    """What one run of a page took.

    Attributes:
        seconds: From the request to the end of the run.
        bytes: Received on the websocket.
        texts: Everything that the page says in words, as it is shown.
        failures: What the page calls an error, and exceptions.
    """

    seconds: float
    bytes: int
    texts: list[str]
    failures: list[str]


class Visitor:
    """One open page. Use it as an asynchronous context.

    Args:
        port: Where Streamlit listens on this machine.
        query: What follows the question mark of the address.
    """

    def __init__(self, port: int, query: str = "") -> None:
        self._url = f"ws://127.0.0.1:{port}/_stcore/stream"
        self._origin: Any = f"http://127.0.0.1:{port}"
        self._query = query
        self._page = ""
        self._cached: dict[str, ForwardMsg] = {}
        self._states: dict[str, WidgetState] = {}
        self._fragments: dict[str, str] = {}
        self.widgets: dict[str, Any] = {}
        """The widgets of the page by their labels, as the server described them last."""

    async def __aenter__(self) -> Visitor:
        self._socket: ClientConnection = await connect(
            self._url,
            subprotocols=[Subprotocol("streamlit")],
            origin=self._origin,
            max_size=None,
            # Streamlit listens before it is ready to answer.
            open_timeout=ANSWER_SECONDS,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(Exception):
            await self._socket.close()

    async def load(self) -> Answer:
        """Asks for the page, as a browser does that opens the address.

        Returns:
            What came.
        """
        return await self._run("")

    async def change(self, **values: Any) -> Answer:
        """Changes widgets, as a visitor does, and waits until the page has run again.

        Args:
            **values: New values by the widgets' labels, with an underscore for a blank.

        Returns:
            What came.
        """
        fragment = ""
        for name, value in values.items():
            widget = self.widgets[name.replace("_", " ")]
            self._states[widget.id] = _state(widget, value)
            fragment = self._fragments.get(widget.id, "")
        return await self._run(fragment)

    async def _run(self, fragment: str) -> Answer:
        state = ClientState(
            query_string=self._query,
            page_script_hash=self._page,
            fragment_id=fragment,
            cached_message_hashes=list(self._cached),
        )
        state.widget_states.widgets.extend(self._states.values())
        started = time.perf_counter()
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())
        received, messages = 0, []
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                content = await self._socket.recv(decode=False)
                received += len(content)
                message = ForwardMsg.FromString(content)
                messages.append(message)
                if _is_end(message):
                    break
        seconds = time.perf_counter() - started
        elements = list(self._elements(messages))
        return Answer(seconds, received, list(_texts(elements)), list(_failures(elements)))

    def _elements(self, messages: list[ForwardMsg]) -> Iterator[Any]:
        """What the page is made of, the browser's cache of long messages included."""
        kept: dict[str, ForwardMsg] = {}
        for message in messages:
            if message.WhichOneof("type") == "ref_hash":
                message = self._cached[message.ref_hash]
            elif message.metadata.cacheable and message.hash:
                kept[message.hash] = message
            if message.HasField("page_info_changed"):
                self._query = message.page_info_changed.query_string
            if message.HasField("new_session"):
                self._page = message.new_session.page_script_hash
            if message.HasField("delta") and message.delta.HasField("new_element"):
                yield self._noted(message.delta)
        self._cached |= kept

    def _noted(self, delta: Any) -> Any:
        element = delta.new_element
        kind = element.WhichOneof("type")
        described = getattr(element, kind)
        if kind in ("selectbox", "slider", "number_input"):
            self.widgets[described.label] = described
            self._fragments[described.id] = delta.fragment_id
            if described.set_value:
                self._states[described.id] = _state(described, _value(kind, described))
        return element


def _is_end(message: ForwardMsg) -> bool:
    early = ForwardMsg.FINISHED_EARLY_FOR_RERUN
    return message.WhichOneof("type") == "script_finished" and message.script_finished != early


def _value(kind: str, widget: Any) -> Any:
    if kind == "selectbox":
        return widget.raw_value
    return tuple(widget.value) if kind == "slider" else widget.value


def _state(widget: Any, value: Any) -> WidgetState:
    state = WidgetState(id=widget.id)
    if isinstance(value, str):
        state.string_value = value
    elif isinstance(value, tuple):
        state.double_array_value.data.extend(value)
    elif widget.data_type == widget.INT:
        state.int_value = int(value)
    else:
        state.double_value = value
    return state


def _texts(elements: list[Any]) -> Iterator[str]:
    for element in elements:
        kind = element.WhichOneof("type")
        described = getattr(element, kind)
        for name in ("body", "alt"):
            text = getattr(described, name, "")
            if isinstance(text, str) and text:
                yield text.replace("\\", "").replace(_JOINER, "")


def _failures(elements: list[Any]) -> Iterator[str]:
    for element in elements:
        if element.WhichOneof("type") == "exception":
            yield element.exception.message
        elif element.WhichOneof("type") == "alert" and element.alert.format == element.alert.ERROR:
            yield element.alert.body
