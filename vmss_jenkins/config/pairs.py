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
    raise ValueError(f"found {found}; wanted keep, or how many instances are to be left, such as 1")


def _asked(gates: tuple[str, ...]) -> tuple[str, ...]:
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
Gates: TypeAlias = Annotated[tuple[values.Gate, ...], BeforeValidator(as_tuple), AfterValidator(_asked)]


class Deploying(Value):
    """How the release comes to the idle set: to all of it at once, since it serves nobody."""

    min_healthy_time: values.Seconds = 0.0
    instance_timeout: Annotated[values.Seconds, Field(ge=1)] = 900.0
    timeout: Annotated[values.Seconds, Field(ge=1)] = 7200.0


class PairConfig(Value):
    """Two scale sets behind one load balancer, of which one serves: they get jobs together."""

    name: values.JobName
    """What its jobs' names begin with."""
    resource_group: values.GroupName | None = None
    """Of both sets and of the load balancer."""
    load_balancer: values.ResourceName
    blue: values.SetName
    green: values.SetName
    rule: values.ResourceName | None = None
    """The production rule; the only one that leads to the pair by default."""
    test_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """A frontend port that leads to the idle set while it is checked; gates that ask the load balancer ask it."""
    subscription: values.Guid | None = None
    """The one of the credentials by default."""
    description: values.Prose = ""
    image: values.Image | None = None
    """What the image parameter is filled in with: an id, or publisher:offer:sku:version."""
    rollout: Deploying = Deploying()
    gates: Gates = ("instance-health",)
    """Asked of the idle set before the switch."""
    watch: Gates = ("instance-health",)
    """Asked of it after the switch; where one fails it is switched back."""
    promotion: Literal["automatic", "approval"] = "automatic"
    """`approval`: a person is asked before the switch."""
    idle: Idle = None
    """Instances that are left of the other set after a good watch; `keep` leaves them all, as the way back."""
    timeouts: Timeouts = Timeouts()

    @model_validator(mode="after")
    def _fits(self) -> PairConfig:
        if not self.resource_group:
            raise ValueError("needs a resource_group, here or under defaults")
        if self.blue.casefold() == self.green.casefold():
            raise ValueError(f"found {self.blue!r} for blue and for green; wanted two scale sets")
        return self


INHERITED = ("resource_group", "subscription", "description", "image", "rollout", "timeouts")
"""What a pair takes from `defaults`; what the others say is of a canary, or of a set that serves."""


def inherited(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the defaults that stands under a pair."""
    found = {key: value for key, value in defaults.items() if key in INHERITED}
    if isinstance(rollout := found.get("rollout"), dict):
        found["rollout"] = {key: value for key, value in rollout.items() if key in Deploying.model_fields}
    return found
