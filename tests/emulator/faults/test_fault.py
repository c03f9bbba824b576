"""Faults as text and as values, and the occasions on which they strike."""

import pytest

from vmss_jenkins.emulator.faults.armed_fault import ArmedFault, strike
from vmss_jenkins.emulator.faults.fault import KINDS, Fault, Moment

REQUEST: tuple[Moment, str, str] = ("request", "GET", "/subscriptions/s/resourceGroups/g/virtualMachines")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("429", Fault("error", status=429)),
        ("503 GET", Fault("error", method="GET", status=503)),
        ("reset */manualupgrade", Fault("reset", path="*/manualupgrade")),
        ("cut GET /a/b count=always", Fault("cut", "GET", "/a/b", count=None)),
        (
            "429 POST */manualupgrade skip=1 count=2 retry-after=2.5",
            Fault("error", "POST", "*/manualupgrade", skip=1, count=2, status=429, retry_after=2.5),
        ),
        ("lost-answer POST status=504", Fault("lost-answer", "POST", status=504)),
        ("fail instance=3", Fault("fail", instance="3")),
        ("refuse seconds=1.5", Fault("refuse", seconds=1.5)),
        ("scale by=-1", Fault("scale", by=-1)),
        ("set-image 'image=an image'", Fault("set-image", image="an image")),
        ("set-image image=a:b:c:d", Fault("set-image", image="a:b:c:d")),
    ],
)
def test_a_fault_is_read_from_text_and_written_as_the_same(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault
    assert Fault.parse(str(fault)) == fault


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "there is no kind of fault ''"),
        ("explode", "there is no kind of fault 'explode'; the kinds are: error, expired-token, reset, lost-answer"),
        ("error GET", "the fault error needs status="),
        ("200", "a fault's status is 200; it must be from 400 to 599"),
        ("600", "it must be from 400 to 599"),
        ("delete", "the fault delete needs instance="),
        ("scale by=0", "the fault scale needs by="),
        ("set-image", "the fault set-image needs image="),
        ("reset get", "'get' in the fault 'reset get' is not a METHOD"),
        ("reset color=red", "a fault has no field 'color'; its fields are: kind, method"),
        ("reset count=often", "'often' is not a value for a fault's count"),
        ("reset count=0", "strikes on 1 or more"),
        ("reset skip=-1", "skips 0 or more"),
        ("stuck seconds=-1", "must not be negative"),
        ("429 retry-after=-1", "must not be negative"),
        ("reset 'unclosed", "No closing quotation"),
    ],
)
def test_text_that_is_not_a_fault_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Fault.parse(text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_written_with_what_it_needs(kind: str) -> None:
    fault = Fault(kind, status=500, instance="1", by=1, image="x")
    assert Fault.parse(str(fault)) == fault


def results(fault: Fault, occasions: int) -> list[bool]:
    armed, found = [ArmedFault(1, fault)], []
    for _ in range(occasions):
        armed, struck = strike(armed, *REQUEST)
        found.append(bool(struck))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("reset", [True, False, False, False]),
        ("reset count=2", [True, True, False, False]),
        ("reset skip=1 count=2", [False, True, True, False]),
        ("reset skip=2 count=always", [False, False, True, True]),
    ],
)
def test_a_fault_strikes_count_times_after_the_skipped_occasions(text: str, expected: list[bool]) -> None:
    assert results(Fault.parse(text), 4) == expected


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("reset", True),
        ("reset GET", True),
        ("reset POST", False),
        ("reset */VIRTUALMACHINES", True),
        ("reset */manualupgrade", False),
        ("reset /subscriptions", False),
        ("reset GET /subscriptions/*", True),
    ],
)
def test_a_fault_matches_by_method_and_the_whole_path_in_any_case(text: str, matches: bool) -> None:
    assert Fault.parse(text).matches(*REQUEST) is matches


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("reset", "request"),
        ("stuck", "operation"),
        ("stuck instance=1", "work"),
        ("fail", "work"),
        ("never-healthy", "start"),
        ("delete instance=1", "request"),
    ],
)
def test_every_kind_has_its_moment(text: str, moment: Moment) -> None:
    fault = Fault.parse(text)
    assert fault.matches(moment, "GET", "/x", "1")
    assert sum(fault.matches(other, "GET", "/x", "1") for other in ("request", "operation", "work", "start")) == 1


def test_a_fault_of_one_instance_does_not_strike_the_others() -> None:
    assert not Fault("fail", instance="1").matches("work", "POST", "/x", "11")
    assert Fault("fail").matches("work", "POST", "/x", "11")


def test_faults_that_end_a_request_strike_one_after_another() -> None:
    armed = [ArmedFault(1, Fault.parse("429 count=2")), ArmedFault(2, Fault.parse("503 skip=1"))]
    kinds = []
    for _ in range(5):
        armed, struck = strike(armed, *REQUEST)
        kinds.append([fault.status for fault in struck])
    assert kinds == [[429], [429], [], [503], []]
    assert [(one.seen, one.struck) for one in armed] == [(5, 2), (3, 1)]


def test_a_fault_beside_a_request_lets_further_faults_strike_it() -> None:
    armed = [ArmedFault(1, Fault.parse("scale by=1")), ArmedFault(2, Fault.parse("reset"))]
    _, struck = strike(armed, *REQUEST)
    assert [fault.kind for fault in struck] == ["scale", "reset"]
