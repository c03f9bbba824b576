"""Where an OS upgrade stands, from what Azure shows: what it asks now, and which answers it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.model.images import ImageReference, version_key
from vmss_jenkins.model.instances import PARKED, Instance, ScaleSet
from vmss_jenkins.model.os_upgrades.hook_events import Answer, HookEvent
from vmss_jenkins.model.os_upgrades.hooks import HookKind, OsUpgradePolicy
from vmss_jenkins.model.os_upgrades.rolling_upgrade import RollingUpgrade


@dataclass(frozen=True)
class Observed:
    """What was read of a set; times in seconds UTC, by the server's clock."""

    now: float
    policy: OsUpgradePolicy
    events: tuple[HookEvent, ...]
    """The oldest first, answered ones too."""
    upgrade: RollingUpgrade | None
    scale_set: ScaleSet
    instances: tuple[Instance, ...]
    target: ImageReference | None = None
    """The version that the image of the model means now; None if it is not known."""


@dataclass(frozen=True)
class Question:
    """What Azure waits for."""

    waiting: tuple[str, ...]
    """The instances, or the set, without an answer."""
    event: HookEvent | None = None
    """None for a deferred upgrade, which waits without end."""

    @property
    def schedules(self) -> bool:
        """Whether it is about the upgrade as a whole, before it begins."""
        return self.event is not None and self.event.kind is HookKind.SCHEDULING

    @property
    def until(self) -> float:
        """When Azure does its default action."""
        return self.event.wait_until if self.event else inf

    @property
    def latest(self) -> float:
        """The latest time to which that can be moved."""
        return self.event.max_wait_until if self.event else inf


@dataclass(frozen=True)
class Situation:
    """Where an upgrade stands."""

    question: Question | None = None
    upgrade: RollingUpgrade | None = None
    """The governed upgrade; None if none has begun."""
    deferred: bool = False
    """Whether it is under way, and its instances wait for an approval of their own."""
    total: int = 0
    approved: tuple[str, ...] = ()
    """Instances that were approved in this upgrade and exist."""
    left_out: tuple[str, ...] = ()
    """Instances that were rejected because the canary is smaller than Azure's batch."""
    rejected: tuple[str, ...] = ()
    """Instances that were rejected for another reason, or by somebody else."""
    busy: tuple[str, ...] = ()
    """Approved instances that Azure works on."""
    failed: tuple[tuple[str, str], ...] = ()
    """Approved instances that are not healthy on the new version, with the reason."""


def ended_before(observed: Observed) -> float | None:
    """When the latest upgrade started, if it has ended: a run that begins now has nothing to do with it."""
    upgrade = observed.upgrade
    return upgrade.started if upgrade and not upgrade.goes_on else None


def survey(spec: GovernSpec, observed: Observed, over: float | None) -> Situation:
    """Survey a set.

    Args:
        spec: how it is governed.
        observed: what was read.
        over: when an upgrade started that is none of this run's; None if there is no such one.
    """
    upgrade = observed.upgrade
    if upgrade and upgrade.started == over:
        upgrade = None
    present = {one.id.lower(): one for one in observed.instances}
    total = sum(one.power not in PARKED for one in observed.instances)
    approved, left_out, rejected = _answers(spec, observed, upgrade, total)
    question = _asked(observed, upgrade, present)
    if upgrade and observed.policy.hook(HookKind.BATCH) is None:
        approved = tuple(one.id for one in observed.instances if _has_upgrade(one, observed))
    there = [present[name.lower()] for name in dict.fromkeys(approved) if name.lower() in present]
    return Situation(
        question=question,
        upgrade=upgrade,
        deferred=upgrade is not None and upgrade.goes_on and _is_deferred(observed.policy),
        total=total,
        approved=tuple(one.id for one in there),
        left_out=tuple(name for name in left_out if name.lower() in present),
        rejected=tuple(name for name in rejected if name.lower() in present),
        busy=tuple(one.id for one in there if one.is_updating),
        failed=tuple(_failed(there, question, present)) if question or not (upgrade and upgrade.goes_on) else (),
    )


