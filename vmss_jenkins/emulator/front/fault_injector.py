"""Carries out faults: errors of requests, and changes that somebody else makes at the same time."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, concurrent_request
from vmss_jenkins.emulator.compute import change_record, scale_sets
from vmss_jenkins.emulator.compute.automation import watch
from vmss_jenkins.emulator.faults.armed_fault import ArmedFault
from vmss_jenkins.emulator.galleries import publishing, references
from vmss_jenkins.emulator.insights import autoscale
from vmss_jenkins.emulator.state.availability import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmss_jenkins.emulator.faults.fault import Fault
    from vmss_jenkins.emulator.front.http_server import EndingKind
    from vmss_jenkins.emulator.front.identity import Identity
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

REFUSED_SECONDS = 5.0
"""Emulated seconds for which connections are refused, if the fault names none."""
TRY_AGAIN_SECONDS = 2.0
"""Emulated seconds until somebody else repeats a change that was refused with a conflict."""

_SET = re.compile(r"/resourceGroups/([^/]+)/.*/virtualMachineScaleSets/([^/]+)", re.IGNORECASE)
_ENDINGS: Mapping[str, EndingKind] = {"reset": "reset", "refuse": "reset", "lost-answer": "reset", "cut": "cut"}
_TEXTS = {
    500: ("InternalServerError", "An internal execution error occurred. Please retry later."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable. Please retry later."),
    504: (
        "GatewayTimeout",
        "The gateway did not receive a response from 'Microsoft.Compute' within the specified time period.",
    ),
}


class FaultInjector:
    """Arms the faults of one backend and lets them strike its requests. Hold the backend's lock."""

    def __init__(self, backend: Backend, identity: Identity, refuse: Callable[[float], None]) -> None:
        """Make an injector; ``refuse`` refuses new connections for emulated seconds."""
        self._backend, self._identity, self._refuse = backend, identity, refuse
        self._armed = 0

    def arm(self, fault: Fault) -> ArmedFault:
        """Arm a fault; raises ``ValueError`` if its image does not exist."""
        backend = self._backend
        if fault.image and not self._has_image(fault):
            raise ValueError(f"there is no image {fault.image!r} for the fault {fault}")
        self._armed += 1
        armed = ArmedFault(self._armed, fault)
        backend.armed.append(armed)
        return armed

    def _has_image(self, fault: Fault) -> bool:
        scenario = self._backend.scenario
        if fault.kind in ("publish", "withdraw"):
            return fault.image in scenario.releases
        return references.find(self._backend, scenario.reference(fault.image), scenario.location) is not None

    def disarm(self, number: int | None = None) -> None:
        """Remove the fault of this number, or all. What they have done already stays."""
        self._backend.armed = [one for one in self._backend.armed if number not in (None, one.number)]

    def strike(self, method: str, path: str) -> Fault | None:
        """Let faults strike a request, and return the one that ends it, if any."""
        backend = self._backend
        for fault in backend.strike("request", Cause("client", method, path)):
            if not fault.request_continues:
                return fault
            self._make_change(fault, path)
        return None

    def check(self, fault: Fault) -> None:
        """Carry out a fault before its request; raises ``ArmError`` if the request is not to be carried out."""
        if fault.kind == "refuse":
            self._refuse(REFUSED_SECONDS if fault.seconds is None else fault.seconds)
        if fault.kind == "expired-token":
            raise self._identity.expire(self._backend.now)
        if fault.kind in ("error", "reset", "refuse"):
            raise self.error(fault)

    def error(self, fault: Fault) -> ArmError:
        """Return the error that a fault answers."""
        headers = {"x-ms-request-id": self._backend.guid()}
        if fault.retry_after is not None:
            headers["Retry-After"] = self._backend.retry_after(fault.retry_after)
        status = fault.status or 503
        error = _error(status)
        return ArmError(status, error.code, error.message, details=error.details, headers=headers)

    @staticmethod
    def ending(fault: Fault) -> EndingKind:
        """Return how the answer to a request ends that the fault has struck."""
        return "sent" if fault.status else _ENDINGS.get(fault.kind, "sent")

    def _make_change(self, fault: Fault, path: str) -> None:
        """Make the change of somebody else; repeat it later if Azure refuses it with a conflict."""
        backend, scenario = self._backend, self._backend.scenario
        found = _SET.search(path)
        group, name = found.groups() if found else (scenario.resource_group, scenario.scale_set)
        try:
            with backend.caused(Cause("fault", path=str(fault))):
                _CHANGES[fault.kind](backend, backend.scale_set(group, name), fault)
        except ArmError as error:
            if error.status == HTTPStatus.CONFLICT:
                backend.after(TRY_AGAIN_SECONDS, lambda: self._make_change(fault, path))
        watch.wake(backend)
        autoscale.wake(backend)


def _delete(backend: Backend, scale_set: ScaleSet, fault: Fault) -> None:
    chosen = [i for i in backend.chosen(scale_set, [fault.instance]) if i.provisioning != "Deleting"]
    operation = backend.begin(scale_set.location, backend.timings.accept)
    scale_sets.delete_instances(backend, operation, scale_set, chosen)


def _evict(backend: Backend, scale_set: ScaleSet, fault: Fault) -> None:
    for instance in backend.chosen(scale_set, [fault.instance]):
        scale_sets.evict(backend, scale_set, instance)


def _fall_ill(backend: Backend, scale_set: ScaleSet, fault: Fault) -> None:
    for instance in backend.chosen(scale_set, [fault.instance]):
        if instance.up:
            instance.release = replace(instance.release, status=503, health="unhealthy")
            backend.servers.serve(scale_set.server(instance), instance.release)
            change_record.record(backend, scale_set, instance, "fall-ill", "end")


def _scale(backend: Backend, scale_set: ScaleSet, fault: Fault) -> None:
    size = {"sku": {"capacity": max(0, scale_set.capacity + fault.by)}}
    scale_sets.change(backend, scale_set, size, lambda _: None)


def _set_image(backend: Backend, scale_set: ScaleSet, fault: Fault) -> None:
    reference = backend.scenario.reference(fault.image)
    storage = {"osDisk": {"image": reference}} if "uri" in reference else {"imageReference": reference}
    changes = {"properties": {"virtualMachineProfile": {"storageProfile": storage}}}
    scale_sets.change(backend, scale_set, changes, lambda _: None)


_CHANGES: Mapping[str, Callable[[Backend, ScaleSet, Fault], None]] = {
    "evict": _evict,
    "fall-ill": _fall_ill,
    "delete": _delete,
    "scale": _scale,
    "set-image": _set_image,
    "publish": lambda backend, _, fault: publishing.publish(backend, fault.image),
    "withdraw": lambda backend, _, fault: publishing.withdraw(backend, fault.image),
}


def _error(status: int) -> ArmError:
    if status == HTTPStatus.CONFLICT:
        return concurrent_request()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message = "The server rejected the request because too many requests have been received for this subscription."
        details = [{"code": "TooManyRequests", "target": "HighCostGetVMScaleSet", "message": "{}"}]
        return ArmError(status, "OperationNotAllowed", message, details=details)
    code, message = _TEXTS.get(status, ("", "An injected fault refuses this request."))
    return ArmError(status, code or "".join(_phrase(status).title().split()), message)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Emulated Error"
