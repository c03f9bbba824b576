"""Answers about managed images."""

from __future__ import annotations

from vmss_jenkins.emulator.arm.errors import invalid_parameter
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute import scale_sets
from vmss_jenkins.emulator.compute.api.views import Views
from vmss_jenkins.emulator.compute.models import IMAGE_SHAPE

PAGE = 1000


def list_images(call: Call) -> Reply:
    """The managed images of a resource group, or of the subscription."""
    group = call.params.get("group", "").lower()
    images, more = call.page([i for key, i in call.backend.images.items() if group in ("", key[0])], PAGE)
    return Reply(200, {"value": [Views(call.backend).image(image) for image in images], **more})


def get_image(call: Call) -> Reply:
    """A managed image."""
    return Reply(200, Views(call.backend).image(call.backend.image(call.params["group"], call.params["image"])))


def put_image(call: Call) -> Reply:
    """Create or change a managed image; it serves the page that the scenario has for it, or its name."""
    body, key = call.body(IMAGE_SHAPE), (call.params["group"].lower(), call.params["image"].lower())
    created = key not in call.backend.images
    if created and "location" not in body:
        raise invalid_parameter("Required parameter 'location' is missing (null).", "location")
    image, operation = scale_sets.put_image(call.backend, call.params["group"], call.params["image"], body)
    return call.written(operation, Views(call.backend).image(image), created=created)


def delete_image(call: Call) -> Reply:
    """Delete a managed image."""
    image = call.backend.image(call.params["group"], call.params["image"])
    return call.accepted(scale_sets.delete_image(call.backend, image))
