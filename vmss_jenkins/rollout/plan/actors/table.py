"""Who else may act on a set in the middle of a rollout, what each may do, and what the rollout does about it.

One short table, made from what a rollout reads anyway and from the autoscale settings. Sources: the facts beside each
policy in `model.automation.policies`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.automation.durations import minutes
from vmss_jenkins.model.automation.other_actors import OtherActor, Response
from vmss_jenkins.model.automation.policies import Automation, RepairAction
from vmss_jenkins.model.instances import Instance, ScaleSet, UpgradeMode
from vmss_jenkins.rollout.plan.actions import SERVICES, Autoscale, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.preflight import ALLOW_AUTOMATIC
from vmss_jenkins.rollout.plan.preview import why_kept

MANY = 5
"""How many instances a row names."""
_REPAIRS = {
    RepairAction.REPLACE: "replace an ill instance by a new one of the latest model",
    RepairAction.RESTART: "restart an ill instance",
    RepairAction.REIMAGE: "reimage an ill instance",
}


@dataclass(frozen=True)
class _Look:
    """What the rows are made from."""

    spec: RolloutSpec
    scale_set: ScaleSet
    instances: Sequence[Instance]
    autoscale: Sequence[AutoscaleSetting] | None
    suspended: Sequence[str] | None
    allowed: bool

    @property
    def automation(self) -> Automation:
        return self.scale_set.automation

    @property
    def surges(self) -> bool:
        """Whether the rollout itself makes and deletes instances."""
        return self.spec.strategy is Strategy.SURGE


def other_actors(
    spec: RolloutSpec,
    scale_set: ScaleSet,
    instances: Sequence[Instance],
    autoscale: Sequence[AutoscaleSetting] | None,
    *,
    suspended: Sequence[str] | None = (),
    allow_automatic_rollout: bool = False,
) -> tuple[OtherActor, ...]:
    """Make the table.

    Args:
        spec: how a rollout goes.
        scale_set: the set as observed.
        instances: its instances.
        autoscale: the enabled autoscale settings of the set; None if they cannot be read.
        suspended: the services that somebody suspended, as Azure's API names them; None if that cannot be read.
        allow_automatic_rollout: the rollout goes on although Azure updates instances by itself.
    """
    look = _Look(spec, scale_set, instances, autoscale, suspended, allow_automatic_rollout)
    rows = (_services, _autoscale, _upgrades, _os_upgrades, _retries, _notice, _spot, _guest_patching, _maintenance)
    return tuple(actor for row in rows for actor in row(look))


def _services(look: _Look) -> Iterator[OtherActor]:
    for service in look.scale_set.services:
        setting, may = _service(service, look.automation)
        if service in (look.suspended or ()):
            setting = f"{setting}, suspended".removeprefix(", ")
        yield OtherActor(SERVICES[service], setting, may, *_suspension(look, service))


def _suspension(look: _Look, service: str) -> tuple[Response, str]:
    if kept := why_kept(look.spec.repairs, look.scale_set):
        return Response.TELL, kept
    if look.suspended is None:
        return Response.REFUSE, "refused: the role lacks the action instanceView/read"
    if service in look.suspended:
        return Response.TELL, "stays suspended"
    return Response.SUSPEND, "suspended until the end"


def _service(service: str, automation: Automation) -> tuple[str, str]:
    if service == "AutomaticZoneRebalancing":
        return "", "make an instance of the latest model in another zone, and delete one"
    action = automation.repairs or RepairAction.REPLACE
    return f"{action.value} after {minutes(automation.grace)}", _REPAIRS[action]


def _autoscale(look: _Look) -> Iterator[OtherActor]:
    may = "add instances of the latest model, and delete instances, also the canary"
    if look.autoscale is None:
        text = "not known: no autoscaleSettings/read"
        yield OtherActor("autoscale", text, may, *_autoscale_response(look, known=False))
    for setting in look.autoscale or ():
        yield OtherActor(f"autoscale {setting.name}", setting.described, may, *_autoscale_response(look, known=True))


def _autoscale_response(look: _Look, *, known: bool) -> tuple[Response, str]:
    if look.automation.kept_from and not look.surges:
        return Response.BOUND, "goes on; it deletes none of those that are protected"
    if known and look.spec.autoscale is Autoscale.SUSPEND:
        return Response.SUSPEND, "switched off until the end"
    if not look.surges:
        return Response.BOUND, "goes on; a canary that it deletes is replaced, and judged again"
    if not known:
        allowed = look.spec.allow_unknown_autoscale
        return (Response.TELL, "allowed") if allowed else (Response.REFUSE, "a surge is refused")
    return Response.REFUSE, "a surge is refused without --autoscale suspend"


def _upgrades(look: _Look) -> Iterator[OtherActor]:
    mode, kept_from = look.scale_set.upgrade_mode, look.automation.kept_from
    if mode is UpgradeMode.MANUAL and not kept_from:
        return
    name = kept_from or mode.value
    setting = "with surge" if name == UpgradeMode.ROLLING.value and look.automation.max_surge else ""
    may = "update every instance as soon as the model changes"
    protected = Response.BOUND, "each instance is protected from it until it is released"
    yield OtherActor(f"upgrade mode {name}", setting, may, *(protected if kept_from else _allowance(look)))


def _allowance(look: _Look) -> tuple[Response, str]:
    if look.allowed:
        return Response.TELL, f"allowed by {ALLOW_AUTOMATIC}"
    return Response.REFUSE, f"a change of the model is refused without {ALLOW_AUTOMATIC}"


def _os_upgrades(look: _Look) -> Iterator[OtherActor]:
    hooks = look.automation.hooks
    if not look.scale_set.automatic_os_upgrade:
        return
    parts = ["deferred until approved"] if look.automation.os_upgrade_deferral else []
    parts += [
        f"hook {one.kind}: {minutes(one.wait) if one.wait else 'usual wait'}, then {one.default}" for one in hooks
    ]
    may = "give all instances a newer image, batch by batch"
    yield OtherActor("automatic OS upgrades", "; ".join(parts), may, *_allowance(look))


def _retries(look: _Look) -> Iterator[OtherActor]:
    if tries := look.automation.creation_tries:
        may = f"keep a new instance in Creating for {minutes(tries)}, with a new id at each try"
        yield OtherActor("resilient creation", "", may, *_waiting(look))
    if look.automation.resilient_deletion:
        may = "try a deletion that fails up to 5 times"
        yield OtherActor("resilient deletion", "", may, *_waiting(look))


def _notice(look: _Look) -> Iterator[OtherActor]:
    if held := look.automation.termination_notice:
        may = "hold a deletion until the instance approves it"
        yield OtherActor("terminate notification", f"up to {minutes(held)}", may, *_waiting(look))


def _waiting(look: _Look) -> tuple[Response, str]:
    if look.surges:
        return Response.WAIT, "waited for beside --instance-timeout"
    return Response.TELL, "no update makes or deletes instances"


def _spot(look: _Look) -> Iterator[OtherActor]:
    if eviction := look.automation.eviction:
        setting = eviction + (", restored later" if look.automation.spot_restore else "")
        handling = "a canary that it takes is replaced, and judged again"
        yield OtherActor("spot eviction", setting, "take an instance away at any time", Response.BOUND, handling)


def _guest_patching(look: _Look) -> Iterator[OtherActor]:
    if mode := look.automation.guest_patching:
        yield OtherActor("guest patching", mode, "restart instances", Response.TELL, "only told")


def _maintenance(look: _Look) -> Iterator[OtherActor]:
    planned = [one for one in look.instances if one.maintenance]
    if planned:
        ids = ", ".join(one.id for one in planned[:MANY]) + (", ..." if len(planned) > MANY else "")
        setting = f"instances {ids}, until {planned[0].maintenance}"
        yield OtherActor("planned maintenance", setting, "restart these instances", Response.TELL, "only told")
