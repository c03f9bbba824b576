"""What a run remembers."""

from __future__ import annotations

from dataclasses import replace

from tests.rollout.plan.test_decision import NOW, instance
from tests.support.fakes import NEW, OLD
from vmss_jenkins.rollout.plan.history import History, InstanceRecord
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
        0.0, Target(NEW), (OLD,), model_set=True, records=records, updated_since=times, not_updated_since=times,
        drained=frozenset("2"), held_until=50.0, refusal="no quota",
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
