"""Reports a governed upgrade as a rollout is reported: the plan, each change, the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from vmss_jenkins.events import govern as events
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.rollout import InstanceSeen, InstanceState
from vmss_jenkins.govern.plan.actions import End, Memory, Rejected, Stopped, Upgraded
from vmss_jenkins.govern.plan.situation import Observed, Question, Situation
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.model.final_state import FinalState, final_state
from vmss_jenkins.model.images import ImageReference, version_key
from vmss_jenkins.model.instances import PARKED, Health, Instance, ScaleSetName
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.plan.history import GateResult
from vmss_jenkins.rollout.plan.rollback import state_of
from vmss_jenkins.runtime.waiting import Waiter

STRATEGY, BATCH = "govern", "one batch of Azure"
LEFT_OUT, REJECTED = "not of the canary", "rejected"


@dataclass
class Reporter:
    """Reports each change once.

    Args:
        name: the set.
        spec: how it is governed.
        owner: who runs which command.
        build: URL of the build in Jenkins; empty for none.
        waiter: clock and listener.
    """

    name: ScaleSetName
    spec: GovernSpec
    owner: str
    build: str
    waiter: Waiter
    began: float = field(init=False)
    _states: dict[str, InstanceState] = field(default_factory=dict, init=False)
    _asked: set[tuple[str, tuple[str, ...]]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.began = self.waiter.clock.now()

    def report(self, observed: Observed, situation: Situation) -> None:
        """Report what changed since the last look."""
        seen = [InstanceSeen(one.id, one.zone, _state(one, observed, situation)) for one in observed.instances]
        if not self._states:
            self.waiter.on_event(self._planned(observed, situation, tuple(seen)))
        for one in seen:
            if self._states.get(one.instance_id, one.state) is not one.state:
                self.waiter.on_event(rollout_events.InstanceChanged(one.instance_id, one.zone, one.state))
        self._states = {one.instance_id: one.state for one in seen}
        if situation.question:
            self._ask(situation.question)

    def _ask(self, question: Question) -> None:
        event = question.event
        key = (event.name if event else "", question.waiting)
        if key in self._asked:
            return
        self._asked.add(key)
        until, default = (event.wait_until, event.default_action.value) if event else (None, "")
        self.waiter.on_event(events.UpgradeAsked(self.name, key[0], question.waiting, until, default))

    def _planned(
        self, observed: Observed, situation: Situation, seen: tuple[InstanceSeen, ...]
    ) -> rollout_events.RolloutPlanned:
        release = release_of(observed, situation)
        before = Counter(one.image for one in observed.instances if one.image and not one.image.same_as(release))
        return rollout_events.RolloutPlanned(
            scale_set=self.name,
            image_from=before.most_common(1)[0][0] if before else None,
            image_to=release,
            rolling_back=False,
            owner=self.owner,
            build=self.build,
            strategy=STRATEGY,
            canary=str(self.spec.canary or ""),
            max_unavailable=BATCH,
            on_failure="reject",
            timeout=self.spec.timeout,
            instances=seen,
        )

    def finish(
        self,
        observed: Observed,
        situation: Situation,
        end: End,
        memory: Memory,
        gates: Iterable[GateResult],
        request_ids: tuple[str, ...],
    ) -> RolloutResult:
        """Report the end and return the result."""
        seconds = self.waiter.clock.now() - self.began
        release = release_of(observed, situation)
        final = _final(observed, situation, release)
        if final.lacking and isinstance(end, Upgraded):
            end = Stopped(f"not every instance has {release.short_name if release else 'the new version'}: {final}")
        outcome, reason = _outcome(end), _reason(end, situation)
        states = {one.id: state_of(one, observed.scale_set) for one in observed.instances}
        done = tuple(key for key in dict.fromkeys((*situation.approved, *memory.judged)) if key in final.have_it)
        if outcome is Outcome.HALTED:
            self.waiter.on_event(rollout_events.RolloutHalted(self.name, reason, final))
            for key, state in states.items():
                self.waiter.on_event(rollout_events.InstanceLeft(key, state))
        else:
            self.waiter.on_event(
                rollout_events.RolloutFinished(self.name, outcome.value, release, done, seconds, final=final)
            )
        return RolloutResult(
            scale_set=self.name,
            outcome=outcome,
            image=release,
            updated=done,
            rolled_back=(),
            skipped=final.left_out,
            reason=reason,
            states=states if outcome is Outcome.HALTED else {},
            gates=tuple(replace(one, at=one.at - self.began) for one in gates),
            seconds=seconds,
            request_ids=request_ids,
            final=final,
        )


def release_of(observed: Observed, situation: Situation) -> ImageReference | None:
    """The version of the upgrade: the newest that an approved instance runs, or what the model's image means now."""
    approved = [one.image for one in observed.instances if one.id in situation.approved and one.image]
    exact = [image for image in approved if image.exact_version]
    newest = max(exact, key=lambda image: version_key(image.exact_version or ""), default=None)
    return newest or observed.target


def _state(instance: Instance, observed: Observed, situation: Situation) -> InstanceState:
    release = release_of(observed, situation)
    if instance.id in dict(situation.failed):
        return InstanceState.UNHEALTHY
    if instance.is_updating:
        return InstanceState.UPDATING
    if release and release.same_as(instance.image) and instance.is_healthy:
        return InstanceState.NEW
    if instance.id in (*situation.left_out, *situation.rejected) or instance.power in PARKED:
        return InstanceState.SKIPPED
    if not instance.is_healthy:
        return InstanceState.UPDATING if instance.health is Health.INITIALIZING else InstanceState.UNHEALTHY
    return InstanceState.OLD


def _outcome(end: End) -> Outcome:
    if isinstance(end, Rejected):
        return Outcome.REJECTED
    return Outcome.HALTED if isinstance(end, Stopped) else Outcome.ROLLED_OUT


def _reason(end: End, situation: Situation) -> str:
    """Why it ended, and what Azure does with what still waits."""
    reason = end.reason if isinstance(end, Rejected | Stopped) else ""
    event = situation.question.event if situation.question else None
    return f"{reason}; {event.fate}" if reason and event else reason


def _final(observed: Observed, situation: Situation, release: ImageReference | None) -> FinalState:
    left_out = dict.fromkeys(situation.rejected, REJECTED) | dict.fromkeys(situation.left_out, LEFT_OUT)
    return final_state(
        observed.instances,
        lambda one: bool(release and release.same_as(one.image)),
        left_out,
        lambda one: one.power not in PARKED and not one.protected_from_scale_set_actions,
        lambda one: one.image.short_name if one.image else "another image",
    )
