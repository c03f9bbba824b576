"""A route: one method of one path of Azure Resource Manager, and its handler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from vmss_jenkins.emulator.arm.providers import COMPUTE, NETWORK
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply

Handler = Callable[[Call], Reply]

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/{{group}}"
COMPUTE_IN_GROUP = f"{GROUP}/providers/{COMPUTE}"
SCALE_SET = f"{COMPUTE_IN_GROUP}/virtualMachineScaleSets/{{set}}"
INSTANCE = f"{SCALE_SET}/virtualMachines/{{instance}}"
NETWORKS = f"{SUBSCRIPTION}/providers/{NETWORK}"
NETWORKS_IN_GROUP = f"{GROUP}/providers/{NETWORK}"


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    method: str
    template: str
    handler: Handler
    limits: str = "none"
    """Which of ``arm.throttling.LIMITS`` it takes tokens from."""

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The parts of the template."""
        return tuple(self.template.strip("/").split("/"))

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Return the variable parts of a path with as many segments, or None if the path does not match."""
        params = {}
        for wanted, found in zip(self.segments, segments, strict=True):
            if wanted.startswith("{"):
                params[wanted[1:-1]] = found
            elif wanted.lower() != found.lower():
                return None
        return params

    @property
    def action(self) -> str:
        """The action that a role must allow, such as Microsoft.Compute/virtualMachineScaleSets/read."""
        template = self.template.partition("/providers/")[2]
        fixed = ("vmimage", "latest")
        kinds = [part for part in template.split("/") if part and not part.startswith("{") and part not in fixed]
        if not kinds:
            kinds = ["Microsoft.Resources", *(p for p in self.segments if not p.startswith("{"))]
        verbs = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
        return "/".join([*kinds, verbs.get(self.method, "action")])
