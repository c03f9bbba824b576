import dataclasses
from json import loads

import pytest

from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.events import govern as govern_events
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events import surge as surge_events
from vmss_jenkins.events import switch as switch_events
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.calls import (
    AzureCalled,
    CallRetried,
    CommandFailed,
    Interrupted,
    OperationAccepted,
    OperationProgress,
    OperationSucceeded,
    StillWaiting,
    WaitingForInstances,
)
from vmss_jenkins.events.gates import GateJudged, GateMeasured, GateSampled, GateStarted
from vmss_jenkins.events.rollout import InstanceState
from vmss_jenkins.events.seeding import FolderCreated, JobChanged, SeedFinished, SeedPlanned
from vmss_jenkins.events.steps import (
    InstanceSkipped,
    PreflightFound,
    UpdateFinished,
    UpdateInstancesFinished,
    UpdateInstancesStarted,
    UpdateStarted,
)
from vmss_jenkins.gates.curves import CurvePoint
from vmss_jenkins.gates.verdicts import Consequence, Outcome, Verdict
from vmss_jenkins.jenkins.plan.jobs import Delete, JobPlan, Refused, Unchanged
from vmss_jenkins.model.automation.other_actors import OtherActor, Response
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import UpgradeMode
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.report import json, reading
from vmss_jenkins.report.text import lines
from vmss_jenkins.report.text.lines import line

PLANNED = rollout_events.RolloutPlanned(
    scale_set=WEB, image_from=OLD, image_to=NEW, rolling_back=False, owner="job", build="b", strategy="waves",
    canary="", max_unavailable="1", on_failure="rollback", timeout=7200.0,
)  # fmt: skip

