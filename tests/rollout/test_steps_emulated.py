"""The steps through the real Azure SDK, against the emulator; its clock moves when the steps wait."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import vmss_jenkins
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.scale_sets import AzureScaleSets
from vmss_jenkins.emulator import Emulator, ManualClock, Scenario, SetSpec
from vmss_jenkins.errors import AzureError, ConfigError, UnsafeRollout, VmssJenkinsError
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, InstanceIds, OrchestrationMode, ScaleSetName
from vmss_jenkins.rollout import instance_update, steps
from vmss_jenkins.rollout.ending import Outcome
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.selection import Amount
from vmss_jenkins.rollout.steps import Options
from vmss_jenkins.runtime.waiting import Waiter

WEB = ScaleSetName("canary-rg", "web")


@dataclass
class SteppingClock:
    """The emulator's own time, moved by whoever waits for it."""

    time: ManualClock

    def now(self) -> float:
        return self.time.now()

    def sleep(self, seconds: float) -> None:
        self.time.advance(seconds)


@dataclass
class Session:
    """The emulator, the adapter to it, and what was told."""

    emulator: Emulator
    sets: AzureScaleSets
    clock: SteppingClock
    events: list[Event] = field(default_factory=list)

    def image(self, name: str) -> ImageReference:
        return ImageReference(id=self.emulator.scenario.image_id(name))

    @property
    def new(self) -> ImageReference:
        return self.image("nginx-updated-image")

    def waiter(self) -> Waiter:
        return Waiter.starting(self.clock, 3600, self.events.append)

    def update(self, image: ImageReference, name: ScaleSetName = WEB, **options: bool) -> steps.UpdateResult:
        return steps.update(self.sets, name, image, Options(**options), self.waiter())

    def update_instances(self, ids: str, **options: bool) -> instance_update.UpdateInstancesResult:
        return instance_update.update_instances(
            self.sets, WEB, InstanceIds.parse(ids), Options(**options), self.waiter()
        )

    def instances(self) -> tuple[Instance, ...]:
        return self.sets.instances(self.sets.get(WEB))

    def changes(self) -> list[str]:
        """The requests that asked for a change."""
        return [call["method"] for call in self.emulator.calls if call["method"] != "GET"]


@contextmanager
def session(scenario: Scenario | None = None, **options: Any) -> Iterator[Session]:
    time = ManualClock()
    with Emulator(scenario or Scenario(), clock=time, data_plane=False, **options) as emulator:
        sets = AzureScaleSets(Endpoint(emulator.subscription_id, emulator.endpoint), None)
        try:
            yield Session(emulator, sets, SteppingClock(time))
        finally:
            sets.close()


@pytest.fixture
def azure() -> Iterator[Session]:
    with session() as found:
        yield found


def test_the_story_of_a_canary(azure: Session) -> None:
    assert azure.update(azure.new).changed
    assert {i.latest_model_applied for i in azure.instances()} == {False}
    assert azure.update_instances("0", await_healthy=True).instance_ids == ("0",)
    canary, *stable = azure.instances()
    assert (canary.image, canary.latest_model_applied, canary.health) == (azure.new, True, Health.HEALTHY)
    assert {(i.latest_model_applied, i.health) for i in stable} == {(False, Health.HEALTHY)}
    rest = azure.update_instances("*", await_healthy=True)
    assert (rest.instance_ids, rest.up_to_date) == (("1", "2"), ("0",))
    assert {i.image for i in azure.instances()} == {azure.new}
    assert azure.changes() == ["PATCH", "POST", "POST"]


def test_run_again_every_step_changes_nothing(azure: Session) -> None:
    for _ in range(2):
        azure.update(azure.new)
        azure.update_instances("0")
    assert azure.changes() == ["PATCH", "POST"]


def test_a_vhd_uri_is_the_image_of_the_os_disk() -> None:
    old, new = (f"https://account.blob.core.windows.net/vhds/{name}.vhd" for name in ("old", "new"))
    releases = {uri: Scenario().releases["nginx-base-image"] for uri in (old, new)}
    with session(Scenario(image=old, releases=releases)) as azure:
        assert azure.update(ImageReference(id=new)).image_before == ImageReference(id=old)
        assert azure.sets.get(WEB).image == ImageReference(id=new)


@pytest.mark.parametrize("mode", ["Automatic", "Rolling"])
def test_a_set_whose_instances_would_all_follow_is_refused(mode: Any) -> None:
    with session(Scenario(mode=mode)) as azure:
        with pytest.raises(UnsafeRollout, match=f"is {mode}, wanted Manual"):
            azure.update(azure.new)
        assert azure.changes() == []
        assert azure.update(azure.new, allow_automatic_rollout=True).changed