def batches(observed: Observed, upgrade: RollingUpgrade | None) -> tuple[HookEvent, ...]:
    """The questions about batches of an upgrade."""
    if upgrade is None:
        return ()
    return tuple(one for one in observed.events if one.kind is HookKind.BATCH and one.created >= upgrade.started)


def _answers(
    spec: GovernSpec, observed: Observed, upgrade: RollingUpgrade | None, total: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The instances that were approved, left out, and rejected.

    Those left out are recognized by what Azure shows, so that a run after `kill -9` knows them: the answers to one
    event, approved up to exactly the size of the canary and rejected after it.
    """
    approved: list[str] = []
    left_out: list[str] = []
    rejected: list[str] = []
    size = spec.canary_of(total)
    for event in batches(observed, upgrade):
        yes, no = event.answered(Answer.APPROVED), event.answered(Answer.REJECTED)
        cut = len(approved) < size == len(approved) + len(yes) and [one.name for one in event.targets] == [*yes, *no]
        (left_out if cut else rejected).extend(no)
        approved += yes
    return tuple(approved), tuple(left_out), tuple(rejected)


def _asked(observed: Observed, upgrade: RollingUpgrade | None, present: Mapping[str, Instance]) -> Question | None:
    """What Azure asks now: the oldest event that waits, or the instances of a deferred upgrade."""
    latest = observed.upgrade
    cancelled = batches(observed, latest) if latest and latest.code == "Cancelled" else ()
    for event in observed.events:
        if event.waits and observed.now < event.wait_until and event not in cancelled:
            return Question(event.waiting, event)
    parked = upgrade and upgrade.goes_on and not upgrade.in_progress and upgrade.pending
    if not parked or not _is_deferred(observed.policy):
        return None
    waiting = tuple(one.id for one in present.values() if _lacks_upgrade(one, observed.target))
    return Question(waiting) if waiting else None


def _is_deferred(policy: OsUpgradePolicy) -> bool:
    """Whether instances wait for an approval of their own, since no hook asks before a batch."""
    return policy.deferral and policy.hook(HookKind.BATCH) is None


def _stays_out(instance: Instance) -> bool:
    return instance.protected_from_scale_set_actions or instance.power in PARKED


def _has_upgrade(instance: Instance, observed: Observed) -> bool:
    """Whether an instance has the new version, in a set where no event tells it."""
    if _is_deferred(observed.policy):
        return not _stays_out(instance) and not _lacks_upgrade(instance, observed.target)
    return observed.target is not None and observed.target.same_as(instance.image)


def _lacks_upgrade(instance: Instance, target: ImageReference | None) -> bool:
    """Whether a deferred upgrade has not reached an instance; in a flexible set its version must tell."""
    if _stays_out(instance):
        return False
    if instance.latest_model_applied is not None:
        return not instance.latest_model_applied
    return target is not None and not target.same_as(instance.image)


def _failed(
    approved: list[Instance], question: Question | None, present: Mapping[str, Instance]
) -> Iterator[tuple[str, str]]:
    """Approved instances that are not healthy, or that have the version of before: Azure put their disks back.

    Not while Azure works on a batch, whose instances are down: only when it asks again, or has ended.
    """
    waiting = [present[name.lower()] for name in (question.waiting if question else ()) if name.lower() in present]
    before = {_version(one) for one in waiting}
    newest = max((_version(one) for one in approved), default=())
    for one in approved:
        if one.is_updating:
            continue
        if _version(one) in before or _version(one) < newest:
            name = one.image.short_name if one.image else "its former image"
            yield one.id, f"runs {name} again: Azure put its former disk back"
        elif not one.is_healthy and one.power not in PARKED:
            yield one.id, one.error or (one.health.value if one.power == "running" else one.provisioning_state)


def _version(instance: Instance) -> tuple[int, ...]:
    exact = instance.image.exact_version if instance.image else None
    return version_key(exact) if exact else ()
