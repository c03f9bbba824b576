"""What a rollout protects, how it is recorded, and when the protection ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.instances import Instance, InstanceIds, OrchestrationMode, ScaleSet, UpgradeMode
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.plan.actions import Done, Halt, RolloutSpec
from vmss_jenkins.rollout.plan.history import Observed
from vmss_jenkins.rollout.plan.protection.decision import (
    PROTECTED,
    RELEASED,
    Policy,
    as_before,
    as_protected,
    notes,
    policy_of,
    protects,
    refusal,
    stays,
    to_protect,
    to_put_back,
)
from vmss_jenkins.rollout.plan.protection.protected import LONGEST_VALUE, MOST_PARTS, Protected
from vmss_jenkins.rollout.plan.selection import Scope

FREE, KEPT = Policy(scale_in=False, actions=False), Policy(scale_in=True, actions=False)
ROLLING = ScaleSet(WEB, OLD, upgrade_mode=UpgradeMode.ROLLING)


def instance(key: str, policy: Policy = FREE, **changes: object) -> Instance:
    plain = Instance(key, image=OLD, latest_model_applied=True)
    shown = replace(plain, protected_from_scale_in=policy.scale_in, protected_from_scale_set_actions=policy.actions)
    return replace(shown, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ({}, ""),
        ({"7": False}, "7;"),
        ({"3": False, "1": False, "2": False, "10": False}, "1-3,10;"),
        ({"0": False, "1": True, "2": True, "3": False}, "0,1-2s,3;"),
    ],
)
def test_the_record_names_ranges_of_ids_and_marks_those_protected_from_scale_in(
    before: dict[str, bool], text: str
) -> None:
    assert "".join(Protected(before).texts()) == text
    assert Protected.parse(Protected(before).texts()) == Protected(before)


@given(st.dictionaries(st.integers(0, 1200).map(str), st.booleans()))
def test_any_record_is_read_as_it_was_written_whatever_follows_it(before: dict[str, bool]) -> None:
    texts = Protected(before).texts()
    assert all(len(text) <= LONGEST_VALUE for text in texts)
    assert Protected.parse(texts).before == before
    if before:
        assert Protected.parse([*texts, "5,6;"]).before == before


def test_what_is_no_record_protects_nothing() -> None:
    assert Protected.parse(["somebody's text", "1-x", "-4", "2 "]).before == {}


def test_a_record_that_has_no_room_is_refused_before_anything_is_protected() -> None:
    thousand = Protected({str(number): False for number in range(1000)})
    apart = Protected({str(number): False for number in range(0, 2000, 2)})
    assert refusal(thousand) is None
    found = refusal(apart)
    assert found is not None
    assert found.startswith(f"what protects 1000 instances now has no room in {MOST_PARTS} tags")
    instances = [instance(key) for key in apart.before]
    assert [one.severity for one in notes(ROLLING, instances, Protected())] == [Severity.IMPOSSIBLE]


@pytest.mark.parametrize("mode", list(UpgradeMode))
@pytest.mark.parametrize("orchestration", list(OrchestrationMode))
def test_a_uniform_set_that_azure_upgrades_by_itself_is_protected(
    mode: UpgradeMode, orchestration: OrchestrationMode
) -> None:
    found = replace(ROLLING, upgrade_mode=mode, orchestration_mode=orchestration)
    wanted = mode is not UpgradeMode.MANUAL and orchestration is OrchestrationMode.UNIFORM
    assert protects(found) is wanted
    assert as_protected(found).upgrade_mode is (UpgradeMode.MANUAL if wanted else mode)
    assert bool(notes(found, [instance("0")], Protected())) is wanted


def test_what_others_protected_is_not_recorded_and_shows() -> None:
    there = [instance("0"), instance("1", KEPT), instance("2", PROTECTED), instance("5", PROTECTED)]
    protected = Protected({"5": False, "9": True}).adding(there)
    assert protected.before == {"0": False, "1": True, "5": False}
    shown = as_before([instance("1", PROTECTED), instance("2", PROTECTED), instance("5", RELEASED)], protected)
    assert [policy_of(one) for one in shown] == [KEPT, PROTECTED, FREE]


def test_all_are_protected_before_the_model_is_changed_but_in_a_rollback_those_that_azure_works_on() -> None:
    there = [
        instance("0"),
        instance("1", RELEASED),
        instance("2", RELEASED, provisioning_state="Updating"),
        instance("3", PROTECTED),
        instance("4", provisioning_state="Creating"),
        instance("5", provisioning_state="Deleting"),
        instance("6"),
    ]
    protected = Protected({str(number): False for number in range(6)})
    assert to_protect(there, protected, going_back=False) == ("0", "1", "2", "4")
    assert to_protect(there, protected, going_back=True) == ("0", "1")


def test_only_those_whose_protection_differs_from_before_are_changed_back() -> None:
    there = [instance("0", PROTECTED), instance("1", RELEASED), instance("2"), instance("3", PROTECTED)]
    assert to_put_back(there, Protected({"0": False, "1": True, "2": False})) == {"0": FREE}


ALL, SOME = RolloutSpec(), RolloutSpec(scope=Scope(InstanceIds(("0",))))
DONE, HALT = Done({}), Halt("a reason", {})


@pytest.mark.parametrize(
    ("spec", "action", "rolling_back", "kept"),
    [
        (ALL, DONE, False, ()),
        (RolloutSpec(canary_only=True), DONE, False, ("1",)),
        (SOME, DONE, False, ("1",)),
        (ALL, HALT, False, ("1",)),
        (ALL, None, False, ("1",)),
        (ALL, DONE, True, ()),
        (ALL, HALT, True, ()),
    ],
)
def test_the_protection_stays_while_the_model_has_a_release_that_not_every_instance_may_get(
    spec: RolloutSpec, action: Done | Halt | None, rolling_back: bool, kept: tuple[str, ...]
) -> None:
    there = (
        instance("0", image=NEW),
        instance("1", latest_model_applied=False),
        instance("2", PROTECTED, latest_model_applied=False),
    )
    observed = Observed(replace(ROLLING, image=NEW), there, {})
    assert stays(spec, observed, action, rolling_back=rolling_back) == kept


def test_an_instance_with_the_image_of_the_model_lacks_nothing_whatever_its_flag_says() -> None:
    """As after a rollback; but no image shows which script an instance ran."""
    observed = Observed(ROLLING, (instance("0", latest_model_applied=False),), {})
    assert stays(ALL, observed, HALT, rolling_back=False) == ()
    scripted = replace(ROLLING, extension=ExtensionSettings("run", "{}"))
    assert stays(ALL, replace(observed, scale_set=scripted), HALT, rolling_back=False) == ("0",)


def test_the_note_says_how_many_are_protected_and_who_protected_some_before() -> None:
    there = [instance("0"), instance("1", PROTECTED), instance("2", PROTECTED)]
    (note,) = notes(ROLLING, there, Protected({"1": False}))
    assert note.text == (
        "upgrade policy Rolling: 2 instances protected from scale set actions first, and released batch by batch; "
        "until the end no scale-in deletes them; an earlier run protects 1"
    )
