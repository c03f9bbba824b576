"""What forbids a surge: all of it is checked before anything is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil

from vmss_jenkins.model.automation.durations import minutes
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.image_ids import ImageKind
from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.actions import Autoscale, RolloutSpec
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import Observed

ALLOW_UNKNOWN_AUTOSCALE = "--allow-unknown-autoscale"
ONE_GROUP, MANAGED_IMAGE, MOST = 100, 600, 1000
"""Instances that a set may have: in one placement group, of a managed image, and at all
(https://learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-placement-groups)."""


def findings(
    spec: RolloutSpec,
    observed: Observed,
    headcount: Headcount,
    release: Release | None,
    autoscale: tuple[str, ...] | None,
) -> tuple[Finding, ...]:
    """The findings of a surge, beside those of every change of the model.

    Args:
        spec: the specification of the surge.
        observed: the set and its instances.
        headcount: how many instances the set has in the end.
        release: the release to roll out; None for the release of the model.
        autoscale: the enabled autoscale settings of the set; None if they cannot be read.
    """
    numbers = _numbers(spec, observed.scale_set, headcount, release)
    slow = _held_deletions(spec, observed.scale_set, headcount)
    return (*_whole(spec), *numbers, *_autoscale(spec, autoscale), *_zones(spec, observed.instances, headcount), *slow)


def refused(found: Sequence[Finding], allowed: Sequence[str | None]) -> tuple[str, ...]:
    """The findings that forbid the surge, each with the option that allows it, if there is one.

    Args:
        found: the findings.
        allowed: options that were given.
    """
    impossible = [one.text for one in found if one.severity is Severity.IMPOSSIBLE]
    unsafe = [one for one in found if one.severity is Severity.UNSAFE and one.flag not in allowed]
    return (*impossible, *(f"{one.text.rstrip('.')}; give {one.flag} to go on anyway" for one in unsafe))


def _whole(spec: RolloutSpec) -> Iterator[Finding]:
    if not spec.scope.ids.is_all:
        text = (
            "a surge replaces instances in the order of the set's scale-in policy: give --canary instead of "
            "--instance-ids, or update these ids with --strategy waves"
        )
        yield Finding(Severity.IMPOSSIBLE, text)


def _numbers(
    spec: RolloutSpec, scale_set: ScaleSet, headcount: Headcount, release: Release | None
) -> Iterator[Finding]:
    wanted = headcount.wanted
    if not wanted:
        text = (
            "the set has no instances (capacity 0): there is nothing to replace; scale it out first, or only set the "
            "model with `vmss-jenkins update`"
        )
        yield Finding(Severity.IMPOSSIBLE, text)
        return
    more = max(spec.surge_of(wanted), spec.canary_of(wanted))
    most, why = largest(scale_set, release)
    if wanted + more > most:
        text = (
            f"the set has {wanted} instances and would have {wanted + more} for a while; it may have {most}: {why}. "
            f"{f'Give --max-surge {most - wanted}, or use' if most > wanted else 'Use'} --strategy waves"
        )
        yield Finding(Severity.IMPOSSIBLE, text)


def largest(scale_set: ScaleSet, release: Release | None = None) -> tuple[int, str]:
    """The largest capacity that the set may have, and why."""
    kind = getattr(release or scale_set.image, "kind", None)
    if scale_set.single_placement_group:
        return (
            ONE_GROUP,
            "it has a single placement group (singlePlacementGroup may be set to false, but never back)",
        )
    if kind is ImageKind.MANAGED:
        return MANAGED_IMAGE, "it runs a managed image; a set with a gallery image may have 1000"
    return MOST, "Azure's largest set"


def _autoscale(spec: RolloutSpec, autoscale: tuple[str, ...] | None) -> Iterator[Finding]:
    if autoscale is None:
        text = (
            "the autoscale settings cannot be read (Microsoft.Insights/autoscaleSettings/read); autoscale may delete "
            "the additional instances"
        )
        yield Finding(Severity.UNSAFE, text, ALLOW_UNKNOWN_AUTOSCALE)
    elif autoscale and spec.autoscale is not Autoscale.SUSPEND:
        names = ", ".join(autoscale)
        text = (
            f"autoscale ({names}) is on: it may delete the new instances of the surge, or make others. "
            "Give --autoscale suspend to switch it off until the end, switch it off yourself (az monitor autoscale "
            f"update --name {autoscale[0]} --enabled false), or use --strategy waves"
        )
        yield Finding(Severity.IMPOSSIBLE, text)


def _held_deletions(spec: RolloutSpec, scale_set: ScaleSet, headcount: Headcount) -> Iterator[Finding]:
    """Terminate notification holds each batch of deletions, at most as long as the set says."""
    held = scale_set.automation.termination_notice
    batches = ceil(headcount.wanted / max(1, spec.surge_of(headcount.wanted)))
    if batches * held > spec.timeout:
        text = (
            f"terminate notification may hold each of {batches} batches of deletions for {minutes(held)}, together "
            f"{minutes(batches * held)}; the surge is rolled back after {minutes(spec.timeout)} (--timeout): give "
            "more, or a larger --max-surge"
        )
        yield Finding(Severity.WARNING, text)


def _zones(spec: RolloutSpec, instances: Sequence[Instance], headcount: Headcount) -> Iterator[Finding]:
    """Azure alone chooses the zones of new instances."""
    zones = Counter(instance.zone for instance in instances if instance.zone)
    alone = sorted(str(zone) for zone, count in zones.items() if count == 1)
    if alone and spec.surge_of(headcount.wanted) < len(zones):
        text = (
            f"zone {', zone '.join(alone)} has one instance only, and Azure chooses the zones of new instances: a "
            f"zone may have no healthy instance for a while; --max-surge {len(zones)} avoids that"
        )
        yield Finding(Severity.WARNING, text)
