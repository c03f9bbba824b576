"""A threaded HTTP/1.1 server on 127.0.0.1 that answers in one packet and closes its connections at the end."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.state.servers import HOST

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

ENDING = "vmss_jenkins.ending"
"""The key of the ``Ending`` in the WSGI environment."""

EndingKind = Literal["sent", "cut", "reset"]
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Ending:
    """How an answer ends, set by the application: sent, cut in the middle, or lost by a reset."""

    how: EndingKind = "sent"


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in two packets meet Nagle's algorithm and delayed acknowledgements: 40 ms an answer.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: HttpServer

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Write the ``Date`` by the emulator's clock."""
        return super().date_time_string(self.server.date() if timestamp is None else timestamp)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002, ANN401  (the base class's)
        """Log nothing: the backend records the calls."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is not HTTP with ARM's error body, and close the connection."""
        text = message or explain or self.responses.get(code, ("",))[0]
        content = orjson.dumps(ArmError(code, "BadRequest", f"{code} {text}").body)
        self.send_response(code)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def finish(self) -> None:
        """Close the connection, even if the client closed it before its answer."""
        with contextlib.suppress(OSError):
            super().finish()
        self.rfile.close()

    def run_wsgi(self) -> None:
        """Answer and keep the connection; the base class closes it, and waits 10 ms for unread bytes.

        The application reads every body; if it cannot, it sends ``Connection: close``.
        """
        ending = Ending()
        environ = self.make_environ() | {ENDING: ending}
        body, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        if ending.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.close_connection = True
            return
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        content = b"".join(body)
        if ending.how == "cut":
            content, self.close_connection = content[: len(content) // 2], True
        self.wfile.write(content)


class HttpServer(ThreadedWSGIServer):
    """Serves an application in threads until ``stop``. Raises ``OSError`` if the port is taken."""

    def __init__(self, app: WSGIApplication, port: int, tls: ssl.SSLContext | None, date: Callable[[], float]) -> None:
        # Bound here, because the base class ends the process if the port is taken.
        with socket.create_server((HOST, port)) as listener:
            super().__init__(HOST, listener.getsockname()[1], app, handler=_Handler, fd=listener.fileno())
        self.ssl_context = tls
        self.date = date
        self._connections: set[socket.socket] = set()
        self._lifecycle = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name="emulator")
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting for good, and close the connections that clients keep open."""
        self._stopped = True
        self.refuse()
        self.server_close()

    def refuse(self) -> None:
        """Refuse new connections, and close the open ones, whose threads would still answer."""
        with self._lifecycle:
            thread, self._thread = self._thread, None
            if thread is not None:
                with contextlib.suppress(OSError):
                    self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, which otherwise checks only at intervals
                self.shutdown()
                thread.join()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def accept(self) -> None:
        """Accept connections again on the same port; do nothing if it accepts already or is stopped."""
        with self._lifecycle:
            if self._thread is None and not self._stopped:
                self.socket = socket.create_server((HOST, self.port))
                self.start()

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  (the base class's types)
        """Serve one connection; the TLS handshake is done in its thread, so that no other client waits."""
        if self.ssl_context is not None:
            request = self.ssl_context.wrap_socket(request, server_side=True)
        self._connections.add(request)
        with request:
            super().finish_request(request, client_address)
        self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  (the base class's types)
        """Log nothing: a client may close its connection or refuse the certificate."""
