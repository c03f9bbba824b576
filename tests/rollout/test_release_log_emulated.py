"""Rollbacks with no option, long after the end of a rollout: through the real Azure SDK, against the emulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import pytest

from tests.rollout.test_steps_emulated import WEB, Session, session
from tests.support.cloud import Killed
from vmss_jenkins.azure.tag_claims import MOST_GROUP_TAGS, RESERVED_TAGS
from vmss_jenkins.emulator import Scenario
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.release_log import BEGUN, KEPT, Record
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.selection import Amount

BACK = Order(rolling_back=True)


@dataclass
class Run:
    """One run of the engine and what it told before it changed anything."""

    result: RolloutResult
    told: tuple[str, ...]


def roll(azure: Session, order: Order, run: str = "", **changes: Any) -> Run:
    """Roll as a new process does: all that is known of earlier runs is in Azure."""
    told: list[str] = []
    waiter = azure.waiter()

    def listen(event: Any) -> None:
        if isinstance(event, PreflightFound):
            told.append(event.finding.text)

    spec = RolloutSpec(**{"max_unavailable": Amount(2), "instance_timeout": 200.0, **changes})
    number = len(azure.sets.log(WEB).read())
    context = RunContext(
        claims=azure.sets.claims(WEB), log=azure.sets.log(WEB), headcounts=azure.sets.headcounts(WEB),
        run=run or f"{number}-{order.image}-{order.rolling_back}", owner="job", by="ada", build="https://ci/7/",
    )  # fmt: skip
    result = run_rollout(azure.sets, WEB, order, spec, context, replace(waiter, on_event=listen))
    return Run(result, tuple(told))


def running(azure: Session) -> set[str]:
    return {instance.image.short_name for instance in azure.instances() if instance.image}


def log(azure: Session) -> list[tuple[str, str, str]]:
    return [(one.outcome, one.short(one.release), one.short(one.before)) for one in azure.sets.log(WEB).read()]


OLD, NEW, BAD = "nginx-base-image", "nginx-updated-image", "nginx-broken-image"


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("orchestration", ["Uniform", "Flexible"])
def test_a_rollback_with_no_option_after_a_complete_rollout_and_once_more(
    strategy: Strategy, orchestration: Any
) -> None:
    with session(Scenario(instances=3, orchestration=orchestration)) as azure:
        assert roll(azure, Order(azure.new), strategy=strategy).result.outcome is Outcome.ROLLED_OUT
        back = roll(azure, BACK, strategy=strategy)
        assert (back.result.outcome, running(azure)) == (Outcome.ROLLED_BACK, {OLD})
        assert f"the release before {NEW} was {OLD}" in back.told[0]
        assert "ada, https://ci/7/" in back.told[0]
        again = roll(azure, BACK, strategy=strategy)
        assert (again.result.outcome, again.result.rolled_back, running(azure)) == (Outcome.ROLLED_BACK, (), {OLD})
        assert f"{NEW} was rolled back to {OLD} already" in again.told[0]
        assert log(azure) == [("rolled back", OLD, NEW), ("rolled out", NEW, OLD)]


def test_a_canary_and_the_rest_of_it_remember_the_same_release() -> None:
    with session(Scenario(instances=3)) as azure:
        roll(azure, Order(azure.new), canary=Amount(1), canary_only=True)
        roll(azure, Order(azure.new))
        assert log(azure) == [("rolled out", NEW, OLD), ("rolled out to the canary", NEW, OLD)]


def test_a_rollout_that_rolls_itself_back_is_recorded_so_and_a_rollback_stays_there() -> None:
    with session(Scenario(instances=3)) as azure:
        assert roll(azure, Order(azure.image(BAD))).result.outcome is Outcome.ROLLED_BACK
        assert log(azure) == [("rolled back", OLD, BAD)]
        assert roll(azure, BACK).result.rolled_back == ()
        assert running(azure) == {OLD}


def test_an_image_that_moves_is_remembered_by_its_exact_version() -> None:
    """A version that is published in the meantime is not what was there before."""
    with session(SCENARIOS["nginx-gallery"]) as azure:
        roll(azure, Order(azure.new), canary=Amount(1), canary_only=True)
        before = azure.sets.log(WEB).read()[0].before
        assert before.endswith("/galleries/apps/images/nginx/versions/1.0.0")
        azure.emulator.inject("publish image=apps/nginx/1.0.1")
        back = roll(azure, BACK)
        assert (back.result.outcome, back.result.rolled_back) == (Outcome.ROLLED_BACK, ("0",))
        assert {str(one.image) for one in azure.instances()} == {before}
        roll(azure, Order(azure.new))
        assert azure.sets.log(WEB).read()[0].before == before
        assert roll(azure, BACK).result.outcome is Outcome.ROLLED_BACK
        assert {str(one.image) for one in azure.instances()} == {before}


def over_a_halted_canary(azure: Session) -> None:
    stop: Mapping[str, Any] = {"canary": Amount(2), "canary_only": True, "on_failure": OnFailure.STOP}
    assert roll(azure, Order(azure.image(BAD)), **stop).result.outcome is Outcome.HALTED


@pytest.mark.parametrize("named", [True, False])
def test_a_rollback_over_two_other_releases_takes_all_and_names_each(named: bool) -> None:
    with session(Scenario(instances=4)) as azure:
        old = azure.sets.get(WEB).image
        over_a_halted_canary(azure)
        roll(azure, Order(azure.new), canary=Amount(1), canary_only=True, max_unavailable=Amount(3))
        assert running(azure) == {OLD, NEW, BAD}
        back = roll(azure, BACK, rollback_to=old if named else None, max_unavailable=Amount(3))
        assert (back.result.outcome, running(azure)) == (Outcome.ROLLED_BACK, {OLD})
        assert any(all(name in text for name in (OLD, NEW, BAD)) for text in back.told)


def test_a_rollout_over_a_halted_canary_that_fails_too_goes_back_to_the_release_before_both() -> None:
    with session(Scenario(instances=4)) as azure:
        over_a_halted_canary(azure)
        worse = azure.image("nginx-failing-image")
        result = roll(azure, Order(worse), canary=Amount(1), max_unavailable=Amount(3)).result
        assert (result.outcome, running(azure)) == (Outcome.ROLLED_BACK, {OLD})


def test_a_run_that_was_killed_has_a_record_that_the_next_one_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(Scenario(instances=3)) as azure:
        roll(azure, Order(azure.new))
        write = azure.sets.begin_update_instances

        def killed(*args: Any) -> Any:
            write(*args)
            raise Killed

        monkeypatch.setattr(azure.sets, "begin_update_instances", killed)
        with pytest.raises(Killed):
            roll(azure, BACK)
        monkeypatch.setattr(azure.sets, "begin_update_instances", write)
        assert log(azure)[0] == (BEGUN, OLD, NEW)
        azure.sets.claims(WEB).remove([claim.run for claim in azure.sets.claims(WEB).read()[1]])
        back = roll(azure, BACK)
        assert f"the rollback from {NEW} to {OLD} is unfinished" in back.told[0]
        assert (back.result.outcome, running(azure)) == (Outcome.ROLLED_BACK, {OLD})
        assert log(azure)[0] == ("rolled back", OLD, NEW)


def test_a_model_that_somebody_changed_since_is_not_judged_by_the_log() -> None:
    with session(Scenario(instances=2)) as azure:
        roll(azure, Order(azure.new))
        azure.sets.poll(azure.sets.begin_set_image(azure.sets.get(WEB), azure.image("nginx-failing-image")))
        back = roll(azure, BACK)
        assert (back.result.outcome, running(azure)) == (Outcome.ROLLED_BACK, {NEW})


def record(run: str) -> Record:
    return Record(run, 0.0, "rolled out", "a:b:c:1", "a:b:c:0", "ada" * 20, f"https://ci/{run * 20}/")


def test_the_tags_hold_ten_records_of_a_set_and_those_of_another_set_stay() -> None:
    with session(Scenario(instances=1)) as azure:
        store, other = azure.sets.log(WEB), azure.sets.log(ScaleSetName(WEB.resource_group, f"{WEB.name}.0"))
        other.write(record("other"))
        assert [store.write(record(str(number))) for number in range(KEPT + 2)] == [0] * (KEPT + 2)
        assert [one.run for one in store.read()] == [str(number) for number in reversed(range(2, KEPT + 2))]
        assert all(one.at > 0 for one in store.read())
        assert [one.run for one in other.read()] == ["other"]


def _fill(azure: Session, count: int) -> None:
    tags = {f"of-somebody-{number}": "x" for number in range(count)}
    azure.sets.log(WEB)._change("Merge", tags)


def test_without_free_tags_nothing_is_recorded_and_that_is_said() -> None:
    with session(Scenario(instances=2)) as azure:
        _fill(azure, MOST_GROUP_TAGS - RESERVED_TAGS)
        run = roll(azure, Order(azure.new))
        assert run.result.outcome is Outcome.ROLLED_OUT
        assert ["have room for 0 of the last 1 records" in text for text in run.told].count(True) == 1
        assert azure.sets.log(WEB).read() == ()
        assert len(azure.sets.log(WEB)._all_tags()[1]) <= MOST_GROUP_TAGS


def test_a_log_that_has_tags_keeps_them_and_drops_its_oldest_records() -> None:
    with session(Scenario(instances=1)) as azure:
        store = azure.sets.log(WEB)
        store.write(record("first"))
        _fill(azure, MOST_GROUP_TAGS - RESERVED_TAGS)
        lost = [store.write(replace(record(f"{number}"), by=sha256(b"%d" % number).hexdigest())) for number in range(9)]
        assert lost[-1] > 0
        assert store.read()[0].run == "8"


def test_tags_that_cannot_be_written_stop_no_rollout() -> None:
    with session(Scenario(instances=2)) as azure:
        log = azure.sets.log(WEB)
        azure.emulator.inject("error PATCH */tags/default status=403 count=always")
        context = RunContext(log=log, by="ada")
        told: list[str] = []
        waiter = replace(azure.waiter(), on_event=lambda event: told.append(str(event)))
        result = run_rollout(azure.sets, WEB, Order(azure.new), RolloutSpec(), context, waiter)
        assert result.outcome is Outcome.ROLLED_OUT
        assert any("the release before could not be recorded" in text for text in told)
        with pytest.raises(AzureError):
            log.write(record("1"))


def test_images_and_their_text_are_the_same_release() -> None:
    with session(Scenario(instances=1)) as azure:
        image = azure.sets.get(WEB).image
        assert image is not None
        assert image.same_as(ImageReference.read(str(image)))
