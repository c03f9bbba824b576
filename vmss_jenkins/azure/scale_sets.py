"""Scale sets through azure-mgmt-compute: the adapter that satisfies `rollout.ports.ScaleSets`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from azure.core import MatchConditions
from azure.core.polling.base_polling import BadStatus
from azure.mgmt.compute import ComputeManagementClient

from vmss_jenkins.azure.client_options import AnswerPolicy, client_options
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.errors import azure_error, body_failure, response_failure, translated
from vmss_jenkins.azure.operations import AzureOperation, SteppedPolling
from vmss_jenkins.azure.services import AutoscaleSwitch, AzureProtector, AzureServices, enabled_autoscale
from vmss_jenkins.azure.tag_claims import TagClaims, TagHeadcounts, TagLog, TagMemory, TagProtected
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.model import arm_bodies
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.extensions import LINUX_HANDLER, WINDOWS_HANDLER, extension_body
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, OrchestrationMode, ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.runtime.waiting import NO_OPERATION

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


class AzureScaleSets:
    """Reads and changes scale sets of one subscription.

    Every call is made once: the engine decides whether to repeat it, since it knows which repetition is safe.

    Args:
        endpoint: subscription and URL.
        credential: None for an endpoint that takes no token.
        on_event: receives an event per call; None for nobody.
    """

    def __init__(self, endpoint: Endpoint, credential: TokenCredential | None, on_event: OnEvent | None = None) -> None:
        self._answer_policy = AnswerPolicy()
        self._endpoint, self._subscription = endpoint.url, endpoint.subscription
        options = client_options(endpoint, credential, on_event)
        options["per_retry_policies"].append(self._answer_policy)
        self._client = ComputeManagementClient(**options)

    @property
    def remaining(self) -> Mapping[str, int]:
        """Requests left in each token bucket, by the last answers."""
        return self._answer_policy.remaining

    @property
    def client(self) -> ComputeManagementClient:
        """The SDK's client, for adapters beside this one."""
        return self._client

    @property
    def server_time(self) -> float:
        """The server's time by its last answer, in seconds UTC."""
        return self._answer_policy.server_time

    def services(self, name: ScaleSetName) -> AzureServices:
        """The services by which Azure replaces instances of a set by itself, and autoscale."""
        subscription = f"{self._endpoint}/subscriptions/{self._subscription}"
        autoscale = AutoscaleSwitch(self._client.send_request, subscription, name)
        return AzureServices(self._client.virtual_machine_scale_sets, self.begin, self.poll, autoscale, name)

    def protector(self, name: ScaleSetName) -> AzureProtector:
        """The protection of a set's instances."""
        return AzureProtector(self._client.virtual_machine_scale_set_vms, self.begin, self.poll, name)

    def protected(self, name: ScaleSetName) -> TagProtected:
        """The record of the instances that rollouts protect."""
        return TagProtected(self._client.send_request, f"{self._endpoint}/subscriptions/{self._subscription}", name)

    def claims(self, name: ScaleSetName) -> TagClaims:
        """The locks of rollouts of a set."""
        return TagClaims(self._client.send_request, f"{self._endpoint}/subscriptions/{self._subscription}", name)

    def memory(self, name: ScaleSetName) -> TagMemory:
        """The recorded releases of a set."""
        return TagMemory(self._client.send_request, f"{self._endpoint}/subscriptions/{self._subscription}", name)

    def log(self, name: ScaleSetName) -> TagLog:
        """The log of the releases of a set."""
        return TagLog(self._client.send_request, f"{self._endpoint}/subscriptions/{self._subscription}", name)

    def headcounts(self, name: ScaleSetName) -> TagHeadcounts:
        """The recorded capacity that a set has after its surge."""
        return TagHeadcounts(self._client.send_request, f"{self._endpoint}/subscriptions/{self._subscription}", name)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, name: ScaleSetName) -> ScaleSet:
        """Read a set's model (one call).

        Raises:
            AzureError: if it cannot be read.
        """
        with translated(f"read scale set {name}"):
            body = self._client.virtual_machine_scale_sets.get(name.resource_group, name.name)
            return arm_bodies.scale_set_from(body, name)

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        """Read all instances with their views, in Azure's order (one call a page).

        Instances of a flexible set are virtual machines, filtered by their set.

        Raises:
            AzureError: if they cannot be read.
        """
        name = scale_set.name
        with translated(f"list the instances of {name}"):
            if scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE:
                listed: Any = self._client.virtual_machines.list(
                    name.resource_group,
                    filter=f"'virtualMachineScaleSet/id' eq '{scale_set.id}'",
                    expand="instanceView",
                )
            else:
                listed = self._client.virtual_machine_scale_set_vms.list(
                    name.resource_group, name.name, expand="instanceView"
                )
            return tuple(arm_bodies.instance_from(body) for body in listed)

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        """Read one instance with its view (one call; each instance has a token bucket of its own).

        Raises:
            AzureError: if it cannot be read, with the status 404 if it no longer exists.
        """
        name = scale_set.name
        with translated(f"read instance {instance_id} of {name}"):
            if scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE:
                machine: Any = self._client.virtual_machines.get(
                    name.resource_group, instance_id, expand="instanceView"
                )
            else:
                machine = self._client.virtual_machine_scale_set_vms.get(
                    name.resource_group, name.name, instance_id, expand="instanceView"
                )
            return arm_bodies.instance_from(machine)

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> AzureOperation:
        """Set the image of the model: a PATCH of the image alone, conditional on the etag if there is one.

        Raises:
            AzureError: if Azure refuses, with `PreconditionFailed` if the set changed since it was read.
        """
        name = scale_set.name
        if not isinstance(image, ImageReference):
            raise TypeError(f"{image} is not an image; `ScriptSets` sets scripts")
        return self._patch(scale_set, f"set the image of {name}", arm_bodies.image_patch(image))

    def _patch(self, scale_set: ScaleSet, action: str, body: Mapping[str, Any]) -> AzureOperation:
        name = scale_set.name
        unchanged: dict[str, Any] = (
            {"etag": scale_set.etag, "match_condition": MatchConditions.IfNotModified} if scale_set.etag else {}
        )
        return self.begin(
            action,
            lambda polling: self._client.virtual_machine_scale_sets.begin_update(
                name.resource_group, name.name, cast("Any", body), polling=polling, **unchanged
            ),
        )

    def begin_set_script(
        self, scale_set: ScaleSet, release: ExtensionSettings, protected: Mapping[str, Any] | None
    ) -> AzureOperation:
        """Set the settings of a CustomScript extension by its own sub-resource; the extension is created if missing.

        A PUT of the whole set or of its list of extensions would lose the protected settings of all extensions. If
        Azure shows nothing of the present settings, the extension is replaced with all its properties, so that no
        hidden setting stays.

        Raises:
            AzureError: if Azure refuses.
        """
        name, extensions = scale_set.name, self._client.virtual_machine_scale_set_extensions
        known = next((one for one in scale_set.scripts if one.name.lower() == release.name.lower()), None)
        replaced = known is not None and (known.hidden or release.hidden)
        begin = extensions.begin_update if known and not replaced else extensions.begin_create_or_update
        new = WINDOWS_HANDLER if scale_set.windows else LINUX_HANDLER
        handler = scale_set.handlers.get(release.name.lower(), new)
        body = cast("Any", extension_body(release, protected, None if replaced else known, handler))
        return self.begin(
            f"set the script extension {release.name} of {name}",
            lambda polling: begin(name.resource_group, name.name, release.name, body, polling=polling),
        )

    def begin_set_application(self, scale_set: ScaleSet, release: ExtensionSettings) -> AzureOperation:
        """Set or remove an application of the model: a PATCH of the applications alone, conditional on the etag.

        Raises:
            AzureError: as `begin_set_image`.
        """
        body = arm_bodies.applications_patch(scale_set.applications, release)
        return self._patch(scale_set, f"set the application {release.name} of {scale_set.name}", body)

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> AzureOperation:
        """Bring instances to the latest model (`manualupgrade`); `["*"]` for all.

        Raises:
            AzureError: if Azure refuses.
        """
        name = scale_set.name
        return self.begin(
            f"update instances {', '.join(ids)} of {name}",
            lambda polling: self._client.virtual_machine_scale_sets.begin_update_instances(
                name.resource_group, name.name, cast("Any", {"instanceIds": list(ids)}), polling=polling
            ),
        )

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> AzureOperation:
        """Set the capacity: a PATCH of the capacity alone, conditional as that of the image.

        Raises:
            AzureError: if Azure refuses (a quota, a limit), or the set changed since it was read.
        """
        action = f"set the capacity of {scale_set.name} from {scale_set.capacity} to {capacity}"
        return self._patch(scale_set, action, arm_bodies.capacity_patch(capacity))

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> AzureOperation:
        """Delete instances, which lowers the capacity; forced if the set's scale-in policy forces it.

        Azure ignores instance protection here: the caller checks it.

        Raises:
            AzureError: if Azure refuses.
        """
        name = scale_set.name
        return self.begin(
            f"delete instances {', '.join(ids)} of {name}",
            lambda polling: self._client.virtual_machine_scale_sets.begin_delete_instances(
                name.resource_group,
                name.name,
                cast("Any", {"instanceIds": list(ids)}),
                force_deletion=scale_set.scale_in.force_deletion or None,
                polling=polling,
            ),
        )

    def begin(self, action: str, begin: Callable[[SteppedPolling], object]) -> AzureOperation:
        """Begin a long-running operation of the SDK.

        Args:
            action: what it does, for people.
            begin: begins it with the given polling.

        Raises:
            AzureError: if Azure refuses.
        """
        polling = SteppedPolling(0, path_format_arguments={"endpoint": self._endpoint})
        with translated(action):
            begin(polling)
        operation = AzureOperation(action, polling.response.headers.get("x-ms-request-id"), polling)
        self._raise_if_failed(operation)
        return operation

    def poll(self, operation: AzureOperation) -> None:
        """Poll an operation once.

        Raises:
            AzureError: if it failed, or cannot be polled; with the code `OperationNotFound` if Azure has no record.
        """
        action = f"poll the operation: {operation.action}"
        with translated(action):
            try:
                operation.polling.update_status()
            except BadStatus as error:
                failure = response_failure(operation.polling.response)
                if failure.status == HTTPStatus.NOT_FOUND:
                    failure = replace(failure, code=NO_OPERATION, message="Azure has no record of the operation")
                raise azure_error(action, failure) from error
        self._raise_if_failed(operation)

    def _raise_if_failed(self, operation: AzureOperation) -> None:
        if operation.done and operation.polling.status().lower() in {"failed", "canceled"}:
            failure = body_failure(operation.polling.response.json(), operation.request_id)
            raise azure_error(operation.action, failure)

    def autoscale_settings(self, scale_set: ScaleSet) -> tuple[AutoscaleSetting, ...] | None:
        """Read the enabled autoscale settings that target a set; None if they cannot be read."""
        return enabled_autoscale(self._client.send_request, self._endpoint, scale_set.id)
