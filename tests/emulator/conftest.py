"""An emulator whose time the test moves, with the real SDK and plain HTTP as its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.compute import ComputeManagementClient

from vmss_jenkins.emulator import Emulator, ManualClock, Scenario, Timings

VERSION = "2024-07-01"
EXACT = Timings(spread=0)
"""Every time is its median."""


class NoCredential:
    """A credential that must not be used: over http no token is needed."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise AssertionError("no token is needed")


class Azure:
    """An emulator and its clients."""

    def __init__(self, emulator: Emulator, clock: ManualClock) -> None:
        self.emulator, self.backend, self.clock = emulator, emulator.backend, clock
        self.session = requests.Session()
        # Any: the SDK types every attribute as optional.
        self.compute: Any = ComputeManagementClient(
            NoCredential(),
            emulator.subscription_id,
            base_url=emulator.endpoint,
            authentication_policy=SansIOHTTPPolicy(),
            polling=False,
        )
        self.group = f"/subscriptions/{emulator.subscription_id}/resourceGroups/canary-rg"
        self.set = f"{self.group}/providers/Microsoft.Compute/virtualMachineScaleSets/web"

    def ask(self, method: str, path: str = "", body: Any = None, **options: Any) -> requests.Response:
        """Send a request; a path that does not start with a slash is below the scale set `web`."""
        url = path if path.startswith("http") else self.emulator.endpoint + (path or self.set)
        if path and not path.startswith(("/", "http")):
            url = f"{self.emulator.endpoint}{self.set}/{path}"
        params = {} if "api-version=" in url else {"api-version": VERSION}
        params |= options.pop("params", {})
        return self.session.request(method, url, params=params, json=body, timeout=10, **options)

    def settle(self, seconds: float = 100_000.0) -> None:
        """Let time pass; by default so much that every operation ends."""
        self.clock.advance(seconds)
        self.backend.advance()

    def image(self, name: str) -> dict[str, Any]:
        """The PATCH that gives the set a managed image."""
        return profile({"storageProfile": {"imageReference": {"id": self.emulator.scenario.image_id(name)}}})

    def set_image(self, name: str = "nginx-updated-image") -> None:
        """Give the set another image and let the PATCH end."""
        assert self.ask("PATCH", body=self.image(name)).status_code == 200
        self.settle(60)

    def instances(self) -> dict[str, dict[str, Any]]:
        """Every instance with its view, by id."""
        answer = self.ask("GET", "virtualMachines", params={"$expand": "instanceView"})
        assert answer.status_code == 200, answer.text
        return {item["instanceId"]: item for item in answer.json()["value"]}

    def status(self, answer: requests.Response) -> str:
        """The status of the operation that an answer began."""
        found: str = self.ask("GET", answer.headers["Azure-AsyncOperation"]).json()["status"]
        return found


def profile(changes: dict[str, Any]) -> dict[str, Any]:
    """A PATCH of the model."""
    return {"properties": {"virtualMachineProfile": changes}}


def error_of(answer: requests.Response) -> tuple[int, str]:
    """The status and ARM's code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


def latest(azure: Azure) -> list[str]:
    """The ids of the instances that have the latest model."""
    return [key for key, item in azure.instances().items() if item["properties"]["latestModelApplied"]]


Emulate = Callable[..., Azure]


@pytest.fixture
def emulate() -> Iterator[Emulate]:
    """Start emulators of the scenario `nginx-canary` with changes; they stop with the test."""
    with ExitStack() as stack:

        def start(timings: Timings = EXACT, **options: Any) -> Azure:
            names = ("throttling", "page_size", "tls", "data_plane", "seed")
            kept = {name: options.pop(name) for name in names if name in options}
            clock = ManualClock()
            scenario = Scenario(**options)
            emulator = Emulator(scenario, clock=clock, timings=timings, **{"data_plane": False} | kept)
            azure = Azure(stack.enter_context(emulator), clock)
            stack.callback(azure.compute.close)
            stack.callback(azure.session.close)
            return azure

        yield start


@pytest.fixture
def azure(emulate: Emulate) -> Azure:
    """The scenario as it is."""
    return emulate()
