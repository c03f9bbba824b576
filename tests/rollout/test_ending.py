"""What is recorded of a run: whose first change Azure refuses, and of a rollback the release that it leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.fakes import WEB, FakeClock, outage
from vmss_jenkins.errors import AzureError
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.release_log import BEGUN, FULLY_OUT, REFUSED, ROLLED_BACK, Record
from vmss_jenkins.rollout.ending import Recorder
from vmss_jenkins.rollout.plan.actions import Action, RestoreModel, SetModel, Update
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.selection import Target
from vmss_jenkins.runtime.waiting import Waiter

OLD, NEW, NEWER = (ImageReference(publisher="acme", offer="web", sku="1", version=f"1.0.{n}") for n in range(3))


class Log:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.records: list[Record] = []

    def read(self) -> tuple[Record, ...]:
        return ()

    def write(self, record: Record) -> int:
        self.outcomes.append(record.outcome)
        self.records.append(record)
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


def there(outcome: str, release: ImageReference, before: ImageReference, *, back: bool = False) -> Record:
    """A record of an earlier run."""
    return Record("0", 0.0, outcome, str(release), str(before), "ada", back=back)


FORWARD, KILLED = there(FULLY_OUT, NEW, OLD), there(BEGUN, OLD, NEW, back=True)


@pytest.mark.parametrize(
    ("left", "known", "before"),
    [
        (NEW, (), NEW),
        (NEWER, (FORWARD,), NEWER),
        (OLD, (), None),
        (None, (FORWARD,), NEW),
        (None, (KILLED, FORWARD), NEW),
        (None, (there(REFUSED, NEWER, NEW), KILLED, FORWARD), NEW),
        (None, (there(REFUSED, NEWER, NEW),), None),
        (None, (), None),
    ],
    ids=[
        "it is known", "it is known and newer than the log", "it is where the run goes", "of a rollout",
        "of a killed rollback", "a refused run is looked over", "nothing but a refused run", "nothing is known",
    ],
)  # fmt: skip
@pytest.mark.parametrize("begun", [True, False])
def test_a_rollback_records_the_release_that_is_rolled_back(
    left: ImageReference | None, known: tuple[Record, ...], before: ImageReference | None, begun: bool
) -> None:
    """The model may have the old release already: then only the log tells what the instances are to leave."""
    log, observed = Log(), Observed(ScaleSet(WEB, OLD), (), {})
    recorder = Recorder(log, Record("1", 0.0, BEGUN, "", "", "ada"), known, Waiter.starting(FakeClock(), 60.0, print))
    history = History(0.0, Target(left))
    history = history.begin_rollback(OLD, "requested", 0.0) if begun else history
    with recorder.begun(RestoreModel(OLD, "requested"), history, observed):
        pass
    recorder.end(ROLLED_BACK)
    (first, last) = log.records
    assert (first.outcome, first.release, first.before, first.back) == (BEGUN, str(OLD), str(before or ""), True)
    assert last == replace(first, outcome=ROLLED_BACK)
