"""Which requests may come from a web page, and to which host: a page in a browser must not control the emulator.

The emulator listens on loopback, where every page in the user's browser can send requests. A page of another site
cannot read the answers, but it could write. If the name of the page's site resolves to 127.0.0.1 (DNS rebinding), the
browser takes the emulator for that site, and the page could even read. So each request must name a loopback host with
the emulator's port, and a write must not come from a page of another origin. Pure.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from vmss_jenkins.emulator.arm.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Callable

_DEFAULT_PORTS = {"http": 80, "https": 443}
_READS = ("GET", "HEAD")
_OWN_SITES = ("same-origin", "none")
"""``Sec-Fetch-Site`` of a page of the emulator itself, and of a user who typed the URL."""


def check(method: str, scheme: str, port: int, header: Callable[[str], str | None]) -> None:
    """Accept a request to the emulator's own port that no page of another origin sent.

    Programs other than browsers send neither ``Origin`` nor ``Sec-Fetch-Site``, so only ``Host`` matters for them.

    Args:
        method: The HTTP method.
        scheme: ``http`` or ``https``, as the emulator serves it.
        port: The port on which the emulator listens.
        header: Returns a header by its name, None if the request does not have it.

    Raises:
        ArmError: 421 for another host or port, 403 for a write from another origin.
    """
    host = header("Host")
    if host is not None and not _is_own(_split(f"{scheme}://{host}"), scheme, port):
        wanted = f"127.0.0.1:{port} or localhost:{port}"
        raise ArmError(421, "MisdirectedRequest", f"The emulator does not serve the host '{host}'; use {wanted}.")
    if method in _READS:
        return
    origin, site = header("Origin"), header("Sec-Fetch-Site")
    foreign = origin is not None and not _is_own(_split(origin), scheme, port)
    if foreign or (site is not None and site not in _OWN_SITES):
        shown = f"'{origin}'" if origin is not None else f"another site (Sec-Fetch-Site: {site})"
        text = f"The emulator takes no {method} from a web page of {shown}; send it from a program."
        raise ArmError(403, "CrossOriginRequestRefused", text)


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL, None if it is not one."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_own(parts: SplitResult | None, scheme: str, port: int) -> bool:
    """Whether a URL has a loopback host, the port and the scheme, and nothing else."""
    if parts is None or parts.username is not None or parts.path or parts.query or parts.fragment:
        return False
    found = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    return (parts.scheme, found) == (scheme, port) and _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
