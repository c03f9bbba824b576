"""What a rollout would do: the dry run of `vmss-jenkins rollout`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.down_before import at_start, down_before, findings
from vmss_jenkins.rollout.plan.history import Observed
from vmss_jenkins.rollout.plan.preflight import plan_update
from vmss_jenkins.rollout.plan.selection import choose_canary, spread

UNDRAINED = Finding(
    Severity.NOTE,
    "connections to an instance that goes down are refused until the load balancer's probe fails; --drain SECONDS "
    "takes the instance out of the load balancer first",
)


@dataclass(frozen=True)
class Preview:
    """What a rollout would do, and what forbids it."""

    image: Release | None
    changes_model: bool
    canary: tuple[str, ...]
    """Ids that would be updated first."""
    others: tuple[str, ...]
    """Ids that would follow; empty for a canary alone."""
    have_it: tuple[str, ...]
    skipped: Mapping[str, str]
    """Ids that would not be updated, with the reason."""
    at_most_down: int
    findings: tuple[Finding, ...]
    down: tuple[str, ...] = ()
    """Ids that would go before the canary, since they are down."""

    def refused(self, *, allow_automatic_rollout: bool) -> bool:
        """Whether the rollout would be refused."""
        stops = {Severity.IMPOSSIBLE} if allow_automatic_rollout else {Severity.IMPOSSIBLE, Severity.UNSAFE}
        return any(finding.severity in stops for finding in self.findings)

    def lines(self) -> Iterator[str]:
        """Describe it, one line each."""
        name = self.image.short_name if self.image else "the release of the model"
        yield f"would {'set the model to' if self.changes_model else 'leave the model at'} {name}"
        if self.down:
            yield f"would update before, since they are down: {', '.join(self.down)}"
        yield f"would update first, as the canary: {', '.join(self.canary) or 'none'}"
        yield f"would update then: {', '.join(self.others) or 'none'}; at most {self.at_most_down} down at a time"
        if self.have_it:
            yield f"have the release already: {', '.join(self.have_it)}"
        yield from (f"would leave {key} alone: {reason}" for key, reason in self.skipped.items())
        yield from (f"{finding.severity.value}: {finding.text}" for finding in self.findings)


def preview(spec: RolloutSpec, image: Release | None, scale_set: ScaleSet, instances: Sequence[Instance]) -> Preview:
    """Plan a rollout, without running gates.

    Raises:
        ConfigError: no instance has one of the ids.
    """
    spec.scope.ids.choose(instances)
    release = image or scale_set.release
    changes = image is not None and not image.same_as(scale_set.release)
    target, selection = at_start(spec, image, scale_set, instances)
    canary = choose_canary(spec.canary, selection) if spec.canary else ()
    left = () if spec.canary_only else [each for each in selection.pending if each not in canary]
    first, rest = [each for each in left if not each.is_healthy], [each for each in left if each.is_healthy]
    down = down_before(Observed(scale_set, tuple(instances), {}), target, resumed=False)
    return Preview(
        image=release,
        changes_model=changes,
        canary=tuple(each.id for each in canary),
        others=tuple(each.id for each in spread(rest, canary)),
        down=tuple(each.id for each in first),
        have_it=tuple(each.id for each in selection.have_it),
        skipped=selection.skipped,
        at_most_down=max(1, spec.max_unavailable.rounded_down(len(instances))),
        findings=(
            *(plan_update(scale_set, image, instances).findings if image else ()),
            *findings(spec, instances, selection, down),
            *([UNDRAINED] if scale_set.load_balanced and spec.drain is None and selection.pending else []),
        ),
    )
