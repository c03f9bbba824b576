"""Canary deployments of Azure virtual machine scale sets (VMSS) from Jenkins.

The names below are imported when they are first used: importing the package imports no SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins._version import VERSION

if TYPE_CHECKING:
    from vmss_jenkins.actions import OnFailure, RolloutSpec, Strategy
    from vmss_jenkins.api import observe, update, update_extension, update_instances, verify
    from vmss_jenkins.blue_green import Pair, release_to_pair, switch
    from vmss_jenkins.claims import AnotherRollout
    from vmss_jenkins.engine import Outcome, RolloutResult
    from vmss_jenkins.errors import AzureError, ConfigError, UnsafeRollout, VmssJenkinsError
    from vmss_jenkins.images import ImageReference
    from vmss_jenkins.reach import Reach
    from vmss_jenkins.rollouts import roll_back, roll_out
    from vmss_jenkins.selection import Amount, Scope
    from vmss_jenkins.steps import UpdateInstancesResult, UpdateResult
    from vmss_jenkins.verification import Assessment

__version__ = VERSION

__all__ = [
    "Amount",
    "AnotherRollout",
    "Assessment",
    "AzureError",
    "ConfigError",
    "ImageReference",
    "OnFailure",
    "Outcome",
    "Pair",
    "Reach",
    "RolloutResult",
    "RolloutSpec",
    "Scope",
    "Strategy",
    "UnsafeRollout",
    "UpdateInstancesResult",
    "UpdateResult",
    "VmssJenkinsError",
    "__version__",
    "observe",
    "release_to_pair",
    "roll_back",
    "roll_out",
    "switch",
    "update",
    "update_extension",
    "update_instances",
    "verify",
]

_HOMES = {
    "Amount": "selection",
    "AnotherRollout": "claims",
    "Assessment": "verification",
    "AzureError": "errors",
    "ConfigError": "errors",
    "ImageReference": "images",
    "OnFailure": "actions",
    "Outcome": "engine",
    "Pair": "blue_green",
    "Reach": "reach",
    "RolloutResult": "engine",
    "RolloutSpec": "actions",
    "Scope": "selection",
    "Strategy": "actions",
    "UnsafeRollout": "errors",
    "UpdateInstancesResult": "steps",
    "UpdateResult": "steps",
    "VmssJenkinsError": "errors",
    "observe": "api",
    "release_to_pair": "blue_green",
    "roll_back": "rollouts",
    "roll_out": "rollouts",
    "switch": "blue_green",
    "update": "api",
    "update_extension": "api",
    "update_instances": "api",
    "verify": "api",
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
