"""Automatic repairs are suspended while a rollout changes a set: through the real Azure SDK, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.rollout.test_steps_emulated import WEB, Session, session
from tests.support.cloud import Killed
from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.emulator import Scenario
from vmss_jenkins.emulator.arm.role import Role
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.library import steps as library
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import Repairs, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.selection import Amount

BAD, NEW, OLD = "nginx-broken-image", "nginx-updated-image", "nginx-base-image"
REPAIRS = "AutomaticRepairs"


@contextmanager
def repaired(**scenario: Any) -> Iterator[Session]:
    """A set whose ill instances Azure replaces."""
    with session(Scenario(instances=5, **scenario)) as azure:
        policy = {"properties": {"automaticRepairsPolicy": {"enabled": True, "gracePeriod": "PT10M"}}}
        azure.sets._client.virtual_machine_scale_sets.begin_update("canary-rg", "web", policy, polling=False)  # type: ignore[call-overload]
        azure.clock.sleep(700)
        yield azure


@dataclass
class Life:
    """Kills a program at one of its waits."""

    azure: Session
    waits: int

    def now(self) -> float:
        return self.azure.clock.now()

    def sleep(self, seconds: float) -> None:
        self.waits -= 1
        if self.waits == -1:
            self.azure.emulator.inject("503 * * count=1000")  # no call of a dead program arrives
        if self.waits < 0:
            raise Killed
        self.azure.clock.sleep(seconds)


@dataclass(frozen=True)
class Passed:
    """A judgement that lets the rollout go on."""

    consequence: Consequence = Consequence.GO_ON
    verdicts: tuple[Verdict, ...] = ()


@dataclass
class LooksAtRepairs:
    """A gate that notes whether repairs are suspended while it measures."""

    azure: Session
    seen: list[bool] = field(default_factory=list)

    def assess(self, stage: str, instance_ids: Sequence[str], before: Any = None) -> Passed:
        self.seen.append(suspended(self.azure))
        return Passed()


def roll(
    azure: Session,
    image: str | None,
    clock: Any = None,
    *,
    owner: str = "job",
    gates: LooksAtRepairs | None = None,
    **changes: Any,
) -> RolloutResult:
    """Roll out; roll back for no image."""
    values = {"max_unavailable": Amount(1), "instance_timeout": 200.0, **changes}
    waiter = replace(azure.waiter(), clock=clock or azure.clock)
    context = RunContext(
        claims=azure.sets.claims(WEB), log=azure.sets.log(WEB), headcounts=azure.sets.headcounts(WEB),
        services=azure.sets.services(WEB), gates=gates, owner=owner, run=f"run-{len(azure.events)}",
    )  # fmt: skip
    order = Order(azure.image(image)) if image else Order(rolling_back=True)
    return run_rollout(azure.sets, WEB, order, RolloutSpec(**values), context, waiter)


def suspended(azure: Session) -> bool:
    return REPAIRS in azure.sets.services(WEB).suspended()


def told(azure: Session) -> list[str]:
    texts = [one.finding.text for one in azure.events if isinstance(one, PreflightFound)]
    return [text for text in texts if "automatic repairs" in text]


def writes(azure: Session) -> list[str]:
    """The changes of the set, in their order: suspend and resume are the same request."""
    paths = [call["path"] for call in azure.emulator.calls if call["method"] in {"POST", "PATCH"}]
    ends = [path.rpartition("/")[2] for path in paths if "tags" not in path]
    return [name for at, name in enumerate(ends) if at == 0 or ends[at - 1] != name]


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize(("image", "outcome"), [(NEW, Outcome.ROLLED_OUT), (BAD, Outcome.ROLLED_BACK)])
def test_repairs_are_off_from_before_the_first_change_to_after_the_last(
    image: str, outcome: Outcome, strategy: Strategy
) -> None:
    with repaired() as azure:
        assert roll(azure, image, strategy=strategy).outcome is outcome
        seen = writes(azure)[1:]
        assert (seen[0], seen[-1]) == ("setOrchestrationServiceState", "setOrchestrationServiceState")
        assert seen.count("setOrchestrationServiceState") == 2
        assert not suspended(azure)
        assert told(azure) == [
            "automatic repairs of canary-rg/web: suspended until the end of this run",
            "automatic repairs: on again",
        ]


def test_an_instance_that_falls_ill_during_the_pause_of_the_canary_keeps_its_release() -> None:
    """With repairs it would come back with the release that nobody has judged yet."""
    found = {}
    for repairs in Repairs:
        with repaired() as azure:
            azure.emulator.inject("fall-ill POST */manualupgrade instance=4")
            roll(azure, NEW, canary_only=True, min_healthy_time=800.0, instance_timeout=2000.0, repairs=repairs)
            found[repairs] = [one.id for one in azure.instances() if one.image and one.image.same_as(azure.new)]
    assert found[Repairs.SUSPEND] == ["0"]
    assert len(found[Repairs.KEEP]) == 2


def test_repairs_are_suspended_while_gates_measure_a_canary_of_an_earlier_run() -> None:
    """As the generated jobs do it: one stage updates the canary, the next one only asks the gates."""
    with repaired() as azure:
        gate = LooksAtRepairs(azure)
        roll(azure, NEW, canary_only=True)
        assert not suspended(azure)
        roll(azure, NEW, canary_only=True, gates=gate)
        assert gate.seen == [True]
        assert not suspended(azure)


def test_a_run_with_nothing_to_change_suspends_nothing() -> None:
    with repaired() as azure:
        roll(azure, OLD)
        assert "setOrchestrationServiceState" not in writes(azure)
        assert told(azure) == []


@pytest.mark.parametrize("waits", range(0, 16, 3))
@pytest.mark.parametrize("later", [NEW, None])
def test_after_kill_9_the_next_run_resumes_what_was_suspended(waits: int, later: str | None) -> None:
    """Also another command, and long after the lock has expired."""
    with repaired() as azure:
        with pytest.raises(Killed):
            roll(azure, NEW, Life(azure, waits))
        azure.emulator.withdraw()
        azure.clock.sleep(9000)
        roll(azure, later, owner="another command", rollback_to=None if later else azure.image(OLD))
        assert not suspended(azure)


def test_ctrl_c_resumes_it() -> None:
    class Interrupted(Life):
        def sleep(self, seconds: float) -> None:
            self.waits -= 1
            if self.waits == 0:
                raise KeyboardInterrupt
            self.azure.clock.sleep(seconds)

    with repaired() as azure:
        with pytest.raises(KeyboardInterrupt):
            roll(azure, NEW, Interrupted(azure, 6))
        spreads = "instances that it makes get nginx-updated-image, which the model has"
        assert told(azure)[-1] == f"automatic repairs: on again; {spreads}"
        assert not suspended(azure)


def test_what_somebody_else_suspended_stays_so() -> None:
    with repaired() as azure:
        azure.sets.services(WEB).begin_set_suspended(REPAIRS, suspended=True)
        azure.clock.sleep(60)
        assert roll(azure, NEW).outcome is Outcome.ROLLED_OUT
        assert suspended(azure)
        assert told(azure) == []


def test_a_failure_to_resume_is_told_and_the_next_run_resumes() -> None:
    with repaired() as azure:
        azure.emulator.inject("409 POST */setOrchestrationServiceState skip=1 count=50")
        roll(azure, NEW)
        assert suspended(azure)
        assert "automatic repairs could not be resumed: " in told(azure)[-1]
        assert "az vmss set-orchestration-service-state --service-name AutomaticRepairs" in told(azure)[-1]
        azure.emulator.withdraw()
        roll(azure, NEW)
        assert not suspended(azure)


@pytest.mark.parametrize("action", ["setOrchestrationServiceState/action", "instanceView/read"])
@pytest.mark.parametrize(("repairs", "goes_on"), [(Repairs.SUSPEND, False), (Repairs.KEEP, True)])
def test_without_the_action_in_the_role_nothing_is_changed_unless_repairs_are_kept(
    repairs: Repairs, goes_on: bool, action: str
) -> None:
    role = {"Actions": ["*"], "NotActions": [f"Microsoft.Compute/virtualMachineScaleSets/{action}"]}
    with repaired(role=Role.parse(json.dumps(role))) as azure:
        if goes_on:
            assert roll(azure, NEW, repairs=repairs).outcome is Outcome.ROLLED_OUT
            assert told(azure) == [
                "automatic repairs of canary-rg/web: kept: an ill instance may get the new release before it is judged"
            ]
            return
        with pytest.raises(ConfigError, match=action) as refused:
            roll(azure, NEW, repairs=repairs)
        assert "--repairs keep" in str(refused.value)
        assert azure.sets.get(WEB).image == azure.image(OLD)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_change_of_the_model_alone_warns_that_repairs_go_on(dry_run: bool) -> None:
    with repaired() as azure:
        warning = (
            "automatic repairs of canary-rg/web (unless suspended) give the new release to an instance that falls ill, "
            "before anybody judged it; `vmss-jenkins rollout` sets the model too, and suspends them"
        )
        azure.update(azure.image(NEW), dry_run=dry_run)
        assert told(azure) == [warning]
        azure.events.clear()
        azure.update(azure.image(OLD if dry_run else NEW))
        assert told(azure) == []


def test_status_reads_whether_repairs_are_suspended_and_says_so_if_it_may_not() -> None:
    view = "Microsoft.Compute/virtualMachineScaleSets/instanceView/read"
    for actions, shown in (([], ("AutomaticRepairs",)), ([view], None)):
        role = Role.parse(json.dumps({"Actions": ["*"], "NotActions": actions}))
        with repaired(role=role) as azure:
            azure.sets.services(WEB).begin_set_suspended(REPAIRS, suspended=True)
            connection = Connection(azure.emulator.subscription_id, endpoint=azure.emulator.endpoint)
            assert library.suspended_services(azure.sets.get(WEB), connection=connection) == shown


def test_a_flexible_set_keeps_its_repairs_and_says_why() -> None:
    """Azure refuses its instance view, so that nobody can know whether somebody else suspended them."""
    with repaired(orchestration="Flexible") as azure:
        assert roll(azure, NEW).outcome is Outcome.ROLLED_OUT
        assert told(azure) == [
            (
                "automatic repairs of canary-rg/web: kept, since Azure does not show their state in Flexible mode: an "
                "ill instance may get the new release before it is judged"
            ),
        ]
