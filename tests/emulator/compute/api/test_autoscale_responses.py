"""Autoscale settings, as far as a deployer reads them."""

from tests.emulator.conftest import Azure, Emulate, error_of
from vmss_jenkins.emulator import SetSpec

LIST = "providers/Microsoft.Insights/autoscalesettings"
VERSION = {"api-version": "2022-10-01"}


def test_a_group_without_autoscale_lists_nothing(azure: Azure) -> None:
    answer = azure.ask("GET", f"{azure.group}/{LIST}", params=VERSION)
    assert (answer.status_code, answer.json()) == (200, {"value": []})


def test_an_autoscale_setting_names_its_set(emulate: Emulate) -> None:
    azure = emulate(autoscale=("by-cpu",), more_sets=(SetSpec("api", autoscale=("nightly", "daily")),))
    listed = azure.ask("GET", f"{azure.group}/{LIST}", params=VERSION).json()["value"]
    targets = [(one["name"], one["properties"]["targetResourceUri"].rpartition("/")[2]) for one in listed]
    assert targets == [("by-cpu", "web"), ("nightly", "api"), ("daily", "api")]
    assert listed[0]["properties"]["enabled"] is True
    assert listed[0]["properties"]["targetResourceUri"] == azure.set
    subscription = azure.group.partition("/resourceGroups")[0]
    assert azure.ask("GET", f"{subscription}/{LIST}", params=VERSION).json()["value"] == listed


def test_another_group_lists_nothing_and_an_unknown_group_is_not_found(emulate: Emulate) -> None:
    azure = emulate(autoscale=("by-cpu",))
    other = azure.group.replace("canary-rg", "other-rg")
    assert error_of(azure.ask("GET", f"{other}/{LIST}")) == (404, "ResourceGroupNotFound")
    azure.ask("PUT", other, {"location": "westeurope"})
    assert azure.ask("GET", f"{other}/{LIST}").json() == {"value": []}


def test_other_resources_of_insights_are_not_served(azure: Azure) -> None:
    answer = azure.ask("GET", f"{azure.group}/providers/Microsoft.Insights/metricAlerts")
    assert error_of(answer) == (404, "InvalidResourceType")
    assert "'Microsoft.Insights'" in answer.json()["error"]["message"]
