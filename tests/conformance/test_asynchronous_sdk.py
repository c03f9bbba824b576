"""The asynchronous client of the real SDK reads sets and updates instances."""

from __future__ import annotations

import asyncio
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachineScaleSetVMInstanceRequiredIDs
from typing_extensions import Self

from tests.conformance.conftest import INSTANT
from vmss_jenkins.emulator import Emulator


class NoCredential:
    """A credential that must not be used: over http no token is needed."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise AssertionError("no token is needed")

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


async def updated(emulator: Emulator) -> list[tuple[str, bool]]:
    """Give the set the new image and update instance 0; return each instance with its flag."""
    # Any: the SDK types every attribute as optional.
    made: Any = ComputeManagementClient(
        NoCredential(),
        emulator.subscription_id,
        base_url=emulator.endpoint,
        authentication_policy=SansIOHTTPPolicy(),
        polling_interval=0,
    )
    async with made as compute:
        sets, machines = compute.virtual_machine_scale_sets, compute.virtual_machine_scale_set_vms
        found = await sets.get("canary-rg", "web")
        found.virtual_machine_profile.storage_profile.image_reference.id = emulator.scenario.image_id(
            "nginx-updated-image"
        )
        await (await sets.begin_create_or_update("canary-rg", "web", found)).result()
        ids = VirtualMachineScaleSetVMInstanceRequiredIDs(instance_ids=["0"])
        await (await sets.begin_update_instances("canary-rg", "web", ids)).result()
        return [(one.instance_id, one.latest_model_applied) async for one in machines.list("canary-rg", "web")]


def test_an_instance_is_updated_by_the_asynchronous_client() -> None:
    with Emulator(data_plane=False, timings=INSTANT) as emulator:
        assert asyncio.run(updated(emulator)) == [("0", True), ("1", False), ("2", False)]
