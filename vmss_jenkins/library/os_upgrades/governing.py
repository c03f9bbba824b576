"""Governing automatic OS upgrades as a library: `vmss_jenkins.govern_upgrade`, and the look before it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import closing

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.gates.parsing import gate_texts, gates_from
from vmss_jenkins.govern.governor import GovernContext, govern
from vmss_jenkins.govern.plan.preview import GovernPreview, preview
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.govern.watch import Watch
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.library.identity import build_of, machine_or_job
from vmss_jenkins.library.image_checks import newest_of
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.measure.gate_checks import refuse
from vmss_jenkins.measure.instruments import connected_instruments
from vmss_jenkins.measure.verification import Verification
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.ending import RolloutResult
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.heartbeat import Heartbeat
from vmss_jenkins.runtime.processes import LocalProcesses
from vmss_jenkins.runtime.waiting import Waiter


@checked
def govern_upgrade(
    resource_group: str,
    name: str,
    spec: GovernSpec | None = None,
    *,
    gates: Iterable[str | Mapping[str, object]] = (),
    claim: bool = True,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> RolloutResult | None:
    """Govern the automatic OS upgrade that Azure asks about: the canary first, then batch by batch, each judged.

    Where it stands is in Azure: after an interruption the same call continues.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        spec: how; see `GovernSpec`.
        gates: as `vmss_jenkins.verify` takes them; without any, the health of the upgraded instances counts.
        claim: lock the set against rollouts; needs the permission `Microsoft.Resources/tags/write` on the resource
            group.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Returns:
        The result; None if Azure asks nothing, or a later run goes on.

    Raises:
        AnotherRollout: if a rollout of the set runs; nothing was answered.
        ConfigError: for parameters that cannot be used; nothing was answered.
        AzureError: if Azure refuses, or cannot be reached.
    """
    from vmss_jenkins.azure.os_upgrades.upgrades import AzureOsUpgrades  # noqa: PLC0415 - the SDK takes 0.3 s

    target, spec = ScaleSetName(resource_group, name), spec or GovernSpec()
    given = gate_texts(gates)
    specs = gates_from(given) if given else ()
    clock = Heartbeat(SystemClock(), on_event)
    waiter = Waiter.starting(clock, 2 * spec.timeout, clock.on_event)
    azure = (connection or Connection()).connect(on_event)
    with closing(azure.scale_sets()) as sets, connected_instruments(sets, azure, clock) as instruments:
        verification = Verification(target, specs, instruments, waiter) if specs else None
        scale_set = waiter.retry(lambda: sets.get(target))
        if verification:
            refuse(verification.check(scale_set, waiter.retry(lambda: sets.instances(scale_set))))
        context = GovernContext(
            gates=verification,
            claims=sets.claims(target) if claim else None,
            services=sets.services(target),
            newest=newest_of(azure, scale_set),
            run=secrets.token_hex(4),
            owner=f"{machine_or_job(os.environ)}: govern",
            processes=LocalProcesses(),
            build=build_of(os.environ),
        )
        return govern(AzureOsUpgrades(sets, target), sets, target, spec, context, waiter)


@checked
def look_before_govern(
    resource_group: str,
    name: str,
    spec: GovernSpec | None = None,
    *,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> GovernPreview:
    """Look at what Azure asks, and decide what a run would do first; nothing is answered.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        spec: as `govern_upgrade`.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for parameters that cannot be used.
        AzureError: if Azure refuses, or cannot be reached.
    """
    from vmss_jenkins.azure.os_upgrades.upgrades import AzureOsUpgrades  # noqa: PLC0415 - as above

    target = ScaleSetName(resource_group, name)
    waiter = Waiter.starting(SystemClock(), TIMEOUT, on_event)
    azure = (connection or Connection()).connect(on_event)
    with closing(azure.scale_sets()) as sets:
        newest = newest_of(azure, waiter.retry(lambda: sets.get(target)))
        observed = Watch(AzureOsUpgrades(sets, target), sets, target, newest, waiter).look()
    return preview(observed, spec or GovernSpec())