BALANCE = OtherActor("automatic zone balance", "", "delete an instance", Response.TELL, "kept")
REPAIRS = OtherActor(
    "automatic repairs", "Replace after 10 min", "replace an ill instance", Response.SUSPEND, "suspended until the end"
)
SCRIPT = ExtensionSettings.of({"commandToExecute": "./v1.sh"})
EXAMPLES: list[tuple[Event, str]] = [
    (UpdateStarted(WEB, OLD, NEW), f"update canary-rg/web: image {OLD} -> {NEW}"),
    (UpdateStarted(WEB, None, NEW), f"update canary-rg/web: image unknown -> {NEW}"),
    (
        UpdateInstancesStarted(WEB, "*", ("0", "2")),
        "update instances * of canary-rg/web: updating 0, 2",
    ),
    (UpdateInstancesStarted(WEB, "0", ()), "update instances 0 of canary-rg/web: nothing to update"),
    (InstanceSkipped("3", "is protected"), "instance 3 skipped: is protected"),
    (PreflightFound(Finding(Severity.NOTE, "so it is")), "so it is"),
    (
        PreflightFound(Finding(Severity.UNSAFE, "all follow.", "--flag")),
        "unsafe: all follow. --flag allows it.",
    ),
    (OperationAccepted("update 0", "request-1"), "update 0: accepted by Azure (request id request-1)"),
    (OperationAccepted("update 0", None), "update 0: accepted by Azure (request id not given)"),
    (OperationProgress("update 0", 61.2), "update 0: in progress for 61 s"),
    (OperationSucceeded("update 0", 20.84), "update 0: succeeded after 20.8 s"),
    (WaitingForInstances(("0", "1"), "not healthy yet"), "waiting for 0, 1: not healthy yet"),
    (CallRetried("ServerBusy", 2, 4.0), "attempt 2 failed, next attempt in 4.0 s: ServerBusy"),
    (
        Interrupted("update 0", "request-1"),
        (
            "interrupted: Azure still runs: update 0 (request id request-1); "
            "run the same command again to wait for it, or `vmss-jenkins status` to see the instances"
        ),
    ),
    (
        UpdateFinished(WEB, NEW, changed=True, seconds=4.21),
        "canary-rg/web now has the image nginx-updated-image in its model (4.2 s); no instance changed",
    ),
    (
        UpdateFinished(WEB, NEW, changed=True, seconds=60, mode=UpgradeMode.ROLLING),
        (
            "canary-rg/web now has the image nginx-updated-image in its model (60.0 s), and Azure updates its "
            "instances (upgrade mode Rolling)"
        ),
    ),
    (
        UpdateStarted(WEB, SCRIPT, SCRIPT),
        "update canary-rg/web: script ./v1.sh -> ./v1.sh",
    ),
    (
        UpdateFinished(WEB, SCRIPT, changed=False, seconds=0.1),
        "canary-rg/web already has the script ./v1.sh: nothing changed",
    ),
    (
        UpdateFinished(WEB, NEW, changed=False, seconds=0),
        "canary-rg/web already has the image nginx-updated-image: nothing changed",
    ),
    (
        UpdateInstancesFinished(WEB, ("0",), 20.8, FinalState(("0", "2"), {}, {}, ("3",), ("3",))),
        "canary-rg/web: updated 0; latest model: all 2 instances have it; gone: 3 (20.8 s)",
    ),
    (
        UpdateInstancesFinished(WEB, (), 0.5, FinalState(("0",))),
        "canary-rg/web: no instance was updated; latest model: 1 of 1 instance has it (0.5 s)",
    ),
    (GateStarted("http", "canary", ("0", "2")), "gate http (canary): measuring 0, 2"),
    (GateMeasured("compare", 75, 600), "gate compare: 75 of up to 600 samples, no verdict yet"),
    (
        GateJudged(Verdict("http", Outcome.PASSED, "100 of 100 answers are good"), Consequence.GO_ON),
        "gate http passed: 100 of 100 answers are good",
    ),
    (
        GateJudged(Verdict("compare", Outcome.INCONCLUSIVE, "may be\nchance", (), 120), Consequence.HALT),
        "gate compare inconclusive: may be chance; about 120 more samples would decide -> halt",
    ),
    (
        GateJudged(Verdict("check", Outcome.FAILED, "exit code 1", output="one\nno such page \n"), Consequence.FAIL),
        "gate check failed: exit code 1; output: no such page -> fail",
    ),
    (
        GateSampled("compare", (CurvePoint(1, "canary", 20, 1, 0.1, 0.2), CurvePoint(3, "canary", 20, 2, 0, 0))),
        "gate compare: canary: 3 of 40 bad",
    ),
    (
        AzureCalled("GET", "/subscriptions/S/resourceGroups/G", 200, "id-1"),
        "azure: GET /subscriptions/S/resourceGroups/G: 200 (request id id-1)",
    ),
    (AzureCalled("GET", "/", None, None), "azure: GET /: no answer (request id not given)"),
    (StillWaiting(60.2), "still waiting; no change for 60 s"),
    (CommandFailed("could not read"), "error: could not read"),
    (
        PLANNED,
        "job: canary-rg/web, 0 instances, nginx-base-image -> nginx-updated-image: waves, at most 1 down at a time; b",
    ),
    (rollout_events.InstanceChanged("3", "1", InstanceState.UPDATING), "instance 3 is updating"),
    (
        rollout_events.RolloutStarted(WEB, NEW, False, 1, ("1", "2"), 1),  # noqa: FBT003
        (
            "roll out nginx-updated-image on canary-rg/web: 2 instances to update, 1 already have it, "
            "at most 1 down at a time"
        ),
    ),
    (
        rollout_events.RolloutStarted(WEB, OLD, True, 3, (), 1),  # noqa: FBT003
        "roll back to nginx-base-image on canary-rg/web: all 3 instances already have it",
    ),
    (
        rollout_events.OtherActorsFound(WEB, (REPAIRS, BALANCE)),
        "also act on canary-rg/web: automatic repairs: suspended until the end; automatic zone balance: kept",
    ),
    (rollout_events.CanaryLost(("0", "1")), "the canary is gone: 0, 1; another one is updated and judged"),
    (
        rollout_events.NotDraining(WEB),
        (
            "canary-rg/web is not drained: connections to an instance that goes down are refused until the load "
            "balancer's probe fails; --drain SECONDS takes the instance out of the load balancer first"
        ),
    ),
    (
        rollout_events.InstancesDraining(("0", "1"), 30.0, {}),
        "draining 0, 1: open connections have 30 s to end",
    ),
    (
        rollout_events.InstancesDraining(("0", "1"), 30.0, {"1": "in no pool"}),
        "draining 0, 1: open connections have 30 s to end; not drained: 1 (in no pool)",
    ),
    (rollout_events.InstancesUpdating(("0",), "request-1"), "updating 0 (request id request-1)"),
    (
        rollout_events.InstancesUpdating(("0",), None, answered=False),
        "updating 0: Azure's answer was lost; checking whether the update began",
    ),
    (
        rollout_events.InstancesUpdating(tuple(map(str, range(14))), None),
        "updating 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more (request id not given)",
    ),
    (rollout_events.InstanceDone("0", 20.84), "instance 0 is healthy on the release after 20.8 s"),
    (rollout_events.InstanceFailed("0", "no quota"), "instance 0 failed: no quota"),
    (rollout_events.InstancesRestored(("0",)), "back in the load balancer: 0"),
    (rollout_events.CapacityChanged(("7",), ("1", "2")), "somebody else changed the instances: new: 7; gone: 1, 2"),
    (
        rollout_events.FellBackToWaves("Conflict: busy"),
        "Azure refused overlapping operations, so the rollout continues in waves: Conflict: busy",
    ),
    (rollout_events.RolloutWaiting("pause", ()), "waiting: pause"),
    (rollout_events.RolloutWaiting("not healthy yet", ("0",)), "waiting: not healthy yet: 0"),
    (
        rollout_events.LockAwaited("job", 118.7),
        "an earlier run of job holds the lock and does not renew it: waiting at most 119 s until the lock expires",
    ),
    (
        rollout_events.LockTakenOver("job", "abc-42-7"),
        "an earlier run was killed on this machine, and its lock is taken over at once: job",
    ),
    (
        rollout_events.RollbackStarted(NEW, OLD, "1 failed"),
        "rolling back from nginx-updated-image to nginx-base-image: 1 failed",
    ),
    (
        rollout_events.RolloutInterrupted(WEB, ("0",), ("request-1",)),
        (
            "interrupted: Azure still updates 0 (request ids request-1); "
            "run the same command again to continue with canary-rg/web"
        ),
    ),
    (
        rollout_events.RolloutInterrupted(WEB, (), ()),
        "interrupted: no operation is running in Azure; run the same command again to continue with canary-rg/web",
    ),
    (rollout_events.RolloutHalted(WEB, "no way"), "canary-rg/web: halted, no further changes: no way"),
    (rollout_events.InstanceLeft("0", "runs x, Failed"), "instance 0 runs x, Failed"),
    (
        rollout_events.RolloutFinished(
            WEB,
            "rolled out to the canary",
            NEW,
            ("0",),
            61.23,
            (),
            FinalState(("0",), {"3": "is deallocated"}, {"1": "v1", "2": "v1", "4": "v0"}),
        ),
        (
            "canary-rg/web: rolled out to the canary: nginx-updated-image, 1 instance updated; 1 of 5 instances has "
            "it; 1, 2 run v1; 4 runs v0; left out: 3 (is deallocated) (61.2 s)"
        ),
    ),
    (
        surge_events.SurgeResumed(WEB, 3, 4),
        "an earlier run left canary-rg/web with capacity 4: this run brings it back to 3",
    ),
    (
        surge_events.ScaledByOthers(WEB, 6, 5),
        "somebody else set the capacity of canary-rg/web to 6: the run now ends with 5 instances",
    ),
    (surge_events.ScalingOut(WEB, 3, 4, "r-1"), "scaling out from 3 to 4 instances (request id r-1)"),
    (
        surge_events.ScalingOut(WEB, 3, 4, None, answered=False),
        "scaling out from 3 to 4 instances: Azure's answer was lost; checking whether the scale-out began",
    ),
    (
        surge_events.CapacityGivenUp(WEB, 4, 3),
        "Azure did not create 1 instance: reducing the capacity from 4 to 3",
    ),
    (
        surge_events.CapacityGivenUp(WEB, 5, 3),
        "Azure did not create 2 instances: reducing the capacity from 5 to 3",
    ),
    (surge_events.InstancesRemoving(("1", "2"), "r-1"), "removing 1, 2 (request id r-1)"),
    (
        surge_events.InstancesRemoving(("1",), None, answered=False),
        "removing 1: Azure's answer was lost; checking whether the deletion began",
    ),
    (surge_events.InstanceRemoved("1"), "instance 1 is removed"),
    (
        govern_events.UpgradeAsked(WEB, "e-1", ("0", "1"), 1_764_590_400.0, "Reject"),
        (
            "Azure asks whether it may upgrade the operating system of canary-rg/web: 0, 1; without an answer Azure "
            "rejects them at 2025-12-01 12:00:00 UTC"
        ),
    ),
    (
        govern_events.UpgradeAsked(WEB, "", ("0", "1"), None, ""),
        "Azure waits for the approval of its OS upgrade of canary-rg/web: 0, 1",
    ),
    (
        govern_events.UpgradeApproved("e-1", ("web",), is_set=True),
        "approved: Azure may begin the OS upgrade of web",
    ),
    (
        govern_events.UpgradeApproved("e-1", ("0",), is_set=False, left_out=("1",)),
        "approved: Azure may upgrade 0; 1 rejected for now: not of the canary",
    ),
    (
        govern_events.UpgradeRejected("e-1", ("1", "2"), "too many errors"),
        "rejected: Azure must not upgrade 1, 2: too many errors",
    ),
    (
        govern_events.UpgradePostponed(
            "e-1", 1_764_590_400.0, latest=True, default_action="Approve", reason="the gates measure"
        ),
        "the gates measure: without an answer Azure approves them at 2025-12-01 12:00:00 UTC, which is the latest time",
    ),
    (
        govern_events.UpgradePostponed(
            "e-1", 1_764_590_400.0, latest=False, default_action="Reject", reason="the gates measure"
        ),
        "the gates measure: without an answer Azure rejects them at 2025-12-01 12:00:00 UTC",
    ),
    (
        govern_events.UpgradeCancelled(WEB, "too many errors"),
        "the OS upgrade of canary-rg/web is cancelled: too many errors",
    ),
    (
        govern_events.UpgradePending(WEB, "nothing is approved in 2026-12-20..2027-01-03"),
        "canary-rg/web: nothing is approved in 2026-12-20..2027-01-03; a later run goes on",
    ),
    (govern_events.NothingAsked(WEB), "canary-rg/web: no OS upgrade waits for an answer"),
    (
        rollout_events.RolloutStarted(WEB, NEW, False, 1, ("0",), 0, 2),  # noqa: FBT003
        (
            "roll out nginx-updated-image on canary-rg/web: 1 instance to replace, 1 already have it, "
            "up to 2 more at a time, none down"
        ),
    ),
    (
        rollout_events.RolloutFinished(WEB, "rolled out", NEW, ("5",), 61.23, ("0",), FinalState(("1", "5"))),
        "canary-rg/web: rolled out: nginx-updated-image, 1 instance new, 1 removed; all 2 instances have it (61.2 s)",
    ),
    (
        switch_events.TestRuleOpened("blueLB", 8081, "greenPool"),
        "port 8081 of blueLB sends traffic to greenPool for the check",
    ),
    (
        switch_events.SwitchUnchanged("live", "greenPool"),
        "rule live already sends traffic to greenPool: nothing changed",
    ),
    (
        switch_events.Switched("live", "bluePool", "greenPool"),
        "rule live now sends new connections to greenPool; connections that are open to bluePool stay open",
    ),
    (
        switch_events.SwitchUnchanged("live", "greenPool", watch_due=True),
        (
            "rule live already sends traffic to greenPool: nothing changed; an earlier run was killed after the "
            "switch, so the gates in production run now"
        ),
    ),
    (
        switch_events.AlreadyReleased(WEB, "v2", serves=False, final=FinalState(("0",), {"1": "is deallocated"})),
        "canary-rg/web already has v2: nothing to deploy; 1 of 2 instances has it; left out: 1 (is deallocated)",
    ),
    (
        switch_events.AlreadyReleased(WEB, "v2", serves=True, final=FinalState(("0", "1"))),
        "canary-rg/web already serves v2: nothing to do; all 2 instances have it",
    ),
    (switch_events.SetScaled(WEB, 1, 3), "canary-rg/web is scaled out from 1 to 3 instances"),
    (switch_events.SetScaled(WEB, 3, 1), "canary-rg/web is scaled in from 3 to 1 instances"),
    (switch_events.NotSwitched("http: 500"), "not switched: http: 500"),
    (
        switch_events.SwitchedBack("live", "bluePool", "http: 500"),
        "switched back: rule live sends traffic to bluePool again: http: 500",
    ),
    (
        SeedPlanned("http://j/", JobPlan((Delete("a"), Refused("b", "not ours"), Unchanged("c")))),
        "http://j/: 1 to delete, 1 to refuse, 1 unchanged",
    ),
    (FolderCreated("vmss"), "folder vmss: created"),
    (JobChanged("vmss/web-canary", "updated", 1, 2), "job vmss/web-canary: updated (1 of 2)"),
    (SeedFinished(1, 2, 3, 4, 5.06), "1 created, 2 updated, 3 deleted, 4 unchanged, in 5.1 s"),
]


