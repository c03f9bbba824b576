"""What of Azure acts on a set by itself: automatic repairs, zone balance, autoscale; and what protects an instance.

Shapes: `setOrchestrationServiceState` and the set's instance view
(https://learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets/set-orchestration-service-state).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from azure.core.exceptions import AzureError as SdkError
from azure.core.rest import HttpRequest

from vmss_jenkins.azure.errors import translated
from vmss_jenkins.azure.operations import AzureOperation, SteppedPolling
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting, enabled_settings, of_set
from vmss_jenkins.model.automation.policies import suspended_services
from vmss_jenkins.rollout.plan.protection.decision import Policy

if TYPE_CHECKING:
    from azure.mgmt.compute.operations import VirtualMachineScaleSetsOperations, VirtualMachineScaleSetVMsOperations

    from vmss_jenkins.model.instances import ScaleSetName

_INSIGHTS = "2022-10-01"
Begin = Callable[[str, Callable[[SteppedPolling], object]], AzureOperation]
"""Begins a long-running operation of the SDK, which has this name for people."""


class AutoscaleSwitch:
    """Switches the autoscale setting of one set on and off.

    A PATCH of a setting needs all its profiles, as a PUT does; so the setting is read, and written as it is but for one
    value (https://learn.microsoft.com/rest/api/monitor/autoscale-settings/create-or-update).

    Args:
        send: sends a request as the SDK's client does, with its credential.
        subscription: the subscription's URL.
        name: the set.
    """

    def __init__(self, send: Callable[[HttpRequest], Any], subscription: str, name: ScaleSetName) -> None:
        group = f"/resourceGroups/{name.resource_group}/providers"
        self._send, self._name = send, name
        self._url = f"{subscription}{group}/Microsoft.Insights/autoscalesettings"
        path = f"/subscriptions/{subscription.rpartition('/')[2]}{group}"
        self._set_id = f"{path}/Microsoft.Compute/virtualMachineScaleSets/{name.name}"

    def set_enabled(self, *, enabled: bool) -> tuple[str, ...]:
        """Switch it on or off; return the names of what was changed: none if it is so already.

        Raises:
            AzureError: if Azure refuses.
        """
        with translated(f"read the autoscale settings of {self._name}"):
            found = list(of_set(self._call("GET", self._url).json()["value"], self._set_id))
        changed = [one for one in found if bool(one["properties"].get("enabled", True)) != enabled]
        for one in changed:
            with translated(f"switch autoscale {one['name']} of {self._name} {'on' if enabled else 'off'}"):
                kept = {key: one[key] for key in ("location", "tags") if one.get(key)}
                properties = {**one["properties"], "enabled": enabled}
                self._call("PUT", f"{self._url}/{quote(one['name'])}", {**kept, "properties": properties})
        return tuple(str(one["name"]) for one in changed)

    def _call(self, method: str, url: str, body: object = None) -> Any:  # noqa: ANN401 - azure-core types its response by transport
        answer = self._send(HttpRequest(method, url, params={"api-version": _INSIGHTS}, json=body))
        answer.raise_for_status()
        return answer


class AzureServices:
    """Automatic repairs, zone balance and autoscale of one set; satisfies `rollout.claims.ports.Services`.

    Args:
        operations: the SDK's operations on scale sets.
        begin: begins an operation.
        poll: polls one once.
        autoscale: its autoscale setting.
        name: the set.
    """

    def __init__(
        self,
        operations: VirtualMachineScaleSetsOperations,
        begin: Begin,
        poll: Callable[[AzureOperation], None],
        autoscale: AutoscaleSwitch,
        name: ScaleSetName,
    ) -> None:
        self._operations, self._begin, self.poll, self._name = operations, begin, poll, name
        self.set_autoscale = autoscale.set_enabled

    def suspended(self) -> tuple[str, ...]:
        """Read which ones are suspended.

        Raises:
            AzureError: if the instance view of the set cannot be read.
        """
        with translated(f"read the instance view of {self._name}"):
            view = self._operations.get_instance_view(self._name.resource_group, self._name.name)
            return suspended_services(cast("Any", view))

    def begin_set_suspended(self, service: str, *, suspended: bool) -> AzureOperation:
        """Suspend or resume one.

        Raises:
            AzureError: if Azure refuses.
        """
        action = "Suspend" if suspended else "Resume"
        body = cast("Any", {"serviceName": service, "action": action})
        return self._begin(
            f"{action.lower()} {service} of {self._name}",
            lambda polling: self._operations.begin_set_orchestration_service_state(
                self._name.resource_group, self._name.name, body, polling=polling
            ),
        )


class AzureProtector:
    """Sets the protection of the instances of one uniform set; satisfies `rollout.ports.Protector`.

    Args:
        operations: the SDK's operations on instances.
        begin: begins an operation.
        poll: polls one once.
        name: the set.
    """

    def __init__(
        self,
        operations: VirtualMachineScaleSetVMsOperations,
        begin: Begin,
        poll: Callable[[AzureOperation], None],
        name: ScaleSetName,
    ) -> None:
        self._operations, self._begin, self.poll, self._name = operations, begin, poll, name

    def begin_protect(self, instance_id: str, policy: Policy) -> AzureOperation:
        """Set the protection of one instance, and nothing else of it.

        Raises:
            AzureError: if Azure refuses, with the status 404 if the instance is gone.
        """
        protection = {"protectFromScaleIn": policy.scale_in, "protectFromScaleSetActions": policy.actions}
        body = cast("Any", {"properties": {"protectionPolicy": protection}})
        return self._begin(
            f"set the protection of instance {instance_id} of {self._name}",
            lambda polling: self._operations.begin_update(
                self._name.resource_group, self._name.name, instance_id, body, polling=polling
            ),
        )


def enabled_autoscale(
    send: Callable[[HttpRequest], Any], endpoint: str, set_id: str
) -> tuple[AutoscaleSetting, ...] | None:
    """Read the enabled autoscale settings that target a set; None if they cannot be read.

    One request does not justify another SDK
    (https://learn.microsoft.com/rest/api/monitor/autoscale-settings/list-by-resource-group).

    Args:
        send: sends a request as the SDK's client does, with its credential.
        endpoint: the URL of Azure Resource Manager.
        set_id: the set's ARM id.
    """
    group = set_id.rpartition("/providers/Microsoft.Compute/")[0]
    url = f"{endpoint}{group}/providers/Microsoft.Insights/autoscalesettings?api-version={_INSIGHTS}"
    try:
        answer = send(HttpRequest("GET", url))
        answer.raise_for_status()
        return enabled_settings(answer.json()["value"], set_id)
    except (SdkError, ValueError, KeyError, TypeError):
        return None