def test_a_change_by_somebody_else_in_between_is_told_and_not_overwritten(azure: Session) -> None:
    read = azure.sets.get(WEB)
    azure.update(azure.new)
    with pytest.raises(AzureError, match="nothing was overwritten") as failed:
        azure.sets.begin_set_image(read, azure.image("nginx-broken-image"))
    assert failed.value.failure.status == 412
    assert azure.sets.get(WEB).image == azure.new


def test_a_dry_run_looks_at_everything_and_changes_nothing(azure: Session) -> None:
    result = azure.update(azure.new, dry_run=True)
    assert any("requests left before Azure throttles" in finding.text for finding in result.findings)
    assert azure.update_instances("*", dry_run=True).instance_ids == ()
    assert azure.changes() == []


BAD_INPUT: list[tuple[str, Callable[[Session], object], str]] = [
    (
        "a set that does not exist",
        lambda a: a.update(a.new, ScaleSetName("canary-rg", "api")),
        "check the name in the message, --resource-group",
    ),
    (
        "a group that does not exist",
        lambda a: a.update(a.new, ScaleSetName("other-rg", "web")),
        "ResourceGroupNotFound",
    ),
    ("an image that does not exist", lambda a: a.update(a.image("nginx-next-image")), "nginx-next-image"),
    ("an id that does not exist", lambda a: a.update_instances("0,7"), "ids that exist: 0, 1, 2"),
    (
        "an image of the other kind",
        lambda a: a.update(ImageReference.parse_urn("Canonical:ubuntu:server:latest")),
        "give an image of the same kind",
    ),
]


@pytest.mark.parametrize(("act", "said"), [case[1:] for case in BAD_INPUT], ids=[case[0] for case in BAD_INPUT])
def test_bad_input_is_a_clear_error_and_changes_nothing(
    azure: Session, act: Callable[[Session], object], said: str
) -> None:
    before = (azure.sets.get(WEB), azure.instances())
    with pytest.raises(VmssJenkinsError) as failed:
        act(azure)
    assert said in str(failed.value)
    assert (azure.sets.get(WEB), azure.instances()) == before


@pytest.mark.parametrize(
    ("denied", "act"),
    [
        ("Microsoft.Compute/virtualMachineScaleSets/read", lambda a: a.update(a.new)),
        ("Microsoft.Compute/virtualMachineScaleSets/write", lambda a: a.update(a.new)),
        ("Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read", lambda a: a.update_instances("0")),
        (
            "Microsoft.Compute/virtualMachineScaleSets/manualupgrade/action",
            lambda a: (a.update(a.new), a.update_instances("0")),
        ),
    ],
)
def test_without_a_permission_the_missing_action_is_named(denied: str, act: Callable[[Session], object]) -> None:
    with session(Scenario(denied_actions=frozenset({denied}))) as azure:
        with pytest.raises(AzureError) as failed:
            act(azure)
        assert failed.value.failure.status == 403
        assert denied in str(failed.value)
        assert "give the identity a role with the action named above" in str(failed.value)


def test_a_set_being_deleted_is_left_alone(azure: Session) -> None:
    polling = azure.sets._client.virtual_machine_scale_sets.begin_delete("canary-rg", "web", polling=False)
    assert polling.done()
    with pytest.raises(ConfigError, match="is being deleted"):
        azure.update(azure.new)


def test_throttling_is_waited_out_and_told(azure: Session) -> None:
    azure.update(azure.new)
    for _ in range(200):
        with_room = azure.sets.remaining.get("HighCostGetVMScaleSetResource", 1) > 0
        if not with_room:
            break
        azure.instances()
    azure.update_instances("0")
    assert any(isinstance(event, CallRetried) for event in azure.events)


def test_an_instance_that_fails_to_come_up_ends_the_step_with_azures_reason(azure: Session) -> None:
    azure.update(azure.image("nginx-failing-image"))
    with pytest.raises(AzureError, match="OSProvisioningTimedOut"):
        azure.update_instances("0")


