"""What the proxy does with connections as such, before backends that speak no HTTP but to the probe."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps

import pytest

from vmss_jenkins.emulator.load_balancer import Frontend, Probe
from vmss_jenkins.emulator.loopback import HOST

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def in_a_loop(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Run a test in an event loop that no task outlives and that sees no exception go by."""

    @wraps(test)
    def run() -> None:
        async def watched() -> None:
            unseen: list[dict[str, object]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
            await asyncio.wait_for(test(), timeout=20)
            assert unseen == []

        asyncio.run(watched())

    return run


class Backend:
    """A listener that is healthy for the probe and hands every other connection to the test."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[End] = asyncio.Queue()

    async def open(self) -> int:
        self.listener = await asyncio.start_server(self._accept, HOST, 0)
        port: int = self.listener.sockets[0].getsockname()[1]
        return port

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            greeting = await reader.readline()
        except ConnectionResetError:
            return
        if greeting.startswith(b"GET /probe"):
            writer.write(HEALTHY)
            writer.close()
        else:
            self.connections.put_nowait((reader, writer))


@asynccontextmanager
async def proxied() -> AsyncIterator[tuple[End, End]]:
    """A connection through a frontend, as seen by the client and by the backend."""
    backend = Backend()
    backend_port = await backend.open()
    frontend = Frontend(lambda: ["one"], Probe(interval=3600.0, path="/probe"), port_of=lambda _: backend_port)
    port = await frontend.open()
    await frontend.probe_round(["one"])
    client = await asyncio.open_connection(HOST, port)
    client[1].write(b"hello\n")
    far_end = await backend.connections.get()
    try:
        yield client, far_end
    finally:
        for _, writer in (client, far_end):
            writer.close()
        await frontend.close()
        backend.listener.close()


def reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@in_a_loop
async def test_bytes_pass_both_ways_unchanged() -> None:
    async with proxied() as (client, backend):
        client[1].write(b"\x00question\n")
        assert await backend[0].readline() == b"\x00question\n"
        backend[1].write(b"\xffanswer\n")
        assert await client[0].readline() == b"\xffanswer\n"


@in_a_loop
async def test_a_client_that_has_said_all_still_gets_its_answer() -> None:
    async with proxied() as (client, backend):
        client[1].write(b"question")
        client[1].write_eof()
        assert await backend[0].read() == b"question"
        backend[1].write(b"answer")
        backend[1].close()
        assert await client[0].read() == b"answer"


@in_a_loop
async def test_a_backend_that_has_said_all_still_hears_its_client() -> None:
    async with proxied() as (client, backend):
        backend[1].write(b"answer")
        backend[1].write_eof()
        assert await client[0].read() == b"answer"
        client[1].write(b"question")
        client[1].write_eof()
        assert await backend[0].read() == b"question"


@in_a_loop
async def test_a_clients_reset_resets_the_backend() -> None:
    async with proxied() as (client, backend):
        reset(client[1])
        with pytest.raises(ConnectionResetError):
            await backend[0].read()


@in_a_loop
async def test_a_backends_reset_resets_the_client() -> None:
    async with proxied() as (client, backend):
        reset(backend[1])
        with pytest.raises(ConnectionResetError):
            await client[0].read()


@in_a_loop
async def test_a_backend_that_dies_while_its_client_sends_much_resets_the_client() -> None:
    async with proxied() as (client, backend):
        client[1].write(b"x" * 10_000_000)
        await backend[0].readexactly(100_000)
        reset(backend[1])
        with pytest.raises(ConnectionError):
            await client[1].drain()


@in_a_loop
async def test_a_client_waits_for_a_backend_that_does_not_read() -> None:
    async with proxied() as (client, backend):
        sent = b"x" * 50_000_000
        client[1].write(sent)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client[1].drain(), timeout=0.3)
        assert await backend[0].readexactly(len(sent)) == sent


@in_a_loop
async def test_a_client_that_resets_before_it_has_a_backend_leaves_nothing_behind() -> None:
    backend = Backend()
    backend_port = await backend.open()
    frontend = Frontend(lambda: ["one"], Probe(interval=3600.0, path="/probe"), port_of=lambda _: backend_port)
    port = await frontend.open()
    await frontend.probe_round(["one"])
    tasks = asyncio.all_tasks()
    for _ in range(20):
        hasty = socket.create_connection((HOST, port))
        hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        hasty.close()
    _, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"hello\n")
    _, far_end = await backend.connections.get()
    writer.close()
    far_end.close()
    await frontend.close()
    assert asyncio.all_tasks() <= tasks
    backend.listener.close()
