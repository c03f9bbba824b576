"""How a version gets to its regions: each copy takes its time, and a fault can make it fail or last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.state.gallery import Replica, Version, region_key

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend


def start(backend: Backend, version: Version) -> None:
    """Begin to copy a version to the target regions that do not have it, and drop the regions that it has left."""
    wanted = {region_key(target["name"]): str(target["name"]) for target in version.profile["targetRegions"]}
    version.replicas = {key: replica for key, replica in version.replicas.items() if key in wanted}
    for key, region in wanted.items():
        known = version.replicas.get(key)
        if known is None or known.state == "Failed":
            version.replicas[key] = _begin(backend, version, region)


def complete(backend: Backend, version: Version) -> None:
    """Let a version be in all its regions at once, as if it had been published long ago."""
    for target in version.profile["targetRegions"]:
        key = region_key(target["name"])
        version.replicas[key] = Replica(str(target["name"]), backend.now, 0.0, "Completed")


def _begin(backend: Backend, version: Version, region: str) -> Replica:
    fault = next(iter(backend.strike("replicate", place=region_key(region))), None)
    seconds = fault.lasts if fault and fault.kind == "stuck" else backend.draw(backend.timings.replicate)
    replica = Replica(region, backend.now, seconds)

    def end() -> None:
        if version.replicas.get(region_key(region)) is replica:
            replica.state = "Failed" if fault and fault.kind == "fail" else "Completed"
            backend.on_replicated()

    backend.after(seconds, end)
    return replica
