"""The services by which Azure replaces instances of a set by itself: automatic repairs and zone balance.

Shapes: `setOrchestrationServiceState` and the set's instance view
(https://learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets/set-orchestration-service-state).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from vmss_jenkins.azure.errors import translated
from vmss_jenkins.model import arm_bodies

if TYPE_CHECKING:
    from vmss_jenkins.azure.operations import AzureOperation
    from vmss_jenkins.azure.scale_sets import AzureScaleSets
    from vmss_jenkins.model.instances import ScaleSetName


class AzureServices:
    """The services of one set; satisfies `rollout.ports.Services`.

    Args:
        sets: the adapter to scale sets.
        name: the set.
    """

    def __init__(self, sets: AzureScaleSets, name: ScaleSetName) -> None:
        self._sets, self._name = sets, name

    def suspended(self) -> tuple[str, ...]:
        """Read which ones are suspended.

        Raises:
            AzureError: if the instance view of the set cannot be read.
        """
        with translated(f"read the instance view of {self._name}"):
            view = self._sets.operations.get_instance_view(self._name.resource_group, self._name.name)
            return arm_bodies.suspended_services(cast("Any", view))

    def begin_set_suspended(self, service: str, *, suspended: bool) -> AzureOperation:
        """Suspend or resume one.

        Raises:
            AzureError: if Azure refuses.
        """
        action = "Suspend" if suspended else "Resume"
        body = cast("Any", {"serviceName": service, "action": action})
        return self._sets.begin(
            f"{action.lower()} {service} of {self._name}",
            lambda polling: self._sets.operations.begin_set_orchestration_service_state(
                self._name.resource_group, self._name.name, body, polling=polling
            ),
        )

    def poll(self, operation: AzureOperation) -> None:
        """Poll an operation once.

        Raises:
            AzureError: if it failed, or cannot be polled.
        """
        self._sets.poll(operation)
