from dataclasses import replace

import pytest

from tests.support.fakes import IMAGES, NEW, OLD, WEB, three_old_instances
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, InstanceIds, ScaleSet, UpgradeMode
from vmss_jenkins.rollout.plan.preflight import Surroundings, plan_update, plan_update_instances

SET = ScaleSet(WEB, OLD, capacity=3)
UBUNTU = ImageReference.parse_urn("Canonical:ubuntu-24_04-lts:server:latest")


def severities(findings: tuple[Finding, ...]) -> list[Severity]:
    return [finding.severity for finding in findings]


def test_another_image_on_a_manual_set_is_a_plain_change() -> None:
    plan = plan_update(SET, NEW, three_old_instances())
    assert plan.changes
    assert plan.image_before == OLD
    assert plan.findings == ()


@pytest.mark.parametrize("mode", [UpgradeMode.AUTOMATIC, UpgradeMode.ROLLING])
def test_a_mode_in_which_every_instance_follows_is_unsafe_and_names_the_flag(mode: UpgradeMode) -> None:
    (finding,) = plan_update(replace(SET, upgrade_mode=mode), NEW).findings
    assert finding.severity is Severity.UNSAFE
    assert finding.flag == "--allow-automatic-rollout"
    assert mode.value in finding.text


def test_automatic_os_upgrade_is_unsafe_whatever_the_mode() -> None:
    (finding,) = plan_update(replace(SET, automatic_os_upgrade=True), NEW).findings
    assert finding.severity is Severity.UNSAFE
    assert "automatic OS image upgrade" in finding.text


def test_the_image_that_is_set_already_is_no_change_and_nothing_stands_in_its_way() -> None:
    plan = plan_update(replace(SET, upgrade_mode=UpgradeMode.AUTOMATIC), OLD)
    assert not plan.changes
    assert plan.findings == ()


@pytest.mark.parametrize(("before", "after"), [(OLD, UBUNTU), (UBUNTU, NEW)])
def test_marketplace_and_custom_images_never_replace_each_other(before: ImageReference, after: ImageReference) -> None:
    (finding,) = plan_update(replace(SET, image=before), after).findings
    assert finding.severity is Severity.IMPOSSIBLE
    assert before.kind.value in finding.text
    assert after.kind.value in finding.text


def test_a_set_being_deleted_takes_no_change() -> None:
    deleting = replace(SET, provisioning_state="Deleting")
    assert severities(plan_update(deleting, NEW).findings) == [Severity.IMPOSSIBLE]
    chosen = InstanceIds.parse("0")
    assert Severity.IMPOSSIBLE in severities(plan_update_instances(deleting, three_old_instances(), chosen).findings)


@pytest.mark.parametrize(
    ("distinct", "severity"),
    [(1, None), (6, None), (7, Severity.WARNING), (9, Severity.WARNING), (10, Severity.IMPOSSIBLE)],
)
def test_the_eleventh_model_is_impossible_and_the_last_ones_are_warned_of(
    distinct: int, severity: Severity | None
) -> None:
    running = [Instance(str(n), image=ImageReference(id=f"{IMAGES}/release-{n}")) for n in range(distinct)]
    assert severities(plan_update(SET, NEW, running).findings) == ([severity] if severity else [])


def test_autoscale_is_a_warning_and_not_knowing_it_is_told() -> None:
    assert severities(plan_update(SET, NEW, (), Surroundings(())).findings) == []
    assert severities(plan_update(SET, NEW, (), Surroundings(("cpu",))).findings) == [Severity.WARNING]
    (unknown,) = plan_update(SET, NEW, (), Surroundings(None)).findings
    assert "could not be read" in unknown.text


def test_requests_left_are_told() -> None:
    (note,) = plan_update(SET, NEW, (), Surroundings((), {"GetVMScaleSetResource": 35})).findings
    assert note.text == "requests left before Azure throttles: GetVMScaleSetResource 35"


def outdated(*ids: str) -> tuple[Instance, ...]:
    return tuple(replace(i, latest_model_applied=i.id not in ids) for i in three_old_instances())


def test_of_the_chosen_only_the_outdated_are_updated() -> None:
    plan = plan_update_instances(SET, outdated("1", "2"), InstanceIds.parse("0,1"))
    assert plan.update == ("1",)
    assert plan.up_to_date == ("0",)
    assert plan.skipped == {}
    assert [finding.text for finding in plan.findings] == ["1 of 3 healthy instances go down at once"]


def test_a_protected_instance_is_left_alone_with_the_reason() -> None:
    there = tuple(
        replace(i, protected_from_scale_in=True, protected_from_scale_set_actions=i.id == "1")
        for i in outdated("1", "2")
    )
    plan = plan_update_instances(SET, there, InstanceIds.parse("*"))
    assert plan.update == ("2",)
    assert plan.skipped == {"1": "protected from scale set actions"}


def test_taking_down_all_that_serve_is_warned_of() -> None:
    plan = plan_update_instances(SET, outdated("0", "1", "2"), InstanceIds.parse("*"))
    assert severities(plan.findings) == [Severity.WARNING]
    assert "all 3 healthy instances go down at once" in plan.findings[0].text


def test_the_smallest_set_that_can_be_halved_is_warned_too() -> None:
    two = outdated("0", "1")[:2]
    assert severities(plan_update_instances(SET, two, InstanceIds.parse("*")).findings) == [Severity.WARNING]
    assert severities(plan_update_instances(SET, two[:1], InstanceIds.parse("*")).findings) == [Severity.NOTE]


def test_those_that_do_not_serve_anyway_do_not_count_as_going_down() -> None:
    there = tuple(replace(i, health=Health.UNHEALTHY) for i in outdated("0", "1"))
    assert plan_update_instances(SET, there, InstanceIds.parse("0,1")).findings == ()


def test_an_instance_that_an_operation_runs_on_is_busy() -> None:
    there = tuple(replace(i, provisioning_state="Updating" if i.id == "1" else "Succeeded") for i in outdated("1", "2"))
    assert plan_update_instances(SET, there, InstanceIds.parse("*")).busy == ("1",)


def test_an_instance_that_is_down_for_its_update_is_not_called_stopped() -> None:
    there = tuple(replace(i, power="stopped", provisioning_state="Updating") for i in outdated("1"))
    assert plan_update_instances(SET, there, InstanceIds.parse("1")).findings == ()


def test_a_deallocated_instance_is_named() -> None:
    there = tuple(replace(i, power="deallocated") for i in outdated("1"))
    (note,) = plan_update_instances(SET, there, InstanceIds.parse("1")).findings
    assert "instance 1 is deallocated" in note.text
