"""Rolling upgrades: Azure updates the instances in batches until all are updated or too many are unhealthy.

The operation that began an upgrade ends and fails together with it, as recordings and users' reports show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vmss_jenkins.emulator.arm.errors import not_allowed
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.compute import health, instances, models, rolling_batches, surge_batches
from vmss_jenkins.emulator.compute.models import ROLLING_POLICY
from vmss_jenkins.emulator.state.instance import Instance
from vmss_jenkins.emulator.state.operation import Operation
from vmss_jenkins.emulator.state.rolling_upgrade import Automatic, Former, RollingUpgrade
from vmss_jenkins.emulator.state.scale_set import ScaleSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmss_jenkins.emulator.state.backend import Backend

HEALTH_WAIT = 300.0
"""Seconds within which an upgraded instance must be healthy."""
BUSY_WAIT = 30.0
"""Seconds until the next try, if another operation works on every remaining instance."""
KEPT_OS_UPGRADES = 20
AUTOMATIC_BATCH = 20
"""The largest batch of an automatic OS upgrade, in percent, whatever the set's policy says."""


def follow(backend: Backend, operation: Operation, scale_set: ScaleSet) -> None:
    """Begin an upgrade to a new model; a running upgrade to an older model ends, one to the same model continues."""
    rolling = scale_set.rolling
    if rolling and rolling.goes_on:
        if rolling.model is scale_set.model:
            return
        _end(backend, scale_set, rolling, "Cancelled", _PREEMPTED)
    if instances.outdated(scale_set):
        _begin(backend, operation, scale_set, "model")


def start(
    backend: Backend,
    operation: Operation,
    scale_set: ScaleSet,
    what: Literal["os", "extensions"],
    automatic: Automatic | None = None,
) -> None:
    """Begin an upgrade that a client asked for, or an ``automatic`` one; call ``check`` first.

    An upgrade of the operating system takes the version that a moving image is now. The emulator has one version of
    each extension, so an upgrade of extensions finds all instances up to date.
    """
    scale_set.operation, scale_set.provisioning, scale_set.changed = operation, "Updating", backend.now
    if what == "os":
        scale_set.model = models.newest(backend, scale_set)
    _begin(backend, operation, scale_set, what, automatic)


def approve(backend: Backend, scale_set: ScaleSet, ids: Iterable[str] | None) -> None:
    """Approve the deferred upgrade of instances, of all that wait if None; raises ``ArmError`` 409 if none waits."""
    rolling = scale_set.rolling
    if rolling is None or not rolling.goes_on or not rolling.deferred:
        raise not_allowed("There is no Rolling Upgrade that waits for approval.")
    rolling.approved += rolling.waiting if ids is None else ids
    if rolling.parked:
        rolling.parked = False
        _next_batch(backend, scale_set, rolling)


def check(backend: Backend, scale_set: ScaleSet, what: Literal["os", "extensions"]) -> None:
    """Refuse a second upgrade, or an OS upgrade of a set without health source or image; raises ``ArmError``."""
    if scale_set.rolling and scale_set.rolling.goes_on:
        raise not_allowed(f"Another Rolling Upgrade of Virtual Machine Scale Set '{scale_set.name}' is in progress.")
    if what == "os" and health.source(scale_set) is None:
        raise not_allowed(
            "Rolling Upgrade is not supported for this Virtual Machine Scale Set because a health probe or health "
            "extension was not provided."
        )
    if what == "os":
        models.newest(backend, scale_set)


def cancel(backend: Backend, scale_set: ScaleSet) -> None:
    """Stop a rolling upgrade after its current batch; raises ``ArmError`` 409 if none is in progress."""
    rolling = scale_set.rolling
    if rolling is None or rolling.code != "RollingForward":
        raise not_allowed("There is no ongoing Rolling Upgrade to cancel.")
    rolling.last_action, rolling.last_action_time = "Cancel", backend.now
    _end(backend, scale_set, rolling, "Cancelled", _CANCELLED)


_PREEMPTED: Json = {
    "code": "OperationPreempted",
    "message": "Operation execution has been preempted by a more recent operation.",
}
_CANCELLED: Json = {"code": "OperationCanceled", "message": "The Rolling Upgrade was cancelled."}


