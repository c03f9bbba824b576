"""The load balancer of the emulator's data plane: a layer 4 proxy with a health probe.

Like Azure's, it forwards connections and never looks into the bytes. It differs in two points. Azure picks a backend
by a hash over the connection's five-tuple; this one takes them in turn (round robin), so that a test knows how many
connections each gets. The order is not that of the ids: as in Azure, a retry does not meet the next instance of the
same batch. If no backend can take a connection, Azure lets it time out; this one resets it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import struct
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

import aiohttp

from vmss_jenkins.emulator.data_plane.loopback import BACKLOG, stop_accepting
from vmss_jenkins.emulator.data_plane.probe import Probe
from vmss_jenkins.emulator.state.servers import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROBE_TIMEOUT: Final = 30.0
"""Emulated seconds: Azure's limit, unless the interval is shorter."""
PROBES_AT_ONCE: Final = 64
PROBES_PER_SECOND: Final = 250
"""The most in a real second, as one costs about 1 ms of CPU; rounds over many backends take longer."""
LEAST_TIMEOUT: Final = 1.0
_NO_LINGER: Final = struct.pack("ii", 1, 0)
_log = logging.getLogger(__name__)


class Frontend:
    """One load balancing rule: a loopback port, its backends and the results of their probe.

    It belongs to the running event loop; only `up` and `backends` may be read from other threads.
    """

    def __init__(
        self,
        backends: Callable[[], Sequence[str]],
        probe: Probe,
        *,
        port_of: Callable[[str], int | None],
        time_scale: float = 1.0,
    ) -> None:
        """Make a frontend that does not listen yet.

        Args:
            backends: Returns the names in the backend pool; called before each round, in a thread of its own.
            probe: How it finds out which of them are up.
            port_of: The loopback port of a name; None if there is no such instance, which is then skipped.
            time_scale: Emulated seconds in a real one.
        """
        self.backends = backends
        self.up: Mapping[str, bool] = {}
        self._probe = probe
        self._forced: Mapping[str, bool] = {}
        self._port_of = port_of
        self._interval = probe.interval / time_scale
        self._timeout = max(min(probe.interval, PROBE_TIMEOUT) / time_scale, LEAST_TIMEOUT)
        self._row: dict[str, int] = {}  # successful probes in a row; below 0: failed ones in a row
        self._in: tuple[str, ...] = ()
        self._turns = itertools.count()
        self._one_round = asyncio.Lock()
        self._sides: set[_Side] = set()

    async def open(self, port: int = 0) -> int:
        """Listen on this port, 0 for a free one, and begin to probe after one interval; return the port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: _ClientSide(self._sides, self._pick), HOST, port, backlog=BACKLOG
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),  # Azure probes by new connections
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "Load Balancer Agent"},
            timeout=aiohttp.ClientTimeout(total=self._timeout),
        )
        self._probing = loop.create_task(self._keep_probing())
        opened: int = self._listener.sockets[0].getsockname()[1]
        return opened

    async def close(self, *, keep_connections: bool = False) -> None:
        """Stop listening and probing, and reset every connection, or keep them until `reset`."""
        await stop_accepting(self._listener)
        self._probing.cancel()
        await asyncio.gather(self._probing, return_exceptions=True)
        if not keep_connections:
            self.reset()
        await self._session.close()

    def reset(self) -> None:
        """Reset every connection."""
        for side in list(self._sides):
            side.reset()

    def administer(self, forced: Mapping[str, bool]) -> None:
        """Set which backends get new connections, or none, whatever the probe finds; it replaces former settings.

        Open connections continue.
        """
        self._forced = dict(forced)
        self._choose()

    async def probe_round(self, members: Sequence[str]) -> None:
        """Probe these backends once each, and make them the pool; a round in progress finishes first."""
        async with self._one_round:
            waiting = iter(members)
            answers: dict[str, bool] = {}

            async def work() -> None:
                for name in waiting:
                    answers[name] = await self._is_answered(name)

            await asyncio.gather(*(work() for _ in range(min(len(members), PROBES_AT_ONCE))))
            self._conclude({name: answers[name] for name in members})

    def _conclude(self, answers: Mapping[str, bool]) -> None:
        row = {name: self._row.get(name, 0) for name in answers}
        self._row = {name: max(row[name], 0) + 1 if ok else min(row[name], 0) - 1 for name, ok in answers.items()}
        self.up = {
            name: count > -self._probe.threshold if self.up.get(name, False) else count >= self._probe.recovery
            for name, count in self._row.items()
        }
        self._choose()

    def _choose(self) -> None:
        chosen = (name for name, up in self.up.items() if self._forced.get(name, up))
        self._in = tuple(sorted(chosen, key=lambda name: zlib.crc32(name.encode())))

    async def _is_answered(self, name: str) -> bool:
        port = self._port_of(name)
        if port is None or self._session.closed:
            return False
        if self._probe.kind != "http":
            return self._probe.kind == "none" or await self._is_connected(port)
        url = f"http://{HOST}:{port}{self._probe.path}"
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                await response.read()
                return response.status == 200  # noqa: PLR2004 - Azure's rule: 200 and no other
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError):
            return False

    async def _is_connected(self, port: int) -> bool:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), self._timeout)
        except (OSError, asyncio.TimeoutError):
            return False
        writer.close()
        return True

    async def _keep_probing(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            period = max(self._interval, len(self.up) / PROBES_PER_SECOND)
            await asyncio.sleep(started + period - loop.time())
            started = loop.time()
            try:
                members = await asyncio.to_thread(self.backends)
            except Exception:  # noqa: BLE001 - the caller's code; probing must continue
                _log.exception("the backend pool could not be read; it stays as it was")
                members = list(self.up)
            await self.probe_round(members)

    def _pick(self) -> int | None:
        for _ in self._in:
            port = self._port_of(self._in[next(self._turns) % len(self._in)])
            if port is not None:
                return port
        return None


class _Side(asyncio.Protocol):
    """One side of a proxied connection: bytes that arrive here are sent at the other side."""

    other: _Side

    def __init__(self, sides: set[_Side]) -> None:
        self.transport: asyncio.Transport | None = None
        self.ended = False
        self._sides = sides

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._sides.add(self)

    def data_received(self, data: bytes) -> None:
        if self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass the end of the stream on; keep the other direction open until it ends too."""
        self.ended = True
        if self.other.transport is not None:
            self.other.transport.write_eof()
        if self.other.ended:
            self.close()
        return True

    def pause_writing(self) -> None:
        if self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._sides.discard(self)
        if exc is None:
            self.other.close()
        else:
            self.other.reset()

    def close(self) -> None:
        """Send the remaining bytes, then close."""
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Close at once, by RST instead of FIN."""
        if self.transport is None:
            return
        with suppress(OSError):  # closed already
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()


class _ClientSide(_Side):
    """The client's side of a connection: it gets a backend, or is reset."""

    def __init__(self, sides: set[_Side], pick: Callable[[], int | None]) -> None:
        super().__init__(sides)
        self.other = _Side(sides)
        self.other.other = self
        self._pick = pick
        self._dialling: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        port = self._pick()
        if port is None:
            self.reset()
        else:
            self._dialling = asyncio.get_running_loop().create_task(self._dial(port))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._dialling is not None:
            self._dialling.cancel()
        super().connection_lost(exc)

    async def _dial(self, port: int) -> None:
        transport = cast("asyncio.Transport", self.transport)
        transport.pause_reading()  # in connection_made it would be too early before Python 3.12
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.other, HOST, port)
        except OSError:
            self.reset()
        else:
            transport.resume_reading()
