"""One instance of the emulator's data plane: a web server with the page of the release that it runs."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from vmss_jenkins.emulator.data_plane.loopback import BACKLOG, stop_accepting
from vmss_jenkins.emulator.state.servers import HOST

GRACE: Final = 5.0
"""Real seconds that requests in flight have left when their instance goes down."""

Answer = Callable[[web.BaseRequest], Awaitable[web.Response]]

_KEEP_ALIVE: Final = 75.0  # nginx's default
_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # a malformed request of a client is of no interest to the emulator's user


@dataclass(frozen=True)
class Page:
    """What a release answers to a request of any path and method.

    `GET /health` is the exception: it answers `health_status` and `health_state`, at once and without errors.

    Raises:
        ValueError: A status outside 200 to 599, a negative latency, or an error rate outside 0 to 1.
    """

    body: str
    """Sent as `text/html`."""
    status: int = 200
    latency: float = 0.0
    """Real seconds until the answer: clients measure them, so the time scale does not change them."""
    error_rate: float = 0.0
    """The share of requests, from 0 to 1, that answer 500. The load balancer's probes are requests too."""
    health_status: int = 200
    health_state: str = "Healthy"
    """The state that the Application Health extension reads from the body, if its states are rich."""

    def __post_init__(self) -> None:
        for status in (self.status, self.health_status):
            if not 200 <= status <= 599:  # noqa: PLR2004 - the statuses that end a request
                raise ValueError(f"a page's status is {status}; it must be from 200 to 599")
        if self.latency < 0:
            raise ValueError(f"a page's latency is {self.latency} s; it must not be negative")
        if not 0 <= self.error_rate <= 1:
            raise ValueError(f"a page's error rate is {self.error_rate}; it must be from 0 to 1")


class WebInstance:
    """A web server that goes down and comes up again on the same port.

    It belongs to the running event loop; only `port` may be read from other threads.
    """

    def __init__(self, seed: str, wished: Sequence[int] = ()) -> None:
        """Reserve a loopback port: one of the `wished` ones, if it is free.

        `seed` decides which requests fail if the page has an error rate.
        """
        self._dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._reserved: socket.socket | None = _first_bound(wished)
        self.port: int = self._reserved.getsockname()[1]
        self._page = Page("")
        self._serving: InstanceServer | None = None

    async def serve(self, page: Page) -> None:
        """Answer with this page from now on; come up if it is down."""
        self._page = page
        if self._serving is None:
            reserved, self._reserved = self._reserved, None
            self._serving = InstanceServer(self._answer)
            await self._serving.open(reserved or _bound(self.port))

    async def take_down(self) -> InstanceServer | None:
        """Stop accepting; return the server that must still be drained, None if it was down already."""
        serving, self._serving = self._serving, None
        if serving is not None:
            await serving.stop_accepting()
            self._reserved = _bound(
                self.port
            )  # bound but not listening: it refuses connections, and nobody else can take the port
        return serving

    def give_up_port(self) -> None:
        """Release the port; the instance cannot be used any more."""
        if self._reserved is not None:
            self._reserved.close()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        page = self._page
        if request.path == "/health":
            return web.json_response({"ApplicationHealthState": page.health_state}, status=page.health_status)
        failed = page.error_rate > 0 and self._dice.random() < page.error_rate
        if page.latency:
            await asyncio.sleep(page.latency)
        return web.Response(status=500 if failed else page.status, text=page.body, content_type="text/html")


class InstanceServer:
    """The server of an instance from the time it comes up until it goes down."""

    def __init__(self, answer: Answer) -> None:
        """Make a server that calls `answer` for each request and does not listen yet."""
        self._answer = answer
        self._requests: dict[asyncio.Task[Any], web.BaseRequest] = {}
        self._server = web.Server(self._handle, access_log=None, logger=_log, keepalive_timeout=_KEEP_ALIVE)

    async def open(self, listener: socket.socket) -> None:
        """Accept connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._server, sock=listener, backlog=BACKLOG)

    async def stop_accepting(self) -> None:
        """Close the listener; its port is free when this returns."""
        await stop_accepting(self._listener)

    async def drain(self) -> None:
        """Close idle connections now, the others when they are answered, or cut them off after `GRACE`."""
        busy = {request.protocol for request in self._requests.values()}
        for connection in self._server.connections:
            if connection in busy:
                connection.close()
            else:
                connection.force_close()
        if busy:
            await asyncio.wait(list(self._requests), timeout=GRACE)
        self.cut_off()

    def cut_off(self) -> None:
        """Break off the requests in flight and their connections."""
        for request in list(self._requests):
            request.cancel()
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        task = asyncio.current_task()
        if task is not None:
            self._requests[task] = request
            task.add_done_callback(self._requests.pop)
        return await self._answer(request)


def _first_bound(wished: Sequence[int]) -> socket.socket:
    for port in wished:
        # Two sockets that reuse addresses may be bound to one port until one listens; this one finds the other.
        with suppress(OSError), socket.socket() as alone:
            alone.bind((HOST, port))
            alone.close()
            return _bound(port)
    return _bound(0)


def _bound(port: int) -> socket.socket:
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind((HOST, port))
    reserved.setblocking(False)  # noqa: FBT003 - the method's only form
    return reserved
