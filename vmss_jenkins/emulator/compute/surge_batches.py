"""One batch of a rolling upgrade with ``maxSurge``: new instances first, then the old ones of the batch are deleted.

Source: Microsoft's page "Rolling upgrades with MaxSurge". If the quota has no room for new instances, Azure updates the
batch in place, without a word. Not documented, and chosen here: new instances that do not become healthy are deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.compute import instances, sizes
from vmss_jenkins.emulator.compute.placement import Place, new_places
from vmss_jenkins.emulator.state.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.rolling_upgrade import RollingUpgrade
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

WHY = "surge"
"""How the availability record names the creation of an instance in a surge."""


def fits_quota(backend: Backend, scale_set: ScaleSet, count: int) -> bool:
    """Whether the region's quota of cores has room for ``count`` more instances of the set."""
    there = [one for owner in backend.scale_sets.values() for one in owner.instances.values()]
    used = sum(sizes.cores(one.model.size) for one in there if one.power != "deallocated")
    more = count * sizes.cores(scale_set.model.size)
    try:
        sizes.check_quota(backend.scenario.core_quota, used, more, scale_set.location)
    except ArmError:
        return False
    return True


def create(
    backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade, created: Callable[[Operation], None]
) -> None:
    """Create an instance of the latest model for each of the batch, in its zone; then ``created`` is called."""
    zones = [scale_set.instances[key].zone for key in rolling.batch]
    scale_set.surging += len(rolling.batch)
    before = set(scale_set.instances)
    operation = backend.begin(scale_set.location, backend.timings.accept, created)
    for place, zone in zip(new_places(scale_set, len(zones), backend.chance), zones, strict=True):
        instances.create(backend, operation, scale_set, Place(place.number, zone), WHY)
    rolling.fresh = [key for key in scale_set.instances if key not in before]
    backend.on_resized()


def replace(
    backend: Backend,
    scale_set: ScaleSet,
    rolling: RollingUpgrade,
    bad: Iterable[str],
    replaced: Callable[[list[str]], None],
) -> None:
    """Delete one old instance for each new one that is not ``bad``, and the bad ones.

    ``replaced`` is called with the ids of the old instances that stay, for they have no healthy successor.
    """
    batch, fresh = rolling.batch, rolling.fresh
    good = [key for key in fresh if key in scale_set.instances and key not in bad]
    leaving, staying = batch[: len(good)], batch[len(good) :]

    def done(_: Operation) -> None:
        scale_set.surging -= len(batch)
        rolling.fresh = []
        replaced(staying)

    operation = backend.begin(scale_set.location, backend.timings.accept, done)
    for key in (*leaving, *(key for key in fresh if key not in good)):
        if key in scale_set.instances:
            instances.delete(backend, operation, scale_set, scale_set.instances[key], "scale-in", held=False)


def there(scale_set: ScaleSet, rolling: RollingUpgrade) -> list[Instance]:
    """Return the new instances of the batch that exist."""
    return [scale_set.instances[key] for key in rolling.fresh if key in scale_set.instances]
