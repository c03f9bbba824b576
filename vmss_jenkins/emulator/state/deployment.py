"""A deployment of a template and its plan, as plain state.

The room ``resources`` has the rules that make and change them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmss_jenkins.emulator.arm.values import Json


@dataclass(frozen=True)
class PlannedResource:
    """A resource in a template."""

    kind: str
    """Such as Microsoft.Network/loadBalancers/inboundNatRules."""
    name: str
    """For a child with a slash between the names."""
    api_version: str
    id: str
    body: Json
    after: tuple[str, ...] = ()
    """The ids of the resources that it depends on."""


@dataclass(frozen=True)
class Plan:
    """A template with its parameters, evaluated before anything is made; only the outputs are not."""

    resources: Mapping[str, PlannedResource]
    """By their ids in lower case."""
    parameters: Json
    """As a deployment shows them: types and values, without secrets."""
    outputs: Json = field(default_factory=dict)
    """As the template declares them; they are evaluated at the end."""
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """The functions that its expressions may call."""


@dataclass
class Deployment:
    """One deployment of one template to a resource group."""

    name: str
    group: str
    number: str
    """The number of its operation, in the URL to poll."""
    correlation_id: str
    started: float
    plan: Plan
    state: Literal["Accepted", "Running", "Succeeded", "Failed"] = "Accepted"
    ended: float | None = None
    outputs: Json = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    """The ids of the resources that were made."""
    faults: list[Json] = field(default_factory=list)
    """The errors of the resources that could not be made."""

    @property
    def error(self) -> Json | None:
        """ARM's error of a failed deployment."""
        if self.state != "Failed":
            return None
        message = (
            "At least one resource deployment operation failed. Please list deployment operations for details. "
            "Please see https://aka.ms/arm-deployment-operations for usage details."
        )
        return {"code": "DeploymentFailed", "message": message, "details": self.faults}
