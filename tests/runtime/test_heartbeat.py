"""A wait that says nothing for a minute says that it goes on."""

from tests.support.fakes import FakeClock
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.calls import StillWaiting
from vmss_jenkins.events.seeding import FolderCreated
from vmss_jenkins.runtime.heartbeat import Heartbeat


def test_a_long_wait_is_reported_once_a_minute() -> None:
    told: list[Event] = []
    clock = FakeClock()
    Heartbeat(clock, told.append).sleep(200)
    assert told == [StillWaiting(60), StillWaiting(120), StillWaiting(180)]
    assert clock.now() == 200


def test_many_short_waits_are_reported_too_and_an_event_restarts_the_minute() -> None:
    told: list[Event] = []
    heart = Heartbeat(FakeClock(), told.append)
    for second in range(130):
        heart.sleep(1)
        if second == 49:
            heart.on_event(FolderCreated("a"))
    assert told == [FolderCreated("a"), StillWaiting(60)]
    assert heart.now() == 130


def test_a_caller_that_waits_by_other_means_can_report_the_wait() -> None:
    told: list[Event] = []
    clock = FakeClock()
    heart = Heartbeat(clock, told.append)
    clock.time = 61
    heart.sleep(0)
    assert (told, clock.slept) == ([StillWaiting(61)], [])
