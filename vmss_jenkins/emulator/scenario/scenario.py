"""What the emulator starts with: the sets, their releases, and how long things take. Values only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.arm.role import Role  # here at run time too: `settings` reads the fields' types

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

SUBSCRIPTION_ID = "5ca1e5e7-0000-4000-8000-000000000001"
TENANT_ID = "5ca1e5e7-0000-4000-8000-000000000002"
CLIENT_ID = "5ca1e5e7-0000-4000-8000-000000000003"

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
    """What an instance serves, and how it does, once it runs an image."""

    page: str
    """The body of every answer."""
    status: int = 200
    """The HTTP status of every answer."""
    latency: float = 0.0
    """Seconds before an answer."""
    health: Literal["healthy", "unhealthy", "initializing", "unknown"] = "healthy"
    """What the set's health source finds once the instance is up; an application that goes on ``initializing`` is
    ``unknown`` in the end, or ``unhealthy`` where the source knows but two states."""
    error_rate: float = 0.0
    """Share of requests, 0 to 1, that answer 500 instead."""
    serves: bool = True
    """False: nothing listens, as on an image without nginx."""
    provisioning_error: str = ""
    """An ARM error code such as OSProvisioningTimedOut: instances fail to come up with this image."""

    @property
    def found(self) -> Literal["healthy", "unhealthy", "initializing", "unknown"]:
        """The health that the set's health source finds; where nothing listens, it finds nothing good."""
        return self.health if self.serves else "unhealthy"


@dataclass(frozen=True)
class Timings:
    """How long things take, in emulated seconds: medians of a lognormal distribution of one spread.

    The defaults are near what public recordings of real scale sets show: manualupgrade 0.4 to 140 with a
    median of 21, PATCH 0.1 to 14 with a median of 4, reimage 76 to 88.
    """

    accept: float = 0.4
    """The least that an operation on instances takes, also when there is nothing to do."""
    model: float = 3.8
    """PUT and PATCH of a set, without the instances that follow."""
    update: float = 30.0
    """One instance from the old image to the new one; it serves nothing meanwhile."""
    settle: float = 3.0
    """One instance to a new model with the same image; it stays up."""
    extension: float = 20.0
    """One instance to a new model with the same image and an extension that runs again; it stays up."""
    reimage: float = 80.0
    """One instance, disk made anew."""
    stop: float = 12.0
    """Power off, deallocate."""
    start: float = 15.0
    """Start, restart."""
    create: float = 40.0
    """One new instance."""
    delete: float = 20.0
    """One instance, an image, a whole set."""
    evict: float = 30.0
    """From the order to simulate an eviction to the instance's going down: Azure's notice to its guest."""
    network: float = 0.0
    """PUT of a load balancer or of a part of it: done at once, as public recordings show it."""
    health: float = 10.0
    """From an instance that serves to one whose health is known; it is ``initializing`` meanwhile."""
    spread: float = 0.25
    """The standard deviation of the logarithm; 0 makes every time its median."""

    def draw(self, median: float, chance: random.Random) -> float:
        """Return seconds drawn around ``median``."""
        return median * math.exp(self.spread * chance.gauss(0.0, 1.0)) if self.spread else median


@dataclass(frozen=True)
class SetSpec:
    """One scale set behind a load balancer of its own."""

    scale_set: str = "web"
    """Its name."""
    instances: int = 3
    """Its capacity at the start; ids count up from 0, with gaps where it overprovisions."""
    mode: Literal["Manual", "Automatic", "Rolling"] = "Manual"
    """Its upgrade policy."""
    orchestration: Literal["Uniform", "Flexible"] = "Uniform"
    """Uniform instances have numbers for ids, Flexible ones the names of virtual machines."""
    zones: tuple[str, ...] = ("1", "2", "3")
    """Availability zones, filled in turn; none for a regional set."""
    image: str = "nginx-base-image"
    """The key of the release that all instances run at the start."""
    extensions: tuple[Mapping[str, Any], ...] = ()
    """Further extensions of its model, as clients write them: ``name`` and ``properties``."""
    health_source: Literal["extension", "probe", "none"] = "extension"
    """What reports each instance's health to Azure: one source a set."""
    rich_health: bool = False
    """Whether the extension tells four states (its version 2, which reads them from `/health`) or healthy and
    unhealthy alone."""
    automatic_os_upgrade: bool = False
    """Whether Azure installs new platform images by itself."""
    automatic_rollback: bool = True
    """Whether an upgrade of the operating system takes each instance back on which it failed."""
    rolling_policy: Mapping[str, Any] = field(default_factory=dict)
    """Changes to Azure's rolling upgrade policy (batch, unhealthy percent 20 each, no pause)."""
    overprovision: bool = False
    """Whether Azure makes more instances than wanted and deletes the slowest: ids have gaps then."""
    spot: Literal["", "Deallocate", "Delete"] = ""
    """What becomes of evicted instances; where it is empty, they are regular ones, which are never evicted."""
    probe_interval: float = 5.0
    """Seconds between two probes of the load balancer."""
    probe_threshold: int = 2
    """Probes in a row that change the load balancer's mind."""
    autoscale: tuple[str, ...] = ()
    """The names of enabled autoscale settings that target it."""
    probe_path: str = "/"
    """What the load balancer's probe asks an instance for."""
    behind: str = ""
    """The name of another set: this one stands behind that one's load balancer, in a backend pool of its own to which
    no rule leads yet, as the idle half of a blue-green pair; empty for a load balancer of its own."""
    nat: Literal["pool", "rule", "none"] = "pool"
    """How the load balancer gives each instance a port of its own: by an inbound NAT pool, which makes a rule for
    each instance, or by one NAT rule with a range of ports, the only way of Flexible sets. Both lead to port 80."""


