"""`vmss_jenkins.verify` against single answers of Azure: nothing replaced but the network."""

from collections.abc import Iterator

import pytest
import responses

import vmss_jenkins
from tests.azure.test_scale_sets import BODY, ENDPOINT, SET
from tests.model.test_network import PUBLIC_IP, interface_body, load_balancer
from tests.support.fakes import SUBSCRIPTION
from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.verdicts import Outcome


def virtual_machine(instance_id: str, *, latest: bool) -> dict[str, object]:
    return {"instanceId": instance_id, "name": f"web_{instance_id}", "properties": {"latestModelApplied": latest}}


@pytest.fixture
def azure() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        mock.get(SET, json=BODY)
        yield mock


def has_instances(azure: responses.RequestsMock, latest: str) -> None:
    """`y` for each instance that has the latest model, `n` for each that has not."""
    listed = [virtual_machine(str(number), latest=one == "y") for number, one in enumerate(latest)]
    azure.get(f"{SET}/virtualMachines", json={"value": listed})


def verify(*gates: str | dict[str, object], instance_ids: str | None = None) -> vmss_jenkins.Assessment:
    return vmss_jenkins.verify(
        "canary-rg", "web", gates, instance_ids=instance_ids, connection=Connection(SUBSCRIPTION, endpoint=ENDPOINT)
    )


def test_the_instances_with_the_latest_model_are_looked_at(azure: responses.RequestsMock) -> None:
    has_instances(azure, "yny")
    found = verify("instance-health steady=0")
    assert (found.passed, found.instance_ids) == (True, ("0", "2"))


def test_chosen_instances_are_looked_at(azure: responses.RequestsMock) -> None:
    has_instances(azure, "yny")
    assert verify({"gate": "instance-health", "steady": 0}, instance_ids="1").instance_ids == ("1",)


def test_the_load_balancer_is_found_and_asked(azure: responses.RequestsMock) -> None:
    has_instances(azure, "y")
    azure.get(f"{SET}/networkInterfaces", json={"value": [interface_body("0")]})
    body = load_balancer()
    azure.get(f"{ENDPOINT}{body['id']}", json=body)
    azure.get(f"{ENDPOINT}{PUBLIC_IP}", json={"properties": {"ipAddress": "127.0.0.7"}})
    azure.get("http://127.0.0.7:80/health", body="Welcome")
    found = verify("http path=/health expect-text=Welcome samples=5 rate=1000")
    assert found.outcome is Outcome.PASSED
    assert found.verdicts[0].measurements[0].samples == 5


def test_nothing_updated_is_nothing_to_verify(azure: responses.RequestsMock) -> None:
    has_instances(azure, "n")
    with pytest.raises(ConfigError, match="no instance has the latest model"):
        verify("instance-health")


def test_no_gates_are_a_fault() -> None:
    with pytest.raises(ConfigError, match="found no gate; give one such as 'http path=/health'"):
        verify()
