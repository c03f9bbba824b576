"""Answers about the extensions of a set's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.bodies import merged
from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute import scale_sets
from vmss_jenkins.emulator.compute.api.views import Views
from vmss_jenkins.emulator.compute.guest import extensions

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

_NEEDED = ("publisher", "type", "typeHandlerVersion")


def list_extensions(call: Call) -> Reply:
    """The extensions of a set."""
    scale_set = call.scale_set
    return Reply(200, {"value": [Views(call.backend).extension(scale_set, one) for one in scale_set.model.extensions]})


def get_extension(call: Call) -> Reply:
    """An extension of a set, without its protected settings."""
    return Reply(
        200, Views(call.backend).extension(call.scale_set, extensions.find(call.scale_set, call.params["extension"]))
    )


def put_extension(call: Call) -> Reply:
    """Create an extension, or replace one as a whole; instances are updated as the set's upgrade mode says."""
    properties = call.body(extensions.SHAPE).get("properties", {})
    for key in _NEEDED:
        if not properties.get(key):
            raise invalid_parameter(f"Required parameter '{key}' is missing (null).", key)
    known = any(one["name"].lower() == call.params["extension"].lower() for one in call.scale_set.model.extensions)
    return _written(call, properties, created=not known)


def patch_extension(call: Call) -> Reply:
    """Change an extension: ``settings`` and ``protectedSettings`` are each replaced as a whole, or stay if left out."""
    old = extensions.find(call.scale_set, call.params["extension"])
    changes = call.body(extensions.SHAPE).get("properties", {})
    return _written(call, merged(old.get("properties", {}), changes), created=False)


def delete_extension(call: Call) -> Reply:
    """Remove an extension from the model; answers 204 if it does not exist, as ARM does."""
    scale_set, name = call.scale_set, call.params["extension"]
    try:
        extensions.find(scale_set, name)
    except ArmError:
        return Reply(204)
    changes = extensions.patched(scale_set, name, None)
    return call.accepted(scale_sets.change(call.backend, scale_set, changes, call.charge))


def _written(call: Call, properties: Json, *, created: bool) -> Reply:
    scale_set, name = call.scale_set, call.params["extension"]
    extension = {"name": name, "properties": properties}
    changes = extensions.patched(scale_set, name, extension)
    operation = scale_sets.change(call.backend, scale_set, changes, call.charge)
    return call.written(operation, Views(call.backend).extension(scale_set, extension), created=created)
