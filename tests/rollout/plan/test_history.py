"""What a run remembers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.rollout.plan.test_decision import NOW, instance
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, ScaleSet
from vmss_jenkins.rollout.plan.history import SETTLED, History, InstanceRecord, Observed, is_updated
from vmss_jenkins.rollout.plan.selection import Target

UP, BROKEN, DRAINED = (
    InstanceRecord(1.0, asked=2.0, came_up=True),
    InstanceRecord(1.0, asked=2.0),
    InstanceRecord(1.0),
)


def test_a_rollback_starts_anew_and_keeps_what_was_touched() -> None:
    records = {"0": UP, "1": BROKEN, "2": DRAINED}
    times = {"0": 5.0}
    before = History(
        0.0, Target(NEW), (OLD,), model_set=True, model_sent=True, records=records, updated_since=times,
        not_updated_since=times, drained=frozenset("2"), held_until=50.0, refusal="no quota",
    )  # fmt: skip
    after = before.begin_rollback(OLD, "bad", NOW)
    assert after == History(
        NOW, Target(OLD, by_image=True), (OLD,), rolling_back=True, rolled_back_from=NEW, cause="bad", forward=records,
        broken=frozenset("1"), drained=frozenset("2"),
    )  # fmt: skip
    assert after.begin_rollback(NEW, "again", NOW + 1) is after


def test_an_instance_that_azure_was_asked_to_delete_is_remembered_and_refusals_are_forgotten() -> None:
    refused = History(0.0, Target(NEW)).refused(5.0, overlapping=False)
    made = refused.removing([instance("1"), instance("0")], NOW).removing([instance("1")], NOW, answered=False)
    assert (made.removed, made.refusals) == (("1", "0"), 0)
    assert made.records["0"] == InstanceRecord(NOW, asked=NOW)
    assert made.records["1"] == replace(made.records["0"], answered=False)
    assert made.not_updated_since == {"0": NOW, "1": NOW}


@pytest.mark.parametrize("image", [NEW, OLD])
def test_a_deletion_without_an_answer_is_forgotten_if_the_instance_stays_whatever_it_runs(
    image: ImageReference,
) -> None:
    """An update without an answer shows by the release; a deletion does not: the instance may have had it before."""
    stays = instance("0", image=image, latest_model_applied=image is NEW)
    asked = History(0.0, Target(NEW)).removing([stays], NOW, answered=False)
    for seconds, remembered in ((SETTLED - 1, True), (SETTLED, False)):
        seen = Observed(ScaleSet(WEB, NEW), (stays,), {"0": NOW + seconds})
        assert ("0" in asked.observe(seen, NOW + seconds).records) is remembered


def test_an_update_that_azure_took_is_answered_and_ends_the_row_of_refusals() -> None:
    refused = History(0.0, Target(NEW)).refused(5.0, overlapping=False).refused(6.0, overlapping=True)
    made = refused.asked([instance("0")], NOW).asked([instance("1")], NOW, answered=False)
    assert refused.refusals == 2
    assert refused.asked([instance("0")], NOW).refusals == made.refusals == 0
    assert (made.held_until, made.waves_only) == (6.0, True)
    assert {key: record.answered for key, record in made.records.items()} == {"0": True, "1": False}


def test_a_record_keeps_what_it_saw_once() -> None:
    record = InstanceRecord(1.0)
    busy, up = record.seen(busy=True, updated=False), record.seen(busy=False, updated=True)
    assert busy == replace(record, seen_busy=True)
    assert up == replace(record, came_up=True)
    both = busy.seen(busy=False, updated=True)
    assert both == up.seen(busy=True, updated=False) == replace(record, seen_busy=True, came_up=True)
    assert both.seen(busy=False, updated=False) == both
    assert record.seen(busy=False, updated=False) == record


def test_what_an_instance_was_when_it_was_taken_is_remembered() -> None:
    stopped = instance("0", power="stopped", provisioning_state="Failed")
    for made in (
        History(0.0, Target(NEW)).draining([stopped], NOW),
        History(0.0, Target(NEW)).not_drained([stopped], NOW),
    ):
        assert made.records["0"] == InstanceRecord(NOW, provisioning_before="Failed", ran=False, was_down=True)
    asked = History(0.0, Target(NEW)).asked([instance("0")], NOW).records["0"]
    assert asked == InstanceRecord(NOW, asked=NOW)


STOPPED = {"power": "deallocated", "health": Health.NOT_REPORTED}
RAN, DID_NOT_RUN = InstanceRecord(NOW), InstanceRecord(NOW, ran=False)


@pytest.mark.parametrize(
    ("changes", "record", "updated"),
    [
        ({}, None, True),
        ({}, RAN, True),
        ({"health": Health.UNHEALTHY}, None, False),
        ({"health": Health.UNHEALTHY}, RAN, False),
        (STOPPED, None, True),
        (STOPPED, DID_NOT_RUN, True),
        (STOPPED, RAN, False),
        ({**STOPPED, "provisioning_state": "Failed"}, None, False),
        ({**STOPPED, "provisioning_state": "Failed"}, DID_NOT_RUN, False),
        ({"health": Health.UNHEALTHY}, DID_NOT_RUN, True),  # it needs the release only
        ({"image": OLD}, None, False),
        ({"latest_model_applied": False}, None, True),  # as after a model that was restored
        ({"latest_model_applied": False}, RAN, False),
    ],
)
def test_an_instance_is_updated_if_it_has_the_release_and_what_ran_is_healthy(
    changes: dict[str, object], record: InstanceRecord | None, updated: bool
) -> None:
    one = replace(instance("0", NEW), **changes)  # type: ignore[arg-type]
    assert is_updated(one, Target(NEW, by_image=True), ScaleSet(WEB, NEW), record) is updated


def seen(history: History, *instances: Instance, at: float = NOW) -> History:
    observed = Observed(ScaleSet(WEB, NEW), instances, {one.id: at for one in instances})
    return history.observe(observed, at)


def test_what_is_gone_is_forgotten_and_what_is_there_is_kept() -> None:
    records = {"0": DRAINED, "1": DRAINED}
    before = History(0.0, Target(NEW), records=records, drained=frozenset("01"), down_before=frozenset("01"))
    after = seen(before, instance("1", health=Health.UNHEALTHY))
    assert (list(after.records), after.drained, after.down_before) == (["1"], frozenset("1"), frozenset("1"))


LATE = NOW + SETTLED


@pytest.mark.parametrize(
    ("record", "changes", "at", "kept"),
    [
        ({}, {}, LATE, False),
        ({}, {}, LATE - 0.1, True),  # what Azure shows may be older than the update
        ({"asked": None}, {}, LATE, True),
        ({"answered": True}, {}, LATE, True),
        ({"seen_busy": True}, {}, LATE, True),
        ({}, {"provisioning_state": "Updating"}, LATE, True),
        ({"provisioning_before": "Updating"}, {"provisioning_state": "Updating"}, LATE, True),
        ({}, {"provisioning_state": "Failed"}, LATE, True),
        ({}, {"image": NEW}, LATE, True),
    ],
)
def test_an_update_without_an_answer_counts_if_it_shows(
    record: dict[str, Any], changes: dict[str, Any], at: float, kept: bool
) -> None:
    asked = InstanceRecord(NOW, **{"asked": NOW, "answered": False, **record})
    after = seen(History(0.0, Target(NEW), records={"0": asked}), instance("0", **changes), at=at)
    assert bool(after.records) is kept


def test_an_instance_that_is_taken_again_is_not_updated_until_a_read_shows_it() -> None:
    before = History(0.0, Target(NEW), updated_since={"0": 1.0, "1": 2.0})
    after = before.asked([instance("0")], NOW)
    assert (after.updated_since, after.not_updated_since) == ({"1": 2.0}, {"0": NOW})


def test_a_drained_instance_whose_update_did_not_begin_may_be_asked_for_again() -> None:
    lost = InstanceRecord(NOW, asked=NOW, answered=False)
    before = History(0.0, Target(NEW), records={"0": lost}, drained=frozenset("0"))
    assert seen(before, instance("0"), at=LATE).records == {"0": InstanceRecord(NOW)}
