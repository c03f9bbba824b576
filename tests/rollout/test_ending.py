"""What is recorded of a run whose change Azure refuses."""

from __future__ import annotations

import pytest

from tests.support.fakes import WEB, FakeClock, outage
from vmss_jenkins.errors import AzureError
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.release_log import BEGUN, REFUSED, Record
from vmss_jenkins.rollout.ending import Recorder
from vmss_jenkins.rollout.plan.actions import Action, SetModel, Update
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.selection import Target
from vmss_jenkins.runtime.waiting import Waiter

OLD, NEW = (ImageReference(publisher="acme", offer="web", sku="1", version=f"1.0.{n}") for n in range(2))


class Log:
    """Keeps the outcomes that were written."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def read(self) -> tuple[Record, ...]:
        return ()

    def write(self, record: Record) -> int:
        self.outcomes.append(record.outcome)
        return 0


@pytest.mark.parametrize(
    ("before", "last", "status", "outcomes"),
    [
        ((), SetModel(NEW), 409, [BEGUN, REFUSED]),
        ((), SetModel(NEW), 503, [BEGUN]),
        ((), Update(("0",)), 409, [BEGUN]),
        ((SetModel(NEW),), SetModel(NEW), 409, [BEGUN]),
        ((Update(("0",)),), SetModel(NEW), 409, [BEGUN]),
    ],
)
def test_only_a_refused_first_change_of_the_model_means_that_nothing_changed(
    before: tuple[Action, ...], last: Action, status: int, outcomes: list[str]
) -> None:
    """Later ones leave instances that the run updated: a rollback has to find its record."""
    log, observed = Log(), Observed(ScaleSet(WEB, OLD), (), {})
    new = Record("1", 0.0, BEGUN, "", "", "ada")
    recorder = Recorder(log, new, (), Waiter.starting(FakeClock(), 60.0, lambda _: None))
    history = History(0.0, Target(NEW))
    for action in before:
        with recorder.begun(action, history, observed):
            pass
    with pytest.raises(AzureError), recorder.begun(last, history, observed):
        raise outage(status)
    assert log.outcomes == outcomes
