"""Which instances may be taken down together, by pictures of a set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rollout.plan.test_decision import instance
from vmss_jenkins.model.instances import Health, Instance
from vmss_jenkins.rollout.plan.capacity import Capacity, counts

SERVES, DOWN, TAKEN, EXCUSED, KEPT, STUCK = "+-*!#x"
"""Kinds of instances in a picture: it serves; it is down for another reason; this run took it; it was down before the
run; it serves and is not to be updated; it is down and not to be updated."""


def admitted(picture: str, limit: int = 9, *, zoned: bool = True, keeps_zones: bool = True) -> str:
    """The ids of the instances that may be taken. A word of the picture is a zone; ids count from 0."""
    every: list[tuple[Instance, str]] = []
    for zone, kinds in enumerate(picture.split(), start=1):
        for kind in kinds:
            health = Health.HEALTHY if kind in {SERVES, KEPT} else Health.UNHEALTHY
            made = instance(str(len(every)), health=health, zone=str(zone) if zoned else None)
            every.append((made, kind))
    ids = {kind: frozenset(one.id for one, its in every if its == kind) for kind in "+-*!#x"}
    capacity = Capacity(
        counted=tuple(one for one, kind in every if kind != EXCUSED),
        down=ids[DOWN] | ids[TAKEN] | ids[STUCK],
        ours=ids[TAKEN],
        limit=limit,
        excused=ids[EXCUSED],
        keeps_zones=keeps_zones,
    )
    candidates = [one for one, kind in every if kind in {SERVES, DOWN, EXCUSED}]
    return " ".join(one.id for one in capacity.admit(candidates))


@pytest.mark.parametrize(
    ("picture", "limit", "taken"),
    [
        ("++++", 1, "0"),
        ("++++", 3, "0 1 2"),
        ("*+++", 2, "1"),
        ("**++", 2, ""),
        ("++-+", 2, "2 0"),  # what is down goes first, and counts
        ("#-++", 1, "1"),
        ("--++", 1, "0"),  # even of those that are down no more than the limit
        ("--++", 2, "0 1"),
        ("*-++", 1, ""),
        ("++!+", 2, "2 0"),  # what was down before goes first
        ("++!+", 1, "2"),
        ("!!!+", 9, "0 1 2"),  # the last one that serves stays
        ("!+*+", 9, "0 1"),
        ("#+", 9, "1"),
        ("+", 9, "0"),
        ("", 9, ""),
    ],
)
def test_no_more_are_taken_than_may_be_down(picture: str, limit: int, taken: str) -> None:
    assert admitted(picture, limit) == taken
    assert admitted(picture, limit, zoned=False) == taken


@pytest.mark.parametrize(
    ("picture", "taken"),
    [
        ("++ ++", "0 2"),
        ("+++ ++", "0 1 3"),
        ("*+ ++", "2"),
        ("-+ ++", "0 2"),  # 1 alone serves its zone
        ("x+ ++", "2"),
        ("-- ++", "0 2"),  # all of a zone is never taken, even if it does not serve
        ("*- ++", "2"),
        ("--- #", "0 1"),
        ("+ + +", "0"),  # the only one of a zone goes while all other zones serve
        ("+ * +", ""),
        ("+ - +", "1"),
        ("* + ++", "2"),
        ("!+ ++", "0 2"),  # the health of 0 may be a false alarm
        ("!# ++", "0 2"),
        ("!! ++", "0 1 2"),
        ("!+ +", "0 2"),
    ],
)
def test_every_zone_goes_on_serving(picture: str, taken: str) -> None:
    assert admitted(picture) == taken


@pytest.mark.parametrize(("picture", "taken"), [("++ ++", "0 1 2 3"), ("!+ +", "0 1 2"), ("-- ++", "0 1 2 3")])
def test_a_set_without_traffic_may_be_down_whole(picture: str, taken: str) -> None:
    assert admitted(picture, keeps_zones=False) == taken


def test_instances_in_no_zone_are_not_held_by_those_in_zones() -> None:
    zoned = [instance("0", zone="1"), instance("1", zone="2")]
    free = [instance("2"), instance("3")]
    every = (*zoned, *free)
    assert [one.id for one in Capacity(every, frozenset(), frozenset(), 9).admit(free)] == ["2", "3"]


@pytest.mark.parametrize(
    ("changes", "ran", "is_capacity"),
    [
        ({}, False, True),
        ({"health": Health.UNHEALTHY}, False, True),
        ({"provisioning_state": "Failed"}, False, True),
        ({"power": None}, False, True),
        ({"power": "starting"}, False, True),
        ({"power": "stopped"}, False, False),
        ({"power": "stopped"}, True, True),  # this run stopped it for its update
        ({"power": "stopped", "provisioning_state": "Updating"}, False, True),
        ({"power": "deallocated"}, False, False),
        ({"power": "deallocated"}, True, False),  # no update heals it
        ({"power": "deallocated", "provisioning_state": "Updating"}, False, True),
        ({"provisioning_state": "Creating"}, True, False),
        ({"provisioning_state": "Deleting"}, True, False),
    ],
)
def test_what_is_capacity(changes: dict[str, object], ran: bool, is_capacity: bool) -> None:
    assert counts(replace(instance("0"), **changes), ran=ran) is is_capacity  # type: ignore[arg-type]


@pytest.mark.parametrize(("excused", "taken"), [("", "0123"), ("9", "012")])
def test_the_last_that_serves_is_kept_only_if_others_were_down_before(excused: str, taken: str) -> None:
    serving = tuple(instance(key) for key in "0123")
    found = Capacity(serving, frozenset(), frozenset(), 4, frozenset(excused)).admit(serving)
    assert "".join(one.id for one in found) == taken
