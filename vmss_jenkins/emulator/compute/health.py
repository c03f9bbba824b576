"""What a set's health source tells of an instance. Pure.

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
    """Return when the health of an instance that came up is known: an application that initializes has a grace period.

    That is the extension's ``gracePeriod``, 10 minutes by default; where there are but two states, there is none.
    """
    if instance.release.found != "initializing" or not is_rich(scale_set):
        return instance.healthy_at
    settings = (_extension(scale_set.model.profile) or {}).get("settings", {})
    grace = settings.get("gracePeriod", _GRACE) if isinstance(settings, dict) else _GRACE
    return instance.up_since + (grace if isinstance(grace, int | float) else _GRACE)


def state(scale_set: ScaleSet, instance: Instance, now: float) -> State:
    """Return an instance's state of health: ``unknown`` where it does not run or has not been made well.

    Until it is known, rich states tell ``initializing``, others nothing. An application that goes on to initialize is
    ``unknown`` in the end; where there are but two states, it is ``unhealthy``.
    """
    if instance.power != "running" or instance.provisioning == "Failed":
        return "unknown"
    rich = is_rich(scale_set)
    if now < known_at(scale_set, instance):
        return "initializing" if rich else "unknown"
    told = instance.release.found
    if told != "initializing":
        return told
    return "unknown" if rich else "unhealthy"


def is_bad(scale_set: ScaleSet, instance: Instance, now: float) -> bool:
    """Whether a rolling upgrade counts an instance as unhealthy.

    ``unknown`` counts, but not while the health of one that came up is yet to be known, nor of one that was stopped.
    """
    failed = instance.provisioning == "Failed"
    if source(scale_set) is None or failed or instance.power != "running" or now < known_at(scale_set, instance):
        return failed
    return state(scale_set, instance, now) in ("unhealthy", "unknown")
