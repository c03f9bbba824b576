"""The lock of a scale set as a library: what runs left, and how it is released."""

from __future__ import annotations

import os
import secrets
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.library.identity import machine_or_job
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.claims.release import ClaimRelease, look_at_claims, refusal, release_claims
from vmss_jenkins.rollout.plan.history import Observed
from vmss_jenkins.rollout.plan.protection.decision import lacking
from vmss_jenkins.rollout.protection.protected_sets import ProtectedSets
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.processes import LocalProcesses
from vmss_jenkins.runtime.waiting import Waiter

if TYPE_CHECKING:
    from vmss_jenkins.azure.scale_sets import AzureScaleSets


@checked
def release_claim(
    resource_group: str,
    name: str,
    *,
    force: bool = False,
    dry_run: bool = False,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> ClaimRelease:
    """Release the lock that a killed run left on a scale set, and resume what it had suspended.

    Args:
        resource_group: the set's resource group.
        name: the set's name; of a blue-green pair also the load balancer's.
        force: release also the lock of a run of which it is not known whether it still runs.
        dry_run: look, and refuse as the release would; change nothing.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid parameters.
        LockInUse: a run is alive, or may be; nothing was changed.
        AnotherRollout: a run took or renewed the lock meanwhile; nothing was resumed.
        AzureError: if there is no such set, Azure refuses, or cannot be reached.
    """
    target, processes = ScaleSetName(resource_group, name), LocalProcesses()
    waiter = Waiter.starting(SystemClock(), TIMEOUT, on_event)
    with closing((connection or Connection()).connect(on_event).scale_sets()) as sets:
        claims = sets.claims(target)
        found = look_at_claims(claims, processes, waiter)
        if not found:
            waiter.retry(lambda: sets.get(target))
            return ClaimRelease(target, ())
        if dry_run:
            if why := refusal(target, found, force=force):
                raise why
            return ClaimRelease(target, found)
        owner = f"{machine_or_job(os.environ)}: release-claim"
        run, services = secrets.token_hex(4), sets.services(target)
        return release_claims(
            target,
            claims,
            services,
            run,
            owner,
            waiter,
            processes,
            put_back=lambda: put_protection_back(sets, target, waiter),
            force=force,
        )


def put_protection_back(sets: AzureScaleSets, name: ScaleSetName, waiter: Waiter) -> None:
    """Put the protection of instances back as it was before the killed run.

    It stays while instances lack the release of the model: Azure would bring it to them, and nobody has judged it.
    """
    protected = ProtectedSets(sets, sets.protector(name), sets.protected(name), waiter)
    try:
        scale_set = waiter.retry(lambda: protected.get(name))
        instances = waiter.retry(lambda: protected.instances(scale_set))
    except AzureError as error:
        if error.failure.status != HTTPStatus.NOT_FOUND:
            raise
        return  # the lock is that of a load balancer, or the set is gone
    protected.end(lacking(Observed(scale_set, instances, {})))
