"""The content with which the emulator starts: sets, releases and images. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.arm.role import Role  # here at run time too: `settings` reads the fields' types
from vmss_jenkins.emulator.scenario.release import UBUNTU, Release, nginx_releases  # as above
from vmss_jenkins.emulator.scenario.set_spec import SetSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBSCRIPTION_ID = "5ca1e5e7-0000-4000-8000-000000000001"
TENANT_ID = "5ca1e5e7-0000-4000-8000-000000000002"
CLIENT_ID = "5ca1e5e7-0000-4000-8000-000000000003"


@dataclass(frozen=True)
class Scenario(SetSpec):
    """A subscription with one resource group: its first set (the fields of ``SetSpec``), further sets, images."""

    resource_group: str = "canary-rg"
    location: str = "westeurope"
    releases: Mapping[str, Release] = field(default_factory=nginx_releases)
    """By image. A plain name is a managed image of the group, ``gallery/definition/version`` a version in a gallery of
    the group; ``publisher:offer:sku:version`` and full ids are images that exist elsewhere."""
    published_applications: Mapping[str, str] = field(default_factory=dict)
    """By ``gallery/application/version``, in galleries of the group: the command that installs it."""
    unpublished: frozenset[str] = frozenset()
    """Keys of ``releases`` that do not exist yet: the fault ``publish`` publishes them."""
    more_sets: tuple[SetSpec, ...] = ()
    """Further sets in the same group."""
    denied_actions: frozenset[str] = frozenset()
    """Actions such as ``Microsoft.Compute/virtualMachineScaleSets/manualupgrade/action`` that answer 403."""
    role: Role | None = None
    """The role of the caller; None allows everything."""
    parallel_operations: bool = True
    """If False, a set refuses a second operation on its instances (409), even if it names other instances, as users
    report of upgrades started in parallel."""
    admin_state: bool = True
    """If False, the administrative state of backends that are network interfaces cannot be set (400)."""
    hook_rejection: bool = True
    """If False, lifecycle hooks cannot reject (400), as in their preview."""
    core_quota: int | None = None
    """The subscription's quota of cores in the region; None is no limit."""
    subscription_id: str = SUBSCRIPTION_ID
    tenant_id: str = TENANT_ID

    @property
    def sets(self) -> tuple[SetSpec, ...]:
        """Every set to start with, the scenario's own first."""
        return (self, *self.more_sets)

    def allows(self, action: str) -> bool:
        """Return whether the caller may do something."""
        denied = action.lower() in (one.lower() for one in self.denied_actions)
        return not denied and (self.role is None or self.role.allows(action))

    def knows(self, subscription: str) -> bool:
        """Return whether an image of another subscription is among the releases."""
        start = f"/subscriptions/{subscription}/".lower()
        return any(key.lower().startswith(start) for key in self.releases)

    def image_id(self, image: str) -> str:
        """Return the resource id of the managed image ``image`` of the group."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/{COMPUTE}/images/{image}"

    def gallery_image_id(self, image: str) -> str:
        """Return the resource id of ``gallery/definition`` or ``gallery/definition/version``."""
        return self._in_gallery("images", image)

    def application_id(self, application: str) -> str:
        """Return the resource id of ``gallery/application`` or ``gallery/application/version``."""
        return self._in_gallery("applications", application)

    def _in_gallery(self, kind: str, name: str) -> str:
        gallery, _, rest = name.partition("/")
        definition, _, version = rest.partition("/")
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        versions = f"/versions/{version}" if version else ""
        return f"{group}/providers/{COMPUTE}/galleries/{gallery}/{kind}/{definition}{versions}"

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
        if "/" in image:
            return {"id": self.gallery_image_id(image)}
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


_INSTALL = "sed -i 's/nginx!/{}/' /var/www/html/index.html"

SCENARIOS: Mapping[str, Scenario] = {
    "nginx-canary": Scenario(),
    "nginx-blue-green": Scenario(
        scale_set="blue",
        more_sets=(SetSpec("green", image="nginx-updated-image", behind="blue", nat="none"),),
    ),
    "nginx-gallery": Scenario(
        image="apps/nginx",
        releases={
            **nginx_releases(),
            "apps/nginx/1.0.0": nginx_releases()["nginx-base-image"],
            "apps/nginx/1.0.1": nginx_releases()["nginx-updated-image"],
            "apps/nginx/1.0.2": nginx_releases()["nginx-broken-image"],
        },
        unpublished=frozenset({"apps/nginx/1.0.1", "apps/nginx/1.0.2"}),
    ),
    "nginx-application": Scenario(
        applications=("apps/site/1.0.0",),
        published_applications={
            "apps/site/1.0.0": _INSTALL.format("site 1.0.0!"),
            "apps/site/1.1.0": _INSTALL.format("site 1.1.0!"),
            "apps/site/1.2.0": "exit 3",
            "apps/site/1.3.0": f"{_INSTALL.format('site 1.3.0!')} && systemctl stop nginx",
        },
    ),
    "nginx-extension": Scenario(
        image=UBUNTU, extensions=(_custom_script("apt-get update && apt-get install -y nginx"),)
    ),
}
"""``nginx-canary``: the release is an image; ``nginx-extension``: Ubuntu, on which a script installs nginx;
``nginx-blue-green``: two sets behind one load balancer, of which blue serves; ``nginx-gallery``: the set names a
definition of a gallery, and newer versions of it can be published; ``nginx-application``: the set has version 1.0.0 of
an application, 1.1.0 is a good one, 1.2.0 cannot be installed, and the service of 1.3.0 stops."""


def named_scenario(name: str, instances: int | None = None) -> Scenario:
    """Return the scenario called ``name``, with ``instances`` in its first set if given.

    Raises:
        ValueError: There is no scenario of that name; the message lists the names.
    """
    try:
        scenario = SCENARIOS[name]
    except KeyError:
        raise ValueError(f"there is no scenario {name!r}; the scenarios are: {', '.join(sorted(SCENARIOS))}") from None
    return scenario if instances is None else replace(scenario, instances=instances)
