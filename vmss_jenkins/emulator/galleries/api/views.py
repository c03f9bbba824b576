"""Galleries, definitions and versions as the JSON that Azure shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.bodies import merged
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.state.gallery import Definition, Gallery, Kind, Replica, Version

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.backend import Backend


class Views:
    """Renders the galleries of one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def gallery(self, found: Gallery) -> Json:
        """Return a gallery."""
        unique = f"{self._backend.scenario.subscription_id}-{found.name.upper()}"
        properties = {
            "identifier": {"uniqueName": unique},
            **found.body["properties"],
            "provisioningState": found.provisioning,
        }
        return self._resource(self._gallery_id(found), f"{COMPUTE}/galleries", found.name, found.body, properties)

    def definition(self, owner: Gallery, kind: Kind, found: Definition) -> Json:
        """Return a definition."""
        properties = {**found.body["properties"], "provisioningState": found.provisioning}
        path = f"{self._gallery_id(owner)}/{kind}/{found.name}"
        return self._resource(path, f"{COMPUTE}/galleries/{kind}", found.name, found.body, properties)

    def version(
        self, owner: Gallery, kind: Kind, parent: Definition, found: Version, *, replication: bool = False
    ) -> Json:
        """Return a version, with the state of its replication if that is asked for."""
        properties: Json = {**found.body["properties"], "provisioningState": found.provisioning}
        if kind == "images":
            disk: Json = {"sizeInGB": 30, "hostCaching": "ReadWrite", "source": {}}
            properties["storageProfile"] = merged({"osDiskImage": disk}, properties.get("storageProfile", {}))
        if replication:
            properties["replicationStatus"] = self._replication(found)
        path = f"{self._gallery_id(owner)}/{kind}/{parent.name}/versions/{found.name}"
        return self._resource(path, f"{COMPUTE}/galleries/{kind}/versions", found.name, found.body, properties)

    def _replication(self, found: Version) -> Json:
        replicas = list(found.replicas.values())
        states = {replica.state for replica in replicas}
        aggregated = "Failed" if "Failed" in states else "InProgress" if "Replicating" in states else "Completed"
        return {"aggregatedState": aggregated, "summary": [self._regional(one) for one in replicas]}

    def _regional(self, replica: Replica) -> Json:
        failed = f"Replication to the region {replica.region} failed."
        return {
            "region": replica.region,
            "state": replica.state,
            "details": failed if replica.state == "Failed" else "",
            "progress": replica.progress(self._backend.now),
        }

    def _gallery_id(self, found: Gallery) -> str:
        scope = f"/subscriptions/{self._backend.scenario.subscription_id}/resourceGroups/{found.group}"
        return f"{scope}/providers/{COMPUTE}/galleries/{found.name}"

    @staticmethod
    def _resource(resource_id: str, kind: str, name: str, body: Json, properties: Json) -> Json:
        head = {"name": name, "id": resource_id, "type": kind, "location": body["location"], "tags": body["tags"]}
        return head | {"properties": properties}
