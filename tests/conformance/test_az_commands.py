"""The commands of the real `az` for scale sets and load balancers, all against one emulator."""

from __future__ import annotations

import json
import time

import pytest
import requests

from tests.conformance.conftest import Az

GROUP = "--resource-group canary-rg"
SET = f"{GROUP} --name web"
BALANCER = f"{GROUP} --lb-name webLB"
PAIRS = "--query '[].[instanceId, latestModelApplied]' --output tsv"
NAMES = "--query '[].name' --output tsv"


def test_groups_are_created_and_deleted(az: Az) -> None:
    assert az("group create --name other --location westeurope --tags a=b --query tags.a --output tsv") == "b"
    assert az("group show --name other --query location --output tsv") == "westeurope"
    assert az(f"group list {NAMES}").split() == ["canary-rg", "other"]
    az("network public-ip create --resource-group other --name address --sku Standard --only-show-errors --output none")
    az("group delete --name other --yes")
    assert az("group exists --name other") == "false"
    assert "ResourceGroupNotFound" in az.refused("group show --name other")


def test_sets_are_shown_and_listed(az: Az) -> None:
    assert az(f"vmss show {SET} --query sku.capacity") == "3"
    assert az(f"vmss show {SET} --instance-id 1 --query name --output tsv") == "web_1"
    assert az(f"vmss list {GROUP} {NAMES}") == az(f"vmss list {NAMES}") == "web"
    assert az(f"vmss list-instances {SET} --query '[].instanceId' --output tsv").split() == ["0", "1", "2"]
    assert "ResourceNotFound" in az.refused(f"vmss show {GROUP} --name nothing")
    view = json.loads(az(f"vmss get-instance-view {SET}"))
    assert view["virtualMachine"]["statusesSummary"] == [{"code": "ProvisioningState/succeeded", "count": 3}]
    views = az(f"vmss get-instance-view {SET} --instance-id \\* --query '[].statuses[1].code' --output tsv")
    assert views.split() == ["PowerState/running"] * 3


def test_instances_are_updated_one_by_one_and_all_together(az: Az) -> None:
    new = az.emulator.scenario.image_id("nginx-updated-image")
    path = "virtualMachineProfile.storageProfile.imageReference.id"
    assert az(f"vmss update {SET} --set {path}={new} --query {path} --output tsv") == new
    assert az(f"vmss list-instances {SET} {PAIRS}").split() == ["0", "False", "1", "False", "2", "False"]
    az(f"vmss update-instances {SET} --instance-ids 1")
    outdated = az(f"vmss list-instances {SET} --query '[?latestModelApplied==`false`].instanceId' --output tsv")
    assert outdated.split() == ["0", "2"]
    az(f"vmss update-instances {SET} --instance-ids \\*")
    assert "False" not in az(f"vmss list-instances {SET} {PAIRS}")
    assert "InvalidParameter" in az.refused(f"vmss update-instances {SET} --instance-ids 77")


def test_sets_are_scaled_and_instances_deleted_and_reimaged(az: Az) -> None:
    assert az(f"vmss scale {SET} --new-capacity 4 --query sku.capacity") == "4"
    az(f"vmss reimage {SET} --instance-ids 1")
    az(f"vmss delete-instances {SET} --instance-ids 3")
    assert az(f"vmss show {SET} --query sku.capacity") == "3"
    az(f"vmss stop {SET} --instance-ids 1 --only-show-errors")
    state = f"vmss get-instance-view {SET} --instance-id 1 --query 'statuses[1].code' --output tsv"
    assert az(state) == "PowerState/stopped"
    az(f"vmss start {SET} --instance-ids 1")
    assert az(state) == "PowerState/running"
    protected = az(f"vmss update {SET} --instance-id 1 --protect-from-scale-in true --query protectionPolicy")
    assert json.loads(protected)["protectFromScaleIn"]


def test_extensions_are_set_listed_and_shown(az: Az) -> None:
    target = f"{GROUP} --vmss-name web"
    settings = '\'{"commandToExecute": "apt-get install -y nginx"}\''
    kind = "--publisher Microsoft.Azure.Extensions --version 2.0 --name CustomScript"
    az(f"vmss extension set {target} {kind} --settings {settings} --output none")
    assert az(f"vmss extension list {target} {NAMES}").split() == ["healthExtension", "CustomScript"]
    shown = az(f"vmss extension show {target} --name CustomScript --query settings.commandToExecute --output tsv")
    assert shown == "apt-get install -y nginx"
    assert "True" not in az(f"vmss list-instances {SET} {PAIRS}")
    az(f"vmss extension delete {target} --name CustomScript")
    assert az(f"vmss extension list {target} {NAMES}").split() == ["healthExtension"]


