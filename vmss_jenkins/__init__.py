"""Canary deployments of Azure virtual machine scale sets (VMSS) from Jenkins.

The names below are imported when they are first used: importing the package imports no SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins._version import VERSION

if TYPE_CHECKING:
    from vmss_jenkins.azure.connection import Connection
    from vmss_jenkins.errors import AzureError, ConfigError, UnsafeRollout, VmssJenkinsError
    from vmss_jenkins.govern.plan.spec import GovernSpec
    from vmss_jenkins.library.blue_green import Pair, release_to_pair, switch
    from vmss_jenkins.library.gates import verify
    from vmss_jenkins.library.os_upgrades.governing import govern_upgrade
    from vmss_jenkins.library.releases import Lookup, resolve_image
    from vmss_jenkins.library.rollouts import roll_back, roll_out
    from vmss_jenkins.library.steps import observe, update, update_application, update_extension, update_instances
    from vmss_jenkins.measure.verification import Assessment
    from vmss_jenkins.model.images import ImageReference, MovingImage
    from vmss_jenkins.rollout.ending import Outcome, RolloutResult
    from vmss_jenkins.rollout.instance_update import UpdateInstancesResult
    from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
    from vmss_jenkins.rollout.plan.claims import AnotherRollout
    from vmss_jenkins.rollout.plan.selection import Amount, Scope
    from vmss_jenkins.rollout.steps import UpdateResult

__version__ = VERSION

__all__ = [
    "Amount",
    "AnotherRollout",
    "Assessment",
    "AzureError",
    "ConfigError",
    "Connection",
    "GovernSpec",
    "ImageReference",
    "Lookup",
    "MovingImage",
    "OnFailure",
    "Outcome",
    "Pair",
    "RolloutResult",
    "RolloutSpec",
    "Scope",
    "Strategy",
    "UnsafeRollout",
    "UpdateInstancesResult",
    "UpdateResult",
    "VmssJenkinsError",
    "__version__",
    "govern_upgrade",
    "observe",
    "release_to_pair",
    "resolve_image",
    "roll_back",
    "roll_out",
    "switch",
    "update",
    "update_application",
    "update_extension",
    "update_instances",
    "verify",
]

_HOMES = {
    "Amount": "rollout.plan.selection",
    "AnotherRollout": "rollout.plan.claims",
    "Assessment": "measure.verification",
    "AzureError": "errors",
    "ConfigError": "errors",
    "Connection": "azure.connection",
    "GovernSpec": "govern.plan.spec",
    "ImageReference": "model.images",
    "Lookup": "library.releases",
    "MovingImage": "model.images",
    "OnFailure": "rollout.plan.actions",
    "Outcome": "rollout.ending",
    "Pair": "library.blue_green",
    "RolloutResult": "rollout.ending",
    "RolloutSpec": "rollout.plan.actions",
    "Scope": "rollout.plan.selection",
    "Strategy": "rollout.plan.actions",
    "UnsafeRollout": "errors",
    "UpdateInstancesResult": "rollout.instance_update",
    "UpdateResult": "rollout.steps",
    "VmssJenkinsError": "errors",
    "govern_upgrade": "library.os_upgrades.governing",
    "observe": "library.steps",
    "release_to_pair": "library.blue_green",
    "resolve_image": "library.releases",
    "roll_back": "library.rollouts",
    "roll_out": "library.rollouts",
    "switch": "library.blue_green",
    "update": "library.steps",
    "update_application": "library.steps",
    "update_extension": "library.steps",
    "update_instances": "library.steps",
    "verify": "library.gates",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    from importlib import import_module  # noqa: PLC0415 - not needed to import the package

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Name the public API."""
    return __all__
