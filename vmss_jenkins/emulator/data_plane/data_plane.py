"""The emulator's data plane: instances that answer HTTP, load balancers that spread connections.

Both are real, over sockets on 127.0.0.1, in one asyncio loop on one daemon thread. The data plane knows names
and pages, but none of Azure's resources: the control plane says which instance serves which page, and which
instances a backend pool has.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from vmss_jenkins.emulator.data_plane.frontend import Frontend
from vmss_jenkins.emulator.data_plane.probe import Probe
from vmss_jenkins.emulator.data_plane.web_instance import Page, WebInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from vmss_jenkins.emulator.data_plane.web_instance import InstanceServer

__all__ = ["DataPlane", "Page", "Probe"]

T = TypeVar("T")


class DataPlane:
    """Instances and load balancers on loopback, for use from any thread; a context manager too.

    A method that changes something returns when the change is in effect. It raises `RuntimeError` if the
    data plane does not run, `OSError` if the process has no port or file descriptor left, and `LookupError` for
    an unknown name, unless its documentation says that it then does nothing.
    """

    def __init__(self, *, time_scale: float = 1.0, seed: int = 0) -> None:
        """Make a data plane that does not run yet.

        Args:
            time_scale: Emulated seconds in a real one; it shortens the intervals of probes and nothing else.
            seed: Decides which requests fail if a page has an error rate: with the same seed, always the same
                ones among an instance's first requests.

        Raises:
            ValueError: The time scale is not positive.
        """
        if time_scale <= 0:
            raise ValueError(f"the time scale is {time_scale}; it must be above 0")
        self._time_scale = time_scale
        self._seed = seed
        self._instances: dict[str, WebInstance] = {}
        self._frontends: dict[str, Frontend] = {}
        self._closed = WeakSet[Frontend]()  # their open connections keep them alive
        self._draining: dict[asyncio.Task[None], InstanceServer] = {}
        self._lifecycle = threading.Lock()
        self._gate = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the thread; do nothing if it runs. A stopped data plane starts again empty."""
        with self._lifecycle:
            if self._loop is None:
                running: Future[asyncio.AbstractEventLoop] = Future()
                self._thread = threading.Thread(target=self._live, args=(running,), name="data-plane", daemon=True)
                self._thread.start()
                self._loop = running.result()

    def stop(self) -> None:
        """Close every listener and connection at once and end the thread; do nothing if it does not run.

        Do not call it while holding a lock that a `backends` of `open_frontend` takes.
        """
        with self._lifecycle:
            with self._gate:
                loop, self._loop = self._loop, None
            if loop is not None and self._thread is not None:
                loop.call_soon_threadsafe(self._stopping.set)
                self._thread.join()

    def serve(self, name: str, page: Page) -> None:
        """Bring the instance up with this page; if it is up already, only replace its page.

        Load balancers send connections to it after their next successful probe.
        """
        self._call(self._serve(name, page))

    def take_down(self, name: str) -> None:
        """Take the instance down gracefully, as systemd stops nginx; do nothing if it is down.

        When this returns, new connections are refused. Idle keep-alive connections are closed. Requests in flight
        finish in the background, and are cut off after 5 real seconds.
        """
        self._call(self._take_down(name))

    def remove(self, name: str) -> None:
        """Take the instance down and release its port; do nothing if there is no such instance.

        Load balancers skip it at once, even while their pool still names it.
        """
        self._call(self._remove(name))

    def port(self, name: str) -> int:
        """Return the instance's own loopback port, which stays the same when it goes down and comes up."""
        return _known(self._instances, "instance", name).port

    def reserve(self, name: str, wished: Sequence[int] = ()) -> int:
        """Return the instance's own port, reserved now if it has none; it refuses connections until `serve`.

        A new port is the first of the `wished` ones that is free on this machine, or else any.
        """
        instance = self._instances.get(name)
        return instance.port if instance is not None else self._call(self._reserve(name, wished))

    def open_frontend(self, name: str, backends: Callable[[], Sequence[str]], probe: Probe, port: int = 0) -> int:
        """Open a load balancer on a loopback port, probe its backends once, and return the port.

        A connection goes to the next backend (round robin) that the probe found up. It is reset if that backend
        does not accept it, and if no backend is up.

        Args:
            name: Its name.
            backends: Returns the names of the instances in its pool; unknown names are skipped. It is called before
                every round of probes, in a thread of its own (here and in `probe_now`: in the caller's), so that it
                may take locks. A change of the pool takes effect with the next round.
            probe: How it finds out which backends are up.
            port: The port to listen on, 0 for a free one.

        Raises:
            ValueError: A load balancer of this name is open.
            OSError: The port is taken, or too low for this user.
        """
        frontend = Frontend(backends, probe, port_of=self._port_or_none, time_scale=self._time_scale)
        return self._call(self._open_frontend(name, frontend, list(backends()), port))

    def close_frontend(self, name: str, *, keep_connections: bool = False) -> None:
        """Close the load balancer's port, and reset or keep its connections; do nothing if it is not open."""
        self._call(self._close_frontend(name, keep_connections=keep_connections))

    def administer(self, frontend: str, forced: Mapping[str, bool]) -> None:
        """Set administrative states: these backends get new connections, or none, whatever the probe finds.

        For the others the probe decides. Open connections continue. The states replace all that were set before.
        """
        self._call(self._administer(frontend, forced))

    def backend_up(self, frontend: str) -> Mapping[str, bool]:
        """Return whether each backend was up after the last round of probes, in the pool's order."""
        return dict(_known(self._frontends, "load balancer", frontend).up)

    def probe_now(self, name: str | None = None) -> None:
        """Probe every backend of one load balancer, or of all, once; the results are in effect when this returns."""
        chosen = [_known(self._frontends, "load balancer", name)] if name else list(self._frontends.values())
        pools = [(frontend, list(frontend.backends())) for frontend in chosen]
        self._call(_probe_all(pools))

    def _call(self, change: Coroutine[Any, Any, T]) -> T:
        with self._gate:
            if self._loop is None:
                change.close()
                raise RuntimeError("the data plane does not run; call start() first")
            done = asyncio.run_coroutine_threadsafe(change, self._loop)
        try:
            return done.result()
        except CancelledError:
            raise RuntimeError("the data plane was stopped during the call") from None

    def _live(self, running: Future[asyncio.AbstractEventLoop]) -> None:
        try:
            asyncio.run(self._run(running))
        except OSError as error:  # no file descriptor left for a loop
            running.set_exception(error)

    async def _run(self, running: Future[asyncio.AbstractEventLoop]) -> None:
        self._stopping = asyncio.Event()
        self._changing = asyncio.Lock()
        running.set_result(asyncio.get_running_loop())
        await self._stopping.wait()
        for name in list(self._frontends):
            await self._close_frontend(name)
        for frontend in list(self._closed):
            frontend.reset()
        for name in list(self._instances):
            await self._remove(name)
        for serving in self._draining.values():
            serving.cut_off()

    async def _serve(self, name: str, page: Page) -> None:
        async with self._changing:
            await self._made(name).serve(page)

    async def _reserve(self, name: str, wished: Sequence[int]) -> int:
        async with self._changing:
            return self._made(name, wished).port

    def _made(self, name: str, wished: Sequence[int] = ()) -> WebInstance:
        if name not in self._instances:
            self._instances[name] = WebInstance(f"{self._seed} {name}", wished)
        return self._instances[name]

    async def _administer(self, frontend: str, forced: Mapping[str, bool]) -> None:
        _known(self._frontends, "load balancer", frontend).administer(forced)

    async def _take_down(self, name: str) -> None:
        async with self._changing:
            self._drain(await _known(self._instances, "instance", name).take_down())

    async def _remove(self, name: str) -> None:
        async with self._changing:
            instance = self._instances.pop(name, None)
            if instance is not None:
                self._drain(await instance.take_down())
                instance.give_up_port()

    def _drain(self, serving: InstanceServer | None) -> None:
        if serving is not None:
            task = asyncio.get_running_loop().create_task(serving.drain())
            self._draining[task] = serving
            task.add_done_callback(self._draining.pop)

    async def _open_frontend(self, name: str, frontend: Frontend, members: Sequence[str], port: int) -> int:
        async with self._changing:
            if name in self._frontends:
                raise ValueError(f"the load balancer {name!r} is open already; close it first")
            opened = await frontend.open(port)
            self._frontends[name] = frontend
        await frontend.probe_round(members)
        return opened

    async def _close_frontend(self, name: str, *, keep_connections: bool = False) -> None:
        async with self._changing:
            frontend = self._frontends.pop(name, None)
            if frontend is None:
                return
            await frontend.close(keep_connections=keep_connections)
            self._closed.add(frontend)

    def _port_or_none(self, name: str) -> int | None:
        instance = self._instances.get(name)
        return None if instance is None else instance.port


async def _probe_all(pools: Sequence[tuple[Frontend, Sequence[str]]]) -> None:
    await asyncio.gather(*(frontend.probe_round(members) for frontend, members in pools))


def _known(named: Mapping[str, T], what: str, name: str) -> T:
    try:
        return named[name]
    except KeyError:
        raise LookupError(f"there is no {what} {name!r}; there are: {', '.join(named) or 'none'}") from None
