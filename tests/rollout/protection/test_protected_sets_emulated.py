"""A canary on a set whose upgrade policy is Rolling or Automatic: through the real Azure SDK, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.rollout.claims.test_suspension_emulated import BAD, NEW, OLD, Life
from tests.rollout.test_steps_emulated import WEB, Session, session
from tests.support.cloud import Killed
from vmss_jenkins.emulator import Scenario
from vmss_jenkins.emulator.arm.role import Role
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.gates.verdicts import Outcome as GateOutcome
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.protection.decision import Policy, policy_of
from vmss_jenkins.rollout.plan.selection import Amount
from vmss_jenkins.rollout.protection.protected_sets import ProtectedSets

MODES = pytest.mark.parametrize("mode", ["Rolling", "Automatic"])
FREE, KEPT, THEIRS = (
    Policy(scale_in=False, actions=False),
    Policy(scale_in=True, actions=False),
    Policy(scale_in=True, actions=True),
)


@dataclass(frozen=True)
class Judgement:
    consequence: Consequence
    verdicts: tuple[Verdict, ...] = (Verdict("http", GateOutcome.PASSED, "as told"),)


@dataclass
class Gate:
    """A gate that says what it is told to, and notes which instances have the new release while it measures."""

    azure: Session
    says: Sequence[Consequence] = (Consequence.GO_ON,)
    seen: list[tuple[str, ...]] = field(default_factory=list)

    def assess(self, stage: str, instance_ids: Sequence[str], before: Any = None) -> Judgement:
        self.seen.append(having(self.azure, NEW))
        return Judgement(self.says[min(len(self.seen), len(self.says)) - 1])


def roll(
    azure: Session,
    image: str | None,
    clock: Any = None,
    *,
    owner: str = "job",
    gates: Gate | None = None,
    automatic: bool = False,
    **changes: Any,
) -> RolloutResult:
    """Roll out; roll back for no image."""
    waiter = replace(azure.waiter(), clock=clock or azure.clock)
    protected = ProtectedSets(
        azure.sets, azure.sets.protector(WEB), azure.sets.protected(WEB), waiter, active=not automatic
    )
    context = RunContext(
        claims=azure.sets.claims(WEB), log=azure.sets.log(WEB), headcounts=azure.sets.headcounts(WEB), gates=gates,
        protection=protected, allow_automatic_rollout=automatic, owner=owner, run=f"run-{len(azure.events)}",
    )  # fmt: skip
    order = Order(azure.image(image)) if image else Order(rolling_back=True)
    values = {"max_unavailable": Amount(1), "instance_timeout": 200.0, **changes}
    return run_rollout(protected, WEB, order, RolloutSpec(**values), context, waiter)


@contextmanager
def following(mode: Any = "Rolling", **scenario: Any) -> Iterator[Session]:
    """A set of five: Azure brings a new model to each instance; 3 is protected, 4 from scale-in only."""
    with session(Scenario(instances=5, mode=mode, **scenario)) as azure:
        protect(azure, "3", THEIRS)
        protect(azure, "4", KEPT)
        yield azure


def protect(azure: Session, key: str, policy: Policy) -> None:
    azure.sets.protector(WEB).begin_protect(key, policy)
    azure.clock.sleep(5)


def policies(azure: Session) -> dict[str, Policy]:
    return {one.id: policy_of(one) for one in azure.instances()}


BEFORE = {"0": FREE, "1": FREE, "2": FREE, "3": THEIRS, "4": KEPT}


def having(azure: Session, image: str) -> tuple[str, ...]:
    return tuple(one.id for one in azure.instances() if one.image and one.image.same_as(azure.image(image)))


def told(azure: Session) -> list[str]:
    texts = [one.finding.text for one in azure.events if isinstance(one, PreflightFound)]
    return [text for text in texts if "protect" in text]


def scaled(azure: Session) -> None:
    """Somebody changes the set in another respect: Azure looks then whether instances lack the model."""
    azure.clock.sleep(60)
    patch = {"tags": {"looked": str(azure.clock.now())}}
    azure.sets._client.virtual_machine_scale_sets.begin_update("canary-rg", "web", patch, polling=False)  # type: ignore[call-overload]
    azure.clock.sleep(900)


@MODES
@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_good_release_goes_to_the_canary_first_and_then_to_the_others_in_batches(
    mode: str, strategy: Strategy
) -> None:
    with following(mode) as azure:
        gate = Gate(azure)
        assert roll(azure, NEW, gates=gate, strategy=strategy).outcome is Outcome.ROLLED_OUT
        if strategy is Strategy.SURGE:
            assert [len(ids) for ids in gate.seen] == [1, 2, 3]  # 4 is protected from scale-in, so it stays
            assert {key: found for key, found in policies(azure).items() if found != FREE} == {"3": THEIRS, "4": KEPT}
        else:
            assert [len(ids) for ids in gate.seen] == [1, 2, 3, 4]
            assert policies(azure) == BEFORE
        assert azure.sets.protected(WEB).read().before == {}


@MODES
@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_bad_canary_is_rolled_back_and_no_other_instance_ever_had_it(mode: str, strategy: Strategy) -> None:
    with following(mode) as azure:
        gate = Gate(azure, [Consequence.FAIL])
        assert roll(azure, NEW, gates=gate, strategy=strategy).outcome is Outcome.ROLLED_BACK
        assert [len(ids) for ids in gate.seen] == [1]
        assert having(azure, NEW) == ()
        assert azure.sets.get(WEB).image == azure.image(OLD)
        assert policies(azure) == BEFORE
        scaled(azure)
        assert having(azure, OLD) == tuple(sorted(having(azure, OLD)))
        assert len(having(azure, OLD)) == 5


@MODES
def test_a_release_that_does_not_come_up_is_rolled_back_though_azures_own_policy_would_refuse(mode: Any) -> None:
    """One of two is 50% unhealthy: Azure's rolling upgrade stops at 20% before its first batch."""
    with session(Scenario(instances=2, mode=mode)) as azure:
        assert roll(azure, BAD).outcome is Outcome.ROLLED_BACK
        assert len(having(azure, OLD)) == 2
        assert set(policies(azure).values()) == {FREE}


