"""A token goes to the endpoint's own scheme, host and port alone, whatever address an answer names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import responses
from azure.core.credentials import AccessToken

from tests.model.test_network import LB, load_balancer
from tests.support.fakes import NEW, OLD, SUBSCRIPTION, WEB, FakeClock
from vmss_jenkins.azure.client_options import foreign_origin
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.load_balancer_store import AzureLoadBalancerStore
from vmss_jenkins.azure.load_balancers import AzureLoadBalancers
from vmss_jenkins.azure.scale_sets import AzureScaleSets
from vmss_jenkins.azure.scripts import blob_upload
from vmss_jenkins.errors import AzureError
from vmss_jenkins.gates.specs import Via
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.releases import Access

AZURE = "https://management.azure.com"
GROUP = f"{AZURE}/subscriptions/{SUBSCRIPTION}/resourceGroups/canary-rg"
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
TAGS = f"{GROUP}/providers/Microsoft.Resources/tags/default"
FOREIGN = "https://evil.example"
MODEL = ScaleSet(WEB, OLD, id=SET.removeprefix(AZURE))
ENDPOINT = Endpoint(SUBSCRIPTION, AZURE)
BLOBS = "https://account.blob.core.windows.net"


class Secret:
    """A credential, so that a request that leaves would carry its token."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken("s3cret", 2**33)


@pytest.mark.parametrize(
    ("endpoint", "url", "foreign"),
    [
        (AZURE, f"{AZURE}/subscriptions/1?x=https://evil.example", None),
        (AZURE, "https://MANAGEMENT.azure.com:443/x", None),
        (f"{AZURE}:443", f"{AZURE}/x", None),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/x", None),
        ("http://127.0.0.1", "http://127.0.0.1:80/x", None),
        ("https://[::1]:8443", "https://[::1]:8443/x", None),
        (AZURE, "https://evil.example/x", "https://evil.example"),
        (AZURE, "https://management.azure.com.evil.example/x", "https://management.azure.com.evil.example"),
        (AZURE, "https://management.azure.com@evil.example/x", "https://evil.example"),
        (AZURE, "https://management.azure.com:8443/x", "https://management.azure.com:8443"),
        (AZURE, "http://management.azure.com/x", "http://management.azure.com"),
        (AZURE, "https://management.azure.com:80/x", "https://management.azure.com:80"),
        (AZURE, "http://management.azure.com:443/x", "http://management.azure.com:443"),
        (AZURE, "https://azure.com/x", "https://azure.com"),
        (AZURE, "https://management.chinacloudapi.cn/x", "https://management.chinacloudapi.cn"),
        ("http://127.0.0.1:8080", "http://localhost:8080/x", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/x", "http://127.0.0.1:8081"),
        (AZURE, "https://evil.example:port/x", "https://evil.example:port"),
    ],
)
def test_only_the_endpoints_own_scheme_host_and_port_are_its_own(endpoint: str, url: str, foreign: str | None) -> None:
    assert foreign_origin(endpoint, url) == foreign


@pytest.fixture
def azure() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "PUT", "POST", "PATCH"):
            mock.add(method, f"{FOREIGN}/next", json={"status": "Succeeded", "value": []})
        yield mock


def polled(azure: responses.RequestsMock, header: str, method: str, url: str) -> None:
    body = {"properties": {"provisioningState": "Updating"}}
    azure.add(method, url, status=202 if method == "POST" else 200, json=body, headers={header: f"{FOREIGN}/next"})


def set_image(sets: AzureScaleSets) -> None:
    sets.poll(sets.begin_set_image(MODEL, NEW))


def update_instances(sets: AzureScaleSets) -> None:
    sets.poll(sets.begin_update_instances(MODEL, ["0"]))


def redirected(azure: responses.RequestsMock, status: int, url: str) -> None:
    azure.add("GET", url, status=status, headers={"Location": f"{FOREIGN}/next"})


@pytest.mark.parametrize(
    ("lie", "call"),
    [
        (lambda azure: polled(azure, "Azure-AsyncOperation", "PATCH", SET), set_image),
        (lambda azure: polled(azure, "Azure-AsyncOperation", "POST", f"{SET}/manualupgrade"), update_instances),
        (lambda azure: polled(azure, "Location", "POST", f"{SET}/manualupgrade"), update_instances),
        (
            lambda azure: azure.get(f"{SET}/virtualMachines", json={"value": [], "nextLink": f"{FOREIGN}/next"}),
            lambda sets: sets.instances(MODEL),
        ),
        (lambda azure: redirected(azure, 302, SET), lambda sets: sets.get(WEB)),
        (lambda azure: redirected(azure, 307, TAGS), lambda sets: sets.claims(WEB).read()),
        (lambda azure: redirected(azure, 308, TAGS), lambda sets: sets.memory(WEB).recall("script")),
    ],
)
def test_the_compute_client_sends_no_token_to_another_host(
    azure: responses.RequestsMock,
    lie: Callable[[responses.RequestsMock], None],
    call: Callable[[AzureScaleSets], Any],
) -> None:
    lie(azure)
    with closing(AzureScaleSets(ENDPOINT, Secret())) as sets:
        refused(azure, AZURE, lambda: call(sets))


@pytest.mark.parametrize(
    ("lie", "call"),
    [
        (
            lambda azure: azure.get(f"{SET}/networkInterfaces", json={"value": [], "nextLink": f"{FOREIGN}/next"}),
            lambda balancers: balancers.addresses(MODEL, ["0"], Via.PRIVATE, 80),
        ),
        (
            lambda azure: polled(azure, "Azure-AsyncOperation", "PUT", f"{AZURE}{LB}"),
            lambda balancers: AzureLoadBalancerStore(balancers, FakeClock()).write(load_balancer()),
        ),
        (
            lambda azure: redirected(azure, 301, f"{AZURE}{LB}"),
            lambda balancers: AzureLoadBalancerStore(balancers, FakeClock()).read("canary-rg", "webLB"),
        ),
    ],
)
def test_the_network_client_sends_no_token_to_another_host(
    azure: responses.RequestsMock,
    lie: Callable[[responses.RequestsMock], None],
    call: Callable[[AzureLoadBalancers], Any],
) -> None:
    lie(azure)
    with closing(AzureLoadBalancers(ENDPOINT, Secret())) as balancers:
        refused(azure, AZURE, lambda: call(balancers))


@pytest.mark.parametrize("environ", [{}, {blob_upload.KEY: "a2V5"}, {"AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=x"}])
def test_the_storage_client_sends_no_script_and_no_token_to_another_host(
    azure: responses.RequestsMock, environ: dict[str, str]
) -> None:
    azure.put(f"{BLOBS}/init/v1.sh", status=307, headers={"Location": f"{FOREIGN}/next"})
    refused(
        azure,
        BLOBS,
        lambda: blob_upload.upload(f"{BLOBS}/init", "v1.sh", b"echo", Access.PUBLIC, Secret, environ),
    )


def refused(azure: responses.RequestsMock, own: str, call: Callable[[], Any]) -> None:
    """The error names both hosts, and the other one got no request."""
    with pytest.raises(AzureError) as error:
        call()
    assert [one.request.url for one in azure.calls if str(one.request.url).startswith(FOREIGN)] == []
    assert error.value.code == "ForeignHost"
    assert f"{FOREIGN}" in str(error.value)
    assert own in str(error.value)
    assert "s3cret" not in str(error.value)
    assert "next step: " in str(error.value)