def _begin(
    backend: Backend,
    operation: Operation,
    scale_set: ScaleSet,
    what: Literal["model", "os", "extensions"],
    automatic: Automatic | None = None,
) -> None:
    policy = scale_set.body["properties"]["upgradePolicy"].get("rollingUpgradePolicy", ROLLING_POLICY)
    if automatic:
        policy = {**policy, "maxBatchInstancePercent": min(AUTOMATIC_BATCH, policy["maxBatchInstancePercent"])}
    due = [] if what == "extensions" else [one.id for one in instances.outdated(scale_set)]
    rolling = RollingUpgrade(what, policy, backend.now, due, operation, scale_set.model, last_action_time=backend.now)
    if automatic:
        rolling.gate, rolling.deferred, rolling.started_by = automatic.gate, automatic.deferred, "Platform"
    rolling.current = [key for key in scale_set.instances if key not in due]
    scale_set.rolling = rolling
    if what == "os":
        scale_set.os_upgrades = [rolling, *scale_set.os_upgrades][:KEPT_OS_UPGRADES]
    backend.begin_part(operation)
    _next_batch(backend, scale_set, rolling)


def _end(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade, code: str, error: Json | None = None) -> None:
    rolling.code, rolling.ended = code, backend.now
    if code == "Faulted":
        rolling.error = error
    if scale_set.operation in (None, rolling.operation) and scale_set.provisioning != "Deleting":
        scale_set.provisioning, scale_set.changed = "Failed" if rolling.error else "Succeeded", backend.now
    backend.end_part(rolling.operation, error)


def _next_batch(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade) -> None:
    if not rolling.goes_on:
        return
    if scale_set.provisioning == "Deleting":
        _end(backend, scale_set, rolling, "Cancelled", _PREEMPTED)
        return
    due = {one.id: one for one in instances.outdated(scale_set)}
    rolling.waiting = [key for key in rolling.waiting if key in due]
    if not rolling.waiting:
        _end(backend, scale_set, rolling, "Completed")
        return
    if rolling.deferred and not set(rolling.approved) & set(rolling.waiting):
        rolling.parked = True
        return
    if all(due[key].operation for key in _candidates(rolling)):
        backend.after(BUSY_WAIT, lambda: _next_batch(backend, scale_set, rolling))
        return
    policy, seen = rolling_batches.RollingPolicy.read(rolling.policy), _seen(backend, scale_set, rolling)
    if error := rolling_batches.too_unhealthy(policy, seen, first=not (rolling.upgraded or rolling.failed)):
        _end(backend, scale_set, rolling, "Faulted", error)
        return
    batch = rolling_batches.next_batch(policy, seen)
    if rolling.gate is None:
        _begin_batch(backend, scale_set, rolling, batch)
    else:
        rolling.gate(batch, lambda approved: _answered(backend, scale_set, rolling, batch, approved))


def _candidates(rolling: RollingUpgrade) -> list[str]:
    """Return the ids of the instances that the next batch may have."""
    return [key for key in rolling.waiting if not rolling.deferred or key in rolling.approved]


def _answered(
    backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade, batch: list[str], approved: list[str]
) -> None:
    """Go on with the approved instances of a batch; the others keep their model."""
    rolling.rejected += [key for key in batch if key not in approved]
    rolling.waiting = [key for key in rolling.waiting if key not in rolling.rejected]
    due = {one.id for one in instances.outdated(scale_set) if one.operation is None}
    chosen = [key for key in approved if key in due]
    if rolling.goes_on and chosen and scale_set.provisioning != "Deleting":
        _begin_batch(backend, scale_set, rolling, chosen)
    else:
        backend.after(0.0, lambda: _next_batch(backend, scale_set, rolling))


def _begin_batch(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade, batch: list[str]) -> None:
    policy = rolling_batches.RollingPolicy.read(rolling.policy)
    rolling.batch = batch
    rolling.waiting = [key for key in rolling.waiting if key not in batch]
    if policy.surge and surge_batches.fits_quota(backend, scale_set, len(rolling.batch)):
        _surge(backend, scale_set, rolling)
    else:
        _update_in_place(backend, scale_set, rolling)


