"""Rules for what a client may write into the policies of a scale set: rolling upgrades, scaling in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter
from vmss_jenkins.emulator.compute import health, scale_in, terminations
from vmss_jenkins.emulator.compute.rolling_batches import seconds
from vmss_jenkins.emulator.galleries import references

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

SCHEDULING, BATCH_STARTING = "UpgradeAutoOSScheduling", "UpgradeAutoOSRollingBatchStarting"
HOOK_TIMES = {SCHEDULING: (3600.0, 172_800.0), BATCH_STARTING: (1800.0, 14_400.0)}
"""How long an event of each kind of lifecycle hook waits, by default and at most, in seconds."""
REPAIR_GRACE = "PT10M"
REPAIR_ACTIONS = ("Replace", "Restart", "Reimage")
_GRACE_SECONDS = (600.0, 5400.0)
_ABSENT = ("externalHealthPolicy", "spotRestorePolicy", "priorityMixPolicy", "skuProfile")
"""Policies of a set that would have an effect in Azure, and have none here."""
_NOT_EMULATED = ("resilientVMDeletionPolicy", "zoneAllocationPolicy", "operationRecoverySettings")
_PERCENTS = {
    "maxBatchInstancePercent": 5,
    "maxUnhealthyInstancePercent": 5,
    "maxUnhealthyUpgradedInstancePercent": 0,
}
"""The lowest value of each; the highest is 100."""


def check(properties: Json) -> None:
    """Refuse policies that Azure does not allow; raises ``ArmError`` 400."""
    _check_rolling(properties)
    _check_repairs(properties)
    _check_automatic_upgrade(properties)
    _check_hooks(properties)
    _check_notification(properties["virtualMachineProfile"])
    for rule in properties.get("scaleInPolicy", {}).get("rules", ()):
        if rule not in scale_in.RULES:
            choices = ", ".join(scale_in.RULES)
            raise invalid_parameter(f"The value '{rule}' of 'scaleInPolicy.rules' is not one of {choices}.", "rules")


def _check_repairs(properties: Json) -> None:
    policy = properties.get("automaticRepairsPolicy", {})
    action, grace = policy.get("repairAction", REPAIR_ACTIONS[0]), policy.get("gracePeriod", REPAIR_GRACE)
    if action not in REPAIR_ACTIONS:
        path = "automaticRepairsPolicy.repairAction"
        raise invalid_parameter(f"The value '{action}' of '{path}' is not one of {', '.join(REPAIR_ACTIONS)}.", path)
    least, most = _GRACE_SECONDS
    if not least <= (seconds(grace) or 0.0) <= most:
        path = "automaticRepairsPolicy.gracePeriod"
        raise invalid_parameter(f"The value '{grace}' of '{path}' is out of range. Allowed: PT10M to PT90M.", path)
    if policy.get("enabled") and health.reporter(properties["virtualMachineProfile"]) is None:
        raise ArmError(
            400,
            "BadRequest",
            "Automatic repairs not supported for this Virtual Machine Scale Set because a health probe or health "
            "extension was not provided.",
        )


def _check_automatic_upgrade(properties: Json) -> None:
    """Refuse automatic OS upgrades of a set without one health source, or whose image does not move."""
    if not properties["upgradePolicy"].get("automaticOSUpgradePolicy", {}).get("enableAutomaticOSUpgrade"):
        return
    profile, refused = properties["virtualMachineProfile"], "Automatic OS Upgrade is not supported for this Virtual "
    sources = health.reporter(profile), profile.get("networkProfile", {}).get("healthProbe")
    if sources[0] is None:
        why = "Machine Scale Set because a health probe or health extension was not specified."
        raise ArmError(400, "BadRequest", refused + why)
    if sources[0] == "extension" and sources[1]:
        why = (
            "Machine Scale Set because both a health probe and a health extension were provided. Remove the health "
            "probe or health extension prior to enabling automatic OS upgrade."
        )
        raise ArmError(400, "BadRequest", refused + why)
    if not references.moves(profile.get("storageProfile", {}).get("imageReference", {})):
        why = (
            "Machine Scale Set because its image does not move: it must be a platform image with version 'latest', or "
            "an image definition of a gallery without a version."
        )
        raise ArmError(400, "BadRequest", refused + why)


def _check_hooks(properties: Json) -> None:
    hooks, path = properties.get("lifecycleHooksProfile", {}).get("lifecycleHooks", []), "lifecycleHooksProfile"
    kinds = [hook.get("type") for hook in hooks]
    if unknown := [kind for kind in kinds if kind not in HOOK_TIMES]:
        raise invalid_parameter(f"The type '{unknown[0]}' is not one of {', '.join(HOOK_TIMES)}.", path)
    if len(set(kinds)) != len(kinds):
        raise invalid_parameter("A Virtual Machine Scale Set has at most one lifecycle hook of each type.", path)
    for hook in hooks:
        if hook.get("defaultAction", "Approve") not in ("Approve", "Reject"):
            raise invalid_parameter(f"The defaultAction '{hook['defaultAction']}' is not Approve or Reject.", path)
        wait, longest = seconds(hook.get("waitDuration", "PT1M")), HOOK_TIMES[hook["type"]][1]
        if wait is None or not 0 < wait <= longest:
            text = (
                f"The waitDuration '{hook['waitDuration']}' is not an ISO 8601 duration up to {longest / 3600:.0f} h."
            )
            raise invalid_parameter(text, path)


def check_resiliency(body: Json) -> None:
    """Refuse policies that are not emulated, and those of resilience that Azure does not allow; raises ``ArmError``."""
    for name in _ABSENT:
        if body["properties"].get(name, {}).get("enabled", name in body["properties"]):
            raise invalid_parameter(f"'{name}' is not emulated.", name)
    policy = body["properties"].get("resiliencyPolicy", {})
    for name in _NOT_EMULATED:
        if policy.get(name, {}).get("enabled", name in policy):
            raise invalid_parameter(f"'resiliencyPolicy.{name}' is not emulated.", f"resiliencyPolicy.{name}")
    balance, path = policy.get("automaticZoneRebalancingPolicy", {}), "resiliencyPolicy.automaticZoneRebalancingPolicy"
    for name, wanted in (("rebalanceStrategy", "Recreate"), ("rebalanceBehavior", "CreateBeforeDelete")):
        if balance.get(name, wanted) != wanted:
            raise invalid_parameter(f"The value '{balance[name]}' of '{path}.{name}' is not {wanted}.", path)
    if not balance.get("enabled"):
        return
    if len(body.get("zones", ())) < 2:  # noqa: PLR2004 - from one zone to another
        raise invalid_parameter(f"'{path}' needs a Virtual Machine Scale Set with two zones or more.", path)
    if not body["properties"].get("automaticRepairsPolicy", {}).get("enabled"):
        raise invalid_parameter(f"'{path}' needs automaticRepairsPolicy.enabled.", path)


def _check_notification(profile: Json) -> None:
    wait = seconds(terminations.profile(profile).get("notBeforeTimeout", terminations.DEFAULT))
    if wait is None or not 300 <= wait <= 900:  # noqa: PLR2004 - 5 to 15 minutes
        path = "scheduledEventsProfile.terminateNotificationProfile.notBeforeTimeout"
        raise invalid_parameter(f"The value of '{path}' is out of range. Allowed: PT5M to PT15M.", path)
    if profile.get("scheduledEventsProfile", {}).get("osImageNotificationProfile", {}).get("enable"):
        path = "scheduledEventsProfile.osImageNotificationProfile"
        raise invalid_parameter(f"'{path}' is not emulated.", path)


def _check_rolling(properties: Json) -> None:
    policy = properties["upgradePolicy"]
    rolling = policy.get("rollingUpgradePolicy", {})
    for name, least in _PERCENTS.items():
        if not least <= rolling.get(name, least) <= 100:  # noqa: PLR2004 - percent
            path = f"upgradePolicy.rollingUpgradePolicy.{name}"
            message = f"The value {rolling[name]} of '{path}' is out of range. Allowed: {least} to 100."
            raise invalid_parameter(message, path)
    pause = rolling.get("pauseTimeBetweenBatches", "PT0S")
    if seconds(pause) is None:
        path = "upgradePolicy.rollingUpgradePolicy.pauseTimeBetweenBatches"
        raise invalid_parameter(f"The value '{pause}' of '{path}' is not an ISO 8601 duration such as PT30S.", path)
    flexible = properties["orchestrationMode"] == "Flexible"
    if flexible and rolling.get("rollbackFailedInstancesOnPolicyBreach"):
        path = "upgradePolicy.rollingUpgradePolicy.rollbackFailedInstancesOnPolicyBreach"
        raise invalid_parameter(f"'{path}' is supported in Uniform orchestration mode only.", path)
    if flexible and policy["mode"] == "Rolling" and health.reporter(properties["virtualMachineProfile"]) == "probe":
        raise ArmError(
            400,
            "BadRequest",
            "Rolling Upgrade mode is not supported for this Virtual Machine Scale Set because a health extension was "
            "not provided. In Flexible orchestration mode a health probe is not enough.",
        )
    if policy["mode"] == "Rolling" and health.reporter(properties["virtualMachineProfile"]) is None:
        raise ArmError(
            400,
            "BadRequest",
            "Rolling Upgrade mode is not supported for this Virtual Machine Scale Set because a health probe or health "
            "extension was not provided.",
        )
