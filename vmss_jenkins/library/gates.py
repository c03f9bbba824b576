"""Gates as a library: `vmss_jenkins.verify`, and the check of gates before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.gates.parsing import gates_from
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.measure.gate_checks import refuse
from vmss_jenkins.measure.instruments import connected_instruments
from vmss_jenkins.measure.verification import Assessment, Verification
from vmss_jenkins.model.findings import Finding
from vmss_jenkins.model.instances import Instance, InstanceIds, ScaleSet, ScaleSetName, has_latest_model
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.heartbeat import Heartbeat
from vmss_jenkins.runtime.waiting import Waiter


@checked
def verify(
    resource_group: str,
    name: str,
    gates: Iterable[str | Mapping[str, object]],
    *,
    instance_ids: str | Iterable[str] | None = None,
    connection: Connection | None = None,
    timeout: float = TIMEOUT,
    on_event: OnEvent = log,
) -> Assessment:
    """Let gates judge the instances with the new release.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        gates: each one line such as `http path=/health`, or a mapping such as `{"gate": "http", "path": "/health"}`.
        instance_ids: the instances to judge; by default those with the latest model.
        connection: how to connect to Azure; from the environment by default.
        timeout: seconds after which nothing is measured again.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid gates and ids, and if no instance has the latest model.
        AzureError: if the set cannot be read; a gate that cannot measure is a verdict.
    """
    target = ScaleSetName(resource_group, name)
    specs = gates_from(gates)
    chosen = InstanceIds.parse(instance_ids) if instance_ids is not None else None
    clock = Heartbeat(SystemClock(), on_event)
    waiter = Waiter.starting(clock, timeout, clock.on_event)
    azure = (connection or Connection()).connect(on_event)
    with closing(azure.scale_sets()) as sets, connected_instruments(sets, azure, clock) as instruments:
        scale_set = waiter.retry(lambda: sets.get(target))
        instances = waiter.retry(lambda: sets.instances(scale_set))
        measured = tuple(chosen.choose(instances) if chosen else _updated(scale_set, instances))
        verification = Verification(target, specs, instruments, waiter)
        refuse(verification.check(scale_set, measured))
        return verification.assess("verify", [one.id for one in measured])


@checked
def check_gates(
    resource_group: str,
    name: str,
    gates: Iterable[str | Mapping[str, object]],
    *,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> tuple[Finding, ...]:
    """Find what prevents gates from measuring a set, as `roll_out` does before it changes anything.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        gates: as `verify` takes them.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid gates.
        AzureError: if the set or its addresses cannot be read.
    """
    target, specs, clock = ScaleSetName(resource_group, name), gates_from(gates), SystemClock()
    waiter = Waiter.starting(clock, TIMEOUT, on_event)
    azure = (connection or Connection()).connect(on_event)
    with closing(azure.scale_sets()) as sets, connected_instruments(sets, azure, clock) as instruments:
        scale_set = waiter.retry(lambda: sets.get(target))
        instances = waiter.retry(lambda: sets.instances(scale_set))
        return Verification(target, specs, instruments, waiter).check(scale_set, instances)


def _updated(scale_set: ScaleSet, instances: Iterable[Instance]) -> list[Instance]:
    """The instances with the latest model: gates judge these by default."""
    found = [instance for instance in instances if has_latest_model(instance, scale_set)]
    if not found:
        reason = "no instance has the latest model; update one, or choose instances with --instance-ids"
        raise ConfigError("instance ids", [reason])
    return found
