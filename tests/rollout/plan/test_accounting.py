"""The end of a run: which instances were wanted, which have the release, and how a run that ends too early is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.rollout.plan.test_decision import four, instance
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, InstanceIds, ScaleSet
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.accounting import account, as_found, nothing_to_do
from vmss_jenkins.rollout.plan.actions import Action, Done, Halt, RolloutSpec, Strategy, Wait
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.selection import Amount, Scope, Selection, Target

THIRD = ImageReference(id=str(OLD.id).replace("base", "third"))
SCRIPT = ExtensionSettings.of({"commandToExecute": "bash app.sh"}, name="app")


@pytest.mark.parametrize(
    ("canary", "new", "old", "headcount", "complete"),
    [
        ("1", 1, 2, None, True),
        ("1", 0, 3, None, False),
        ("50%", 1, 2, None, False),
        ("50%", 1, 2, Headcount(2, 2, 3), True),  # a surge: the third one is too many for a while
        (None, 0, 2, None, False),
        (None, 2, 0, None, True),
    ],
)
def test_a_canary_is_complete_with_as_many_as_it_has(
    canary: str | None, new: int, old: int, headcount: Headcount | None, complete: bool
) -> None:
    there = tuple(instance(str(n), NEW if n < new else OLD) for n in range(new + old))
    observed = Observed(ScaleSet(WEB, NEW, capacity=len(there)), there, {})
    spec = RolloutSpec(canary=canary, canary_only=True)  # type: ignore[arg-type]
    assert account(spec, observed, History(0.0, Target(NEW), headcount=headcount), {}).complete is complete


def at_end(*instances: Instance, rolls_back: bool = False, **changes: object) -> tuple[Observed, History]:
    """The last read, and the history of the run."""
    scale_set = ScaleSet(WEB, OLD if rolls_back else NEW, capacity=len(instances))
    history = History(0.0, Target(NEW))
    history = history.begin_rollback(OLD, "bad", 5.0) if rolls_back else history
    return Observed(replace(scale_set, **changes), instances, {}), history  # type: ignore[arg-type]


STOPPED = instance("7", power="deallocated")


@pytest.mark.parametrize(
    ("other", "spec", "rolls_back", "lacking"),
    [
        (instance("7"), {}, False, ("7",)),
        (instance("7", provisioning_state="Failed"), {}, False, ("7",)),
        (STOPPED, {}, False, ()),
        (instance("7", power="starting"), {}, False, ("7",)),
        (instance("7", power=None), {}, False, ("7",)),
        (instance("7", provisioning_state="Deleting"), {}, False, ()),
        (instance("7", protected_from_scale_set_actions=True), {}, False, ()),
        (instance("7", protected_from_scale_in=True), {}, False, ("7",)),
        (instance("7", protected_from_scale_in=True), {"strategy": Strategy.SURGE}, False, ()),
        (instance("7"), {"strategy": Strategy.SURGE}, False, ("7",)),
        (STOPPED, {"scope": Scope(InstanceIds(("7",)))}, False, ("7",)),
        (instance("A7", power="deallocated"), {"scope": Scope(InstanceIds(("a7",)))}, False, ("A7",)),
        (instance("7"), {"scope": Scope(InstanceIds(("0",)))}, False, ()),
        (instance("7"), {"scope": Scope(InstanceIds(("0", "8", "9")))}, False, ("8", "9")),
        (instance("7", NEW, latest_model_applied=False), {}, True, ("7",)),
        (instance("7", THIRD), {}, True, ()),
        (instance("7", NEW), {"scope": Scope(InstanceIds(("8",)))}, True, ("7",)),
        (replace(STOPPED, image=NEW), {"scope": Scope(InstanceIds(("7",)))}, True, ()),
        (instance("7", NEW), {"canary_only": True, "canary": Amount(1)}, True, ("7",)),
    ],
    ids=[
        "old",
        "failed",
        "stopped",
        "starting",
        "power unknown",
        "being deleted",
        "protected",
        "protected from scale-in",
        "that in a surge",
        "old in a surge",
        "stopped and named",
        "named in another case",
        "not named",
        "named and gone",
        "the bad release",
        "a third release",
        "a rollback has all ids",
        "a stopped one by id",
        "of a canary only",
    ],
)
def test_which_instances_must_have_the_release_at_the_end(
    other: Instance, spec: dict[str, Any], rolls_back: bool, lacking: tuple[str, ...]
) -> None:
    good = instance("0", OLD if rolls_back else NEW)
    observed, history = at_end(good, other, rolls_back=rolls_back)
    assert account(RolloutSpec(**spec), observed, history, {}).lacking == lacking


def test_each_instance_is_counted_once_with_what_it_runs_or_why_it_was_left_out() -> None:
    there = (
        instance("0", NEW),
        instance("1"),
        instance("2", THIRD),
        STOPPED,
        instance("8", NEW, latest_model_applied=False),
    )
    observed, history = at_end(*there)
    spec = RolloutSpec(scope=Scope(InstanceIds(("0", "1", "2", "7", "8", "9"))))
    assert account(spec, observed, history, {"7": "is deallocated"}) == FinalState(
        have_it=("0",),
        left_out={"7": "is deallocated"},
        others={
            "1": "nginx-base-image",
            "2": "nginx-third-image",
            "8": "nginx-updated-image without the latest model",
        },
        gone=("9",),
        lacking=("1", "2", "7", "8", "9"),
    )


@pytest.mark.parametrize(
    ("changes", "release", "named"),
    [
        ({}, NEW, "nginx-base-image"),
        ({"extension": SCRIPT, "scripts": (SCRIPT,)}, SCRIPT, "another release than bash app.sh"),
        ({"extension": SCRIPT, "scripts": (SCRIPT,)}, None, "another release"),
    ],
)
def test_of_a_script_azure_shows_only_that_another_release_runs(
    changes: dict[str, Any], release: Release | None, named: str
) -> None:
    observed, history = at_end(instance("1"), **changes)
    found = account(RolloutSpec(), observed, replace(history, target=Target(release)), {})
    assert found.others == {"1": named}


def test_an_unknown_image_is_another_release() -> None:
    observed, history = at_end(replace(instance("1"), image=None))
    assert account(RolloutSpec(), observed, history, {}).others == {"1": "another release than nginx-updated-image"}


@pytest.mark.parametrize(
    ("canary", "left_out", "named", "complete"),
    [
        ("1", {}, "", True),
        ("3", {}, "", False),
        ("50%", {}, "", False),
        ("50%", {"2": "stopped"}, "", True),  # one of the two that are left
        ("1", {}, "0,9", True),  # the canary is there; nobody asks for the others
        ("1", {}, "1,9", False),
    ],
)
def test_the_size_of_a_canary_is_counted_from_those_that_could_be_in_it(
    canary: str, left_out: dict[str, str], named: str, complete: bool
) -> None:
    observed, history = at_end(instance("0", NEW), instance("1"), instance("2"))
    scope = Scope(InstanceIds.parse(named)) if named else Scope()
    spec = RolloutSpec(canary=canary, canary_only=True, scope=scope)  # type: ignore[arg-type]
    final = account(spec, observed, history, left_out)
    assert final.complete is complete
    assert final.gone == (("9",) if named and not complete else ())


def test_without_instances_there_is_no_canary() -> None:
    observed, history = at_end()
    spec = RolloutSpec(canary="1", canary_only=True, scope=Scope(InstanceIds(("9",))))  # type: ignore[arg-type]
    assert account(spec, observed, history, {}).gone == ("9",)


INCOMPLETE = FinalState(have_it=("0",), others={"1": "nginx-base-image"}, lacking=("1",))


def test_a_run_that_ends_too_early_is_reported_as_halted_with_the_state_of_each_instance() -> None:
    observed, history = at_end(instance("0", NEW), instance("1", health=Health.UNHEALTHY, error="no disk"))
    counted = "1 of 2 instances has it; 1 runs nginx-base-image"
    assert as_found(Done({}), INCOMPLETE, observed, history) == Halt(
        f"not every wanted instance has nginx-updated-image: {counted}",
        {
            "0": "runs nginx-updated-image, latest model, Succeeded, running, health healthy",
            "1": "runs nginx-base-image, not the latest model, Succeeded, running, health unhealthy, no disk",
        },
    )
    unknown = as_found(Done({}), INCOMPLETE, observed, replace(history, target=Target(None)))
    assert isinstance(unknown, Halt)
    assert unknown.reason == f"not every wanted instance has the release of the model: {counted}"


@pytest.mark.parametrize("action", [Done({"7": "is deallocated"}), Halt("bad", {}), Wait(5.0, "pause")], ids=repr)
def test_what_is_complete_or_no_success_is_reported_as_it_is(action: Action) -> None:
    observed, history = at_end(instance("0", NEW))
    assert as_found(action, FinalState(have_it=("0",)), observed, history) is action
    if not isinstance(action, Done):
        assert as_found(action, INCOMPLETE, observed, history) is action


SKIPPED = {"0": "is stopped", "1": "is stopped", "2": "protected"}


@pytest.mark.parametrize(
    ("found", "release", "text"),
    [
        (Selection((), (), SKIPPED), NEW, "no instance can get nginx-updated-image: 0, 1: is stopped; 2: protected"),
        (
            Selection((), (), SKIPPED),
            None,
            "no instance can get the release of the model: 0, 1: is stopped; 2: protected",
        ),
        (Selection((), (), {}), NEW, None),
        (Selection((instance("3", NEW),), (), SKIPPED), NEW, None),
        (Selection((), (instance("3"),), SKIPPED), NEW, None),
    ],
)
def test_a_plan_that_brings_the_release_to_nobody_is_impossible(
    found: Selection, release: Release | None, text: str | None
) -> None:
    wanted = (Finding(Severity.IMPOSSIBLE, text),) if text else ()
    assert nothing_to_do(release, found, four()) == wanted
    busy = instance("3", provisioning_state="Updating")
    assert nothing_to_do(release, found, (*four(), busy)) == (), "it may be updated later"
