"""Rollouts as a library: `vmss_jenkins.roll_out` and `vmss_jenkins.roll_back`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import AzureClients, Connection
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.gates.parsing import gate_texts, gates_from
from vmss_jenkins.gates.specs import AnyGate
from vmss_jenkins.library.application_releases import scripted_sets
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.library.identity import build_of, machine_or_job, started_by
from vmss_jenkins.library.image_checks import why_missing
from vmss_jenkins.library.releases import Found, look_up, refuse_moving_target
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.measure.gate_checks import refuse
from vmss_jenkins.measure.instruments import connected_instruments
from vmss_jenkins.measure.verification import Verification
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSet, ScaleSetName
from vmss_jenkins.model.release_log import Record
from vmss_jenkins.model.scripts import ScriptRollout
from vmss_jenkins.rollout import steps
from vmss_jenkins.rollout.ending import RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.claims import Ended
from vmss_jenkins.rollout.ports import Drainer, ScaleSets
from vmss_jenkins.rollout.protection.protected_sets import ProtectedSets
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.heartbeat import Heartbeat
from vmss_jenkins.runtime.processes import LocalProcesses
from vmss_jenkins.runtime.waiting import Waiter

if TYPE_CHECKING:
    from vmss_jenkins.azure.operations import AzureOperation
    from vmss_jenkins.azure.scale_sets import AzureScaleSets


@checked
def roll_out(  # noqa: PLR0913 - keyword arguments of a public function
    resource_group: str,
    name: str,
    image_reference: ImageReference | Mapping[str, str] | str | None = None,
    spec: RolloutSpec | None = None,
    *,
    scripted: ScriptRollout | None = None,
    gates: Iterable[str | Mapping[str, object]] = (),
    claim: bool = True,
    allow_automatic_rollout: bool = False,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> RolloutResult:
    """Roll a release out: the canary first, then in small steps; gates judge it, and a bad release is rolled back.

    The state of a rollout is in Azure: after an interruption the same call continues it.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        image_reference: the release, as `vmss_jenkins.update` takes it; None for the image of the model.
        spec: how; see `RolloutSpec`.
        scripted: the release is a script or an application; no image is given then.
        gates: as `vmss_jenkins.verify` takes them; they measure after the canary and after each batch.
        claim: lock the set against other rollouts; needs the permission `Microsoft.Resources/tags/write` on the
            resource group.
        allow_automatic_rollout: go on even if Azure updates every instance by itself.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        AnotherRollout: if another rollout runs; nothing was changed.
        ConfigError: for parameters that cannot be used; nothing was changed.
        UnsafeRollout: for a set whose upgrade policy leaves no canary; nothing was changed.
        AzureError: if Azure refuses, or cannot be reached.
    """
    image = None if image_reference is None else ImageReference.read(image_reference)
    context = RunContext(allow_automatic_rollout=allow_automatic_rollout)
    if image and scripted:
        raise ConfigError("release", ["found both an image and a script; give one of them"])
    run = _Run(ScaleSetName(resource_group, name), spec or RolloutSpec(), _parsed(gates), claim, connection, scripted)
    return run(Order(image), context, on_event)


@checked
def roll_back(
    resource_group: str,
    name: str,
    spec: RolloutSpec | None = None,
    *,
    scripted: ScriptRollout | None = None,
    claim: bool = True,
    allow_automatic_rollout: bool = False,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> RolloutResult:
    """Roll a scale set back: the model first, then the updated instances.

    The target is `RolloutSpec.rollback_to`, or the release that is recorded as the one before, or the one other image
    that instances still run.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        spec: how; see `RolloutSpec`.
        scripted: the release is a script; its `protected_before` are the protected settings to restore.
        claim: as `roll_out`.
        allow_automatic_rollout: as `roll_out`.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        AnotherRollout: if another rollout runs; nothing was changed.
        ConfigError: for parameters that cannot be used; nothing was changed.
        UnsafeRollout: for a set whose upgrade policy leaves no canary; nothing was changed.
        AzureError: if Azure refuses, or cannot be reached.
    """
    context = RunContext(allow_automatic_rollout=allow_automatic_rollout)
    spec = replace(spec or RolloutSpec(), canary=None, canary_only=False)
    run = _Run(ScaleSetName(resource_group, name), spec, (), claim, connection, scripted)
    return run(Order(rolling_back=True), context, on_event)


@checked
def last_rollout(
    resource_group: str, name: str, *, connection: Connection | None = None, on_event: OnEvent = log
) -> Ended | None:
    """The end of the last rollout that changed the scale set; None if none was recorded.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for parameters that cannot be used.
        AzureError: if the tags of the resource group cannot be read.
    """
    with closing((connection or Connection()).connect(on_event).scale_sets()) as sets:
        ends = sets.claims(ScaleSetName(resource_group, name)).ends
        return Waiter.starting(SystemClock(), TIMEOUT, on_event).retry(ends.read)


@checked
def release_history(
    resource_group: str, name: str, *, connection: Connection | None = None, on_event: OnEvent = log
) -> tuple[Record, ...]:
    """The last releases and rollbacks of the scale set, the newest first, at most ten.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for parameters that cannot be used.
        AzureError: if the set does not exist, or the tags of the resource group cannot be read.
    """
    target = ScaleSetName(resource_group, name)
    with closing((connection or Connection()).connect(on_event).scale_sets()) as sets:
        waiter = Waiter.starting(SystemClock(), TIMEOUT, on_event)
        waiter.retry(lambda: sets.get(target))
        return waiter.retry(sets.log(target).read)


def _parsed(gates: Iterable[str | Mapping[str, object]]) -> tuple[AnyGate, ...]:
    """Parse the gates; a rollout may have none."""
    given = gate_texts(gates)
    return gates_from(given) if given else ()


@dataclass
class _Run:
    """The engine, connected to Azure for one run."""

    name: ScaleSetName
    spec: RolloutSpec
    gates: tuple[AnyGate, ...]
    claim: bool
    connection: Connection | None
    scripted: ScriptRollout | None

    def __call__(self, order: Order, context: RunContext, on_event: OnEvent) -> RolloutResult:
        clock = Heartbeat(SystemClock(), on_event)
        waiter = Waiter.starting(clock, 2 * self.spec.timeout, clock.on_event)
        azure, surges = (self.connection or Connection()).connect(on_event), self.spec.strategy is Strategy.SURGE
        with (
            closing(azure.scale_sets()) as sets,
            connected_instruments(sets, azure, clock) as instruments,
            _drainer(self.spec, azure) as pool,
        ):
            verification = Verification(self.name, self.gates, instruments, waiter) if self.gates else None
            found = self._release(order, azure, lambda: waiter.retry(lambda: sets.get(self.name)), waiter)
            order = replace(order, image=found.image)
            if verification:
                scale_set = waiter.retry(lambda: sets.get(self.name))
                refuse(verification.check(scale_set, waiter.retry(lambda: sets.instances(scale_set))))
            connected = replace(
                context,
                gates=verification,
                newest=found.newest,
                why_missing=self._why_missing(azure, sets, waiter),
                services=sets.services(self.name),
                drainer=pool,
                claims=sets.claims(self.name) if self.claim else None,
                log=sets.log(self.name) if self.claim or order.rolling_back else None,
                by=started_by(os.environ),
                headcounts=sets.headcounts(self.name) if self.claim or surges else None,
                run=secrets.token_hex(4),
                owner=_owner(os.environ, order),
                processes=LocalProcesses(),
                build=build_of(os.environ),
            )
            if self.scripted is None:
                protected = self._protected(sets, sets, context, waiter)
                connected = replace(connected, protection=protected)
                return run_rollout(protected, self.name, order, found.spec, connected, waiter)
            adapter, spec = scripted_sets(
                self.scripted, sets, self.name, self.spec, azure, waiter, rolling_back=order.rolling_back
            )
            order = replace(order, image=waiter.retry(lambda: adapter.adopt(self.name)))
            protected = self._protected(adapter, sets, context, waiter)
            connected = replace(connected, owner=_owner(os.environ, order), protection=protected)
            return run_rollout(protected, self.name, order, spec, connected, waiter)

    def _protected(
        self, sets: ScaleSets[AzureOperation], azure: AzureScaleSets, context: RunContext, waiter: Waiter
    ) -> ProtectedSets[AzureOperation]:
        """The set as a run changes it: its instances are protected, unless Azure may update them by itself."""
        protector, record = azure.protector(self.name), azure.protected(self.name)
        return ProtectedSets(sets, protector, record, waiter, active=not context.allow_automatic_rollout)

    def _why_missing(
        self, azure: AzureClients, sets: AzureScaleSets, waiter: Waiter
    ) -> Callable[[ImageReference], str | None]:
        def why(image: ImageReference) -> str | None:
            region = waiter.retry(lambda: sets.get(self.name)).location
            return why_missing(image, region, azure.image_versions(), waiter)

        return why

    def _release(self, order: Order, azure: AzureClients, read: Callable[[], ScaleSet], waiter: Waiter) -> Found:
        """Look up the exact release; of a rollback, the one that was named."""
        if self.scripted:
            return Found(None, self.spec)
        if order.rolling_back:
            refuse_moving_target(self.spec)
            return Found(None, self.spec)
        image = order.image if isinstance(order.image, ImageReference) else None
        found = look_up(image, self.spec, read, azure.image_versions, waiter)
        steps.refuse(self.name, found.misfits, steps.Options())
        return found


@contextmanager
def _drainer(spec: RolloutSpec, azure: AzureClients) -> Iterator[Drainer | None]:
    """The adapter that drains instances, if the rollout drains."""
    if spec.drain is None:
        yield None
        return
    from vmss_jenkins.azure.drainer import AzureDrainer  # noqa: PLC0415 - the SDK takes half a second

    with closing(azure.load_balancers()) as balancers:
        yield AzureDrainer(balancers, SystemClock())


def _owner(environ: Mapping[str, str], order: Order) -> str:
    """Who runs which command: the Jenkins job, else the user and the machine."""
    what = "rollback" if order.rolling_back else f"rollout of {order.image.short_name if order.image else 'the model'}"
    return f"{machine_or_job(environ)}: {what}"
