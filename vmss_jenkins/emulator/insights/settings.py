"""Rules for what a client may write into an autoscale setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.compute.rolling_batches import seconds
from vmss_jenkins.emulator.insights import autoscale, rules

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.automation.autoscale import AutoscaleSetting
    from vmss_jenkins.emulator.state.backend import Backend

MOST_RULES = 10
_TRIGGER: Json = {
    "metricName": str,
    "operator": str,
    "timeAggregation": str,
    "timeWindow": str,
    "timeGrain": str,
    "statistic": str,
}
SHAPE: Json = {
    "location": str,
    "tags": {},
    "properties": {
        "enabled": bool,
        "targetResourceUri": str,
        "predictiveAutoscalePolicy": {"scaleMode": str},
        "profiles": [
            {
                "name": str,
                "capacity": {},
                "rules": [
                    {"metricTrigger": _TRIGGER, "scaleAction": {"direction": str, "type": str, "cooldown": str}},
                ],
            }
        ],
    },
}


def check(backend: Backend, setting: AutoscaleSetting) -> None:
    """Refuse a setting that Azure does not allow, or that is not emulated; raises ``ArmError`` 400, 404 or 409."""
    properties = setting.body["properties"]
    if autoscale.target(backend, setting) is None:
        uri = properties.get("targetResourceUri", "")
        raise ArmError(404, "ResourceNotFound", f"The resource '{uri}' that the setting targets was not found.")
    others = (one for one in backend.autoscale.values() if one.target == setting.target)
    if taken := next((one for one in others if one.name.lower() != setting.name.lower()), None):
        text = f"The target resource already has the autoscale setting '{taken.name}'. A resource has at most one."
        raise ArmError(409, "Conflict", text)
    if properties.get("predictiveAutoscalePolicy", {}).get("scaleMode", "Disabled") != "Disabled":
        raise _bad("predictiveAutoscalePolicy is not emulated.")
    profiles = properties.get("profiles", [])
    if not profiles:
        raise _bad("The setting needs at least one profile.")
    if len(profiles) > 1 or "recurrence" in profiles[0] or "fixedDate" in profiles[0]:
        raise _bad("Profiles for a fixed date or by recurrence are not emulated; a setting has one default profile.")
    _check_profile(profiles[0])


def _check_profile(profile: Json) -> None:
    try:
        bounds = [int(profile.get("capacity", {})[name]) for name in ("minimum", "default", "maximum")]
    except (KeyError, TypeError, ValueError):
        raise _bad("The capacity of a profile needs numbers for minimum, default and maximum.") from None
    if bounds != sorted(bounds) or bounds[0] < 0:
        raise _bad("The capacity of a profile must have minimum <= default <= maximum.")
    if len(profile.get("rules", [])) > MOST_RULES:
        raise _bad(f"A profile has at most {MOST_RULES} rules.")
    for rule in profile.get("rules", []):
        _check_rule(rule.get("metricTrigger", {}), rule.get("scaleAction", {}))


def _check_rule(trigger: Json, action: Json) -> None:
    try:
        float(trigger["threshold"])
        int(action.get("value", 1))
    except (KeyError, TypeError, ValueError):
        raise _bad("A rule needs a number for threshold, and one for value if given.") from None
    if not trigger.get("metricName") or trigger.get("operator") not in rules.OPERATORS:
        raise _bad(f"A rule needs a metricName, and an operator of {', '.join(rules.OPERATORS)}.")
    if action.get("direction") not in (rules.OUT, rules.IN) or action.get("type") not in rules.TYPES:
        raise _bad(f"A scaleAction needs a direction, Increase or Decrease, and a type of {', '.join(rules.TYPES)}.")
    window, cooldown = (seconds(text) for text in (trigger.get("timeWindow", "PT10M"), action.get("cooldown", "")))
    if window is None or not 300 <= window <= 43_200:  # noqa: PLR2004 - 5 minutes to 12 hours
        raise _bad("The timeWindow of a rule must be from PT5M to PT12H.")
    if cooldown is None or not 60 <= cooldown <= 604_800:  # noqa: PLR2004 - 1 minute to 1 week
        raise _bad("The cooldown of a rule must be from PT1M to one week.")


def _bad(message: str) -> ArmError:
    return ArmError(400, "BadRequest", message)