def test_images_are_created_shown_and_listed(az: Az) -> None:
    source = "--source https://account.blob.core.windows.net/vhds/disk.vhd --os-type Linux"
    made = az(f"image create {GROUP} --name made {source} --query id --output tsv")
    assert az(f"image show {GROUP} --name made --query id --output tsv") == made
    assert "made" in az(f"image list {GROUP} {NAMES}").split()
    az(f"image delete {GROUP} --name made")
    assert "made" not in az(f"image list {GROUP} {NAMES}").split()


def test_probes_rules_and_pools_are_edited(az: Az) -> None:
    az(f"network lb probe create {BALANCER} --name ready --port 80 --protocol Http --path /health --output none")
    assert az(f"network lb probe update {BALANCER} --name ready --interval 7 --query intervalInSeconds") == "7"
    updated = az(f"network lb rule update {BALANCER} --name webRule --probe ready --query probe.id --output tsv")
    assert updated.endswith("/probes/ready")
    new = "--name second --protocol Tcp --frontend-port 0 --backend-pool-name webPool --probe ready"
    assert "RulesUseSameBackendPortProtocolAndPool" in az.refused(
        f"network lb rule create {BALANCER} {new} --backend-port 80"
    )
    az(f"network lb address-pool create {BALANCER} --name extra --output none")
    assert az(f"network lb address-pool list {BALANCER} {NAMES}").split() == ["webPool", "extra"]
    az(f"network lb address-pool delete {BALANCER} --name extra")
    members = az(
        f"network lb address-pool show {BALANCER} --name webPool --query 'length(backendIPConfigurations)' --output tsv"
    )
    assert members == "3"


def test_a_nat_port_leads_to_its_instance(az: Az) -> None:
    rule = f"network lb inbound-nat-rule show {BALANCER} --name webNatPool.1 --query frontendPort"
    port = az(rule)
    assert "webNatPool.1" in az(f"network lb inbound-nat-rule list {BALANCER} {NAMES}").split()
    ids = az(f"network lb show {GROUP} --name webLB --query 'frontendIPConfigurations[].publicIPAddress.id' -o tsv")
    address = az(f"network public-ip show --ids {ids} --query ipAddress --output tsv")
    assert "<title>Welcome" in requests.get(f"http://{address}:{port}/", timeout=10).text
    connection = json.loads(az(f"vmss list-instance-connection-info {SET}"))
    assert connection["instance 1"] == f"{address}:{port}"


def test_a_flexible_set_with_todays_defaults_gets_its_network_too(az: Az) -> None:
    kind = "--image Ubuntu2204 --vm-sku Standard_D2_v3 --instance-count 2 --admin-username u --generate-ssh-keys"
    made = az(f"vmss create {GROUP} --name flexible {kind} --only-show-errors --query vmss.orchestrationMode -o tsv")
    assert made == "Flexible"
    rules = az(f"network lb inbound-nat-rule list {GROUP} --lb-name flexibleLB {NAMES}")
    assert rules == "NatRule"
    assert len(az(f"vmss list-instances {GROUP} --name flexible {NAMES}").split()) == 2
    assert "LoadBalancerInUse" in az.refused(f"network lb delete {GROUP} --name flexibleLB")
    az(f"vmss delete {GROUP} --name flexible")
    az(f"network lb delete {GROUP} --name flexibleLB")
    az(f"network public-ip delete {GROUP} --name flexibleLBPublicIP")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (f"vmss create {GROUP} --name x --image Ubuntu1404 --generate-ssh-keys", "Microsoft.Compute/images/Ubuntu1404"),
        (f"vmss create {GROUP} --name x --image a:b:c:latest --generate-ssh-keys", "VMImage was not found"),
    ],
)
def test_an_unknown_image_is_named_in_the_error(az: Az, command: str, reason: str) -> None:
    assert reason in az.refused(command)


def test_rolling_upgrades_are_started_shown_and_cancelled(az: Az) -> None:
    assert "OperationNotAllowed" in az.refused(f"vmss rolling-upgrade cancel {SET}")
    az(f"vmss rolling-upgrade start {SET}")
    latest = json.loads(az(f"vmss rolling-upgrade get-latest {SET}"))
    assert latest["runningStatus"]["code"] in ("RollingForward", "Completed")


