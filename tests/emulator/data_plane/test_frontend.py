"""How the proxy treats connections, with backends that speak HTTP only to the probe."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps

import pytest

from vmss_jenkins.emulator.data_plane.frontend import Frontend
from vmss_jenkins.emulator.data_plane.probe import Probe
from vmss_jenkins.emulator.state.servers import HOST

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def in_a_loop(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Run a test in an event loop that must end without open tasks and unhandled exceptions."""

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
    """A listener that answers the probe and hands every other connection to the test."""

    def __init__(self, answer: bytes = HEALTHY) -> None:
        self.answer = answer
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.probed = asyncio.Event()
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
        if greeting.startswith(b"GET /"):
            self.probed.set()
            await self.may_answer.wait()
            writer.write(self.answer if greeting.startswith(b"GET /probe ") else HEALTHY)
            writer.close()
        else:
            self.connections.put_nowait((reader, writer))


def before(ports: dict[str, int], path: str = "/probe") -> Frontend:
    return Frontend(lambda: list(ports), Probe(interval=3600.0, path=path), port_of=ports.get)


@asynccontextmanager
async def proxied() -> AsyncIterator[tuple[End, End, Frontend]]:
    """A connection through a frontend, as seen by the client and by the backend."""
    backend = Backend()
    frontend = before({"one": await backend.open()})
    port = await frontend.open()
    await frontend.probe_round(["one"])
    client = await asyncio.open_connection(HOST, port)
    client[1].write(b"hello\n")
    far_end = await backend.connections.get()
    try:
        yield client, far_end, frontend
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
    async with proxied() as (client, backend, _):
        client[1].write(b"\x00question\n")
        assert await backend[0].readline() == b"\x00question\n"
        backend[1].write(b"\xffanswer\n")
        assert await client[0].readline() == b"\xffanswer\n"


@in_a_loop
async def test_a_client_that_has_closed_its_side_still_gets_its_answer() -> None:
    async with proxied() as (client, backend, _):
        client[1].write(b"question")
        client[1].write_eof()
        assert await backend[0].read() == b"question"
        backend[1].write(b"answer")
        backend[1].close()
        assert await client[0].read() == b"answer"


@in_a_loop
async def test_a_backend_that_has_closed_its_side_still_gets_its_clients_bytes() -> None:
    async with proxied() as (client, backend, _):
        backend[1].write(b"answer")
        backend[1].write_eof()
        assert await client[0].read() == b"answer"
        client[1].write(b"question")
        client[1].write_eof()
        assert await backend[0].read() == b"question"


@in_a_loop
async def test_a_clients_reset_resets_the_backend() -> None:
    async with proxied() as (client, backend, _):
        reset(client[1])
        with pytest.raises(ConnectionResetError):
            await backend[0].read()


@in_a_loop
async def test_a_backends_reset_resets_the_client() -> None:
    async with proxied() as (client, backend, _):
        reset(backend[1])
        with pytest.raises(ConnectionResetError):
            await client[0].read()


@in_a_loop
async def test_a_backend_that_dies_during_a_large_upload_resets_the_client() -> None:
    async with proxied() as (client, backend, _):
        client[1].write(b"x" * 10_000_000)
        await backend[0].readexactly(100_000)
        reset(backend[1])
        with pytest.raises(ConnectionError):
            await client[1].drain()


@in_a_loop
async def test_a_client_waits_for_a_backend_that_does_not_read() -> None:
    async with proxied() as (client, backend, _):
        sent = b"x" * 50_000_000
        client[1].write(sent)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client[1].drain(), timeout=0.3)
        assert await backend[0].readexactly(len(sent)) == sent


@in_a_loop
async def test_a_connection_that_both_sides_have_closed_is_forgotten() -> None:
    async with proxied() as (client, backend, frontend):
        client[1].write_eof()
        await backend[0].read()
        backend[1].write_eof()
        await client[0].read()
        assert frontend._sides == set()


@in_a_loop
async def test_a_client_that_resets_before_it_has_a_backend_leaves_nothing_behind() -> None:
    tasks = asyncio.all_tasks()
    backend = Backend()
    frontend = before({"one": await backend.open()})
    port = await frontend.open()
    await frontend.probe_round(["one"])
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
    backend.listener.close()
    assert asyncio.all_tasks() <= tasks


@in_a_loop
async def test_a_frontend_can_be_closed_while_it_waits_for_a_backend_to_accept() -> None:
    tasks = asyncio.all_tasks()
    backend = Backend()
    ports = {"one": await backend.open()}
    frontend = before(ports)
    port = await frontend.open()
    await frontend.probe_round(["one"])
    with socket.socket() as deaf, socket.socket() as first:
        deaf.bind((HOST, 0))
        deaf.listen(0)
        first.connect(deaf.getsockname())
        ports["one"] = deaf.getsockname()[1]
        reader, writer = await asyncio.open_connection(HOST, port)
        await frontend.close()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
    backend.listener.close()
    assert asyncio.all_tasks() <= tasks


@in_a_loop
async def test_the_probe_does_not_follow_a_redirection() -> None:
    backend = Backend(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
    frontend = before({"one": await backend.open()})
    await frontend.open()
    await frontend.probe_round(["one"])
    assert frontend.up == {"one": False}
    await frontend.close()
    backend.listener.close()


@in_a_loop
async def test_a_round_of_probes_waits_for_the_one_under_way() -> None:
    slow, quick = Backend(), Backend()
    slow.may_answer.clear()
    frontend = before({"slow": await slow.open(), "quick": await quick.open()})
    await frontend.open()
    under_way = asyncio.create_task(frontend.probe_round(["slow"]))
    await slow.probed.wait()
    later = asyncio.create_task(frontend.probe_round(["quick"]))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(quick.probed.wait(), timeout=0.1)
    slow.may_answer.set()
    await asyncio.gather(under_way, later)
    assert frontend.up == {"quick": True}
    await frontend.close()
    slow.listener.close()
    quick.listener.close()
