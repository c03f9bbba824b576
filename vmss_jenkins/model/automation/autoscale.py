"""Autoscale settings of Azure Monitor, as far as a rollout needs them.

Shape: https://learn.microsoft.com/rest/api/monitor/autoscale-settings/list-by-resource-group. A set has at most one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True)
class AutoscaleProfile:
    """How many instances a set may have, always or at some times."""

    name: str
    minimum: int
    maximum: int
    rules: int
    """How many rules change the capacity; without any the set has the default number."""
    when: str = ""
    """Its schedule, for people; empty for the profile that counts at all other times."""

    @property
    def bounds(self) -> str:
        """How many instances it allows, for people."""
        return f"{self.minimum}" if self.minimum == self.maximum else f"{self.minimum} to {self.maximum}"


@dataclass(frozen=True)
class AutoscaleSetting:
    """A setting that changes the capacity of a set."""

    name: str
    profiles: tuple[AutoscaleProfile, ...] = ()

    @property
    def described(self) -> str:
        """Its bounds, rules and schedule, for people."""
        return "; ".join(_described(one) for one in self.profiles) or "no profile"


def enabled_settings(values: Iterable[Body], set_id: str) -> tuple[AutoscaleSetting, ...]:
    """The settings that are on and change the capacity of a set.

    Args:
        values: the settings of its resource group, as Azure lists them.
        set_id: the set's ARM id.
    """
    return tuple(_setting_from(one) for one in of_set(values, set_id) if one["properties"].get("enabled"))


def of_set(values: Iterable[Body], set_id: str) -> Iterator[Body]:
    """The settings that target a set, as Azure lists them, also those that are off."""
    for value in values:
        if str(value["properties"].get("targetResourceUri") or "").lower() == set_id.lower():
            yield value


def names(settings: Iterable[AutoscaleSetting] | None) -> tuple[str, ...] | None:
    """The names of settings; None if they could not be read."""
    return None if settings is None else tuple(one.name for one in settings)


def _setting_from(body: Body) -> AutoscaleSetting:
    return AutoscaleSetting(str(body["name"]), tuple(map(_profile_from, body["properties"].get("profiles") or ())))


def _profile_from(body: Body) -> AutoscaleProfile:
    capacity = body.get("capacity") or {}
    return AutoscaleProfile(
        name=str(body.get("name") or ""),
        minimum=int(capacity.get("minimum") or 0),
        maximum=int(capacity.get("maximum") or 0),
        rules=len(body.get("rules") or ()),
        when=_schedule(body),
    )


def _schedule(body: Body) -> str:
    """When a profile counts: from one moment to another, or from a time of some days on."""
    if fixed := body.get("fixedDate"):
        return f"{fixed.get('start')} to {fixed.get('end')} {fixed.get('timeZone') or 'UTC'}"
    schedule = (body.get("recurrence") or {}).get("schedule") or {}
    if not schedule:
        return ""
    days = ", ".join(map(str, schedule.get("days") or ()))
    times = zip(schedule.get("hours") or (), schedule.get("minutes") or (), strict=False)
    at = ", ".join(f"{int(hour):02}:{int(minute):02}" for hour, minute in times)
    return f"{days} from {at} {schedule.get('timeZone') or 'UTC'}"


def _described(profile: AutoscaleProfile) -> str:
    rules = "1 rule" if profile.rules == 1 else f"{profile.rules} rules"
    return f"{profile.bounds} instances, {rules}{f' ({profile.when})' if profile.when else ''}"
