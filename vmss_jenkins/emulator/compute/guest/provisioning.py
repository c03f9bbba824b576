"""The work inside an instance after it has come up or got another model: extensions, then applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.compute.guest import applications, extensions

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.instance import Instance, Model
    from vmss_jenkins.emulator.state.scale_set import ScaleSet


_RETRIED = ("OSProvisioningTimedOut", "VMStartTimedOut")
LONGEST_CREATION = 1800.0
"""Seconds for which resilient creation goes on to replace an instance that does not come up."""


def is_retried(scale_set: ScaleSet, error: Json | None, since: float, now: float) -> bool:
    """Whether resilient creation makes another instance, because the one that was begun ``since`` does not come up."""
    policy = scale_set.body["properties"].get("resiliencyPolicy", {}).get("resilientVMCreationPolicy", {})
    return bool(policy.get("enabled") and error and error["code"] in _RETRIED and now - since < LONGEST_CREATION)


def due(backend: Backend, scale_set: ScaleSet, instance: Instance, model: Model) -> bool:
    """Whether a model has anything to run on an instance."""
    return bool(extensions.due(instance, model)) or applications.due(backend, instance, model, scale_set.location)


def provision(backend: Backend, scale_set: ScaleSet, instance: Instance) -> Json | None:
    """Run what is due and set what the instance serves now; return the first error, if any."""
    error = extensions.provision(backend, instance)
    failed = applications.provision(backend, instance, scale_set.location)
    return error or failed
