"""The smallest role for each command, as a custom role definition of Azure.

The actions are those of the requests that the emulator records while each command runs; a test compares the two.
`LINKED` are actions that appear in no request: Azure checks them on what a request refers to
(https://learn.microsoft.com/azure/role-based-access-control/role-definitions, and the `join/action` of
https://learn.microsoft.com/azure/role-based-access-control/permissions/networking).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vmss_jenkins.errors import ConfigError

_SETS = "Microsoft.Compute/virtualMachineScaleSets"
_BALANCERS = "Microsoft.Network/loadBalancers"
_READ = (f"{_SETS}/read", f"{_SETS}/virtualMachines/read", "Microsoft.Compute/virtualMachines/read")
_OPERATION = "Microsoft.Compute/locations/operations/read"
_AUTOSCALE = "Microsoft.Insights/autoscaleSettings/read"
_TAGS = ("Microsoft.Resources/tags/read", "Microsoft.Resources/tags/write")
_NETWORK = (
    f"{_SETS}/networkInterfaces/read",
    f"{_SETS}/publicIPAddresses/read",
    f"{_BALANCERS}/read",
    "Microsoft.Network/networkInterfaces/read",
    "Microsoft.Network/publicIPAddresses/read",
)
_ROLL = (*_READ, *_TAGS, _OPERATION, f"{_SETS}/manualupgrade/action", _AUTOSCALE)
_SWITCH = (
    *_READ,
    *_TAGS,
    f"{_SETS}/networkInterfaces/read",
    "Microsoft.Network/networkInterfaces/read",
    f"{_BALANCERS}/read",
    f"{_BALANCERS}/write",
    "Microsoft.Network/locations/operations/read",
)
_IMAGES = ("Microsoft.Compute/images/read", "Microsoft.Compute/galleries/images/versions/read")
_VERSIONS = (
    "Microsoft.Compute/galleries/images/read",
    _IMAGES[1],
    *(
        f"Microsoft.Compute/locations/{whose}Galleries/images/{what}"
        for whose in ("shared", "community")
        for what in ("read", "versions/read")
    ),
    "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read",
)
_JOINS = (
    f"{_BALANCERS}/backendAddressPools/join/action",
    f"{_BALANCERS}/frontendIPConfigurations/join/action",
    f"{_BALANCERS}/probes/join/action",
    "Microsoft.Network/publicIPAddresses/join/action",
)

_APPLICATION = "Microsoft.Compute/galleries/applications/versions/read"

USED: Mapping[str, tuple[str, ...]] = {
    "status": (*_READ, _AUTOSCALE),
    "history": (f"{_SETS}/read", _TAGS[0]),
    "resolve-image": (*_READ, _TAGS[0], _IMAGES[0]),
    "image-versions": _VERSIONS,
    "update": (*_READ, _OPERATION, f"{_SETS}/write", _AUTOSCALE),
    "update-instances": (*_READ, _OPERATION, f"{_SETS}/manualupgrade/action", _AUTOSCALE),
    "update-extension": (*_READ[:2], *_TAGS, _OPERATION, f"{_SETS}/extensions/write", _AUTOSCALE),
    "update-application": (*_READ[:2], *_TAGS, _OPERATION, f"{_SETS}/write", _AUTOSCALE, _APPLICATION),
    "rollout": (*_ROLL, f"{_SETS}/write", _IMAGES[0]),
    "rollback": (*_ROLL, f"{_SETS}/write", _IMAGES[0]),
    "rollout-script": (*(a for a in _ROLL if a != _READ[2]), f"{_SETS}/extensions/write"),
    "applications": (_APPLICATION,),
    "surge": (*_READ, *_TAGS, _OPERATION, f"{_SETS}/write", f"{_SETS}/delete/action", _AUTOSCALE, _IMAGES[0]),
    "verify": (*_READ, *_NETWORK),
    "switch": _SWITCH,
    "blue-green": tuple(
        dict.fromkeys((*_ROLL, f"{_SETS}/write", *_SWITCH, "Microsoft.Network/publicIPAddresses/read"))
    ),
    "govern": (
        *_READ,
        *_TAGS,
        _OPERATION,
        f"{_SETS}/lifecycleHookEvents/read",
        f"{_SETS}/lifecycleHookEvents/write",
        f"{_SETS}/rollingUpgrades/read",
        f"{_SETS}/rollingUpgrades/cancel/action",
        f"{_SETS}/approveRollingUpgrade/action",
        f"{_SETS}/manualupgrade/action",
        _AUTOSCALE,
    ),
    "govern-install": (f"{_SETS}/read", f"{_SETS}/write", _OPERATION),
    "repairs": (f"{_SETS}/instanceView/read", f"{_SETS}/setOrchestrationServiceState/action"),
    "protection": (f"{_SETS}/virtualMachines/write",),
    "autoscale": ("Microsoft.Insights/autoscaleSettings/write",),
    "drain": (
        f"{_SETS}/networkInterfaces/read",
        "Microsoft.Network/networkInterfaces/read",
        f"{_BALANCERS}/read",
        f"{_BALANCERS}/backendAddressPools/read",
        f"{_BALANCERS}/backendAddressPools/write",
        "Microsoft.Network/locations/operations/read",
    ),
}
"""The actions of each command's requests. `autoscale` is what `--autoscale suspend` adds to a rollout, `drain` what
`--drain` adds; `protection` what a set with the
upgrade policy Rolling or Automatic adds; `image-versions` what an image that is in a gallery or is named by `latest`
adds, also to `resolve-image`; `applications` what `--application` adds to a rollout and to a rollback;
`update-application` is `update` with it. `surge` is a rollout with `--strategy surge`;
`govern-install` is `govern --install` and `--uninstall`."""
LINKED: Mapping[str, tuple[str, ...]] = {
    "update": _IMAGES,
    "rollout": _IMAGES[1:],
    "rollback": _IMAGES[1:],
    "surge": _IMAGES[1:],
    "switch": _JOINS,
    "blue-green": (*_IMAGES, *_JOINS),
}
"""What Azure checks in addition: on the new image, and on what the rules of a load balancer refer to."""


def table() -> str:
    """The actions and what uses them, as the table of docs/azure-role.md."""
    users: dict[str, list[str]] = {}
    for part, note in ((USED, ""), (LINKED, " (linked)")):
        for command, actions in part.items():
            for action in actions:
                users.setdefault(action, []).append(f"`{command}`{note}")
    rows = [f"| `{action}` | {', '.join(sorted(users[action]))} |" for action in sorted(users)]
    return "\n".join(["| action | for |", "|---|---|", *rows])


def role(commands: Iterable[str], scope: str, name: str = "vmss-jenkins") -> dict[str, Any]:
    """Make the custom role for some commands, as `az role definition create --role-definition` takes it.

    Args:
        commands: keys of `USED`.
        scope: the ARM id of the subscription or resource group where the role may be assigned.
        name: the role's name; it must be unique in the tenant.

    Raises:
        ConfigError: for an unknown command and an invalid scope.
    """
    wanted = tuple(dict.fromkeys(commands))
    reasons = [f"found {one!r}; wanted one or more of: {', '.join(USED)}" for one in wanted if one not in USED]
    if not wanted:
        reasons.append(f"found no command; wanted one or more of: {', '.join(USED)}")
    if not scope.lower().startswith("/subscriptions/"):
        reasons.append(f"found the scope {scope!r}; wanted /subscriptions/ID or /subscriptions/ID/resourceGroups/NAME")
    if reasons:
        raise ConfigError("role", reasons)
    actions = {action for one in wanted for action in (*USED[one], *LINKED.get(one, ()))}
    return {
        "Name": name,
        "IsCustom": True,
        "Description": f"The least that vmss-jenkins needs for: {', '.join(wanted)}",
        "Actions": sorted(actions),
        "NotActions": [],
        "AssignableScopes": [scope],
    }
