"""What governing would do now, and what prevents it, for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmss_jenkins.govern.plan.actions import Approve, Hold, Measure, Memory, Nothing, Reject
from vmss_jenkins.govern.plan.decision import choose
from vmss_jenkins.govern.plan.situation import Observed, Question, Situation, ended_before, survey
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.os_upgrades.hooks import DefaultAction, HookKind


@dataclass(frozen=True)
class GovernPreview:
    """What a run would do first."""

    asked: tuple[str, ...]
    """The instances, or the set, that Azure asks about."""
    until: float | None
    """When Azure answers by itself, in seconds UTC; None for never, or if it asks nothing."""
    default_action: str
    """What Azure does then; empty for nothing."""
    does: str
    """What a run would do now."""
    approved: tuple[str, ...]
    """Instances that have an approval in this upgrade."""
    findings: tuple[Finding, ...]

    def lines(self) -> tuple[str, ...]:
        """As lines for people."""
        return (*(f"{one.severity.value}: {one.text}" for one in self.findings), self.does)


def preview(observed: Observed, spec: GovernSpec) -> GovernPreview:
    """What a run would do first."""
    situation = survey(spec, observed, ended_before(observed))
    question = situation.question
    event = question.event if question else None
    return GovernPreview(
        asked=question.waiting if question else (),
        until=event.wait_until if event else None,
        default_action=event.default_action.value if event else "",
        does=_does(situation, spec, observed.now),
        approved=situation.approved,
        findings=findings(observed),
    )


def _does(situation: Situation, spec: GovernSpec, now: float) -> str:
    action = choose(situation, Memory(deadline=now + spec.timeout), spec, now)
    waits = _waits(situation.question)
    match action:
        case Approve():
            left = f", and reject {', '.join(action.left_out)} until the end" if action.left_out else ""
            return f"{waits}a run would approve {', '.join(action.names)}{left}"
        case Measure():
            return f"{waits}a run would judge {', '.join(action.instance_ids)}, then answer"
        case Reject():
            return f"{waits}a run would reject {', '.join(action.names)}: {action.reason}"
        case Hold():
            return f"{waits}a run would let Azure wait: {action.reason}"
        case Nothing():
            return "no OS upgrade waits for an answer"
    return f"{waits}an OS upgrade is under way, and a run would wait for it"


def _waits(question: Question | None) -> str:
    if question is None:
        return ""
    asks = f"Azure asks about {', '.join(question.waiting)}"
    return f"{question.event.fate}; " if question.event else f"{asks}; "


def findings(observed: Observed) -> tuple[Finding, ...]:
    """What prevents governing, or makes it less than it could be."""
    return tuple(Finding(Severity.WARNING, text) for text in _faults(observed))


def _faults(observed: Observed) -> Iterator[str]:
    policy, name = observed.policy, observed.scale_set.name
    batch = policy.hook(HookKind.BATCH)
    if not policy.automatic:
        yield (
            f"automatic OS upgrades of {name} are off, so Azure asks nothing: `az vmss update --resource-group "
            f"{name.resource_group} --name {name.name} --enable-auto-os-upgrade true`"
        )
    elif batch is None and not policy.deferral:
        yield (
            f"{name} has no lifecycle hook that asks before a batch, so Azure upgrades all batches unjudged: "
            f"`vmss-jenkins govern --resource-group {name.resource_group} --name {name.name} --install`"
        )
    elif batch and batch.default_action is DefaultAction.APPROVE:
        yield "the lifecycle hook approves by default: a batch without an answer is upgraded unjudged"
    parked = observed.upgrade and observed.upgrade.goes_on and observed.upgrade.pending
    if policy.deferral and parked and observed.target is None and _tells_nothing(observed):
        yield (
            "which instances wait for approval is not known: the newest version of the image cannot be read; the role "
            "needs the actions that `vmss-jenkins azure-role --for image-versions` prints"
        )


def _tells_nothing(observed: Observed) -> bool:
    return all(one.latest_model_applied is None for one in observed.instances)