@pytest.mark.parametrize(("event", "text"), EXAMPLES)
def test_each_event_is_one_line(event: Event, text: str) -> None:
    assert line(event) == text
    assert "\n" not in text


def test_every_kind_of_event_has_a_line() -> None:
    kinds = set(reading.KINDS.values())
    assert {type(event) for event, _ in EXAMPLES} == kinds
    assert all(dataclasses.is_dataclass(kind) for kind in kinds)


def test_a_value_that_is_not_an_event_is_refused() -> None:
    with pytest.raises(TypeError, match="not an event: 'text'"):
        line("text")  # type: ignore[arg-type]


@pytest.mark.parametrize("event", [event for event, _ in EXAMPLES])
def test_each_event_is_one_json_line_with_its_time_and_kind(event: Event) -> None:
    written = json.line(event, "2026-01-02T03:04:05.678+00:00")
    assert "\n" not in written
    read = loads(written)
    assert read["time"] == "2026-01-02T03:04:05.678+00:00"
    assert read["kind"].replace("_", "") == type(event).__name__.lower()
    assert set(read) == {"time", "kind", *(field.name for field in dataclasses.fields(event))}


def test_images_and_scale_sets_are_written_as_the_command_line_takes_them() -> None:
    read = loads(json.line(rollout_events.RollbackStarted(NEW, OLD, "bad"), "now"))
    assert read == {
        "time": "now",
        "kind": "rollback_started",
        "image_from": {"id": NEW.id},
        "image_to": {"id": OLD.id},
        "cause": "bad",
    }
    assert loads(json.line(rollout_events.RolloutHalted(WEB, "no way"), "now"))["scale_set"] == {
        "resource_group": "canary-rg",
        "name": "web",
    }


def test_a_value_that_cannot_be_written_as_json_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot write object as JSON"):
        json.document(object())


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (rollout_events.RolloutHalted(WEB, "no way back"), lines.Level.QUIET),
        (GateJudged(Verdict("http", Outcome.FAILED, "bad"), Consequence.FAIL), lines.Level.QUIET),
        (GateJudged(Verdict("http", Outcome.PASSED, "good"), Consequence.GO_ON), lines.Level.NORMAL),
        (StillWaiting(60), lines.Level.NORMAL),
        (AzureCalled("GET", "/", 200, None), lines.Level.VERBOSE),
    ],
)
def test_quiet_prints_results_and_errors_and_only_verbose_prints_calls(event: Event, level: lines.Level) -> None:
    assert lines.level(event) is level