WELCOME = _NGINX.format(title="Welcome to nginx!")
"""The page of an nginx that nobody has changed."""
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


@dataclass(frozen=True)
class Scenario(SetSpec):
    """A subscription with one resource group: its first set (the fields of ``SetSpec``), more of them, images."""

    resource_group: str = "canary-rg"
    location: str = "westeurope"
    releases: Mapping[str, Release] = field(default_factory=nginx_releases)
    """By image. A plain name is a managed image of the group; ``publisher:offer:sku:version`` and full
    resource ids are images that exist elsewhere."""
    more_sets: tuple[SetSpec, ...] = ()
    """Further sets in the same group."""
    denied_actions: frozenset[str] = frozenset()
    """Actions such as ``Microsoft.Compute/virtualMachineScaleSets/manualupgrade/action`` that answer 403."""
    role: Role | None = None
    """What the caller may do; None for everything."""
    parallel_operations: bool = True
    """False: a set refuses a second operation on its instances (409) even when it names other instances, as
    users report of upgrades started side by side."""
    admin_state: bool = True
    """False: the administrative state of backends that are network interfaces cannot be set (400)."""
    core_quota: int | None = None
    """How many cores the region gives the subscription; None is no limit."""
    subscription_id: str = SUBSCRIPTION_ID
    tenant_id: str = TENANT_ID

    @property
    def sets(self) -> tuple[SetSpec, ...]:
        """Every set to start with, the scenario's own first."""
        return (self, *self.more_sets)

    def image_id(self, image: str) -> str:
        """Return the resource id of the managed image ``image`` of the group."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/{COMPUTE}/images/{image}"

    def reference(self, image: str) -> dict[str, str]:
        """Return the ``imageReference`` of a key of ``releases`` (``uri`` for a VHD)."""
        names = ("publisher", "offer", "sku", "version")
        kinds = {
            "https://": "uri",
            "/communitygalleries/": "communityGalleryImageId",
            "/sharedgalleries/": "sharedGalleryImageId",
            "/": "id",
        }
        kind = next((kind for start, kind in kinds.items() if image.lower().startswith(start)), None)
        if kind:
            return {kind: image}
        parts = image.split(":")
        return dict(zip(names, parts, strict=True)) if len(parts) == len(names) else {"id": self.image_id(image)}


def _custom_script(command: str) -> Mapping[str, Any]:
    properties = {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "autoUpgradeMinorVersion": True,
        "settings": {"commandToExecute": command},
    }
    return {"name": "CustomScript", "properties": properties}


SCENARIOS: Mapping[str, Scenario] = {
    "nginx-canary": Scenario(),
    "nginx-blue-green": Scenario(
        scale_set="blue",
        more_sets=(SetSpec("green", image="nginx-updated-image", behind="blue", nat="none"),),
    ),
    "nginx-extension": Scenario(
        image=UBUNTU, extensions=(_custom_script("apt-get update && apt-get install -y nginx"),)
    ),
}
"""``nginx-canary``: the release is an image; ``nginx-extension``: Ubuntu, on which a script installs nginx;
``nginx-blue-green``: two sets behind one load balancer, of which blue serves."""


def named(name: str, instances: int | None = None) -> Scenario:
    """Return the scenario called ``name``, its first set of as many instances where a number is given.

    Raises:
        ValueError: There is none of that name; the message lists those there are.
    """
    try:
        scenario = SCENARIOS[name]
    except KeyError:
        raise ValueError(f"no scenario {name!r}; there are: {', '.join(sorted(SCENARIOS))}") from None
    return scenario if instances is None else replace(scenario, instances=instances)
