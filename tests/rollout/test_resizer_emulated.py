"""Making a scale set larger and smaller through the real Azure SDK, against the emulator."""

import pytest

from tests.rollout.test_steps_emulated import WEB, Session, azure
from vmss_jenkins.azure.operations import AzureOperation
from vmss_jenkins.errors import AzureError

__all__ = ["azure"]


def finish(azure: Session, operation: AzureOperation) -> None:
    while not operation.done:
        azure.clock.sleep(5)
        azure.sets.poll(operation)


def test_new_instances_come_with_the_model_of_this_moment_and_the_others_stay(azure: Session) -> None:
    azure.update(azure.new)
    finish(azure, azure.sets.begin_set_capacity(azure.sets.get(WEB), 4))
    azure.clock.sleep(60)
    *old, new = azure.instances()
    assert (new.image, new.latest_model_applied, new.is_healthy) == (azure.new, True, True)
    assert [i.latest_model_applied for i in old] == [False] * 3
    assert new.created is not None
    assert all(i.created is not None and i.created < new.created for i in old)
    assert azure.sets.get(WEB).capacity == 4


def test_deleted_instances_go_and_the_capacity_with_them(azure: Session) -> None:
    finish(azure, azure.sets.begin_delete_instances(azure.sets.get(WEB), ["1"]))
    assert [i.id for i in azure.instances()] == ["0", "2"]
    assert azure.sets.get(WEB).capacity == 2


def test_a_set_that_somebody_scaled_meanwhile_is_not_scaled_by_what_was_seen_before(azure: Session) -> None:
    seen = azure.sets.get(WEB)
    finish(azure, azure.sets.begin_delete_instances(seen, ["1"]))
    with pytest.raises(AzureError) as caught:
        azure.sets.begin_set_capacity(seen, 4)
    assert caught.value.code == "PreconditionFailed"
    assert azure.sets.get(WEB).capacity == 2
