import dataclasses
import typing

import pytest

from tests.fakes import NEW, OLD, WEB
from vmss_jenkins import events
from vmss_jenkins.gates import Consequence, Outcome, Verdict
from vmss_jenkins.jobs import Delete, JobPlan, Refused, Unchanged
from vmss_jenkins.preflight import Finding, Severity
from vmss_jenkins.report.text import line

EXAMPLES: list[tuple[events.Event, str]] = [
    (events.UpdateStarted(WEB, OLD, NEW), f"update canary-rg/web: image {OLD} -> {NEW}"),
    (events.UpdateStarted(WEB, None, NEW), f"update canary-rg/web: image unknown -> {NEW}"),
    (
        events.UpdateInstancesStarted(WEB, "*", ("0", "2")),
        "update instances * of canary-rg/web: updating 0, 2",
    ),
    (events.UpdateInstancesStarted(WEB, "0", ()), "update instances 0 of canary-rg/web: nothing to update"),
    (events.InstanceSkipped("3", "is protected"), "instance 3 skipped: is protected"),
    (events.PreflightFound(Finding(Severity.NOTE, "so it is")), "so it is"),
    (
        events.PreflightFound(Finding(Severity.UNSAFE, "all follow.", "--flag")),
        "unsafe: all follow. Allowed by --flag.",
    ),
    (events.OperationAccepted("update 0", "request-1"), "update 0: accepted by Azure (request id request-1)"),
    (events.OperationAccepted("update 0", None), "update 0: accepted by Azure (request id not given)"),
    (events.OperationProgress("update 0", 61.2), "update 0: in progress for 61 s"),
    (events.OperationSucceeded("update 0", 20.84), "update 0: succeeded after 20.8 s"),
    (events.WaitingForInstances(("0", "1"), "not healthy yet"), "waiting for 0, 1: not healthy yet"),
    (events.CallRetried("ServerBusy", 2, 4.0), "attempt 2 failed, next in 4.0 s: ServerBusy"),
    (
        events.Interrupted("update 0", "request-1"),
        (
            "interrupted: Azure goes on by itself with: update 0 (request id request-1); "
            "run the same command again to wait for it, or `vmss-jenkins status` to look"
        ),
    ),
    (
        events.UpdateFinished(WEB, NEW, changed=True, seconds=4.21),
        "canary-rg/web now has the image nginx-updated-image in its model (4.2 s); no instance changed",
    ),
    (
        events.UpdateFinished(WEB, NEW, changed=False, seconds=0),
        "canary-rg/web has the image nginx-updated-image already: nothing changed",
    ),
    (events.UpdateInstancesFinished(WEB, ("0",), 20.8), "canary-rg/web: updated 0 (20.8 s)"),
    (
        events.UpdateInstancesFinished(WEB, (), 0.5),
        "canary-rg/web: every chosen instance is as it should be: nothing changed",
    ),
    (events.GateStarted("http", "canary", ("0", "2")), "gate http (canary): measuring 0, 2"),
    (events.GateMeasured("compare", 75, 600), "gate compare: 75 of up to 600 samples, not decided yet"),
    (
        events.GateJudged(Verdict("http", Outcome.PASSED, "100 of 100 answers are good"), Consequence.GO_ON),
        "gate http passed: 100 of 100 answers are good",
    ),
    (
        events.GateJudged(Verdict("compare", Outcome.INCONCLUSIVE, "may be\nchance", (), 120), Consequence.HALT),
        "gate compare inconclusive: may be chance; about 120 more samples would tell -> halt",
    ),
    (
        events.GateJudged(
            Verdict("check", Outcome.FAILED, "exit code 1", output="one\nno such page \n"), Consequence.FAIL
        ),
        "gate check failed: exit code 1; it said: no such page -> fail",
    ),
    (
        events.SeedPlanned("http://j/", JobPlan((Delete("a"), Refused("b", "not ours"), Unchanged("c")))),
        "http://j/: 1 to delete, 1 to refuse, 1 unchanged",
    ),
    (events.FolderCreated("vmss"), "folder vmss: created"),
    (events.JobChanged("vmss/web-canary", "updated", 1, 2), "job vmss/web-canary: updated (1 of 2)"),
    (events.SeedFinished(1, 2, 3, 4, 5.06), "1 created, 2 updated, 3 deleted, 4 unchanged, in 5.1 s"),
]


@pytest.mark.parametrize(("event", "said"), EXAMPLES)
def test_each_event_is_one_line(event: events.Event, said: str) -> None:
    assert line(event) == said
    assert "\n" not in said


def test_no_event_is_without_a_sentence() -> None:
    kinds = set(typing.get_args(events.Event))
    assert {type(event) for event, _ in EXAMPLES} == kinds
    assert all(dataclasses.is_dataclass(kind) for kind in kinds)


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(TypeError, match="no event: 'text'"):
        line("text")  # type: ignore[arg-type]
