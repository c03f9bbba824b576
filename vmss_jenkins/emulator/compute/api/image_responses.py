"""Answers about subscriptions, images and operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, instance_not_found, invalid_parameter
from vmss_jenkins.emulator.calls.call import Call, Reply
from vmss_jenkins.emulator.compute import scale_sets
from vmss_jenkins.emulator.compute.models import IMAGE_SHAPE

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.compute import Json

PAGE = 1000


def list_subscriptions(call: Call) -> Reply:
    """The one subscription."""
    return Reply(200, {"value": [call.views.subscription()], "count": {"type": "Total", "value": 1}})


def get_subscription(call: Call) -> Reply:
    """The one subscription."""
    return Reply(200, call.views.subscription())


def list_images(call: Call) -> Reply:
    """The managed images of a resource group, or of the subscription."""
    group = call.params.get("group", "").lower()
    images, more = call.page([i for key, i in call.backend.images.items() if group in ("", key[0])], PAGE)
    return Reply(200, {"value": [call.views.image(image) for image in images], **more})


def get_image(call: Call) -> Reply:
    """A managed image."""
    return Reply(200, call.views.image(call.backend.image(call.params["group"], call.params["image"])))


def put_image(call: Call) -> Reply:
    """Create or change a managed image; what it serves is the scenario's, or a page with its name."""
    body, key = call.body(IMAGE_SHAPE), (call.params["group"].lower(), call.params["image"].lower())
    created = key not in call.backend.images
    if created and "location" not in body:
        raise invalid_parameter("Required parameter 'location' is missing (null).", "location")
    image, operation = scale_sets.put_image(call.backend, call.params["group"], call.params["image"], body)
    return call.written(operation, call.views.image(image), created=created)


def delete_image(call: Call) -> Reply:
    """Delete a managed image."""
    image = call.backend.image(call.params["group"], call.params["image"])
    return call.accepted(scale_sets.delete_image(call.backend, image))


def list_autoscale(call: Call) -> Reply:
    """The autoscale settings of a resource group, or of the subscription: those of the scenario's sets."""
    scenario = call.backend.scenario
    if "group" in call.params and call.backend.group(call.params["group"]).name != scenario.resource_group:
        return Reply(200, {"value": []})
    return Reply(
        200, {"value": [call.views.autoscale(name, spec) for spec in scenario.sets for name in spec.autoscale]}
    )


def get_operation(call: Call) -> Reply:
    """A long-running operation: its status, or with ``monitor=true`` the answer that it ends with."""
    operation = call.backend.operations.get(call.params["operation"].lower())
    if operation is None or operation.location.lower() != call.params["location"].lower():
        raise instance_not_found()
    if call.query.get("monitor", "").lower() != "true":
        return Reply(200, call.views.operation(operation), call.pacing(ended=operation.ended is not None))
    if operation.ended is None:
        return Reply(202, headers={"Location": f"{call.base_url}{call.path}?{_query(call)}"})
    if operation.error:
        raise ArmError(409, operation.error["code"], operation.error["message"])
    return Reply(200)


def _query(call: Call) -> str:
    known: Json = {key: call.query[key] for key in ("p", "monitor", "api-version") if key in call.query}
    return "&".join(f"{key}={value}" for key, value in known.items())
