"""What Azure does to a scale set by itself, as the set's own properties say.

Shapes: the compute API's `VirtualMachineScaleSet` (https://learn.microsoft.com/rest/api/compute). A policy that a body
lacks is off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from vmss_jenkins.model.automation.durations import seconds

Body = Mapping[str, Any]

LEAST_GRACE = 600.0
"""Seconds of grace before a repair, if the policy names none."""
LEAST_NOTICE = 300.0
"""Seconds for which terminate notification holds a deletion, if the profile names none."""
LONGEST_CREATION = 1800.0
"""Seconds for which resilient creation tries to provision an instance
(https://learn.microsoft.com/azure/virtual-machine-scale-sets/resilient-vm-create-delete)."""


class RepairAction(Enum):
    """What automatic repairs do with an ill instance."""

    REPLACE = "Replace"
    """Delete it and make one of the latest model, with a new id."""
    RESTART = "Restart"
    REIMAGE = "Reimage"


@dataclass(frozen=True)
class LifecycleHook:
    """A question that Azure asks before it goes on with an upgrade of the operating system."""

    kind: str
    """`UpgradeAutoOSScheduling` or `UpgradeAutoOSRollingBatchStarting`."""
    wait: float
    """Seconds that Azure waits for an answer."""
    default: str
    """`Approve` or `Reject`, if nobody answers."""


@dataclass(frozen=True)
class Automation:
    """The policies of a set by which Azure acts on it; all of them may be off."""

    repairs: RepairAction | None = None
    """What automatic repairs do; None without them."""
    grace: float = LEAST_GRACE
    """Seconds after a change of the set, or of an instance, before Azure repairs."""
    zone_balance: bool = False
    resilient_creation: bool = False
    """An instance that cannot be provisioned is tried again for up to 30 minutes, each time with a new id."""
    resilient_deletion: bool = False
    """A deletion that fails is tried up to 5 times."""
    termination_notice: float = 0.0
    """Seconds for which a deletion may be held; 0 without terminate notification."""
    os_upgrade_deferral: bool = False
    """An upgrade of the operating system waits for approval."""
    max_surge: bool = False
    """Azure's rolling upgrades make instances instead of updating them."""
    eviction: str = ""
    """`Deallocate` or `Delete` for spot instances; empty for others."""
    spot_restore: bool = False
    """Azure tries to restore evicted spot instances."""
    guest_patching: str = ""
    """The patch mode by which Azure installs updates inside of instances; empty for none."""
    hooks: tuple[LifecycleHook, ...] = ()
    kept_from: str = ""
    """The upgrade policy that a rollout protects the instances from; empty for none."""

    @property
    def creation_tries(self) -> float:
        """Seconds for which Azure goes on to create an instance that does not come up; 0 without further tries."""
        return LONGEST_CREATION if self.resilient_creation else 0.0


def automation_from(properties: Body) -> Automation:
    """Read the policies from the properties of a set."""
    repairs, upgrade = _at(properties, "automaticRepairsPolicy"), _at(properties, "upgradePolicy")
    resiliency, profile = _at(properties, "resiliencyPolicy"), _at(properties, "virtualMachineProfile")
    notice = _at(profile, "scheduledEventsProfile", "terminateNotificationProfile")
    spot = str(profile.get("priority") or "").lower() in {"spot", "low"}
    return Automation(
        repairs=_repair_action(repairs),
        grace=seconds(repairs.get("gracePeriod")) or LEAST_GRACE,
        zone_balance=_is_on(resiliency, "automaticZoneRebalancingPolicy"),
        resilient_creation=_is_on(resiliency, "resilientVMCreationPolicy"),
        resilient_deletion=_is_on(resiliency, "resilientVMDeletionPolicy"),
        termination_notice=(seconds(notice.get("notBeforeTimeout")) or LEAST_NOTICE) if notice.get("enable") else 0.0,
        os_upgrade_deferral=bool(_at(upgrade, "automaticOSUpgradePolicy").get("osRollingUpgradeDeferral")),
        max_surge=bool(_at(upgrade, "rollingUpgradePolicy").get("maxSurge")),
        eviction=str(profile.get("evictionPolicy") or "Deallocate") if spot else "",
        spot_restore=spot and _is_on(properties, "spotRestorePolicy"),
        guest_patching=next(_patch_modes(_at(profile, "osProfile")), ""),
        hooks=tuple(_hooks(properties)),
    )


def suspended_services(view: Body) -> tuple[str, ...]:
    """The services that an instance view of a set shows as suspended: they act on nothing."""
    shown = view.get("orchestrationServices") or ()
    return tuple(str(one.get("serviceName")) for one in shown if one.get("serviceState") == "Suspended")


def services_of(automation: Automation) -> tuple[str, ...]:
    """The services by which Azure replaces instances, as its API names them."""
    on = {"AutomaticRepairs": automation.repairs is not None, "AutomaticZoneRebalancing": automation.zone_balance}
    return tuple(name for name, is_on in on.items() if is_on)


def _repair_action(policy: Body) -> RepairAction | None:
    if not policy.get("enabled"):
        return None
    known = {action.value: action for action in RepairAction}
    return known.get(str(policy.get("repairAction")), RepairAction.REPLACE)


def _patch_modes(system: Body) -> Iterator[str]:
    """Only these modes act by themselves; `ImageDefault` and `Manual` leave updates to the image and to people."""
    for configuration in ("linuxConfiguration", "windowsConfiguration"):
        mode = str(_at(system, configuration, "patchSettings").get("patchMode") or "")
        if mode in {"AutomaticByPlatform", "AutomaticByOS"}:
            yield mode


def _hooks(properties: Body) -> Iterator[LifecycleHook]:
    for hook in _at(properties, "lifecycleHooksProfile").get("lifecycleHooks") or ():
        yield LifecycleHook(
            str(hook.get("type") or ""), seconds(hook.get("waitDuration")), str(hook.get("defaultAction") or "Approve")
        )


def _is_on(body: Body, policy: str) -> bool:
    return bool(_at(body, policy).get("enabled"))


def _at(body: Body, *path: str) -> Body:
    """The object at a path; empty if a key on the path is missing or null."""
    for key in path:
        body = body.get(key) or {}
    return body