def _update_in_place(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade) -> None:
    def updated(_: Operation) -> None:
        there = [scale_set.instances[key] for key in rolling.batch if key in scale_set.instances]
        backend.after(_health_wait(backend, scale_set, there), lambda: _judge(backend, scale_set, rolling))

    operation = backend.begin(scale_set.location, backend.timings.accept, updated)
    for key in rolling.batch:
        one = scale_set.instances[key]
        rolling.before[key] = Former(one.model, one.image, one.version, one.disk)
        instances.update(backend, operation, scale_set, one)


def _surge(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade) -> None:
    def created(_: Operation) -> None:
        wait = _health_wait(backend, scale_set, surge_batches.there(scale_set, rolling))
        backend.after(wait, judge)

    def judge() -> None:
        bad = [one.id for one in surge_batches.there(scale_set, rolling) if _failed(backend, scale_set, one)]
        surge_batches.replace(backend, scale_set, rolling, bad, replaced)

    def replaced(staying: list[str]) -> None:
        done, rolling.batch = rolling.batch, []
        rolling.failed += staying
        rolling.upgraded += [key for key in done if key not in staying]
        policy = rolling_batches.RollingPolicy.read(rolling.policy)
        error = rolling_batches.too_many_failed(policy, rolling.upgraded, rolling.failed)
        _go_on(backend, scale_set, rolling, error)

    surge_batches.create(backend, scale_set, rolling, created)


def _health_wait(backend: Backend, scale_set: ScaleSet, upgraded: list[Instance]) -> float:
    known = max((health.known_at(scale_set, instance) for instance in upgraded), default=backend.now)
    return min(HEALTH_WAIT, max(0.0, known - backend.now))


def _seen(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade) -> list[rolling_batches.Candidate]:
    candidates = _candidates(rolling)
    return [
        rolling_batches.Candidate(
            one.id,
            one.zone,
            health.is_bad(scale_set, one, backend.now),
            one.id in candidates and one.operation is None,
        )
        for one in scale_set.instances.values()
    ]


def _judge(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade) -> None:
    done, rolling.batch = rolling.batch, []
    bad = [key for key in done if key in scale_set.instances and _failed(backend, scale_set, scale_set.instances[key])]
    rolling.failed += bad
    rolling.upgraded += [key for key in done if key not in bad]
    if not rolling.goes_on:
        return
    policy = rolling_batches.RollingPolicy.read(rolling.policy)
    error = rolling_batches.too_many_failed(policy, rolling.upgraded, rolling.failed)
    if back := _to_restore(scale_set, rolling, bad, breach=bool(error) and policy.roll_back):
        _restore(backend, scale_set, rolling, back, error)
    else:
        _go_on(backend, scale_set, rolling, error)


def _failed(backend: Backend, scale_set: ScaleSet, instance: Instance) -> bool:
    """Whether an upgraded instance counts as failed; it does too if its health is not known in time."""
    late = instance.up and health.source(scale_set) is not None and backend.now < health.known_at(scale_set, instance)
    return late or health.is_bad(scale_set, instance, backend.now)


def _to_restore(scale_set: ScaleSet, rolling: RollingUpgrade, bad: list[str], *, breach: bool) -> list[str]:
    """Return the failed instances to roll back: in an OS upgrade each at once, in others all on a breach."""
    automatic = scale_set.body["properties"]["upgradePolicy"].get("automaticOSUpgradePolicy", {})
    if rolling.what == "os" and not automatic.get("disableAutomaticRollback", False):
        return [key for key in bad if key in scale_set.instances]
    return [key for key in rolling.failed if breach and key in scale_set.instances]


def _restore(
    backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade, back: list[str], error: Json | None
) -> None:
    rolling.code = "RollingBack" if error else rolling.code

    def done(_: Operation) -> None:
        for key in back:
            instance = scale_set.instances.get(key)
            restored = instance is not None and instance.provisioning == "Succeeded"
            (rolling.restored if restored else rolling.not_restored).append(key)
        _go_on(backend, scale_set, rolling, error)

    operation = backend.begin(scale_set.location, backend.timings.accept, done)
    for key in back:
        instances.restore(backend, operation, scale_set, scale_set.instances[key], rolling.before[key])


def _go_on(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade, error: Json | None) -> None:
    if not rolling.goes_on:
        return
    if error:
        _end(backend, scale_set, rolling, "Faulted", error)
        return
    pause = rolling_batches.RollingPolicy.read(rolling.policy).pause if rolling.waiting else 0.0
    backend.after(pause, lambda: _next_batch(backend, scale_set, rolling))
