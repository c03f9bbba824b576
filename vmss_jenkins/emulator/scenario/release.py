"""The content of images, and the releases of the scenario ``nginx-canary``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_NGINX = """<!DOCTYPE html>
<html>
<head>
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
<p>If you see this page, the nginx web server is successfully installed and working.</p>
</body>
</html>
"""


@dataclass(frozen=True)
class Release:
    """What an instance serves when it runs an image, and how it behaves."""

    page: str
    """The body of every answer."""
    status: int = 200
    """The HTTP status of every answer."""
    latency: float = 0.0
    """Seconds before an answer."""
    health: Literal["healthy", "unhealthy", "initializing", "unknown"] = "healthy"
    """What the set's health source reports once the instance is up; an application that stays ``initializing`` is
    ``unknown`` in the end, or ``unhealthy`` if the source has only two states."""
    error_rate: float = 0.0
    """Share of requests, 0 to 1, that answer 500 instead."""
    serves: bool = True
    """If False, nothing listens, as on an image without nginx."""
    provisioning_error: str = ""
    """An ARM error code such as OSProvisioningTimedOut: instances fail to come up with this image."""

    @property
    def found(self) -> Literal["healthy", "unhealthy", "initializing", "unknown"]:
        """The health that the set's health source reports: unhealthy if nothing listens."""
        return self.health if self.serves else "unhealthy"


WELCOME = _NGINX.format(title="Welcome to nginx!")
"""The page of a newly installed nginx."""
UBUNTU = "Canonical:ubuntu-24_04-lts:server:latest"
UBUNTU_22 = "Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest"
UBUNTU_16 = "Canonical:UbuntuServer:16.04-LTS:latest"


def nginx_releases() -> dict[str, Release]:
    """Return the releases of the scenario ``nginx-canary``: the old one, the new one, and two bad ones.

    Ubuntu's platform images (today's, and that of 2018's tutorials) have no nginx: an extension installs it.
    """
    updated = _NGINX.format(title="Welcome to nginx on Azure VMSS!")
    return {
        "nginx-base-image": Release(WELCOME),
        "nginx-updated-image": Release(updated),
        "nginx-broken-image": Release(_NGINX.format(title="500 Internal Server Error"), status=500, health="unhealthy"),
        "nginx-failing-image": Release(updated, provisioning_error="OSProvisioningTimedOut"),
        UBUNTU: Release("", serves=False),
        UBUNTU_22: Release("", serves=False),
        UBUNTU_16: Release("", serves=False),
    }
