"""The services with which Azure acts on a scale set by itself: which are on, and suspending and resuming them.

Sources: the REST reference of ``setOrchestrationServiceState``, and Microsoft's page "Automatic instance repairs".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import invalid_parameter, not_allowed
from vmss_jenkins.emulator.state.automation.orchestration import OrchestrationService

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

REPAIRS, BALANCE = "AutomaticRepairs", "AutomaticZoneRebalancing"
SERVICES = (REPAIRS, BALANCE)
ACTIONS = ("Suspend", "Resume")


def enabled(scale_set: ScaleSet, name: str) -> bool:
    """Whether the set's policy has the service on, be it suspended or not."""
    properties = scale_set.body["properties"]
    policies: dict[str, Json] = {
        REPAIRS: properties.get("automaticRepairsPolicy", {}),
        BALANCE: properties.get("resiliencyPolicy", {}).get("automaticZoneRebalancingPolicy", {}),
    }
    return bool(policies[name].get("enabled", False))


def running(scale_set: ScaleSet, name: str) -> bool:
    """Whether the service may act now."""
    return enabled(scale_set, name) and not service(scale_set, name).suspended


def service(scale_set: ScaleSet, name: str) -> OrchestrationService:
    """Return the state of a service; one that was never suspended runs."""
    return scale_set.services.setdefault(name, OrchestrationService(changed=scale_set.created))


def set_state(backend: Backend, scale_set: ScaleSet, name: str, action: str) -> None:
    """Suspend or resume a service; to resume it forgets the failures that made Azure suspend it.

    Raises ``ArmError`` 400 for an unknown service or action, 409 if the set's policy does not have the service on.
    """
    found = _known(name, SERVICES, "serviceName")
    wanted = _known(action, ACTIONS, "action")
    if not enabled(scale_set, found):
        raise not_allowed(
            f"The orchestration service '{found}' is not enabled on Virtual Machine Scale Set '{scale_set.name}', so "
            "its state cannot be set."
        )
    suspend(backend, scale_set, found, suspended=wanted == "Suspend")


def suspend(backend: Backend, scale_set: ScaleSet, name: str, *, suspended: bool) -> None:
    """Record that a service is suspended or runs again."""
    scale_set.services[name] = OrchestrationService(suspended, backend.now)


def _known(value: str, choices: tuple[str, ...], target: str) -> str:
    for choice in choices:
        if value.lower() == choice.lower():
            return choice
    raise invalid_parameter(f"The value '{value}' of '{target}' is not one of {', '.join(choices)}.", target)
