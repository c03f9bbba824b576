"""Rules for what a client may write into the policies of a scale set: rolling upgrades, scaling in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter
from vmss_jenkins.emulator.compute import health, scale_in
from vmss_jenkins.emulator.compute.rolling_batches import seconds

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

REPAIR_GRACE = "PT10M"
REPAIR_ACTIONS = ("Replace", "Restart", "Reimage")
_GRACE_SECONDS = (600.0, 5400.0)
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
