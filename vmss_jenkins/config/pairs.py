"""The blue-green pairs of vmss.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from vmss_jenkins.blue_green.plan.gates import watch_gates
from vmss_jenkins.config import values
from vmss_jenkins.config.parts import Timeouts, Value
from vmss_jenkins.config.values import as_tuple
from vmss_jenkins.errors import ConfigError

KEEP = "keep"


def _idle(value: object) -> int | None:
    if value is None or value == KEEP:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = values.shortened(value)
    raise ValueError(f"found {found}; wanted keep, or a number of instances to keep, such as 1")


def _checked(gates: tuple[str, ...]) -> tuple[str, ...]:
    try:
        watch_gates(gates)
    except ConfigError as error:
        raise ValueError("; ".join(error.reasons)) from None
    return gates


Idle: TypeAlias = Annotated[
    int | None,
    BeforeValidator(_idle),
    WithJsonSchema({"anyOf": [{"enum": [KEEP]}, {"type": "integer", "minimum": 0}]}),
]
Gates: TypeAlias = Annotated[tuple[values.Gate, ...], BeforeValidator(as_tuple), AfterValidator(_checked)]


class Deploying(Value):
    """How the idle set gets the release: all of it at once, because it has no traffic."""

    min_healthy_time: values.Seconds = 0.0
    instance_timeout: Annotated[values.Seconds, Field(ge=1)] = 900.0
    timeout: Annotated[values.Seconds, Field(ge=1)] = 7200.0


class PairConfig(Value):
    """Two scale sets behind one load balancer, which sends traffic to one of them. They share their jobs."""

    name: values.JobName
    """First part of its jobs' names."""
    resource_group: values.GroupName | None = None
    """The resource group of both sets, and of the load balancer if that is given by its name."""
    load_balancer: values.LoadBalancer
    """Its name, or its ARM id if it is in another resource group."""
    blue: values.SetName
    green: values.SetName
    rule: values.ResourceName | None = None
    """The production rule; by default the only rule that sends traffic to the pair."""
    test_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """A frontend port for the idle set while it is checked; gates that use the load balancer use this port."""
    subscription: values.Guid | None = None
    """By default the subscription of the credentials."""
    description: values.Prose = ""
    image: values.Image | None = None
    """Default of the image parameter: an id, or publisher:offer:sku:version."""
    rollout: Deploying = Deploying()
    gates: Gates = ("instance-health",)
    """Gates for the idle set, before the switch."""
    watch: Gates = ("instance-health",)
    """Gates after the switch; if one fails, the traffic is switched back."""
    promotion: Literal["automatic", "approval"] = "automatic"
    """`approval`: a person approves the switch."""
    idle: Idle = None
    """Instances to keep in the idle set after the switch; `keep` keeps them all, for a quick switch back."""
    timeouts: Timeouts = Timeouts()

    @model_validator(mode="after")
    def _fits(self) -> PairConfig:
        if not self.resource_group:
            raise ValueError("needs a resource_group, here or under defaults")
        if self.blue.casefold() == self.green.casefold():
            raise ValueError(f"found {self.blue!r} as blue and as green; wanted two scale sets")
        return self


INHERITED = ("resource_group", "subscription", "description", "image", "rollout", "timeouts")
"""The keys that a pair takes from `defaults`; the other keys are about a canary."""


def inherited(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the defaults that a pair takes."""
    found = {key: value for key, value in defaults.items() if key in INHERITED}
    if isinstance(rollout := found.get("rollout"), dict):
        found["rollout"] = {key: value for key, value in rollout.items() if key in Deploying.model_fields}
    return found
