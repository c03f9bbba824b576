"""Answers about rolling upgrades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.arm.values import Json, timestamp
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute import instances, rolling_upgrades
from vmss_jenkins.emulator.compute.models import IDS_SHAPE
from vmss_jenkins.emulator.state.scale_set import ScaleSet

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.operation import Operation
    from vmss_jenkins.emulator.state.rolling_upgrade import RollingUpgrade

_KIND = f"{COMPUTE}/virtualMachineScaleSets/rollingUpgrades"
_PAGE = 100


def latest(call: Call) -> Reply:
    """The state and progress of the set's last rolling upgrade."""
    scale_set = call.scale_set
    if scale_set.rolling is None:
        raise ArmError(404, "NotFound", "There is no rolling upgrade for this Virtual Machine Scale Set.")
    return Reply(200, shown(scale_set, scale_set.rolling))


def cancel(call: Call) -> Reply:
    """Stop a rolling upgrade after its current batch."""
    scale_set = call.scale_set
    rolling_upgrades.cancel(call.backend, scale_set)
    return call.accepted(call.backend.begin(scale_set.location, call.backend.timings.accept))


def start_os(call: Call) -> Reply:
    """Bring all instances to the newest version of the model's image, in batches, in any upgrade mode of the set."""
    return _start(call, "os")


def start_extensions(call: Call) -> Reply:
    """Bring the extensions of all instances to their latest versions, in batches, in any upgrade mode of the set."""
    return _start(call, "extensions")


def _start(call: Call, what: Literal["os", "extensions"]) -> Reply:
    backend, scale_set = call.backend, call.scale_set
    rolling_upgrades.check(backend, scale_set, what)
    instances.check_free(backend, scale_set, "rollingUpgrade", scale_set.instances.values())
    call.charge(0)

    def done(operation: Operation) -> None:
        if scale_set.operation is operation:
            scale_set.operation = None

    operation = backend.begin(scale_set.location, backend.timings.accept, done)
    rolling_upgrades.start(backend, operation, scale_set, what)
    return call.accepted(operation)


def approve(call: Call) -> Reply:
    """Approve the deferred upgrade of the operating system, of all instances or of those in the body."""
    ids = call.instance_ids(IDS_SHAPE)
    if ids == ["*"]:
        ids = None
    chosen = None if ids is None else [one.id for one in call.backend.chosen(call.scale_set, ids)]
    rolling_upgrades.approve(call.backend, call.scale_set, chosen)
    return call.accepted(call.backend.begin(call.scale_set.location, call.backend.timings.accept))


def approve_instance(call: Call) -> Reply:
    """Approve the deferred upgrade of the operating system of one instance."""
    rolling_upgrades.approve(call.backend, call.scale_set, [call.instance.id])
    return call.accepted(call.backend.begin(call.scale_set.location, call.backend.timings.accept))


def history(call: Call) -> Reply:
    """The set's upgrades of the operating system, the latest first."""
    scale_set = call.scale_set
    found, more = call.page(scale_set.os_upgrades, _PAGE)
    return Reply(200, {"value": [_entry(scale_set, one) for one in found], **more})


def shown(scale_set: ScaleSet, upgrade: RollingUpgrade) -> Json:
    """Return a rolling upgrade as ``rollingUpgrades/latest`` shows it."""
    properties: Json = {
        "policy": upgrade.policy,
        "runningStatus": {
            "code": upgrade.code,
            "startTime": timestamp(upgrade.started),
            "lastAction": upgrade.last_action,
            "lastActionTime": timestamp(upgrade.last_action_time),
        },
        "progress": _progress(upgrade),
    }
    if upgrade.error:
        properties["error"] = upgrade.error
    return {"type": _KIND, "location": scale_set.location, "properties": properties}


def _progress(upgrade: RollingUpgrade) -> Json:
    return {
        "successfulInstanceCount": len(upgrade.current) + len(upgrade.upgraded),
        "failedInstanceCount": len(upgrade.failed),
        "inProgressInstanceCount": len(upgrade.batch),
        "pendingInstanceCount": len(upgrade.waiting) + len(upgrade.rejected),
    }


def _entry(scale_set: ScaleSet, upgrade: RollingUpgrade) -> Json:
    ended = {} if upgrade.ended is None else {"endTime": timestamp(upgrade.ended)}
    properties: Json = {
        "runningStatus": {"code": upgrade.code, "startTime": timestamp(upgrade.started), **ended},
        "progress": _progress(upgrade),
        "startedBy": upgrade.started_by,
        "targetImageReference": upgrade.model.image,
        "rollbackInfo": {
            "successfullyRolledbackInstanceCount": len(upgrade.restored),
            "failedRolledbackInstanceCount": len(upgrade.not_restored),
        },
    }
    if upgrade.error:
        properties["error"] = upgrade.error
    return {"type": _KIND, "location": scale_set.location, "properties": properties}
