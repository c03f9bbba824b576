"""Suspend what Azure does to a set by itself while a run changes it, and resume it at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.automation.other_actors import OtherActor
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.rollout.claims.lease import Lease
from vmss_jenkins.rollout.claims.ports import Services
from vmss_jenkins.rollout.plan.actions import AUTOSCALE, SERVICES, Autoscale, Repairs, RolloutSpec
from vmss_jenkins.rollout.plan.actors.table import other_actors
from vmss_jenkins.rollout.plan.history import Observed
from vmss_jenkins.rollout.plan.preview import why_kept
from vmss_jenkins.rollout.plan.protection.decision import lacking
from vmss_jenkins.runtime.waiting import Waiter, complete

_SETS = "Microsoft.Compute/virtualMachineScaleSets"
_SUSPEND = f"{_SETS}/setOrchestrationServiceState/action"
_ACTIONS = {AUTOSCALE: "Microsoft.Insights/autoscaleSettings/write"}
_BY_HAND = "az vmss set-orchestration-service-state --service-name {} --action Resume"
_RESUMED_BY = {AUTOSCALE: "az monitor autoscale update --enabled true"}
_FORBIDDEN, _NOT_FOUND = 403, 404


@dataclass
class Suspension:
    """Looks who else acts on the set, suspends the services by which Azure replaces instances, and resumes them.

    Automatic repairs replace an ill instance by one of the latest model: in the middle of a rollout that is a release
    that nobody has judged. The claim says what is suspended before it is; whoever takes over after `kill -9` resumes it
    at its own end. What somebody else suspended stays so.

    Args:
        services: the services of the set; None if they are not to be touched.
        spec: how the rollout goes; it says whether they are suspended.
        lease: the claim of the run.
        waiter: clock and listener.
    """

    services: Services[Any] | None
    spec: RolloutSpec
    lease: Lease
    waiter: Waiter
    allow_automatic_rollout: bool = False
    actors: tuple[OtherActor, ...] = field(default=(), init=False)
    """Who else may act on the set, as found before the first change."""
    _began: bool = field(default=False, init=False)
    _ours: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self._ours = self.lease.inherited

    def begin(self, observed: Observed, autoscale: Callable[[], tuple[AutoscaleSetting, ...] | None]) -> None:
        """Look who else acts, and suspend what runs, once a run.

        Args:
            observed: the set before the first change.
            autoscale: reads the enabled autoscale settings of the set; None if they cannot be read.

        Raises:
            ConfigError: the role does not allow it; nothing was changed.
            AzureError: Azure refuses, or cannot be reached.
        """
        if self._began:
            return
        self._began, scale_set = True, observed.scale_set
        already, settings = self._already(scale_set), autoscale()
        self._report(observed, settings, already)
        if self.services is None:
            return
        kept = why_kept(self.spec.repairs, scale_set)
        for name in scale_set.services if kept else ():
            self._tell(Severity.WARNING, f"{SERVICES[name]} of {scale_set.name}: {kept}")
        running = [name for name in scale_set.services if not kept and name not in already]
        running += [AUTOSCALE] if settings and self.spec.autoscale is Autoscale.SUSPEND else []
        self._suspend_running(self.services, scale_set, running)

    def _already(self, scale_set: ScaleSet) -> tuple[str, ...]:
        """What somebody else suspended before; not asked if nothing is to be suspended."""
        if self.services is None or not scale_set.services or why_kept(self.spec.repairs, scale_set):
            return ()
        try:
            return self.waiter.retry(self.services.suspended)
        except AzureError as error:
            raise _without(error, scale_set, f"{_SETS}/instanceView/read") from error

    def _report(
        self, observed: Observed, autoscale: tuple[AutoscaleSetting, ...] | None, already: tuple[str, ...]
    ) -> None:
        found = other_actors(
            self.spec if self.services else replace(self.spec, repairs=Repairs.KEEP, autoscale=Autoscale.KEEP),
            observed.scale_set,
            observed.instances,
            autoscale,
            suspended=[name for name in already if name not in self._ours],
            allow_automatic_rollout=self.allow_automatic_rollout,
        )
        if found and found != self.actors:
            self.waiter.on_event(rollout_events.OtherActorsFound(observed.scale_set.name, found))
        self.actors = found

    def _suspend_running(self, services: Services[Any], scale_set: ScaleSet, running: Sequence[str]) -> None:
        self._ours = tuple(name for name in SERVICES if name in {*self._ours, *running})
        if running:
            self.lease.renew(suspended=self._ours)
        for name in running:
            self._suspend(services, scale_set, name)

    def _suspend(self, services: Services[Any], scale_set: ScaleSet, name: str) -> None:
        try:
            self._set(services, name, suspended=True)
        except AzureError as error:
            self._ours = tuple(one for one in self._ours if one != name)
            raise _without(error, scale_set, _ACTIONS.get(name, _SUSPEND), name) from error
        self._tell(Severity.NOTE, f"{SERVICES[name]} of {scale_set.name}: suspended until the end of this run")

    @property
    def holds(self) -> bool:
        """Whether this run, or a killed one before it, suspended anything."""
        return bool(self._ours)

    def end(self, observed: Observed | None = None) -> bool:
        """Resume what this run or a killed one suspended; return whether all of it runs again.

        Args:
            observed: the set as it is left; None if it is not known.
        """
        services, ours = self.services, self._ours
        if [name for name in ours if services is None or not self._resumed(services, name, observed)]:
            return False
        self._ours, self._began = (), False
        return True

    def _resumed(self, services: Services[Any], name: str, observed: Observed | None) -> bool:
        try:
            self._set(services, name, suspended=False)
        except AzureError as error:
            if error.failure.status == _NOT_FOUND:
                return True  # the set is gone
            text = (
                f"{SERVICES[name]} could not be resumed: {str(error).splitlines()[0]}; the next run resumes it, or "
                "`vmss-jenkins release-claim`, or "
                f"`{_RESUMED_BY.get(name, _BY_HAND.format(name))}`"
            )
            self._tell(Severity.WARNING, text)
            return False
        release = observed.scale_set.release if observed and lacking(observed) else None
        spreads = f"; instances that it makes get {release.short_name}, which the model has" if release else ""
        self._tell(Severity.WARNING if release else Severity.NOTE, f"{SERVICES[name]}: on again{spreads}")
        return True

    def _set(self, services: Services[Any], name: str, *, suspended: bool) -> None:
        if name == AUTOSCALE:
            self.waiter.retry(lambda: services.set_autoscale(enabled=not suspended))
            return
        operation = self.waiter.retry(lambda: services.begin_set_suspended(name, suspended=suspended))
        complete(services, operation, self.waiter, self.lease.renew_if_due)

    def _tell(self, severity: Severity, text: str) -> None:
        self.waiter.on_event(PreflightFound(Finding(severity, text)))


def _without(error: AzureError, scale_set: ScaleSet, action: str, service: str = "") -> AzureError | ConfigError:
    """The error of a call that Azure refused: if the role does not allow it, with the action that it lacks."""
    if error.failure.status != _FORBIDDEN:
        return error
    if service == AUTOSCALE:
        text = f"autoscale cannot be switched off: the role lacks the action {action}; add it, or give --autoscale keep"
        return ConfigError(f"scale set {scale_set.name}", [text])
    names = " and ".join(SERVICES[name] for name in scale_set.services)
    reasons = [
        f"{names} cannot be suspended: the role lacks the action {action}",
        "add it, or give --repairs keep: then an ill instance may get the new release before it is judged",
    ]
    return ConfigError(f"scale set {scale_set.name}", reasons)
