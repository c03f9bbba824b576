"""What must not stand in the way of a surge: looked at whole before anything is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageKind
from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.actions import RolloutSpec
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
    """Name all that is to be known, and all that stands in the way, beside what every change of the model meets.

    Args:
        spec: how it is to go.
        observed: the set and its instances.
        headcount: how many there are to be in the end.
        release: the one to go to; None for what the model has.
        autoscale: the enabled autoscale settings of the set; None where they cannot be read.
    """
    numbers = _numbers(spec, observed.scale_set, headcount, release)
    return (*_whole(spec), *numbers, *_autoscale(autoscale), *_zones(spec, observed.instances, headcount))


def refused(found: Sequence[Finding], allowed: Sequence[str | None]) -> tuple[str, ...]:
    """What stands in the way of those findings, each with the option that allows it where there is one.

    Args:
        found: the findings.
        allowed: options that were given.
    """
    impossible = [one.text for one in found if one.severity is Severity.IMPOSSIBLE]
    unsafe = [one for one in found if one.severity is Severity.UNSAFE and one.flag not in allowed]
    return (*impossible, *(f"{one.text.rstrip('.')}; {one.flag} goes on all the same" for one in unsafe))


def _whole(spec: RolloutSpec) -> Iterator[Finding]:
    if not spec.scope.ids.is_all:
        text = (
            "a surge replaces instances in the order of the set's scale-in policy: leave --instance-ids out and give "
            "--canary, or update these ids with --strategy waves"
        )
        yield Finding(Severity.IMPOSSIBLE, text)


def _numbers(
    spec: RolloutSpec, scale_set: ScaleSet, headcount: Headcount, release: Release | None
) -> Iterator[Finding]:
    wanted = headcount.wanted
    if not wanted:
        text = (
            "the set has no instances (capacity 0): there is none to replace, and none to judge; give it some, or only "
            "set the image with `vmss-jenkins update`"
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
    """How many instances a set may have, and why no more."""
    kind = getattr(release or scale_set.image, "kind", None)
    if scale_set.single_placement_group:
        return ONE_GROUP, "one placement group holds it (singlePlacementGroup; it may be set to false, and never back)"
    if kind is ImageKind.MANAGED:
        return MANAGED_IMAGE, "its image is a managed one; a gallery's may have 1000"
    return MOST, "Azure's largest set"


def _autoscale(autoscale: tuple[str, ...] | None) -> Iterator[Finding]:
    if autoscale is None:
        text = (
            "whether autoscale is on cannot be read (Microsoft.Insights/autoscaleSettings/read), and it would take the "
            "surplus for its own"
        )
        yield Finding(Severity.UNSAFE, text, ALLOW_UNKNOWN_AUTOSCALE)
    elif autoscale:
        names = ", ".join(autoscale)
        text = (
            f"autoscale ({names}) is on and would fight for the capacity: it may delete the new instances, or make "
            f"others. Switch it off meanwhile (az monitor autoscale update --name {autoscale[0]} --enabled false), or "
            "use --strategy waves"
        )
        yield Finding(Severity.IMPOSSIBLE, text)


def _zones(spec: RolloutSpec, instances: Sequence[Instance], headcount: Headcount) -> Iterator[Finding]:
    """Azure alone chooses where new instances go."""
    zones = Counter(instance.zone for instance in instances if instance.zone)
    alone = sorted(str(zone) for zone, count in zones.items() if count == 1)
    if len(zones) > 1 and alone and spec.surge_of(headcount.wanted) < len(zones):
        text = (
            f"one instance alone serves zone {', zone '.join(alone)}: Azure chooses where new ones go, so a zone may "
            f"serve nobody until the next one is made; --max-surge {len(zones)} keeps every zone served"
        )
        yield Finding(Severity.WARNING, text)
