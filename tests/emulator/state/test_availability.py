"""The availability record: its changes and its summary."""

from typing import Any

import pytest

from tests.emulator.conftest import Azure, Emulate
from vmss_jenkins.emulator.state.availability import Change, Summary, summarise


def change(time: float, instance: str = "0", **fields: Any) -> Change:
    defaults: dict[str, Any] = {"zone": "1", "act": "update", "phase": "end", "up": True, "healthy_at": time}
    return Change(time=time, scale_set="web", instance=instance, **defaults | {"by": "client"} | fields)


def present(*instances: str, zone: str = "1") -> list[Change]:
    return [change(0, instance, act="present", by="azure", zone=zone) for instance in instances]


def down(time: float, instance: str = "0", **fields: Any) -> Change:
    return change(time, instance, phase="begin", up=False, healthy_at=None, **fields)


def test_an_empty_record_shows_nothing() -> None:
    assert summarise([], 100) == Summary()


def test_instances_that_are_down_at_the_same_time_are_counted_together() -> None:
    record = [*present("0", "1", "2"), down(10), down(11, "1"), change(20), down(20, "2"), change(30, "1")]
    assert summarise(record, 100).most_down == 2


def test_an_instance_is_unavailable_until_it_is_healthy() -> None:
    record = [*present("0", "1"), down(10), change(20, healthy_at=30), down(25, "1"), change(35, "1", healthy_at=40)]
    assert summarise(record, 100).most_down == 1
    assert summarise(record, 100).most_unavailable == 2


def test_an_outage_may_begin_at_the_time_another_ends() -> None:
    record = [*present("0", "1"), down(10), change(20, healthy_at=30), down(30, "1")]
    assert summarise(record, 100).most_unavailable == 1


def test_an_instance_that_never_gets_healthy_stays_unavailable() -> None:
    record = [*present("0", "1"), down(10), change(20, healthy_at=None), down(500, "1")]
    assert summarise(record, 1000).most_unavailable == 2


def test_a_deleted_instance_does_not_count_as_down() -> None:
    gone = change(20, act="delete", up=False, healthy_at=None)
    record = [*present("0", "1"), down(10, act="delete"), gone, down(30, "1")]
    assert summarise(record, 100).most_down == 1


@pytest.mark.parametrize("by", ["fault", "azure"])
def test_only_outages_that_clients_caused_are_counted(by: str) -> None:
    record = [*present("0", "1"), down(10, by=by), down(10, "1")]
    assert summarise(record, 100).most_down == 1
    assert summarise(record, 100).downtime == {"1": 180}


def test_an_instance_that_was_never_up_is_not_down() -> None:
    record = [*present("0"), down(10, "1", act="scale-out"), down(10)]
    assert summarise(record, 100).most_down == 1


def test_downtime_is_added_up_by_zone_until_now() -> None:
    record = [*present("0"), *present("1", zone="2"), down(10), change(25), down(90), down(95, "1", zone="2")]
    assert summarise(record, 100).downtime == {"1": 25, "2": 5}


def test_changes_after_the_given_time_are_left_out() -> None:
    assert summarise([*present("0"), down(10)], 9) == Summary(least_up={"1": 1})


def test_the_fewest_instances_up_are_counted_by_zone() -> None:
    record = [*present("0", "1"), *present("2", zone="2"), down(10), change(20), down(30, "2", zone="2")]
    assert summarise(record, 100).least_up == {"1": 1, "2": 0}


def test_updates_are_counted_by_instance_and_work_on_protected_ones_is_reported() -> None:
    record = [
        *present("0", "1", "2"),
        change(4, "2", act="protect", protected=True),
        change(5, "1", act="protect", protected=True),
        *(down(10), change(20), down(30), change(40)),
        down(50, "1", protected=True),
        change(60, "1", protected=True),
    ]
    assert summarise(record, 100).updates == {"web/0": 2, "web/1": 1}
    assert summarise(record, 100).protected_touched == ("web/1",)


def acts(azure: Azure, instance: str) -> list[tuple[float, str, str, bool]]:
    start = azure.emulator.availability.changes()[0].time
    found = (c for c in azure.emulator.availability.changes("WEB") if c.instance == instance)
    return [(round(c.time - start, 1), c.act, c.phase, c.up) for c in found]


def test_an_update_is_recorded_with_its_operation_and_request(azure: Azure) -> None:
    azure.set_image()
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ["1"]})
    azure.settle()
    assert acts(azure, "0") == [(0, "present", "end", True)]
    assert acts(azure, "1")[1:] == [(60, "update", "begin", False), (90, "update", "end", True)]
    begin, end = azure.emulator.availability.changes()[-2:]
    assert begin.operation in answer.headers["Azure-AsyncOperation"]
    assert begin.request == f"POST {azure.set}/manualupgrade"
    assert (begin.by, begin.image, end.image) == ("client", "nginx-base-image", "nginx-updated-image")
    assert (begin.healthy_at, end.healthy_at) == (None, end.time + 10)