def test_automatic_repairs_are_switched_on_suspended_and_resumed(az_alone: Az) -> None:
    az = az_alone
    on = "--enable-automatic-repairs true --automatic-repairs-grace-period 20 --automatic-repairs-action restart"
    policy = json.loads(az(f"vmss update {SET} {on} --query automaticRepairsPolicy"))
    assert policy == {"enabled": True, "gracePeriod": "PT20M", "repairAction": "Restart"}
    state = f"vmss get-instance-view {SET} --query orchestrationServices[0].serviceState --output tsv"
    assert az(state) == "Running"
    service = "vmss set-orchestration-service-state --service-name AutomaticRepairs"
    az(f"{service} {SET} --action Suspend")
    assert az(state) == "Suspended"
    az(f"{service} {SET} --action Resume")
    assert az(state) == "Running"
    assert "out of range" in az.refused(f"vmss update {SET} --automatic-repairs-grace-period 5")
    az(f"vmss update {SET} --enable-automatic-repairs false --output none")
    assert "is not enabled" in az.refused(f"{service} {SET} --action Suspend")


def test_a_set_in_mode_rolling_surges(az_alone: Az) -> None:
    az = az_alone
    mode = "--set upgradePolicy.mode=Rolling --max-batch-instance-percent 40 --max-unhealthy-instance-percent 50"
    policy = json.loads(az(f"vmss update {SET} {mode} --max-surge true --query upgradePolicy.rollingUpgradePolicy"))
    assert (policy["maxBatchInstancePercent"], policy["maxSurge"]) == (40, True)
    new = az.emulator.scenario.image_id("nginx-updated-image")
    path = "virtualMachineProfile.storageProfile.imageReference.id"
    az(f"vmss update {SET} --set {path}={new} --output none")
    latest = f"vmss rolling-upgrade get-latest {SET} --query runningStatus.code --output tsv"
    assert az(latest) == "Completed"
    assert az(f"vmss list-instances {SET} {PAIRS}").split() == ["3", "True", "4", "True", "5", "True"]


def test_lifecycle_hooks_are_added_and_automatic_upgrades_of_a_managed_image_refused(az_alone: Az) -> None:
    az = az_alone
    target, kind = f"{GROUP} --vmss-name web", "--type UpgradeAutoOSRollingBatchStarting"
    az(f"vmss lifecycle-hook add {target} {kind} --wait-duration PT1H --default-action Reject --output none")
    hooks = json.loads(az(f"vmss lifecycle-hook list {target}"))
    assert [(hook["waitDuration"], hook["defaultAction"]) for hook in hooks] == [("PT1H", "Reject")]
    az(f"vmss lifecycle-hook update {target} {kind} --default-action Approve --output none")
    assert az(f"vmss lifecycle-hook show {target} {kind} --query defaultAction --output tsv") == "Approve"
    assert json.loads(az(f"vmss lifecycle-hook-event list {target}")) == []
    az(f"vmss lifecycle-hook remove {target} {kind} --output none")
    assert json.loads(az(f"vmss lifecycle-hook list {target}")) == []
    assert "Automatic OS Upgrade is not supported" in az.refused(f"vmss update {SET} --enable-auto-os-upgrade true")


def test_terminate_notification_is_enabled(az_alone: Az) -> None:
    az = az_alone
    notice = "virtualMachineProfile.scheduledEventsProfile.terminateNotificationProfile"
    on = "--enable-terminate-notification true --terminate-notification-time 10"
    found = json.loads(az(f"vmss update {SET} {on} --query {notice}"))
    assert found == {"enable": True, "notBeforeTimeout": "PT10M"}
    assert "out of range" in az.refused(f"vmss update {SET} --terminate-notification-time 20")


def test_autoscale_settings_scale_their_set(az_alone: Az) -> None:
    az = az_alone
    autoscale, named = "monitor autoscale", f"{GROUP} --autoscale-name by-cpu"
    resource = f"{GROUP} --resource web --resource-type Microsoft.Compute/virtualMachineScaleSets"
    az(f"{autoscale} create {resource} --name by-cpu --min-count 2 --max-count 5 --count 3 --output none")
    az(f"{autoscale} rule create {named} --scale out 1 --condition 'Percentage CPU > 70 avg 5m' --output none")
    az(f"{autoscale} rule create {named} --scale in 1 --condition 'Percentage CPU < 30 avg 5m' --output none")
    assert az(f"{autoscale} list {GROUP} {NAMES}") == "by-cpu"
    rules = f"{autoscale} rule list {named} --query '[].scaleAction.direction' --output tsv"
    assert az(rules).split() == ["Increase", "Decrease"]
    az(f"{autoscale} update {GROUP} --name by-cpu --min-count 4 --count 4 --output none")
    deadline = time.monotonic() + 30
    while az(f"vmss show {SET} --query sku.capacity") != "4":
        assert time.monotonic() < deadline, "two emulated minutes are four seconds"
    az(f"{autoscale} delete {GROUP} --name by-cpu")
    assert az(f"{autoscale} list {GROUP} {NAMES}") == ""
