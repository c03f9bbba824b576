"""A threaded HTTP/1.1 server on 127.0.0.1 that answers in one packet and lets go of its connections at the end."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

if TYPE_CHECKING:
    import ssl
    from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in two packets meet Nagle's algorithm and delayed acknowledgements: 40 ms an answer.
    disable_nagle_algorithm = True
    wbufsize = -1
    error_content_type = "application/json"
    error_message_format = '{"error": {"code": "BadRequest", "message": "%(code)d %(message)s"}}'

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002, ANN401  (the base class's)
        """Say nothing: the calls are kept in the backend."""

    def run_wsgi(self) -> None:
        """Answer and keep the connection; the base class closes each, and waits 10 ms for bytes nobody read.

        The application reads every body; where it cannot, it asks for the end of the connection by a header.
        """
        body, status, headers = run_wsgi_app(self.server.app, self.make_environ(), buffered=True)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(b"".join(body))


class HttpServer(ThreadedWSGIServer):
    """Serves an application in threads until ``stop``. Raises ``OSError`` where the port is taken."""

    def __init__(self, app: WSGIApplication, port: int, tls: ssl.SSLContext | None) -> None:
        # Bound here, because the base class ends the process where the port is taken.
        with socket.create_server((HOST, port)) as listener:
            super().__init__(HOST, listener.getsockname()[1], app, handler=_Handler, fd=listener.fileno())
        self.ssl_context = tls
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name="emulator")

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, and end connections that clients keep open: their threads would go on answering."""
        self.shutdown()
        self._thread.join()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  (the base class's types)
        """Serve one connection; its TLS handshake is done here, where it holds up no other client."""
        if self.ssl_context is not None:
            request = self.ssl_context.wrap_socket(request, server_side=True)
        self._connections.add(request)
        with request:
            super().finish_request(request, client_address)
        self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  (the base class's types)
        """Say nothing: a client that goes away, or does not like the certificate, is no event."""