@MODES
def test_a_rollback_while_azure_works_on_one_instance_and_refuses_all_other_changes(mode: str) -> None:
    """The model is restored although some cannot be protected then: what Azure brings to them is the old release."""
    with following(mode, parallel_operations=False) as azure:
        azure.emulator.inject("stuck POST */manualupgrade instance=1 seconds=100")
        azure.emulator.inject("fail POST */manualupgrade instance=2")
        assert roll(azure, NEW, max_unavailable=Amount(2)).outcome is Outcome.ROLLED_BACK
        assert [text for text in told(azure) if "could not" in text] == [
            "0, 2 could not be protected: Azure may roll them back by itself"
        ]
        assert len(having(azure, OLD)) == 5
        assert policies(azure) == BEFORE


@MODES
def test_the_protection_holds_from_the_job_of_the_canary_to_the_job_of_the_others(mode: str) -> None:
    with following(mode) as azure:
        assert roll(azure, NEW, canary_only=True).outcome is Outcome.CANARY
        canary = having(azure, NEW)
        scaled(azure)
        assert (len(canary), having(azure, NEW)) == (1, canary)
        assert told(azure)[-1].startswith("1, 2, 4 stay protected from scale set actions: Azure would bring nginx-upd")
        assert roll(azure, NEW, owner="the other job").outcome is Outcome.ROLLED_OUT
        assert policies(azure) == BEFORE


@MODES
def test_a_rollback_after_the_job_of_the_canary_touches_the_canary_only(mode: str) -> None:
    with following(mode) as azure:
        roll(azure, NEW, canary_only=True)
        canary, before = having(azure, NEW), len(azure.emulator.calls)
        assert roll(azure, None, owner="rollback job").outcome is Outcome.ROLLED_BACK
        posts = [one for one in azure.emulator.calls[before:] if "manualupgrade" in one["path"]]
        assert [(one["method"], len(canary)) for one in posts] == [("POST", 1)]
        assert len(having(azure, OLD)) == 5
        assert policies(azure) == BEFORE


@MODES
@pytest.mark.parametrize("says", [Consequence.HALT, Consequence.FAIL])
def test_after_a_halt_azure_spreads_nothing_and_the_next_run_puts_the_protection_back(
    mode: str, says: Consequence
) -> None:
    with following(mode) as azure:
        gate = Gate(azure, [says])
        assert roll(azure, NEW, gates=gate, on_failure=OnFailure.STOP).outcome is Outcome.HALTED
        scaled(azure)
        assert len(having(azure, NEW)) == 1
        assert "the next rollout or rollback puts their protection back" in told(azure)[-1]
        roll(azure, None, owner="rollback job")
        assert policies(azure) == BEFORE
        assert told(azure)[-1] == "protection of 4 instances put back as it was"


