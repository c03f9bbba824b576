"""Which instances are chosen: the amounts' worked examples, the canary's spread, and who is left alone."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.instances import Health, Instance, InstanceIds, ScaleSet
from vmss_jenkins.rollout.plan.selection import (
    Amount,
    Include,
    Scope,
    Target,
    choose_canary,
    missing,
    natural,
    select,
    spread,
)

SET = ScaleSet(WEB, NEW)
RELEASE = Target(NEW)


def old(instance_id: str, zone: str | None = None, fault_domain: int | None = None, **changes: object) -> Instance:
    plain = Instance(instance_id, zone=zone, fault_domain=fault_domain, image=OLD, latest_model_applied=False)
    return replace(plain, **{"power": "running", **changes})  # type: ignore[arg-type]


def new(instance_id: str, zone: str | None = None, fault_domain: int | None = None) -> Instance:
    return old(instance_id, zone, fault_domain, image=NEW, latest_model_applied=True)


NAMED, ANOTHER = Target(NEW, named=True), Target(NEW, by_image=True, named=True)
UNKNOWN = Instance("0")
OUTDATED, LATEST = replace(UNKNOWN, latest_model_applied=False), replace(UNKNOWN, latest_model_applied=True)


@pytest.mark.parametrize(
    ("target", "instance", "has_it"),
    [
        (RELEASE, new("0"), True),
        (RELEASE, replace(new("0"), latest_model_applied=False), False),
        (NAMED, replace(new("0"), latest_model_applied=False), True),
        (NAMED, old("0"), False),
        (NAMED, old("0", latest_model_applied=True), True),
        (NAMED, OUTDATED, False),
        (NAMED, UNKNOWN, None),
        (ANOTHER, old("0", latest_model_applied=True), False),
        (ANOTHER, replace(new("0"), latest_model_applied=False), True),
        (ANOTHER, LATEST, True),
        (ANOTHER, OUTDATED, False),
        (ANOTHER, UNKNOWN, None),
        (replace(ANOTHER, image=None), LATEST, None),
        (replace(ANOTHER, image=OLD), LATEST, False),
        (replace(ANOTHER, image=OLD), OUTDATED, None),
    ],
)
def test_an_instance_has_a_release_by_its_image_or_by_its_flag(
    target: Target, instance: Instance, has_it: bool | None
) -> None:
    """The model has NEW. The flag of an instance whose image is not known tells only whether that is the model's."""
    assert target.is_on(instance, SET) is has_it


def ids(instances: tuple[Instance, ...]) -> list[str]:
    return [instance.id for instance in instances]


@pytest.mark.parametrize(
    ("given_", "total", "up", "down"),
    [
        ("10%", 0, 0, 0),
        ("10%", 1, 1, 1),
        ("20%", 2, 1, 1),
        ("20%", 9, 2, 1),
        ("10%", 10, 1, 1),
        ("10%", 11, 2, 1),
        ("20%", 11, 3, 2),
        ("33%", 3, 1, 1),
        ("34%", 3, 2, 1),
        ("100%", 7, 7, 7),
        ("1", 0, 0, 0),
        ("1", 5, 1, 1),
        ("5", 3, 3, 3),
        (" 2 ", 3, 2, 2),
    ],
)
def test_amounts_round_as_documented(given_: str, total: int, up: int, down: int) -> None:
    amount = Amount.parse(given_)
    assert (amount.rounded_up(total), amount.rounded_down(total)) == (up, down)


