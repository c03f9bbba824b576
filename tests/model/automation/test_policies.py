"""Reading what Azure does to a set by itself from the set's own properties."""

from __future__ import annotations

from typing import Any

import pytest

from vmss_jenkins.model.automation.autoscale import AutoscaleProfile, AutoscaleSetting, enabled_settings, names
from vmss_jenkins.model.automation.durations import minutes, seconds
from vmss_jenkins.model.automation.policies import (
    Automation,
    LifecycleHook,
    RepairAction,
    automation_from,
    services_of,
    suspended_services,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("PT10M", 600.0), ("PT1H30M", 5400.0), ("P1DT2H", 93600.0), ("PT45S", 45.0), ("P2D", 172800.0)),
        *((None, 0.0), ("", 0.0), ("10 min", 0.0), ("PT", 0.0), ("P1Y", 0.0), (600, 0.0)),
    ],
)
def test_durations_are_read_as_azure_writes_them(text: object, found: float) -> None:
    assert seconds(text) == found


def test_durations_are_written_in_the_unit_that_people_use() -> None:
    assert [minutes(value) for value in (45, 119, 120, 5400)] == ["45 s", "119 s", "2 min", "90 min"]


def test_a_set_without_policies_acts_on_nothing() -> None:
    assert automation_from({}) == Automation()
    off = {"automaticRepairsPolicy": None, "resiliencyPolicy": {"resilientVMCreationPolicy": {"enabled": False}}}
    assert automation_from(off) == Automation()
    assert services_of(Automation()) == ()


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"automaticRepairsPolicy": {"enabled": True}}, Automation(repairs=RepairAction.REPLACE, grace=600.0)),
        (
            {"automaticRepairsPolicy": {"enabled": True, "gracePeriod": "PT30M", "repairAction": "Restart"}},
            Automation(repairs=RepairAction.RESTART, grace=1800.0),
        ),
        (
            {"automaticRepairsPolicy": {"enabled": True, "repairAction": "a newer one"}},
            Automation(repairs=RepairAction.REPLACE),
        ),
        ({"resiliencyPolicy": {"automaticZoneRebalancingPolicy": {"enabled": True}}}, Automation(zone_balance=True)),
        ({"resiliencyPolicy": {"resilientVMCreationPolicy": {"enabled": True}}}, Automation(resilient_creation=True)),
        ({"resiliencyPolicy": {"resilientVMDeletionPolicy": {"enabled": True}}}, Automation(resilient_deletion=True)),
        (
            {"upgradePolicy": {"automaticOSUpgradePolicy": {"osRollingUpgradeDeferral": True}}},
            Automation(os_upgrade_deferral=True),
        ),
        ({"upgradePolicy": {"rollingUpgradePolicy": {"maxSurge": True}}}, Automation(max_surge=True)),
    ],
)
def test_the_policies_of_a_set_are_read(properties: dict[str, Any], found: Automation) -> None:
    assert automation_from(properties) == found


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        ({"priority": "Spot", "evictionPolicy": "Delete"}, Automation(eviction="Delete")),
        ({"priority": "Spot"}, Automation(eviction="Deallocate")),
        ({"priority": "Regular", "evictionPolicy": "Delete"}, Automation()),
        (
            {"osProfile": {"linuxConfiguration": {"patchSettings": {"patchMode": "AutomaticByPlatform"}}}},
            Automation(guest_patching="AutomaticByPlatform"),
        ),
        ({"osProfile": {"windowsConfiguration": {"patchSettings": {"patchMode": "Manual"}}}}, Automation()),
    ],
)
def test_the_policies_of_the_machine_profile_are_read(profile: dict[str, Any], found: Automation) -> None:
    assert automation_from({"virtualMachineProfile": profile}) == found


