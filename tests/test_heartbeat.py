"""A wait that says nothing for a minute says that it goes on."""

from tests.fakes import FakeClock
from vmss_jenkins import events
from vmss_jenkins.heartbeat import Heartbeat


def test_a_long_wait_is_heard_once_a_minute() -> None:
    told: list[events.Event] = []
    clock = FakeClock()
    Heartbeat(clock, told.append).sleep(200)
    assert told == [events.StillWaiting(60), events.StillWaiting(120), events.StillWaiting(180)]
    assert clock.now() == 200


def test_many_short_waits_are_too_and_a_word_begins_the_minute_anew() -> None:
    told: list[events.Event] = []
    heart = Heartbeat(FakeClock(), told.append)
    for second in range(130):
        heart.sleep(1)
        if second == 49:
            heart.on_event(events.FolderCreated("a"))
    assert told == [events.FolderCreated("a"), events.StillWaiting(60)]
    assert heart.now() == 130


def test_who_waits_otherwise_can_ask_it_to_say_so() -> None:
    told: list[events.Event] = []
    clock = FakeClock()
    heart = Heartbeat(clock, told.append)
    clock.time = 61
    heart.sleep(0)
    assert (told, clock.slept) == ([events.StillWaiting(61)], [])
