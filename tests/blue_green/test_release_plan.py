"""The plan of a release to a pair: a function of the active set, the running images and the order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.blue_green.test_switch_plan import BLUE, BLUE_POOL, GREEN, GREEN_POOL, LB, LIVE, ORDER, balancer, pool, rule
from tests.support.fakes import NEW, OLD, three_old_instances
from vmss_jenkins.blue_green.plan.release import Autoscale, Member, PairState, ReleaseOrder, ReleasePlan, plan_release
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, ScaleSet, ScaleSetName, UpgradeMode


def member(name: ScaleSetName, pool: str, image: ImageReference, count: int = 3) -> Member:
    instances = tuple(replace(one, image=image) for one in three_old_instances()[:count])
    return Member(ScaleSet(name, image, capacity=count), instances, (pool,) if count else ())


BLUE_OLD, GREEN_OLD = member(BLUE, BLUE_POOL, OLD), member(GREEN, GREEN_POOL, OLD)
GREEN_NEW = member(GREEN, GREEN_POOL, NEW)


def planned(
    blue: Member = BLUE_OLD,
    green: Member = GREEN_OLD,
    *,
    serves: str = BLUE_POOL,
    image: ImageReference = NEW,
    idle: int | None = None,
    autoscale: Autoscale | None = None,
) -> ReleasePlan:
    state = PairState(green, blue, balancer(rule("live", serves)), {})
    return plan_release(ReleaseOrder(ORDER, image, idle), state, autoscale or {})


def told(plan: ReleasePlan) -> str:
    return "\n".join(plan.lines())


def test_a_release_goes_to_all_instances_of_the_idle_set() -> None:
    plan = planned()
    assert (plan.target.name, plan.serves, plan.outdated, plan.scale_out) == ("green", False, ("0", "1", "2"), None)
    assert not plan.deployed
    assert told(plan).splitlines() == [
        "blue serves: nginx-base-image, 3 of 3 healthy",
        "green is idle: nginx-base-image, 3 of 3 healthy",
        "would bring nginx-updated-image to green: 0, 1, 2 at once, since it gets no traffic",
        "would check it, and point rule live from bluePool to greenPool",
    ]
    assert planned(serves=GREEN_POOL).target.name == "blue"


def test_after_a_kill_before_the_switch_the_plan_continues() -> None:
    some = replace(
        GREEN_NEW, instances=(replace(GREEN_NEW.instances[0], latest_model_applied=False), *GREEN_NEW.instances[1:])
    )
    assert (planned(green=some).target.name, planned(green=some).outdated) == ("green", ("0",))
    plan = planned(green=GREEN_NEW)
    assert (plan.target.name, plan.deployed, plan.outdated) == ("green", True, ())
    assert "green has nginx-updated-image on all its instances" in told(plan)


def test_a_set_with_the_release_is_ready_only_when_it_is_healthy() -> None:
    first, *others = GREEN_NEW.instances
    for coming, ready in ((replace(first, provisioning_state="Updating"), False), (first, True)):
        plan = planned(green=replace(GREEN_NEW, instances=(coming, *others)))
        assert (plan.deployed, plan.ready) == (True, ready)


def test_after_the_switch_nothing_is_left_to_do_and_the_other_set_stays_as_it_is() -> None:
    plan = planned(green=GREEN_NEW, serves=GREEN_POOL)
    assert (plan.target.name, plan.serves, plan.outdated, plan.scale_out, plan.scale_in) == (
        "green",
        True,
        (),
        None,
        None,
    )
    assert told(plan) == "green serves nginx-updated-image already: nothing to deploy or switch"
    assert planned(green=GREEN_NEW, serves=GREEN_POOL, image=OLD).target.name == "blue"


def test_a_canary_on_the_active_set_is_not_a_release() -> None:
    first = replace(BLUE_OLD.instances[0], image=NEW)
    canary = replace(
        BLUE_OLD, scale_set=replace(BLUE_OLD.scale_set, image=NEW), instances=(first, *BLUE_OLD.instances[1:])
    )
    assert planned(blue=canary).target.name == "green"


def test_a_stopped_instance_does_not_hold_back_a_release() -> None:
    parked = replace(GREEN_OLD.instances[0], power="deallocated")
    green = replace(GREEN_NEW, instances=(parked, *GREEN_NEW.instances[1:]))
    assert planned(green=green).deployed
    assert planned(green=green).ready
    assert not planned(green=replace(green, instances=(parked, *GREEN_OLD.instances[1:]))).ready


def test_a_set_whose_image_is_unknown_is_told_so() -> None:
    unknown = replace(BLUE_OLD, scale_set=replace(BLUE_OLD.scale_set, image=None))
    assert told(planned(blue=unknown)).startswith("blue serves: an unknown image, 3 of 3 healthy")


@pytest.mark.parametrize("severity", Severity)
def test_what_is_impossible_or_unsafe_refuses_a_release(severity: Severity) -> None:
    plan = replace(planned(), findings=(Finding(severity, "x"), Finding(Severity.NOTE, "y")))
    assert plan.refused is (severity in {Severity.IMPOSSIBLE, Severity.UNSAFE})


def test_a_smaller_idle_set_is_scaled_out_to_the_size_of_the_active_one_even_from_zero() -> None:
    one = member(GREEN, GREEN_POOL, NEW, 1)
    assert (planned(green=one).scale_out, planned(green=one).deployed) == (3, False)
    assert "would scale green out from 1 to 3 instances" in told(planned(green=one))
    none = planned(green=member(GREEN, GREEN_POOL, NEW, 0), autoscale={"green": ()})
    assert (none.target.name, none.scale_out, none.findings) == ("green", 3, ())
    assert planned(green=member(GREEN, GREEN_POOL, NEW, 0), serves=BLUE_POOL, image=OLD).serves


def test_the_other_set_is_scaled_in_to_the_wanted_size_and_never_out() -> None:
    assert [planned(idle=idle).scale_in for idle in (None, 0, 1, 3, 5)] == [None, 0, 1, None, None]
    left = member(BLUE, BLUE_POOL, OLD, 1)
    assert planned(blue=left, green=GREEN_NEW, serves=GREEN_POOL, idle=1).scale_in is None
    assert "would scale blue in from 3 to 1 instances at the end" in told(planned(idle=1))


@pytest.mark.parametrize(
    ("plan", "severity", "text"),
    [
        (
            lambda: planned(idle=1, autoscale={"blue": ("cpu",)}),
            Severity.IMPOSSIBLE,
            "would undo the scaling of blue to 1",
        ),
        (lambda: planned(idle=1, autoscale={"blue": None}), Severity.WARNING, "could not be read"),
        (
            lambda: planned(green=member(GREEN, GREEN_POOL, NEW, 1), autoscale={"green": ("cpu",)}),
            Severity.IMPOSSIBLE,
            "would undo the scaling of green to 3 instances: raise its minimum to 3",
        ),
        (
            lambda: planned(image=ImageReference.parse_urn("a:b:c:latest")),
            Severity.IMPOSSIBLE,
            "between marketplace and custom",
        ),
        (
            lambda: planned(
                green=replace(GREEN_OLD, instances=(Instance("7", protected_from_scale_set_actions=True),))
            ),
            Severity.IMPOSSIBLE,
            "7 of green are protected from scale set actions and do not have the release",
        ),
        (lambda: planned(green=replace(GREEN_OLD, pools=(BLUE_POOL,))), Severity.IMPOSSIBLE, "in one backend pool"),
    ],
)
def test_the_plan_finds_what_prevents_a_release(plan: Callable[[], ReleasePlan], severity: Severity, text: str) -> None:
    made = plan()
    assert [one.severity for one in made.findings if text in one.text] == [severity]
    assert made.refused is (severity is Severity.IMPOSSIBLE)
    assert f"{severity.value}: " in told(made)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (
            lambda: planned(idle=1, autoscale={"blue": ("cpu", "time")}),
            "autoscale (cpu, time) would undo the scaling of blue to 1 instances: omit --idle, or turn autoscale off",
        ),
        (
            lambda: planned(idle=1, autoscale={"blue": None}),
            "the autoscale settings of blue could not be read (it needs Microsoft.Insights/autoscaleSettings/read)",
        ),
        (
            lambda: planned(
                green=replace(
                    GREEN_OLD,
                    instances=tuple(Instance(key, protected_from_scale_set_actions=True) for key in ("7", "8")),
                )
            ),
            (
                "7, 8 of green are protected from scale set actions and do not have the release: the set would serve "
                "two releases; remove the protection"
            ),
        ),
    ],
)
def test_a_finding_says_what_is_in_the_way_and_what_to_do(plan: Callable[[], ReleasePlan], text: str) -> None:
    assert text in [one.text for one in plan().findings]


def test_autoscale_of_the_other_set_is_found_even_if_the_target_has_none() -> None:
    small = member(GREEN, GREEN_POOL, NEW, 1)
    plan = planned(green=small, idle=1, autoscale={"green": (), "blue": ("cpu",)})
    assert [one.text.partition(" would")[0] for one in plan.findings] == ["autoscale (cpu)"]


def test_what_prevents_an_update_of_the_serving_set_does_not_matter_after_the_switch() -> None:
    kept = replace(
        GREEN_NEW, instances=tuple(replace(one, power="deallocated", image=OLD) for one in GREEN_NEW.instances)
    )
    done = planned(green=kept, serves=GREEN_POOL)
    assert (done.serves, done.outdated, done.findings) == (True, (), ())
    deleted = replace(GREEN_NEW, scale_set=replace(GREEN_NEW.scale_set, provisioning_state="Deleting"))
    assert planned(green=deleted, serves=GREEN_POOL).findings == ()


def test_too_many_images_on_the_idle_set_prevent_a_release() -> None:
    many = tuple(Instance(str(n), image=ImageReference(id=f"{OLD.id}-{n}")) for n in range(10))
    texts = [one.text for one in planned(green=replace(GREEN_OLD, instances=many)).findings]
    assert any(text.startswith("the instances would run 11 different images") for text in texts)


def test_the_other_load_balancers_of_a_set_are_named_with_their_sku() -> None:
    far = replace(GREEN_OLD, pools=(f"{LB}/old/backendAddressPools/p",))
    plan = plan_release(ReleaseOrder(ORDER, NEW), PairState(far, BLUE_OLD, balancer(LIVE), {"old": "Basic"}), {})
    assert any("green is behind old (sku Basic), not behind lb (sku Standard)" in one.text for one in plan.findings)


def test_a_stopped_instance_without_the_release_is_told_as_left_out() -> None:
    name = ScaleSetName("g", "green")
    instances = (
        Instance("0", image=NEW, latest_model_applied=True, power="running"),
        Instance("1", image=OLD, latest_model_applied=False, power="deallocated"),
        Instance("2", image=NEW, latest_model_applied=True, power="stopped"),
    )
    member = Member(ScaleSet(name, NEW, capacity=3), instances, ())
    assert member.has(NEW)
    final = member.final(NEW)
    assert str(final) == "2 of 3 instances have it; left out: 1 (is deallocated)"
    assert final.complete
    behind = replace(member, instances=(replace(instances[1], power="running"), instances[0]))
    assert str(behind.final(NEW)) == f"1 of 2 instances has it; 1 runs {OLD.short_name}"
    assert not behind.final(NEW).complete


def test_a_set_without_instances_has_no_pool_yet() -> None:
    assert told(planned(green=member(GREEN, GREEN_POOL, NEW, 0), autoscale={"green": ()})).endswith(
        "would check it, and point rule live from bluePool to its pool"
    )


def test_a_load_balancer_with_more_than_two_sets_needs_a_named_rule() -> None:
    body = balancer(LIVE, pools=(pool(f"{LB}/lb/backendAddressPools/x", "third"),))
    plan = plan_release(ReleaseOrder(ORDER, NEW), PairState(GREEN_OLD, BLUE_OLD, body, {}), {})
    assert plan.refused
    assert "shared with scale set third" in told(plan)
    named = ReleaseOrder(replace(ORDER, rule="live"), NEW)
    assert not plan_release(named, PairState(GREEN_OLD, BLUE_OLD, body, {}), {}).refused


def test_an_unhealthy_idle_set_and_its_upgrade_mode_do_not_prevent_a_release() -> None:
    sick = replace(GREEN_OLD, instances=tuple(replace(one, health=Health.UNHEALTHY) for one in GREEN_OLD.instances))
    automatic = replace(sick, scale_set=replace(sick.scale_set, upgrade_mode=UpgradeMode.AUTOMATIC))
    assert planned(green=automatic).findings == ()


def test_a_release_says_what_it_will_do_and_a_plan_what_it_would_do() -> None:
    would, will = (list(planned(idle=1).lines(dry_run=dry)) for dry in (True, False))
    assert [line.replace("would ", "will ", 1) for line in would] == will
    assert not any("would " in line for line in will)