def test_a_protected_instance_is_never_touched(azure: Session) -> None:
    machines = azure.sets._client.virtual_machine_scale_set_vms
    protection = {"protectFromScaleIn": True, "protectFromScaleSetActions": True}
    body: Any = {"location": "westeurope", "properties": {"protectionPolicy": protection}}
    machines.begin_update("canary-rg", "web", "1", body, polling=False)
    azure.clock.sleep(600)
    azure.update(azure.new)
    result = azure.update_instances("*")
    assert result.skipped == {"1": "protected from scale set actions"}
    assert {i.id: i.image for i in azure.instances()}["1"] == azure.image("nginx-base-image")


def test_a_flexible_set_is_seen_with_the_machines_it_has() -> None:
    with session(Scenario(orchestration="Flexible")) as azure:
        scale_set = azure.sets.get(WEB)
        assert scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE
        found = azure.sets.instances(scale_set)
        assert [i.id.startswith("web_") for i in found] == [True] * 3
        assert {(i.image, i.power) for i in found} == {(azure.image("nginx-base-image"), "running")}


def test_a_thousand_instances_are_read_page_by_page() -> None:
    with session(Scenario(instances=1000), page_size=100) as azure:
        assert len(azure.instances()) == 1000


def test_the_library_finds_the_emulator_by_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(data_plane=False, time_scale=1000) as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        image = {"id": emulator.scenario.image_id("nginx-updated-image")}
        assert vmss_jenkins.update("canary-rg", "web", image).changed
        assert vmss_jenkins.update_instances("canary-rg", "web", ["0"]).instance_ids == ("0",)
        scale_set, instances = vmss_jenkins.observe("canary-rg", "web")
        assert [i.latest_model_applied for i in instances] == [True, False, False]
        assert scale_set.capacity == 3


@pytest.fixture
def encrypted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(tls=True, data_plane=False, time_scale=1000) as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
        yield emulator


@pytest.mark.usefixtures("encrypted")
def test_over_tls_the_credential_comes_from_the_environment_that_jenkins_binds() -> None:
    scale_set, _ = vmss_jenkins.observe("canary-rg", "web")
    assert scale_set.capacity == 3


@pytest.mark.usefixtures("encrypted")
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AZURE_CLIENT_SECRET", "hunter2", "AADSTS7000215"),
        ("AZURE_TENANT_ID", "11111111-1111-1111-1111-111111111111", "check your tenant name"),
        ("AZURE_CLIENT_SECRET", "", "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"),
    ],
)
def test_a_wrong_credential_is_told_with_entras_words_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    if value:
        monkeypatch.setenv(variable, value)
    else:
        monkeypatch.delenv(variable)
    with pytest.raises(AzureError) as failed:
        vmss_jenkins.observe("canary-rg", "web")
    assert said in str(failed.value)
    assert "hunter2" not in str(failed.value)


def test_a_server_whose_certificate_nobody_trusts_is_not_spoken_to(
    encrypted: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(AzureError):
        vmss_jenkins.observe("canary-rg", "web")
    assert encrypted.calls == []


def test_sets_beside_each_other_do_not_disturb_each_other() -> None:
    with session(Scenario(more_sets=(SetSpec(scale_set="api"),))) as azure:
        azure.update(azure.new)
        assert azure.sets.get(ScaleSetName("canary-rg", "api")).image == azure.image("nginx-base-image")


def test_many_clients_at_once_get_their_answers(azure: Session) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(azure.sets.get(WEB).capacity)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3] * 8


def test_a_name_is_found_whatever_its_case(azure: Session) -> None:
    shouted = ScaleSetName("CANARY-RG", "WEB")
    assert replace(azure.sets.get(shouted), name=WEB) == azure.sets.get(WEB)


def test_a_token_that_azure_no_longer_takes_is_renewed_in_the_middle_of_a_rollout(encrypted: Emulator) -> None:
    encrypted.inject("expired-token POST */manualupgrade")
    encrypted.inject("expired-token GET */operations/* skip=1")
    image = {"id": encrypted.scenario.image_id("nginx-updated-image")}
    found = vmss_jenkins.roll_out("canary-rg", "web", image, RolloutSpec(max_unavailable=Amount(1)))
    assert found.outcome is Outcome.ROLLED_OUT
    refused = [call for call in encrypted.calls if call["status"] == 401]
    assert len(refused) == 2
    updates = encrypted.availability.summary(float("inf"), "web").updates
    assert updates == {f"web/{number}": 1 for number in range(3)}


def test_a_token_that_is_refused_again_is_an_error(encrypted: Emulator) -> None:
    encrypted.inject("expired-token GET */web count=always")
    with pytest.raises(AzureError) as failed:
        vmss_jenkins.observe("canary-rg", "web")
    assert failed.value.code == "ExpiredAuthenticationToken"
