"""Deployments of templates: each resource is put as a client would, after the resources that it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.resources import templates
from vmss_jenkins.emulator.resources.template_expressions import TemplateError

if TYPE_CHECKING:
    from graphlib import TopologicalSorter

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.deployment import Deployment, PlannedResource
    from vmss_jenkins.emulator.state.operation import Operation


class Resources(Protocol):
    """The requests that a deployment makes; a refused one raises the ``ArmError`` that a client would get."""

    def put(self, planned: PlannedResource) -> Operation | None:
        """Put a resource; return its long-running operation, None if it has none."""
        ...

    def properties(self, resource_id: str) -> Json:
        """Return the properties of a resource."""
        ...


def start(backend: Backend, deployment: Deployment, resources: Resources) -> None:
    """Begin a deployment; it continues with the emulated time."""
    run = _Run(backend, deployment, resources, templates.order(deployment.plan))
    backend.after(backend.timings.accept, run.go_on)


@dataclass
class _Run:
    """A deployment in progress."""

    backend: Backend
    deployment: Deployment
    resources: Resources
    order: TopologicalSorter[str]
    under_way: int = 0

    def go_on(self) -> None:
        """Put every resource whose dependencies are there; after a failure begin no other."""
        self.deployment.state = "Running"
        while not self.deployment.faults and (ready := self.order.get_ready()):
            for key in ready:
                self._put(key)
        if not self.under_way:
            self._end()

    def _put(self, key: str) -> None:
        planned = self.deployment.plan.resources[key]
        try:
            operation = self.resources.put(planned)
        except ArmError as error:
            self.deployment.faults.append({**error.body["error"], "target": planned.id})
            return
        if operation is None or operation.ended is not None:
            self._made(key, operation)
            return
        self.under_way += 1

        def ended(operation: Operation) -> None:
            self.under_way -= 1
            self._made(key, operation)
            self.go_on()

        operation.then(ended)

    def _made(self, key: str, operation: Operation | None) -> None:
        planned = self.deployment.plan.resources[key]
        if operation is not None and operation.error:
            self.deployment.faults.append({**operation.error, "target": planned.id})
            return
        self.deployment.made.append(planned.id)
        self.order.done(key)

    def _end(self) -> None:
        deployment = self.deployment
        if deployment.ended is not None:
            return
        if not deployment.faults:
            try:
                deployment.outputs = templates.outputs(deployment.plan, self.resources.properties)
            except TemplateError as error:
                deployment.faults.append({"code": "DeploymentOutputEvaluationFailed", "message": str(error)})
            except ArmError as error:
                deployment.faults.append(error.body["error"])
        deployment.state = "Failed" if deployment.faults else "Succeeded"
        deployment.ended = self.backend.now
