"""The share of recorded exchanges with served paths that the emulator answers as Azure did, and reasons for the rest.

`test_compute` and `test_network` compare one exchange in each test, so all of these agree if the suite passes. This
module replays deployments, in their order. It leaves out the cases that those modules leave out for a reason. It does
not count deployments that cannot be replayed: of resources that the emulator does not serve, or with a recorded body
that is not JSON.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import requests

from tests.emulator.conftest import Azure, Emulate
from tests.emulator.recordings import test_compute as compute
from tests.emulator.recordings import test_network as network
from tests.emulator.resources import test_deployments as deployments
from vmss_jenkins.emulator import Release
from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.front.routes import resolve

pytestmark = compute.pytestmark
WANTED = 0.95
Key = tuple[str, str, str, int]
"""An exchange: its recording, method, path and status."""


def of_routes() -> Iterator[tuple[Key, Any]]:
    """Every recorded exchange with a served path."""
    for file in sorted(compute.FOLDER.glob("*.json")):
        for exchange in json.loads(file.read_text())["exchanges"]:
            request = exchange["request"]
            with suppress(ArmError):
                resolve(request["method"], request["path"], "2024-07-01")
                yield (file.stem, request["method"], request["path"], exchange["response"]["status"]), exchange


def is_deployment(key: Key) -> bool:
    return "/deployments/" in key[2]


def left_out() -> list[Key]:
    """The exchanges of a route that no test compares."""
    compared = [(e.source, e.method, e.path, e.status) for e in compute.RECORDED]
    compared += [(e.source, e.method, e.path, e.status) for e in network.RECORDED]
    asked = Counter(key for key, _ in of_routes() if not is_deployment(key))
    return list((asked - Counter(compared)).elements())


def lacking() -> list[str]:
    """The exchanges that agree except for fields that are listed as missing."""
    return [
        str(exchange)
        for exchange in compute.RECORDED
        if any(re.fullmatch(pattern, path) for path in paths(exchange.answer) for pattern in compute.LACKING)
    ]


def paths(value: Any, path: str = "") -> Iterator[str]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list) and value:
        yield from paths(value[0], f"{path}[]")


def replayed(emulate: Emulate) -> Iterator[tuple[Key, list[str] | None]]:
    """Each exchange about a deployment with the differences, None if it cannot be replayed."""
    azure: Azure | None = None
    begun: requests.Response | None = None
    for key, exchange in of_routes():
        request, recorded = exchange["request"], exchange["response"]["body"]
        if not is_deployment(key):
            continue
        if key[1] == "PUT":
            azure = prepared(request, emulate) if deployments._supported(request["body"]) else None
            begun = azure.ask("PUT", key[2], request["body"]) if azure else None
        if azure is None or begun is None:
            yield key, None
            continue
        if key[1] == "PUT":
            answer = begun
        elif "/operationStatuses/" in key[2]:
            if recorded["status"] not in ("Running", "Accepted"):
                azure.settle()
            answer = azure.ask("GET", begun.headers["Azure-AsyncOperation"])
        else:
            answer = azure.ask("GET", key[2])
        status = [] if answer.status_code == key[3] else [f"answered {answer.status_code}"]
        yield key, status + list(compute.differences(recorded, answer.json()))


def prepared(request: Any, emulate: Emulate) -> Azure:
    """An emulator with the images that a template names."""
    text = json.dumps(request["body"])
    urns = re.findall(r'"publisher": "([^"]+)", "offer": "([^"]+)", "sku": "([^"]+)", "version": "([^"]+)"', text)
    ids = re.findall(r'"imageReference": {"id": "([^"]+)"', text)
    releases = {name: Release("page") for name in ["a:b:c:d", *ids, *(":".join(urn) for urn in urns)]}
    group = re.findall("/resource[gG]roups/([^/]+)/", request["path"])[0]
    place = {"resource_group": group, "subscription_id": compute.SUBSCRIPTION}
    azure = emulate(releases=releases, image="a:b:c:d", instances=0, **place)
    for managed in (one for one in ids if "/images/" in one):
        azure.ask("PUT", managed, {"location": "westus"})
    azure.settle()
    return azure


def reason(method: str, path: str, status: int) -> str:
    by_name = next((why for name, why in network.NOT_EMULATED.items() if path.endswith(f"/{name}")), None)
    request = f"{method} {path} {status}"
    found = (why for pattern, why in compute.NOT_EMULATED.items() if re.match(f"{pattern}", request))
    output = "commands run on machines are not emulated" if "/operations/" in path else None
    return by_name or output or next(found, "no reason is named")


def test_95_of_100_exchanges_agree_and_every_other_has_its_reason(
    show: Callable[[str], None], emulate: Emulate
) -> None:
    out, short, deployed = left_out(), lacking(), list(replayed(emulate))
    differing = [(key, found) for key, found in deployed if found]
    total = sum(not is_deployment(key) for key, _ in of_routes()) + sum(found is not None for _, found in deployed)
    agree = total - len(out) - len(short) - len(differing)
    show(f"{agree} of {total} recorded exchanges agree with Azure: {agree / total:.1%} (wanted {WANTED:.0%})")
    for (source, method, path, status), times in Counter(out).items():
        place = path.partition("/providers/")[2] or path
        show(f"  differs, {times}x: {source} {method} {place[-75:]} {status}: {reason(method, path, status)}")
    for text, times in Counter(short).items():
        show(f"  lacks fields, {times}x: {text}")
    for key, found in differing:
        show(f"  differs: {key[0]} {key[1]} {key[2].rpartition('/deployments/')[2]}: {'; '.join(found)[:150]}")
    unread = sum(found is None for _, found in deployed)
    show(f"  not replayed: {unread} about deployments, their recorded body no JSON or their resources refused")
    assert all(reason(method, path, status) != "no reason is named" for _, method, path, status in out)
    assert agree / total >= WANTED