def test_an_update_that_changes_no_image_takes_nothing_down(azure: Azure) -> None:
    azure.ask("PATCH", body={"sku": {"name": "Standard_B2s"}})
    azure.settle(60)
    azure.ask("POST", "manualupgrade", {"instanceIds": ["1"]})
    azure.settle()
    assert [up for *_, up in acts(azure, "1")] == [True, True, True]
    assert azure.emulator.availability.summary(azure.clock.now()).most_down == 0
    assert azure.emulator.availability.summary(azure.clock.now()).updates == {"web/1": 1}


def test_everything_that_happens_to_instances_is_recorded(azure: Azure) -> None:
    protect = {"properties": {"protectionPolicy": {"protectFromScaleIn": True, "protectFromScaleSetActions": True}}}
    for method, path, body in (
        ("POST", "virtualMachines/0/reimage", None),
        ("POST", "virtualMachines/0/deallocate", None),
        ("POST", "virtualMachines/0/start", None),
        ("POST", "virtualMachines/0/restart", None),
        ("PUT", "virtualMachines/0", protect),
        ("DELETE", "virtualMachines/1", None),
        ("PATCH", "", {"sku": {"capacity": 3}}),
        ("PATCH", "", {"sku": {"capacity": 2}}),
    ):
        assert azure.ask(method, path, body).ok
        azure.settle()
    assert [(act, phase, up) for _, act, phase, up in acts(azure, "0")[1:]] == [
        ("reimage", "begin", False),
        ("reimage", "end", True),
        ("stop", "begin", False),
        ("stop", "end", False),
        ("start", "begin", False),
        ("start", "end", True),
        ("restart", "begin", False),
        ("restart", "end", True),
        ("protect", "end", True),
    ]
    assert [act for _, act, _, _ in acts(azure, "1")[1:]] == ["delete", "delete"]
    assert [act for _, act, _, _ in acts(azure, "3")] == ["scale-out", "scale-out", "scale-in", "scale-in"]


def test_the_cause_of_a_change_is_recorded(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=2)
    azure.emulator.inject("delete PATCH instance=1")
    azure.ask("PATCH", body=azure.image("nginx-updated-image"))
    azure.settle()
    who = {(c.instance, c.act): (c.by, c.request) for c in azure.emulator.availability.changes() if c.act != "present"}
    assert who == {
        ("0", "update"): ("client", f"PATCH {azure.set}"),
        ("1", "delete"): ("fault", "delete PATCH instance=1"),
    }


def test_later_batches_of_a_rolling_upgrade_are_azures_own(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=2)
    azure.ask("PATCH", body=azure.image("nginx-updated-image"))
    azure.settle()
    assert [c.by for c in azure.emulator.availability.changes() if c.phase == "begin"] == ["client", "azure"]


def test_a_failed_update_leaves_its_instance_down(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("fail instance=1")
    azure.ask("POST", "manualupgrade", {"instanceIds": ["1"]})
    azure.settle(1000)
    assert acts(azure, "1")[-1][1:] == ("update", "failed", False)
    summary = azure.emulator.availability.summary(azure.clock.now())
    assert summary.most_down == 1
    assert summary.downtime == {"2": 1000}


@pytest.mark.parametrize(
    ("source", "image", "expected"),
    [
        ("extension", "nginx-updated-image", 10),
        ("none", "nginx-updated-image", 0),
        ("extension", "nginx-broken-image", None),
        ("none", "nginx-broken-image", 0),
    ],
)
def test_an_instance_is_healthy_when_its_health_source_reports_it(
    emulate: Emulate, source: str, image: str, expected: float | None
) -> None:
    azure = emulate(health_source=source)
    azure.set_image(image)
    azure.ask("POST", "manualupgrade", {"instanceIds": ["1"]})
    azure.settle()
    last = azure.emulator.availability.changes()[-1]
    assert last.healthy_at == (None if expected is None else last.time + expected)


def test_the_record_is_served_with_its_summary(azure: Azure) -> None:
    azure.ask("POST", "virtualMachines/0/restart")
    azure.settle(100)
    url = f"{azure.emulator.endpoint}/_emulator/availability"
    shown = azure.session.get(url, timeout=10).json()
    assert shown["summary"]["most_down"] == 1
    assert shown["summary"]["downtime"] == {"1": 15}
    assert [(c["instance"], c["act"]) for c in shown["changes"]][3:] == [("0", "restart"), ("0", "restart")]
    assert azure.session.get(url, params={"set": "other"}, timeout=10).json()["changes"] == []
