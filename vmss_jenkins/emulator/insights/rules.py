"""What an autoscale setting wants of a set: its bounds, and its rules about metrics. Pure.

Source: Microsoft's pages "Understand autoscale settings" and "Autoscale flapping": one rule is enough to scale out,
scaling in needs all its rules, and it is left out if a rule would scale out again afterwards.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.compute.rolling_batches import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.automation.autoscale import Metric

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqual": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqual": operator.le,
}
OUT, IN = "Increase", "Decrease"
TYPES = ("ChangeCount", "PercentChangeCount", "ExactCount")


def wanted(profile: Json, capacity: int, metrics: Mapping[str, Metric], now: float, scaled: float) -> int:
    """Return the capacity that a profile wants now.

    Args:
        profile: The profile of the setting.
        capacity: The capacity of the set.
        metrics: The metrics of the set that are known, by name.
        now: The time.
        scaled: When the setting last changed the capacity.
    """
    bounds = {name: int(profile["capacity"][name]) for name in ("minimum", "maximum", "default")}
    within = min(max(capacity, bounds["minimum"]), bounds["maximum"])
    rules = profile.get("rules", [])
    if within != capacity or not rules:
        return within
    if not any(_name(rule) in metrics for rule in rules):
        return max(capacity, bounds["default"])
    free = [rule for rule in rules if now >= scaled + (seconds(rule["scaleAction"]["cooldown"]) or 0.0)]
    grown = [_changed(rule, capacity) for rule in free if _direction(rule) == OUT and _met(rule, metrics, now)]
    if grown:
        return min(max(*grown, capacity), bounds["maximum"])
    shrinking = [rule for rule in rules if _direction(rule) == IN]
    if not shrinking or not all(rule in free and _met(rule, metrics, now) for rule in shrinking):
        return capacity
    smaller = max(*(_changed(rule, capacity) for rule in shrinking), bounds["minimum"])
    return capacity if _flaps(rules, capacity, smaller, metrics) else min(smaller, capacity)


def until_due(profile: Json, metrics: Mapping[str, Metric], now: float, scaled: float) -> float | None:
    """Return in how many seconds a rule whose threshold is crossed may act; None if no threshold is crossed."""
    crossed = [rule for rule in profile.get("rules", []) if _crossed(rule, metrics)]
    times = [max(_since(rule, metrics), scaled + (seconds(rule["scaleAction"]["cooldown"]) or 0.0)) for rule in crossed]
    return max(0.0, min(times) - now) if times else None


def _name(rule: Json) -> str:
    return str(rule["metricTrigger"]["metricName"])


def _direction(rule: Json) -> str:
    return str(rule["scaleAction"]["direction"])


def _crossed(rule: Json, metrics: Mapping[str, Metric], factor: float = 1.0) -> bool:
    trigger, metric = rule["metricTrigger"], metrics.get(_name(rule))
    if metric is None:
        return False
    return OPERATORS[trigger["operator"]](metric.value * factor, float(trigger["threshold"]))


def _since(rule: Json, metrics: Mapping[str, Metric]) -> float:
    """Return from when on the whole window of a rule has the value of its metric."""
    return metrics[_name(rule)].since + (seconds(rule["metricTrigger"].get("timeWindow", "PT10M")) or 0.0)


def _met(rule: Json, metrics: Mapping[str, Metric], now: float) -> bool:
    return _crossed(rule, metrics) and now >= _since(rule, metrics)


def _changed(rule: Json, capacity: int) -> int:
    action = rule["scaleAction"]
    sign, value = (1 if action["direction"] == OUT else -1), int(action.get("value", 1))
    if action["type"] == "ExactCount":
        return value
    if action["type"] == "PercentChangeCount":
        value = math.ceil(capacity * value / 100)
    return max(0, capacity + sign * value)


def _flaps(rules: list[Json], capacity: int, smaller: int, metrics: Mapping[str, Metric]) -> bool:
    """Whether a rule would scale out again when the load of ``capacity`` instances is on ``smaller``."""
    if not smaller:
        return False
    return any(_direction(rule) == OUT and _crossed(rule, metrics, capacity / smaller) for rule in rules)