@pytest.mark.parametrize(
    ("notice", "held"),
    [({"enable": True, "notBeforeTimeout": "PT15M"}, 900.0), ({"enable": True}, 300.0), ({"enable": False}, 0.0)],
)
def test_terminate_notification_holds_deletions_for_its_time(notice: dict[str, Any], held: float) -> None:
    profile = {"scheduledEventsProfile": {"terminateNotificationProfile": notice}}
    assert automation_from({"virtualMachineProfile": profile}).termination_notice == held


def test_spot_restore_counts_for_spot_instances_only() -> None:
    restored = {"spotRestorePolicy": {"enabled": True}}
    assert automation_from({**restored, "virtualMachineProfile": {"priority": "Spot"}}).spot_restore
    assert not automation_from(restored).spot_restore


def test_lifecycle_hooks_are_read_with_what_azure_does_if_nobody_answers() -> None:
    hook = {"type": "UpgradeAutoOSScheduling", "waitDuration": "PT2H", "defaultAction": "Reject"}
    listed = {"lifecycleHooksProfile": {"lifecycleHooks": [hook, {"type": "UpgradeAutoOSRollingBatchStarting"}]}}
    assert automation_from(listed).hooks == (
        LifecycleHook("UpgradeAutoOSScheduling", 7200.0, "Reject"),
        LifecycleHook("UpgradeAutoOSRollingBatchStarting", 0.0, "Approve"),
    )


def test_the_services_are_named_as_azures_api_names_them() -> None:
    both = Automation(repairs=RepairAction.REIMAGE, zone_balance=True)
    assert services_of(both) == ("AutomaticRepairs", "AutomaticZoneRebalancing")
    shown = [{"serviceName": name, "serviceState": state} for name, state in (("A", "Suspended"), ("B", "Running"))]
    assert suspended_services({"orchestrationServices": shown}) == ("A",)
    assert suspended_services({"orchestrationServices": None}) == ()


SET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"


def setting(name: str = "cpu", *profiles: dict[str, Any], target: str = SET, enabled: bool = True) -> dict[str, Any]:
    return {"name": name, "properties": {"enabled": enabled, "targetResourceUri": target, "profiles": list(profiles)}}


def profile(name: str = "default", **more: Any) -> dict[str, Any]:
    return {"name": name, "capacity": {"minimum": "2", "default": "3", "maximum": "10"}, "rules": [{}, {}], **more}


def test_only_the_settings_count_that_are_on_and_target_the_set_in_any_case_of_letters() -> None:
    listed = [setting("a", target=SET.upper()), setting("b", enabled=False), setting("c", target="/x"), setting("d")]
    assert names(enabled_settings(listed, SET)) == ("a", "d")
    assert names(None) is None


def test_bounds_and_rules_of_autoscale_are_read() -> None:
    (found,) = enabled_settings([setting("cpu", profile())], SET)
    assert found == AutoscaleSetting("cpu", (AutoscaleProfile("default", 2, 10, 2),))
    assert found.described == "2 to 10 instances, 2 rules"


def test_the_schedule_of_autoscale_is_told() -> None:
    days = {"timeZone": "W. Europe Standard Time", "days": ["Monday", "Friday"], "hours": [7], "minutes": [30]}
    night = profile(recurrence={"frequency": "Week", "schedule": days}, rules=[{}])
    sale = profile(fixedDate={"start": "2026-11-27T00:00:00Z", "end": "2026-11-30T00:00:00Z"}, rules=[])
    (found,) = enabled_settings([setting("cpu", night, sale)], SET)
    assert found.described == (
        "2 to 10 instances, 1 rule (Monday, Friday from 07:30 W. Europe Standard Time); "
        "2 to 10 instances, 0 rules (2026-11-27T00:00:00Z to 2026-11-30T00:00:00Z UTC)"
    )
    fixed = profile(capacity={"minimum": "3", "maximum": "3"})
    assert enabled_settings([setting("cpu", fixed)], SET)[0].described == "3 instances, 2 rules"
    assert AutoscaleSetting("cpu").described == "no profile"
