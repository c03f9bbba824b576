"""The emulator's own endpoints below ``/_emulator/``: its calls, availability, ports and faults."""

from __future__ import annotations

from dataclasses import asdict
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute import terminations
from vmss_jenkins.emulator.compute.api.platform_image_responses import alias_document
from vmss_jenkins.emulator.faults.fault import Fault
from vmss_jenkins.emulator.insights import autoscale

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

    from vmss_jenkins.emulator.faults.armed_fault import ArmedFault
    from vmss_jenkins.emulator.front.fault_injector import FaultInjector
    from vmss_jenkins.emulator.state.backend import Backend

PREFIX = "/_emulator/"


class Control:
    """Answers about one backend and its faults."""

    def __init__(
        self, backend: Backend, injector: FaultInjector, endpoints: Callable[[], list[dict[str, Any]]]
    ) -> None:
        self._backend, self._injector, self._endpoints = backend, injector, endpoints

    @property
    def routes(self) -> list[tuple[str, str, Callable[..., Reply]]]:
        """Method, path and handler; a handler gets the request and the variable parts of the path."""
        return [
            ("GET", f"{PREFIX}calls", self.calls),
            ("GET", f"{PREFIX}availability", self.availability),
            ("GET", f"{PREFIX}endpoints", self.endpoints),
            ("GET", f"{PREFIX}vm-image-aliases", self.aliases),
            ("GET", f"{PREFIX}scheduled-events", self.scheduled_events),
            ("POST", f"{PREFIX}scheduled-events", self.approve_events),
            ("POST", f"{PREFIX}metrics", self.report_metric),
            ("GET", f"{PREFIX}faults", self.faults),
            ("POST", f"{PREFIX}faults", self.add_fault),
            ("DELETE", f"{PREFIX}faults", self.remove_faults),
            ("DELETE", f"{PREFIX}faults/<int:number>", self.remove_faults),
        ]

    def calls(self, _: Request) -> Reply:
        """Every request to ARM."""
        return Reply(200, list(self._backend.calls))

    def availability(self, request: Request) -> Reply:
        """The availability record and its summary; with ``?set=NAME`` of one set."""
        backend = self._backend
        with backend.lock:
            backend.advance()
            return Reply(200, backend.availability.as_json(backend.now, request.args.get("set")))

    def endpoints(self, _: Request) -> Reply:
        """Every public address and port in ARM that is served, with the URL on this machine that serves it."""
        with self._backend.lock:
            self._backend.advance()
            return Reply(200, self._endpoints())

    def aliases(self, _: Request) -> Reply:
        """The short names of platform images, which ``az`` reads from an endpoint of its cloud."""
        return Reply(200, alias_document(self._backend.scenario.releases))

    def scheduled_events(self, _: Request) -> Reply:
        """The notices of deletions, as the metadata service shows them to each instance."""
        with self._backend.lock:
            self._backend.advance()
            events = [
                {
                    "EventId": event.id,
                    "EventType": "Terminate",
                    "EventStatus": "Scheduled",
                    "ResourceType": "VirtualMachine",
                    "Resources": [event.machine],
                    "NotBefore": formatdate(event.not_before, usegmt=True),
                }
                for event in self._backend.scheduled_events.values()
            ]
            return Reply(200, {"DocumentIncarnation": len(events), "Events": events})

    def approve_events(self, request: Request) -> Reply:
        """Approve deletions, as an instance does at its metadata service: ``{"StartRequests": [{"EventId": ID}]}``."""
        body = request.get_json(force=True, silent=True)
        wanted = body.get("StartRequests") if isinstance(body, dict) else None
        if not isinstance(wanted, list) or not all(isinstance(one, dict) and "EventId" in one for one in wanted):
            raise ArmError(400, "InvalidRequest", 'The body is not {"StartRequests": [{"EventId": ID}]}.')
        with self._backend.lock:
            terminations.approve(self._backend, [str(one["EventId"]) for one in wanted])
        return Reply(200, {})

    def report_metric(self, request: Request) -> Reply:
        """Set a metric that autoscale reads: ``{"set": "web", "metric": "Percentage CPU", "value": 80}``.

        The value null takes the metric away.
        """
        found = request.get_json(force=True, silent=True)
        body: dict[str, Any] = found if isinstance(found, dict) else {}
        name, value = body.get("metric"), body.get("value", "")
        if not (isinstance(name, str) and name and (value is None or type(value) in (int, float))):
            raise ArmError(400, "InvalidRequest", 'The body is not {"set": NAME, "metric": NAME, "value": NUMBER}.')
        group = str(body.get("group", self._backend.scenario.resource_group))
        with self._backend.lock:
            scale_set = self._backend.scale_set(group, str(body.get("set", "")))
            autoscale.report(self._backend, scale_set, name, value)
        return Reply(204)

    def faults(self, _: Request) -> Reply:
        """The injected faults, also those that will not strike again."""
        with self._backend.lock:
            return Reply(200, [_shown(armed) for armed in self._backend.armed])

    def add_fault(self, request: Request) -> Reply:
        """Inject a fault: a JSON object of its fields, or the text of ``--fault``, as it is or as a JSON string."""
        body = request.get_json(force=True, silent=True)
        if not isinstance(body, str | dict):
            body = request.get_data(as_text=True)
        try:
            fault = Fault.parse(body) if isinstance(body, str) else Fault.from_mapping(_object(body))
            with self._backend.lock:
                return Reply(201, _shown(self._injector.arm(fault)))
        except ValueError as error:
            raise ArmError(400, "InvalidFault", str(error)) from None

    def remove_faults(self, _: Request, number: int | None = None) -> Reply:
        """Remove one fault, or all."""
        with self._backend.lock:
            if number is not None and all(one.number != number for one in self._backend.armed):
                raise ArmError(404, "NotFound", f"There is no fault {number}.")
            self._injector.disarm(number)
        return Reply(204)


def _object(body: Any) -> dict[str, Any]:  # noqa: ANN401  (any JSON)
    if not isinstance(body, dict) or "kind" not in body:
        raise ValueError("a fault is a JSON object with a kind, or a text such as '503 GET */virtualMachines'")
    return body


def _shown(armed: ArmedFault) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(armed.fault).items() if value not in ("", 0, None)}
    if armed.fault.count is None:
        fields["count"] = "always"
    counted = {"seen": armed.seen, "struck": armed.struck}
    return {"number": armed.number, "text": str(armed.fault), **fields, **counted}