@MODES
@pytest.mark.parametrize("says", [Consequence.GO_ON, Consequence.FAIL])
@pytest.mark.parametrize("waits", range(0, 54, 6))
def test_after_kill_9_the_next_run_puts_the_protection_back(mode: str, waits: int, says: Consequence) -> None:
    with following(mode) as azure:
        judge = Gate(azure, [says])
        try:
            roll(azure, NEW, Life(azure, waits), gates=judge)
        except Killed:
            azure.emulator.withdraw()
            early = len(having(azure, NEW))
            scaled(azure)
            assert len(having(azure, NEW)) - early <= 1, "Azure spread the release"
            roll(azure, NEW, gates=judge)
        assert policies(azure) == BEFORE
        assert azure.sets.protected(WEB).read().before == {}
        assert (len(having(azure, NEW)) == 4) is (says is Consequence.GO_ON)


@MODES
def test_ctrl_c_leaves_the_others_protected_if_azure_would_spread_the_release(mode: str) -> None:
    class Interrupted(Life):
        def sleep(self, seconds: float) -> None:
            self.waits -= 1
            if self.waits == 0:
                raise KeyboardInterrupt
            self.azure.clock.sleep(seconds)

    for waits in range(1, 25, 2):
        with following(mode) as azure:
            with pytest.raises(KeyboardInterrupt):
                roll(azure, NEW, Interrupted(azure, waits))
            changed = azure.sets.get(WEB).image == azure.new
            assert (policies(azure) == BEFORE) is not changed
            scaled(azure)
            assert len(having(azure, NEW)) <= changed * 2
            roll(azure, None, rollback_to=azure.image(OLD))
            assert policies(azure) == BEFORE


def test_instances_that_were_protected_before_are_told() -> None:
    with following() as azure:
        found = roll(azure, NEW)
        assert found.skipped == {"3": "protected from scale set actions: Azure does not update it"}
        assert told(azure)[0] == "upgrade policy Rolling: protecting 4 instances from Azure's upgrades"


def test_nothing_is_protected_in_mode_manual_or_if_there_is_nothing_to_change() -> None:
    for mode, image in (("Manual", NEW), ("Rolling", OLD)):
        with following(mode) as azure:
            before = len(azure.emulator.calls)
            roll(azure, image)
            assert not [
                one
                for one in azure.emulator.calls[before:]
                if "virtualMachines/" in one["path"] and one["method"] != "GET"
            ]
            assert told(azure) == []


def test_azure_may_update_all_by_itself_if_that_is_allowed() -> None:
    with following() as azure:
        roll(azure, NEW, automatic=True)
        assert not [text for text in told(azure) if "protecting" in text]
        assert policies(azure) == BEFORE


def test_an_earlier_protection_is_put_back_in_mode_manual_too() -> None:
    with following() as azure:
        roll(azure, NEW, canary_only=True)
        patch = {"properties": {"upgradePolicy": {"mode": "Manual"}}}
        azure.sets._client.virtual_machine_scale_sets.begin_update("canary-rg", "web", patch, polling=False)  # type: ignore[call-overload]
        azure.clock.sleep(60)
        assert roll(azure, NEW).outcome is Outcome.ROLLED_OUT
        assert policies(azure) == BEFORE


def test_without_the_action_in_the_role_nothing_is_changed() -> None:
    write = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/write"
    role = Role.parse(json.dumps({"Actions": ["*"], "NotActions": [write]}))
    with session(Scenario(instances=3, mode="Rolling", role=role)) as azure:
        with pytest.raises(ConfigError, match=write):
            roll(azure, NEW)
        assert azure.sets.get(WEB).image == azure.image(OLD)


def test_a_failure_to_put_it_back_is_told_and_the_next_run_does_it() -> None:
    with following() as azure:
        azure.emulator.inject("500 PUT */virtualMachines/* skip=8 count=50")
        roll(azure, NEW)
        assert "could not be put back" in told(azure)[-1]
        azure.emulator.withdraw()
        roll(azure, NEW)
        assert policies(azure) == BEFORE
