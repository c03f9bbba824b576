"""The health of an instance as the set's health source reports it. Pure.

The source of the states is Microsoft's page "Using Application Health extension with Virtual Machine Scale Sets".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

State = Literal["healthy", "unhealthy", "initializing", "unknown"]
_RICH_SINCE = 2
_GRACE = 600.0


def source(scale_set: ScaleSet) -> str | None:
    """Return what reports the instances' health, ``extension`` or ``probe``, or None."""
    return reporter(scale_set.model.profile)


def reporter(profile: Json) -> str | None:
    """Return what reports the health of instances of a ``virtualMachineProfile``: ``extension``, ``probe`` or None."""
    if _extension(profile) is not None:
        return "extension"
    return "probe" if profile.get("networkProfile", {}).get("healthProbe") else None


def is_rich(scale_set: ScaleSet) -> bool:
    """Whether the states are rich: an extension of version 2, which knows ``initializing`` and ``unknown``."""
    major = str((_extension(scale_set.model.profile) or {}).get("typeHandlerVersion", "1")).partition(".")[0]
    return major.isascii() and major.isdecimal() and int(major) >= _RICH_SINCE


def _extension(profile: Json) -> Json | None:
    extensions = profile.get("extensionProfile", {}).get("extensions", [])
    all_properties = (extension.get("properties", {}) for extension in extensions)
    return next((p for p in all_properties if str(p.get("type", "")).startswith("ApplicationHealth")), None)


def known_at(scale_set: ScaleSet, instance: Instance) -> float:
    """Return when the health of an instance that came up is known: an initializing application has a grace period.

    It is the extension's ``gracePeriod``, 10 minutes by default; a source with two states has none.
    """
    if instance.release.found != "initializing" or not is_rich(scale_set):
        return instance.healthy_at
    settings = (_extension(scale_set.model.profile) or {}).get("settings", {})
    grace = settings.get("gracePeriod", _GRACE) if isinstance(settings, dict) else _GRACE
    return instance.up_since + (grace if isinstance(grace, int | float) else _GRACE)


def state(scale_set: ScaleSet, instance: Instance, now: float) -> State:
    """Return an instance's health state: ``unknown`` if it does not run or its provisioning failed.

    Until the health is known, a source with rich states reports ``initializing``, others ``unknown``. An application
    that is still initializing at the end is ``unknown``, or ``unhealthy`` if the source has only two states.
    """
    if instance.power != "running" or instance.provisioning == "Failed":
        return "unknown"
    rich = is_rich(scale_set)
    if now < known_at(scale_set, instance):
        return "initializing" if rich else "unknown"
    reported = instance.release.found
    if reported != "initializing":
        return reported
    return "unknown" if rich else "unhealthy"


def is_bad(scale_set: ScaleSet, instance: Instance, now: float) -> bool:
    """Whether a rolling upgrade counts an instance as unhealthy.

    ``unknown`` counts too, but not for a stopped instance, nor for one that came up and whose health is not known yet.
    """
    failed = instance.provisioning == "Failed"
    if source(scale_set) is None or failed or instance.power != "running" or now < known_at(scale_set, instance):
        return failed
    return state(scale_set, instance, now) in ("unhealthy", "unknown")
