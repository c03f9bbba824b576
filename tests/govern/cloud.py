"""An Azure that upgrades one set by itself, by a virtual clock: it asks by events, or waits for approvals."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.govern.plan.worlds import MOVING, NOW, SET, V1, V2, instance
from tests.support.cloud import CloudEnds, CloudOperation, Killed, VirtualClock, refusal
from tests.support.fakes import WEB
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.os_upgrades.hook_events import Answer, HookEvent, Target
from vmss_jenkins.model.os_upgrades.hooks import DefaultAction, Hook, HookKind, OsUpgradePolicy
from vmss_jenkins.model.os_upgrades.rolling_upgrade import RollingUpgrade
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.claims import Claim

WAIT, LONGEST = 1800.0, 14_400.0


@dataclass
class UpgradingCloud:
    """One set with an OS upgrade that comes by itself; what is done to it is recorded."""

    there: dict[str, Instance]
    policy_: OsUpgradePolicy
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    seconds: Callable[[str], float] = lambda _id: 90.0
    fault: Callable[[str], BaseException | None] = lambda _call: None
    found: list[HookEvent] = field(default_factory=list)
    code: str = ""
    started: float = 0.0
    waiting: list[str] = field(default_factory=list)
    """Instances that the upgrade has not reached."""
    batch: list[str] = field(default_factory=list)
    allowed: set[str] = field(default_factory=set)
    """Instances of a deferred upgrade that are approved."""
    approvals: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    """When instances were approved, and which had the new version then."""
    had: list[frozenset[str]] = field(default_factory=list)
    judged: Callable[[], frozenset[str]] = frozenset
    """On which instances the version was judged good by now."""
    unjudged: list[frozenset[str]] = field(default_factory=list)
    """At each approval: the instances that had the version, and on which nobody had judged it."""
    claims: dict[str, Claim] = field(default_factory=dict)
    ends: CloudEnds = field(default_factory=CloudEnds)
    remaining: dict[str, int] = field(default_factory=dict)
    number: itertools.count[int] = field(default_factory=itertools.count)
    dead: bool = False
    too_late: int = 0
    """Postponements past the latest time."""

    @classmethod
    def of(cls, count: int, *, deferral: bool = False) -> UpgradingCloud:
        hooks = () if deferral else tuple(Hook(kind.value, DefaultAction.REJECT) for kind in HookKind)
        there = {str(n): instance(str(n)) for n in range(count)}
        return cls(there, OsUpgradePolicy(automatic=True, deferral=deferral, hooks=hooks))

    def begin(self) -> None:
        """A version is published: Azure asks, or begins an upgrade that waits for approvals."""
        if self.policy_.hook(HookKind.SCHEDULING):
            self._ask(HookKind.SCHEDULING, [""], 3600.0, 172_800.0)
        else:
            self._start()

    # -- what the governor calls ----------------------------------------------------------------------------------

    def policy(self) -> OsUpgradePolicy:
        self._call("policy")
        return self.policy_

    def events(self) -> tuple[float, tuple[HookEvent, ...]]:
        self._call("events")
        return float(int(self.clock.time)), tuple(self.found)

    def upgrade(self) -> RollingUpgrade | None:
        self._call("upgrade")
        waits = len(self.waiting)
        return RollingUpgrade(self.code, self.started, len(self.batch), waits) if self.code else None

    def answer(self, event: HookEvent, answers: Mapping[str, Answer]) -> None:
        self._call("answer")
        known = self._known(event)
        if not known.waits:
            raise refusal(409, "OperationNotAllowed", "The lifecycle hook event is completed.")
        self._record([name for name, answer in answers.items() if answer is Answer.APPROVED], known)
        self._answered(known, answers)
        self._fault("answer answer")

    def postpone(self, event: HookEvent, until: float) -> None:
        self._call("postpone")
        known = self._known(event)
        if not self.clock.time <= until <= known.max_wait_until:
            self.too_late += until > known.max_wait_until
            raise refusal(400, "InvalidParameter", "waitUntil must not be later than maxWaitUntil.")
        self._replace(known, replace(known, wait_until=float(int(until))))
        self.clock.after(max(0.0, until - self.clock.time) + 1, self._expire)

    def begin_approve(self, ids: Sequence[str]) -> CloudOperation:
        self._call("begin_approve")
        if self.code != "RollingForward":
            raise refusal(409, "OperationNotAllowed", "There is no Rolling Upgrade that waits for approval.")
        self._record(ids, None)
        self.allowed |= set(ids)
        self.clock.after(15.0, self._next)  # Azure begins a moment later
        self._fault("begin_approve answer")
        return self._operation("approve")

    def begin_cancel(self) -> CloudOperation:
        self._call("begin_cancel")
        if self.code != "RollingForward":
            raise refusal(409, "OperationNotAllowed", "There is no ongoing Rolling Upgrade to cancel.")
        self.code = "Cancelled"
        self._fault("begin_cancel answer")
        return self._operation("cancel")

    def begin_set_hooks(self, policy: OsUpgradePolicy, wanted: tuple[Hook, ...]) -> CloudOperation:
        self.policy_ = replace(policy, hooks=wanted)
        return self._operation("hooks")

    def poll(self, operation: CloudOperation) -> None:
        self._call("poll")
        operation.done = operation.ended

    def get(self, name: ScaleSetName) -> ScaleSet:
        self._call("get")
        return ScaleSet(WEB, MOVING, len(self.there), automatic_os_upgrade=True)

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        self._call("instances")
        return tuple(self.there.values())

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        return self.there[instance_id]

    def autoscale_settings(self, scale_set: ScaleSet) -> None:
        return None

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> CloudOperation:
        raise AssertionError("the model is not changed")

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> CloudOperation:
        raise AssertionError("the capacity is not changed")

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> CloudOperation:
        raise AssertionError("no instance is deleted")

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> CloudOperation:
        self._call("begin_update_instances")
        self._record(ids, None)
        operation = self._operation("update", max(map(self.seconds, ids)))
        for key in ids:
            self._update(key, lambda: None)
        self._fault("begin_update_instances answer")
        return operation

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        self._call("claims")
        return self.clock.time, tuple(self.claims.values())

    def write(self, claim: Claim) -> None:
        self._call("write claim")
        self.claims[claim.run] = claim

    def remove(self, runs: Sequence[str]) -> None:
        self._call("remove claim")
        for run in runs:
            self.claims.pop(run, None)

    # -- what Azure does ------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.code, self.started, self.waiting = "RollingForward", self.clock.time, list(self.there)
        for key in self.there:
            self.there[key] = replace(self.there[key], latest_model_applied=False)
        self._next()

    def _next(self) -> None:
        """Ask about the next batch, or begin it, or end."""
        self.waiting = [key for key in self.waiting if key in self.there]
        if self.code != "RollingForward" or self.batch:
            return
        if not self.waiting:
            self.code = "Completed"
            return
        deferred = self.policy_.hook(HookKind.BATCH) is None
        ready = [key for key in self.waiting if not deferred or key in self.allowed]
        batch = ready[: max(1, len(self.there) // 5)]
        if deferred:
            self._begin_batch(batch)
        elif not any(event.waits and event.kind is HookKind.BATCH for event in self.found):
            self._ask(HookKind.BATCH, batch, WAIT, LONGEST)

    def _begin_batch(self, batch: list[str]) -> None:
        self.batch = [key for key in batch if key in self.there]
        self.waiting = [key for key in self.waiting if key not in batch]
        left = set(self.batch)

        def done(key: str) -> None:
            left.discard(key)
            if not left:
                self.batch = []
                self._next()

        for key in list(self.batch):
            self._update(key, lambda key=key: done(key))  # type: ignore[misc]
        if batch and not self.batch:
            self._next()

    def _update(self, key: str, then: Callable[[], None]) -> None:
        self.there[key] = replace(self.there[key], provisioning_state="Updating", health=Health.UNKNOWN)

        def updated() -> None:
            if key in self.there:
                self.there[key] = replace(
                    self.there[key], image=V2, provisioning_state="Succeeded", health=Health.HEALTHY,
                    latest_model_applied=True,
                )  # fmt: skip
            then()

        self.clock.after(self.seconds(key), updated)

    def _ask(self, kind: HookKind, names: list[str], wait: float, longest: float) -> None:
        targets = tuple(Target(f"{SET}/virtualMachines/{name}" if name else SET) for name in names)
        now = self.clock.time
        made = HookEvent(f"e{next(self.number)}", kind, now, now + wait, now + longest, DefaultAction.REJECT, targets)
        self.found.append(made)
        self.clock.after(wait + 1, self._expire)

    def _expire(self) -> None:
        for event in list(self.found):
            if event.waits and self.clock.time >= event.wait_until:
                self._answered(event, dict.fromkeys(event.waiting, Answer.REJECTED))

    def _answered(self, event: HookEvent, answers: Mapping[str, Answer]) -> None:
        targets = tuple(replace(one, answer=answers.get(one.name, one.answer)) for one in event.targets)
        done = replace(event, targets=targets)
        self._replace(event, done)
        if done.waits:
            return
        approved = done.answered(Answer.APPROVED)
        if event.kind is HookKind.SCHEDULING:
            self.clock.after(30.0, self._start if approved else lambda: None)
            return
        self.waiting = [key for key in self.waiting if key not in done.answered(Answer.REJECTED)]
        if self.code == "RollingForward":
            self.clock.after(0.5, lambda: self._begin_batch(list(approved)) if approved else self._next())

    def _known(self, event: HookEvent) -> HookEvent:
        return next(one for one in self.found if one.name == event.name)

    def _replace(self, event: HookEvent, by: HookEvent) -> None:
        self.found[self.found.index(event)] = by

    def _record(self, names: Sequence[str], event: HookEvent | None) -> None:
        if names and (event is None or event.kind is HookKind.BATCH):
            self.approvals.append((self.clock.time, tuple(names)))
            self.had.append(frozenset(key for key, one in self.there.items() if one.image == V2 or one.is_updating))
            self.unjudged.append(self.had[-1] - self.judged())

    def _operation(self, action: str, seconds: float = 3.0) -> CloudOperation:
        operation = CloudOperation(action, f"r{next(self.number)}", action)
        self.clock.after(seconds, lambda: setattr(operation, "ended", True))
        return operation

    def _call(self, name: str) -> None:
        if self.dead:
            raise Killed
        self._fault(name)

    def _fault(self, name: str) -> None:
        if error := self.fault(name):
            self.dead = isinstance(error, Killed)
            raise error

    def images(self) -> dict[str, ImageReference | None]:
        """The version of each instance."""
        return {key: one.image for key, one in self.there.items()}

    def new(self) -> set[str]:
        """The instances with the new version."""
        return {key for key, one in self.there.items() if one.image == V2}

    def old(self) -> set[str]:
        """The instances with the version of before."""
        return {key for key, one in self.there.items() if one.image == V1}