@pytest.mark.parametrize("given_", ["", "0", "0%", "101%", "-1", "1.5", "ten", "10 percent", "%", "٣", "1\u2003%"])
def test_an_amount_that_is_none_is_refused_naming_it(given_: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Amount.parse(given_)
    reason = f"found {given_!r}; wanted a count such as 1, or a percentage from 1% to 100%"
    assert (refused.value.source, refused.value.reasons) == ("amount", (reason,))


@pytest.mark.parametrize(
    ("value", "is_percent", "shown"), [(0, False, "0"), (0, True, "0%"), (101, True, "101%"), (-1, False, "-1")]
)
def test_an_amount_is_1_or_more_and_at_most_all(value: int, is_percent: bool, shown: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Amount(value, is_percent)
    reason = f"found {shown!r}; wanted a count such as 1, or a percentage from 1% to 100%"
    assert (refused.value.source, refused.value.reasons) == ("amount", (reason,))
    assert (Amount(1).value, Amount(100, is_percent=True).value, Amount(101).value) == (1, 100, 101)


@pytest.mark.parametrize("value", [[], {}, object, ["0", 1], 7, None])
def test_a_scope_is_a_text_or_texts(value: object) -> None:
    with pytest.raises(ConfigError) as refused:
        Scope.read(value)
    assert refused.value.source == "scope"
    assert refused.value.reasons == (f"found {value!r}; wanted instance ids such as '0,1', or '*' for all",)


def test_a_scope_is_read_in_each_form() -> None:
    both = Scope(InstanceIds(("0", "10")))
    assert Scope.read("0,10") == Scope.read(["0", "10"]) == Scope.read(both) == both
    assert Scope.read("*") == Scope()


def test_an_amount_reads_as_it_was_given() -> None:
    assert [str(Amount.parse(text)) for text in ("3", "10%")] == ["3", "10%"]


amounts = st.one_of(
    st.integers(1, 2000).map(Amount), st.integers(1, 100).map(lambda percent: Amount(percent, is_percent=True))
)


@given(amounts, st.integers(0, 2000))
def test_an_amount_is_0_only_of_nothing_and_never_more_than_there_are(amount: Amount, total: int) -> None:
    for share in (amount.rounded_up(total), amount.rounded_down(total)):
        assert (share == 0) == (total == 0)
        assert share <= total


@given(st.integers(1, 100), st.integers(1, 2000))
def test_a_percentage_rounds_by_less_than_one_instance(percent: int, total: int) -> None:
    amount = Amount(percent, is_percent=True)
    assert 0 <= amount.rounded_up(total) - total * percent / 100 < 1
    assert amount.rounded_down(total) == 1 or 0 <= total * percent / 100 - amount.rounded_down(total) < 1


def test_a_canary_is_spread_over_zones_then_over_fault_domains() -> None:
    instances = [old(str(n), zone=str(n // 4), fault_domain=n // 2 % 2) for n in range(12)]
    assert ids(spread(instances)) == ["0", "4", "8", "2", "6", "10", "1", "5", "9", "3", "7", "11"]


def test_instances_that_were_taken_before_move_their_zone_to_the_back() -> None:
    beside = [new("7", "1"), new("8", "1"), new("9", "2")]
    assert ids(spread([old("1", "1"), old("2", "2"), old("3", "3"), old("4", "3")], beside)) == ["3", "2", "4", "1"]


@pytest.mark.parametrize(
    ("instances", "beside", "order"),
    [
        ([old("1", "1"), old("2")], [], "2 1"),  # no zone counts as a zone of its own, the first
        ([old("1"), old("2", "1")], [new("7")], "2 1"),
        ([old("1", None, 0), old("2")], [], "2 1"),  # and so does no fault domain
        ([old("1", "1", 0), old("2", "1", 1)], [new("7", "1", 0)], "2 1"),
        (
            [*(old(str(n), "1", 0) for n in (1, 2)), *(old(str(n), "1", 1) for n in (3, 4, 5))],
            [new("8", "1", 0), new("9", "1", 0)],
            "3 4 1 5 2",
        ),
    ],
)
def test_those_that_stand_beside_others_come_later(
    instances: list[Instance], beside: list[Instance], order: str
) -> None:
    assert " ".join(ids(spread(instances, beside))) == order


def test_the_instances_to_update_are_spread_beside_those_that_have_the_release() -> None:
    assert ids(select(Scope(), RELEASE, SET, [old("1", "1"), old("2", "2"), new("3", "1")]).pending) == ["2", "1"]


def test_an_instance_that_was_down_counts_for_the_canary_only_if_no_healthy_one_is_left() -> None:
    there = [new("0"), new("1"), old("2"), *(old(key, health=Health.UNHEALTHY) for key in ("3", "4"))]
    selection = select(Scope(), RELEASE, SET, there)
    assert ids(choose_canary(Amount(4), selection, apart={"0"})) == ["2", "3"]
    assert ids(choose_canary(Amount(4), selection)) == ["2", "3"]
    assert ids(choose_canary(Amount(3), selection, apart={"0"})) == ["2"]


def test_ids_are_ordered_as_people_count() -> None:
    assert sorted(["web_10", "web_9", "2", "10", "1"], key=natural) == ["1", "2", "10", "web_9", "web_10"]


instances_of_a_set = st.lists(
    st.builds(
        lambda number, zone, domain, is_new: (new if is_new else old)(str(number), zone, domain),
        st.integers(0, 999),
        st.sampled_from([None, "1", "2", "3"]),
        st.sampled_from([None, 0, 1, 2]),
        st.booleans(),
    ),
    unique_by=lambda instance: instance.id,
    max_size=40,
)


@given(amounts, instances_of_a_set, st.randoms(use_true_random=False))
def test_the_canary_is_the_same_in_whatever_order_azure_lists(
    amount: Amount, instances: list[Instance], chance: random.Random
) -> None:
    first = choose_canary(amount, select(Scope(), RELEASE, SET, instances))
    chance.shuffle(instances)
    assert choose_canary(amount, select(Scope(), RELEASE, SET, instances)) == first


@given(amounts, instances_of_a_set)
def test_a_second_run_never_widens_the_canary(amount: Amount, instances: list[Instance]) -> None:
    selection = select(Scope(), RELEASE, SET, instances)
    chosen = choose_canary(amount, selection)
    assert len(chosen) + len(selection.have_it) >= amount.rounded_up(len(instances))
    updated = [new(i.id, i.zone, i.fault_domain) if i in chosen else i for i in instances]
    assert choose_canary(amount, select(Scope(), RELEASE, SET, updated)) == ()


@given(amounts, instances_of_a_set)
def test_a_canary_is_as_even_over_zones_as_the_instances_allow(amount: Amount, instances: list[Instance]) -> None:
    outdated = [instance for instance in instances if not instance.latest_model_applied]
    chosen = choose_canary(amount, select(Scope(), RELEASE, SET, outdated))
    took = Counter(instance.zone for instance in chosen)
    left = Counter(instance.zone for instance in outdated if instance not in chosen)
    assert all(took[rich] - took[poor] <= 1 for rich in took for poor in left)


@pytest.mark.parametrize(
    ("changes", "include", "reason"),
    [
        ({"protected_from_scale_set_actions": True}, set(Include), "protected from scale set actions"),
        ({"protected_from_scale_in": True}, set(), None),
        ({"power": "deallocated"}, set(), "is deallocated"),
        ({"power": "deallocated"}, {Include.DEALLOCATED}, None),
        ({"power": "stopped"}, {Include.FAILED}, "is stopped"),
        ({"power": None}, set(), None),
        ({"power": "starting"}, set(), None),
        ({"provisioning_state": "Failed", "error": "no quota"}, set(), "its last operation failed .*: no quota"),
        ({"provisioning_state": "Failed"}, set(), r"its last operation failed \(--include failed updates it anyway\)$"),
        ({"provisioning_state": "Failed"}, {Include.FAILED}, None),
        ({"provisioning_state": "Creating"}, set(Include), "is being created"),
        ({"provisioning_state": "Deleting"}, set(Include), "is being deleted"),
        (
            {"image": None, "latest_model_applied": None},
            set(Include),
            "^neither its image nor its latest-model flag is known$",
        ),
        ({"provisioning_state": "Updating"}, set(), None),
    ],
)
def test_who_is_left_alone_and_why(changes: dict[str, object], include: set[Include], reason: str | None) -> None:
    selection = select(Scope(include=frozenset(include)), RELEASE, SET, [old("0", **changes)])  # type: ignore[arg-type]
    if reason is None:
        assert (ids(selection.pending), selection.skipped) == (["0"], {})
    else:
        assert selection.pending == ()
        assert re.search(reason, selection.skipped["0"])


def test_given_ids_limit_the_scope_and_those_that_went_are_dropped() -> None:
    scope = Scope(InstanceIds(("2", "9", "WEB_a")))
    there = [old("1"), old("2"), old("web_A")]
    assert ids(select(scope, RELEASE, SET, there).pending) == ["2", "web_A"]
    assert missing(scope, there) == ("9",)


def test_the_way_forward_is_judged_by_the_flag_and_the_way_back_by_the_image() -> None:
    touched = old("0", image=NEW)
    assert ids(select(Scope(), Target(NEW), SET, [touched]).pending) == ["0"]
    assert ids(select(Scope(), Target(NEW, by_image=True), SET, [touched]).have_it) == ["0"]
    assert ids(select(Scope(), Target(OLD, by_image=True), SET, [touched]).pending) == ["0"]
    assert Target(None, by_image=True).is_on(touched, SET) is None
