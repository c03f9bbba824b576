"""How each instance stands in a rollout, as its events tell it."""

from collections.abc import Callable

from tests.support.cloud import Cloud, by_ids
from tests.support.fakes import NEW, WEB
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.rollout import InstanceChanged, InstanceState, RolloutPlanned
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec
from vmss_jenkins.rollout.plan.selection import Amount
from vmss_jenkins.runtime.waiting import Waiter

OLD, UPDATING, FRESH = InstanceState.OLD, InstanceState.UPDATING, InstanceState.NEW


def stands(cloud: Cloud, prepare: Callable[[Cloud], None] = lambda _: None, **spec: object) -> dict[str, list[str]]:
    """The states of each instance, in their order."""
    told: list[Event] = []
    prepare(cloud)
    wanted = RolloutSpec(**{"canary": None, "max_unavailable": Amount(2), **spec})  # type: ignore[arg-type]
    run_rollout(cloud, WEB, Order(NEW), wanted, RunContext(), Waiter.starting(cloud.clock, 1e6, told.append))
    found: dict[str, list[str]] = {}
    for event in told:
        seen = event.instances if isinstance(event, RolloutPlanned) else [event]
        for one in seen:
            if not isinstance(event, RolloutPlanned | InstanceChanged):
                continue
            found.setdefault(one.instance_id, []).append(one.state.value)  # type: ignore[union-attr]
    return found


def test_an_update_is_old_then_updating_then_new() -> None:
    assert stands(Cloud.of(4)) == {str(number): ["old", "updating", "new"] for number in range(4)}


def test_one_that_comes_up_unhealthy_is_so_and_goes_back() -> None:
    cloud = Cloud.of(3)
    cloud.behaviour.healthy_after = lambda key, image: None if key == "1" and image is NEW else 5.0
    found = stands(cloud, instance_timeout=60.0)
    assert found["1"][:2] == ["old", "updating"]
    assert "unhealthy" in found["1"]
    assert found["1"][-2:] == ["updating", "old"]


def test_where_it_stops_a_failed_one_stays_unhealthy() -> None:
    cloud = Cloud.of(3)
    cloud.behaviour.fails = by_ids(["1"])
    assert stands(cloud, on_failure=OnFailure.STOP)["1"][-1] == "unhealthy"


def test_one_that_is_left_alone_is_skipped() -> None:
    found = stands(Cloud.of(3), lambda cloud: cloud.change("2", protected_from_scale_set_actions=True))
    assert found["2"][-1] == "skipped"
    assert "updating" not in found["2"]


def test_one_that_is_deleted_is_gone_and_one_that_joins_appears() -> None:
    def later(cloud: Cloud) -> None:
        cloud.clock.after(15, lambda: cloud.delete("3"))
        cloud.clock.after(15, lambda: cloud.join("9"))

    found = stands(Cloud.of(4), later)
    assert found["3"][-1] == "deleted"
    assert found["9"][-1] == "new"


def test_a_second_run_finds_them_new() -> None:
    cloud = Cloud.of(3)
    stands(cloud)
    assert stands(cloud) == {str(number): ["new"] for number in range(3)}
