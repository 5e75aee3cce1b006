"""A proxy on 127.0.0.1 that breaks connections in the middle of an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = 65_536


class BreakingProxy:
    """Passes everything on; of the next answers that are long, as many as told are cut short.

    Args:
        port: Where the server listens.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.to_break = 0
        self.broken = 0
        self.after_bytes = 100_000
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                for pump in (self._to_server, self._to_client):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(PIECE):
                server.sendall(piece)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while piece := server.recv(PIECE):
                passed += len(piece)
                if passed > self.after_bytes and self.to_break:
                    self.to_break -= 1
                    self.broken += 1
                    break
                client.sendall(piece)
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()


@contextmanager
def breaking_proxy(port: int) -> Iterator[BreakingProxy]:
    """A proxy in front of a server on this machine."""
    proxy = BreakingProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
