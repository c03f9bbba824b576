"""Answers about public IP addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.network.api import operations, views
from vmss_jenkins.emulator.state.network import PublicIp
from vmss_jenkins.emulator.state.servers import HOST

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

PAGE = 1000
SHAPE: Json = {
    "location": str,
    "tags": {},
    "zones": [str],
    "sku": {"name": str, "tier": str},
    "properties": {
        "publicIPAllocationMethod": str,
        "publicIPAddressVersion": str,
        "idleTimeoutInMinutes": int,
        "dnsSettings": {"domainNameLabel": str},
    },
}
_READ_ONLY = ("provisioningState", "resourceGuid", "ipAddress", "ipConfiguration")


def list_public_ips(call: Call) -> Reply:
    """The public IP addresses of a resource group, or of the subscription."""
    group = call.backend.group(call.params["group"]).name.lower() if "group" in call.params else ""
    wanted = [one for key, one in call.backend.public_ips.items() if group in ("", key[0])]
    found, more = call.page(wanted, PAGE)
    return Reply(200, {"value": [views.public_ip(call.backend, address) for address in found], **more})


def get_public_ip(call: Call) -> Reply:
    """A public IP address."""
    address = call.backend.public_ip(call.params["group"], call.params["address"])
    body = views.public_ip(call.backend, address)
    return Reply(200, body, {"ETag": body["etag"]})


def put_public_ip(call: Call) -> Reply:
    """Create a public IP address, which is always 127.0.0.1, or change its properties."""
    body, backend = call.body(SHAPE), call.backend
    group, name = backend.group(call.params["group"]).name, call.params["address"]
    if "location" not in body:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    known = backend.public_ips.get((group.lower(), name.lower()))
    written = {key: value for key, value in body.get("properties", {}).items() if key not in _READ_ONLY}
    kept: Json = {key: body[key] for key in ("tags", "sku", "zones") if key in body}
    made = known or PublicIp(name, group, str(body["location"]), HOST, backend.guid())
    made.body = {**kept, "properties": written}
    backend.public_ips[group.lower(), name.lower()] = made
    operation = backend.begin(made.location, backend.draw(backend.timings.network))
    return operations.written(call, operation, views.public_ip(backend, made), created=known is None)


def delete_public_ip(call: Call) -> Reply:
    """Delete a public IP address; refused if a frontend has it, 204 if it does not exist."""
    backend = call.backend
    group = backend.group(call.params["group"]).name
    known = backend.public_ips.get((group.lower(), call.params["address"].lower()))
    if known is None:
        return Reply(204)
    shown = views.public_ip(backend, known)
    if user := shown["properties"].get("ipConfiguration"):
        text = (
            f"Public IP address {shown['id']} can not be deleted since it is still allocated to resource {user['id']}. "
            "In order to delete the public IP, disassociate/detach the Public IP address from the resource. To learn "
            "how to do this, see aka.ms/deletepublicip."
        )
        raise ArmError(400, "PublicIPAddressCannotBeDeleted", text)
    del backend.public_ips[group.lower(), known.name.lower()]
    return operations.accepted(call, backend.begin(known.location, backend.timings.network))
