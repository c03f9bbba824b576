"""The whole emulator, to start and to stop: control plane, data plane, clock and server."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.throttling import Throttle
from vmss_jenkins.emulator.compute.automation import watch
from vmss_jenkins.emulator.data_plane.data_plane import DataPlane
from vmss_jenkins.emulator.faults.fault import Fault
from vmss_jenkins.emulator.front.app import App
from vmss_jenkins.emulator.front.control import Control
from vmss_jenkins.emulator.front.fault_injector import FaultInjector
from vmss_jenkins.emulator.front.http_server import HttpServer
from vmss_jenkins.emulator.front.identity import Identity
from vmss_jenkins.emulator.persistence.journal import Journal
from vmss_jenkins.emulator.persistence.replay import resume
from vmss_jenkins.emulator.runtime.clock import ScaledClock, date_of
from vmss_jenkins.emulator.runtime.http_download import download
from vmss_jenkins.emulator.runtime.ticker import Ticker
from vmss_jenkins.emulator.scenario.scenario import Scenario, named_scenario
from vmss_jenkins.emulator.scenario.timings import Timings
from vmss_jenkins.emulator.server import az_setup, certificate
from vmss_jenkins.emulator.server.data_plane_sync import DataPlaneServers, DataPlaneSync
from vmss_jenkins.emulator.server.population import populate
from vmss_jenkins.emulator.state.backend import Backend
from vmss_jenkins.emulator.state.servers import HOST, NoServers, Servers

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.faults.armed_fault import ArmedFault
    from vmss_jenkins.emulator.state.availability import Availability
    from vmss_jenkins.emulator.state.clock import Clock


class Emulator:
    """A part of Azure on 127.0.0.1: ARM, and instances that serve pages behind load balancers.

    Args:
        scenario: The content with which it starts: a ``Scenario``, or the name of one.
        clock: The emulated time; by default real time, ``time_scale`` times as fast. With another clock
            than ``ScaledClock`` the state changes only at requests and at ``backend.advance()``.
        port: The TCP port of ARM, 0 for a free one.
        tls: Serve https with a certificate authority made for this run, and ask for tokens.
        time_scale: How much faster than real time the emulated time runs.
        timings: How long operations take, in emulated seconds.
        throttling: Whether a request is answered 429 if its token bucket is empty.
        data_plane: Whether instances and load balancers serve HTTP.
        page_size: How many instances a page of a list has.
        seed: The seed of the random times and ids.
        azurite: The URL of an Azurite that serves the blobs of storage accounts, such as http://127.0.0.1:10000.
        faults: Faults that are injected at the start, as ``inject`` takes them.
        state: A file that keeps the state, so that another emulator can continue with it; made if it does not exist.
            The other emulator needs the same scenario, timings, seed and faults. The file does not keep what
            ``inject`` and ``withdraw`` change.

    Raises:
        ValueError: An unknown scenario, a time scale of 0 or below, an invalid fault, or not a state file.
        OSError: ``start``: the port is taken; the state file cannot be read or written.
    """

    def __init__(  # noqa: PLR0913  (each has a default, and a caller names the few that it needs)
        self,
        scenario: Scenario | str = "nginx-canary",
        *,
        clock: Clock | None = None,
        port: int = 0,
        tls: bool = False,
        time_scale: float = 1.0,
        timings: Timings | None = None,
        throttling: bool = True,
        data_plane: bool = True,
        page_size: int = 100,
        seed: int = 0,
        azurite: str = "",
        faults: Iterable[Fault | str] = (),
        state: Path | None = None,
    ) -> None:
        self.scenario = named_scenario(scenario) if isinstance(scenario, str) else scenario
        self._clock = clock or ScaledClock(time_scale)
        time_scale = self._clock.scale if isinstance(self._clock, ScaledClock) else time_scale
        self._data_plane = DataPlane(time_scale=time_scale, seed=seed) if data_plane else None
        servers: Servers = DataPlaneServers(self._data_plane) if self._data_plane else NoServers()
        self.backend = Backend(
            self.scenario,
            self._clock,
            download=download,
            timings=timings,
            servers=servers,
            seed=seed,
            page_size=page_size,
            time_scale=time_scale,
        )
        self.backend.blob_endpoint = azurite.rstrip("/")
        self.identity = Identity(self.scenario.tenant_id, time_scale=time_scale)
        self._sync = DataPlaneSync(self.backend, self._data_plane) if self._data_plane else None
        self._injector = FaultInjector(self.backend, self.identity, self._refuse)
        self._faults = [Fault.of(fault) for fault in faults]
        self._throttle = Throttle(throttling, time_scale)
        options = {"scenario": self.scenario, "timings": self.backend.timings, "seed": seed}
        options |= {"faults": list(map(str, self._faults)), "throttling": throttling, "page_size": page_size}
        self._journal = Journal(state, options) if state else None
        self._port, self._tls = port, tls
        self._server: HttpServer | None = None
        self._authority: tempfile.TemporaryDirectory[str] | None = None
        self._ticker = Ticker(self.backend)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Fill the state with the scenario, open the load balancers, and serve."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        control = Control(self.backend, self._injector, lambda: self.endpoints)
        app = App(self.backend, self._throttle, self.identity, self._injector, control, tokens=self._tls)
        certificate = self._certificate() if self._tls else None
        self._server = HttpServer(app, self._port, certificate, date_of(self._clock))
        if self._data_plane:
            self._data_plane.start()
        with self.backend.lock:
            self._begin(app)
        app.journal = self._journal
        if isinstance(self._clock, ScaledClock):
            self._ticker.start(self._clock)
        self._server.start()

    def _begin(self, app: App) -> None:
        """Fill the backend from the scenario or the state file, and bring up the data plane."""
        if self._sync:
            self.backend.on_balanced = self._sync.follow
            self.backend.on_resized = self._sync.place
        self.backend.on_replicated = lambda: watch.wake(self.backend)
        if self._journal:
            self.backend.download = self._journal.recording(self.backend.download)
        if self._journal and self._journal.beginning:
            self._clock = resume(self.backend, app.replay, self._journal, self._populate, self._clock)
            return
        self._populate()
        if self._journal:
            self._journal.begin(self.backend.now, self._sync.ports if self._sync else {})

    def _populate(self) -> None:
        populate(self.backend, listens=self._sync is not None)
        for fault in self._faults:
            self.inject(fault)

    def stop(self) -> None:
        """Close every port and thread; do nothing if it does not run."""
        server, self._server = self._server, None
        if server is None:
            return
        server.stop()
        self._ticker.stop()
        if self._data_plane:
            self._data_plane.stop()
        if self._authority:
            self._authority.cleanup()

    @property
    def endpoint(self) -> str:
        """The URL of ARM, without a slash at the end; raises ``RuntimeError`` before the start."""
        if self._server is None:
            raise RuntimeError("the emulator does not run; call start() first")
        return f"{'https' if self._tls else 'http'}://{HOST}:{self._server.port}"

    @property
    def frontend_url(self) -> str:
        """The URL of the first set's load balancer; raises ``KeyError`` without a data plane."""
        return self.frontend_urls[self.scenario.scale_set]

    @property
    def frontend_urls(self) -> dict[str, str]:
        """The URL of each set's load balancer, by the set's name."""
        if self._sync is None or self._server is None:
            return {}
        find, names = self.backend.load_balancer, [s.scale_set for s in self.scenario.sets if not s.behind]
        with self.backend.lock:
            group = self.scenario.resource_group
            return {name: self._sync.url(find(group, f"{name}LB"), f"{name}Rule") for name in names}

    @property
    def endpoints(self) -> list[Json]:
        """Every public address and port in ARM that is served, with the URL on this machine that serves it."""
        with self.backend.lock:
            return self._sync.endpoints if self._sync else []

    @property
    def data_plane(self) -> DataPlane:
        """The instances' servers; raises ``RuntimeError`` if the emulator has none."""
        if self._data_plane is None:
            raise RuntimeError("the emulator was made without a data plane")
        return self._data_plane

    @property
    def subscription_id(self) -> str:
        """The one subscription."""
        return self.scenario.subscription_id

    @property
    def tenant_id(self) -> str:
        """The one tenant."""
        return self.identity.tenant_id

    @property
    def client_id(self) -> str:
        """The service principal that gets tokens."""
        return self.identity.client_id

    @property
    def client_secret(self) -> str:
        """Its secret."""
        return self.identity.client_secret

    @property
    def calls(self) -> Sequence[Json]:
        """Every request since the start: ``method``, ``path`` and ``status``."""
        return list(self.backend.calls)

    @property
    def availability(self) -> Availability:
        """The record of when each instance went down and came up."""
        return self.backend.availability

    def inject(self, fault: Fault | str) -> int:
        """Inject a fault, a ``Fault`` or its text; return its number for ``withdraw``.

        Raises:
            ValueError: The text is not a fault, or its image does not exist.
        """
        with self.backend.lock:
            return self._injector.arm(Fault.of(fault)).number

    def withdraw(self, number: int | None = None) -> None:
        """Remove the fault of this number, or all faults; what they have done already stays."""
        with self.backend.lock:
            self._injector.disarm(number)

    @property
    def faults(self) -> list[ArmedFault]:
        """The faults that are injected and not withdrawn, with how often they struck."""
        return list(self.backend.armed)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which the package, the Azure SDK and requests find the emulator."""
        variables = {
            "VMSS_JENKINS_ENDPOINT": self.endpoint,
            "AZURE_SUBSCRIPTION_ID": self.subscription_id,
            "VMSS_JENKINS_EMULATOR_CONTAINER": f"{self.endpoint}/_emulator/blobs/scripts/init",
        }
        if self._sync:
            variables["VMSS_JENKINS_EMULATOR_FRONTEND"] = self.frontend_url
        if self._authority:
            variables |= {
                "AZURE_TENANT_ID": self.tenant_id,
                "AZURE_CLIENT_ID": self.client_id,
                "AZURE_CLIENT_SECRET": self.client_secret,
                "AZURE_AUTHORITY_HOST": self.endpoint,
                "REQUESTS_CA_BUNDLE": str(Path(self._authority.name) / certificate.CA_FILE),
            }
        return variables

    @property
    def az_environment(self) -> dict[str, str]:
        """The environment variables that make the emulator the cloud of ``az``; none without TLS, which it needs."""
        return az_setup.environment(str(Path(self._authority.name) / "azure")) if self._authority else {}

    @property
    def az_commands(self) -> list[str]:
        """The commands that register the emulator as a cloud of ``az`` and log in; none without TLS."""
        return az_setup.commands(self.endpoint) if self._authority else []

    def _refuse(self, seconds: float) -> None:
        if self._server is not None:
            self._server.refuse()
            self.backend.after(seconds, self._server.accept)

    def _certificate(self) -> ssl.SSLContext:
        self._authority = tempfile.TemporaryDirectory(prefix="vmss-jenkins-emulator-")
        return certificate.create(self._authority.name)
