"""Of every recorded exchange that the emulator says it serves: how many it answers as Azure did, and why not the rest.

Those compared are one test each in `test_recordings` and `test_network_recordings`, so that all of them agree where
the suite passes; left out are the cases which those modules name, with their reasons.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.emulator import test_network_recordings as network
from tests.emulator import test_recordings as compute
from vmss_jenkins.emulator.errors import ArmError
from vmss_jenkins.emulator.urls import resolve

pytestmark = compute.pytestmark
WANTED = 0.95


def served() -> Iterator[tuple[str, str, str, int]]:
    """Every recorded exchange of a route: its recording, method, path and status."""
    for file in sorted(compute.FOLDER.glob("*.json")):
        for exchange in json.loads(file.read_text())["exchanges"]:
            request = exchange["request"]
            try:
                resolve(request["method"], request["path"], "2024-07-01")
            except ArmError:
                continue
            yield file.stem, request["method"], request["path"], exchange["response"]["status"]


def left_out() -> list[tuple[str, str, str, int]]:
    """Those of a route that no test compares."""
    compared = [(e.source, e.method, e.path, e.status) for e in compute.RECORDED]
    compared += [(e.source, e.method, e.path, e.status) for e in network.RECORDED]
    return list((Counter(served()) - Counter(compared)).elements())


def lacking() -> list[str]:
    """Those that agree but for fields which are named as lacking."""
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


def reason(method: str, path: str, status: int) -> str:
    by_name = next((why for name, why in network.NOT_EMULATED.items() if path.endswith(f"/{name}")), None)
    request = f"{method} {path} {status}"
    found = (why for pattern, why in compute.NOT_EMULATED.items() if re.match(f"{pattern}", request))
    output = "commands run on machines are not emulated" if "/operations/" in path else None
    return by_name or output or next(found, "no reason is named")


def test_95_of_100_exchanges_agree_and_every_other_has_its_reason(show: Callable[[str], None]) -> None:
    everything, out, short = list(served()), left_out(), lacking()
    agree = len(everything) - len(out) - len(short)
    share = agree / len(everything)
    show(f"{agree} of {len(everything)} recorded exchanges agree with Azure: {share:.1%} (wanted {WANTED:.0%})")
    for (source, method, path, status), times in Counter(out).items():
        place = path.partition("/providers/")[2] or path
        show(f"  differs, {times}x: {source} {method} {place[-75:]} {status}: {reason(method, path, status)}")
    for text, times in Counter(short).items():
        show(f"  lacks fields, {times}x: {text}")
    assert all(reason(method, path, status) != "no reason is named" for _, method, path, status in out)
    assert share >= WANTED
