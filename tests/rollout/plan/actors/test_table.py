"""Who else acts on a set, what each may do, and what a rollout does about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.fakes import OLD, WEB
from vmss_jenkins.model.automation.autoscale import AutoscaleProfile, AutoscaleSetting
from vmss_jenkins.model.automation.other_actors import HEADINGS, OtherActor, Response
from vmss_jenkins.model.automation.policies import Automation, LifecycleHook, RepairAction, services_of
from vmss_jenkins.model.instances import Instance, OrchestrationMode, ScaleSet, UpgradeMode
from vmss_jenkins.rollout.plan.actions import Autoscale, Repairs, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.actors.table import other_actors

BY_CPU = AutoscaleSetting("by-cpu", (AutoscaleProfile("default", 2, 10, 2),))
SURGE = RolloutSpec(strategy=Strategy.SURGE)


def found(
    automation: Automation | None = None,
    spec: RolloutSpec | None = None,
    *,
    instances: tuple[Instance, ...] = (),
    autoscale: tuple[AutoscaleSetting, ...] | None = (),
    scale_set: dict[str, Any] | None = None,
    **how: Any,
) -> tuple[OtherActor, ...]:
    automation = automation or Automation()
    there = ScaleSet(WEB, OLD, automation=automation, services=services_of(automation))
    return other_actors(spec or RolloutSpec(), replace(there, **(scale_set or {})), instances, autoscale, **how)


def only(*given: Any, **named: Any) -> OtherActor:
    (actor,) = found(*given, **named)
    return actor


REPAIRED = Automation(repairs=RepairAction.REPLACE, grace=1800.0)


def test_nobody_else_acts_on_a_plain_set() -> None:
    assert found() == ()


@pytest.mark.parametrize(
    ("how", "response", "handling"),
    [
        ({}, Response.SUSPEND, "suspended until the end"),
        ({"suspended": ("AutomaticRepairs",)}, Response.TELL, "stays suspended"),
        (
            {"suspended": None},
            Response.REFUSE,
            "refused: the role lacks the action instanceView/read",
        ),
        (
            {"spec": RolloutSpec(repairs=Repairs.KEEP), "suspended": None},
            Response.TELL,
            "kept: an ill instance may get the new release before it is judged",
        ),
        (
            {"scale_set": {"orchestration_mode": OrchestrationMode.FLEXIBLE}},
            Response.TELL,
            (
                "kept, since Azure does not show their state in Flexible mode: an ill instance may get the new release "
                "before it is judged"
            ),
        ),
    ],
)
def test_automatic_repairs_are_suspended_if_they_can_be(how: dict[str, Any], response: Response, handling: str) -> None:
    actor = only(REPAIRED, **how)
    assert (actor.response, actor.handling) == (response, handling)


def test_repairs_are_described_by_their_grace_period_and_action() -> None:
    assert only(REPAIRED).setting == "Replace after 30 min"
    assert only(REPAIRED, suspended=("AutomaticRepairs",)).setting == "Replace after 30 min, suspended"
    may = {action: only(Automation(repairs=action)).may for action in RepairAction}
    assert may == {
        RepairAction.REPLACE: "replace an ill instance by a new one of the latest model",
        RepairAction.RESTART: "restart an ill instance",
        RepairAction.REIMAGE: "reimage an ill instance",
    }


def test_zone_balance_is_suspended_as_repairs_are() -> None:
    actor = only(Automation(zone_balance=True))
    assert (actor.name, actor.setting, actor.response) == ("automatic zone balance", "", Response.SUSPEND)
    stays = only(Automation(zone_balance=True), suspended=("AutomaticZoneRebalancing",))
    assert (stays.setting, stays.handling) == ("suspended", "stays suspended")


def test_autoscale_goes_on_in_place_and_forbids_a_surge() -> None:
    assert only(autoscale=(BY_CPU,)) == OtherActor(
        "autoscale by-cpu",
        "2 to 10 instances, 2 rules",
        "add instances of the latest model, and delete instances, also the canary",
        Response.BOUND,
        "goes on; a canary that it deletes is replaced, and judged again",
    )
    assert only(None, SURGE, autoscale=(BY_CPU,)).response is Response.REFUSE
    for strategy in Strategy:
        off = only(None, RolloutSpec(strategy=strategy, autoscale=Autoscale.SUSPEND), autoscale=(BY_CPU,))
        assert (off.response, off.handling) == (Response.SUSPEND, "switched off until the end")


def test_autoscale_that_cannot_be_read_is_told() -> None:
    actor = only(autoscale=None)
    assert actor.setting == "not known: no autoscaleSettings/read"
    assert actor.response is Response.BOUND
    assert only(None, SURGE, autoscale=None).response is Response.REFUSE
    assert only(None, replace(SURGE, allow_unknown_autoscale=True), autoscale=None).response is Response.TELL


@pytest.mark.parametrize("mode", [UpgradeMode.ROLLING, UpgradeMode.AUTOMATIC])
def test_a_mode_that_updates_every_instance_is_refused_unless_it_is_allowed(mode: UpgradeMode) -> None:
    actor = only(scale_set={"upgrade_mode": mode})
    assert (actor.name, actor.response) == (f"upgrade mode {mode.value}", Response.REFUSE)
    assert "--allow-automatic-rollout" in actor.handling
    allowed = only(scale_set={"upgrade_mode": mode}, allow_automatic_rollout=True)
    assert (allowed.response, allowed.handling) == (Response.TELL, "allowed by --allow-automatic-rollout")


@pytest.mark.parametrize("mode", [UpgradeMode.ROLLING, UpgradeMode.AUTOMATIC])
def test_a_mode_from_which_the_instances_are_protected_is_bounded_and_so_is_autoscale(mode: UpgradeMode) -> None:
    kept = Automation(kept_from=mode.value)
    actor = only(kept)
    assert (actor.name, actor.response) == (f"upgrade mode {mode.value}", Response.BOUND)
    assert actor.handling == "each instance is protected from it until it is released"
    rows = found(kept, autoscale=(BY_CPU,))
    assert [one.handling for one in rows if one.name.startswith("autoscale")] == [
        "goes on; it deletes none of those that are protected"
    ]


def test_a_rolling_mode_that_makes_instances_says_so() -> None:
    surges = Automation(max_surge=True)
    assert only(surges, scale_set={"upgrade_mode": UpgradeMode.ROLLING}).setting == "with surge"
    assert found(surges) == ()


def test_automatic_os_upgrades_are_told_with_what_holds_them() -> None:
    hook = LifecycleHook("UpgradeAutoOSScheduling", 7200.0, "Reject")
    upgraded = {"automatic_os_upgrade": True}
    actor = only(Automation(os_upgrade_deferral=True, hooks=(hook,)), scale_set=upgraded)
    assert actor.name == "automatic OS upgrades"
    assert actor.setting == "deferred until approved; hook UpgradeAutoOSScheduling: 120 min, then Reject"
    usual = only(Automation(hooks=(replace(hook, wait=0.0),)), scale_set=upgraded)
    assert usual.setting == "hook UpgradeAutoOSScheduling: usual wait, then Reject"
    assert actor.response is Response.REFUSE
    assert found(Automation(hooks=(hook,))) == ()


@pytest.mark.parametrize(
    ("automation", "name", "setting"),
    [
        (Automation(resilient_creation=True), "resilient creation", ""),
        (Automation(resilient_deletion=True), "resilient deletion", ""),
        (Automation(termination_notice=900.0), "terminate notification", "up to 15 min"),
    ],
)
def test_a_surge_waits_for_what_makes_creations_and_deletions_slow(
    automation: Automation, name: str, setting: str
) -> None:
    actor = only(automation, SURGE)
    assert (actor.name, actor.setting, actor.response) == (name, setting, Response.WAIT)
    assert only(automation).response is Response.TELL


def test_spot_patching_and_maintenance_are_told() -> None:
    spot = only(Automation(eviction="Delete", spot_restore=True))
    assert (spot.name, spot.setting) == ("spot eviction", "Delete, restored later")
    patched = only(Automation(guest_patching="AutomaticByPlatform"))
    assert patched == OtherActor(
        "guest patching", "AutomaticByPlatform", "restart instances", Response.TELL, "only told"
    )
    planned = tuple(Instance(str(n), maintenance="2026-12-01T00:00:00Z" if n else "") for n in range(8))
    assert only(instances=planned).setting == "instances 1, 2, 3, 4, 5, ..., until 2026-12-01T00:00:00Z"


def test_a_row_is_written_as_cells_and_as_one_line() -> None:
    balance = only(Automation(zone_balance=True))
    assert dict(zip(HEADINGS, balance.cells, strict=True)) == {
        "also acts on the set": "automatic zone balance",
        "setting": "on",
        "may": "make an instance of the latest model in another zone, and delete one",
        "in a rollout": "suspended until the end",
    }
    assert str(balance) == (
        "automatic zone balance may make an instance of the latest model in another zone, and delete one: suspended "
        "until the end"
    )
    assert str(only(REPAIRED)).startswith("automatic repairs (Replace after 30 min) may replace")
