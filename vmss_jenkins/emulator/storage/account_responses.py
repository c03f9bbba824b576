"""Answers about storage accounts. Azurite, which the user starts, serves the blobs.

Every account has the key that Azurite documents for development, so that Azurite can be started with
``AZURITE_ACCOUNTS=NAME:KEY`` and without a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.bodies import merged
from vmss_jenkins.emulator.arm.errors import ArmError, resource_not_found
from vmss_jenkins.emulator.arm.providers import STORAGE
from vmss_jenkins.emulator.arm.values import timestamp
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.state.network import PassiveResource

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

KIND = "storageAccounts"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's public key: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite."""
SHAPE: Json = {"location": str, "tags": {}, "kind": str, "sku": {"name": str}, "properties": {}}
_NAME = re.compile(r"[a-z0-9]{3,24}", re.ASCII)
_DEFAULTS: Json = {"minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": True, "supportsHttpsTrafficOnly": True}
PAGE = 1000


def check_name(call: Call) -> Reply:
    """Whether a new account can have a name."""
    name = str(call.body({"name": str, "type": str}).get("name", ""))
    if fault := _fault(name):
        return Reply(200, {"nameAvailable": False, "reason": "AccountNameInvalid", "message": fault})
    if any(key[0] == KIND.lower() and key[2] == name for key in call.backend.passive_resources):
        message = f"The storage account named {name} is already taken."
        return Reply(200, {"nameAvailable": False, "reason": "AlreadyExists", "message": message})
    return Reply(200, {"nameAvailable": True})


def list_accounts(call: Call) -> Reply:
    """The accounts of a resource group, or of the subscription."""
    group = call.backend.group(call.params["group"]).name.lower() if "group" in call.params else ""
    wanted = [
        one for key, one in call.backend.passive_resources.items() if key[0] == KIND.lower() and group in ("", key[1])
    ]
    found, more = call.page(wanted, PAGE)
    return Reply(200, {"value": [_shown(call, one) for one in found], **more})


def get_account(call: Call) -> Reply:
    """An account."""
    return Reply(200, _shown(call, _account(call)))


def put_account(call: Call) -> Reply:
    """Create an account, or change one."""
    body, backend = call.body(SHAPE), call.backend
    group, name = backend.group(call.params["group"]).name, call.params["account"]
    if fault := _fault(name):
        raise ArmError(400, "AccountNameInvalid", fault)
    key = (KIND.lower(), group.lower(), name)
    if key in backend.passive_resources:
        return _changed(call, backend.passive_resources[key], body)
    if any(other[0] == KIND.lower() and other[2] == name for other in backend.passive_resources):
        raise ArmError(409, "StorageAccountAlreadyTaken", f"The storage account named {name} is already taken.")
    if "location" not in body:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    created = {"creationTime": timestamp(backend.now)}
    body = {**body, "properties": {**_DEFAULTS, **body.get("properties", {}), **created}}
    backend.passive_resources[key] = PassiveResource(f"{STORAGE}/{KIND}", name, group, body, backend.guid())
    operation = backend.begin(str(body["location"]), backend.draw(backend.timings.model))
    place = f"/subscriptions/{backend.scenario.subscription_id}/providers/{STORAGE}/locations/{operation.location}"
    url = f"{call.base_url}{place}/asyncoperations/{operation.id}?monitor=true&api-version={call.api_version}"
    return Reply(202, headers={"Location": url, "Retry-After": backend.retry_after(17)}, operation=operation)


def patch_account(call: Call) -> Reply:
    """Change an account."""
    return _changed(call, _account(call), call.body(SHAPE))


def delete_account(call: Call) -> Reply:
    """Delete an account; 204 if it does not exist."""
    group = call.backend.group(call.params["group"]).name
    gone = call.backend.passive_resources.pop((KIND.lower(), group.lower(), call.params["account"]), None)
    return Reply(200 if gone else 204)


def list_keys(call: Call) -> Reply:
    """The two keys of an account, which are equal in the emulator."""
    created = _account(call).body["properties"]["creationTime"]
    keys = [
        {"creationTime": created, "keyName": name, "value": KEY, "permissions": "FULL"} for name in ("key1", "key2")
    ]
    return Reply(200, {"keys": keys})


def get_operation(call: Call) -> Reply:
    """The status of an account's creation, and the account at the end."""
    operation = call.backend.operations.get(call.params["operation"].lower())
    if operation is None:
        raise ArmError(404, "NotFound", "The operation was not found.")
    if operation.ended is None:
        query = f"monitor=true&api-version={call.api_version}"
        headers = {"Location": f"{call.base_url}{call.path}?{query}", "Retry-After": call.backend.retry_after(17)}
        return Reply(202, headers=headers)
    made = (
        one
        for key, one in call.backend.passive_resources.items()
        if key[0] == KIND.lower() and _began(one, operation.started)
    )
    found = next(made, None)
    return Reply(200, _shown(call, found)) if found else Reply(204)


def _began(account: PassiveResource, when: float) -> bool:
    return bool(account.body["properties"]["creationTime"] == timestamp(when))


def _changed(call: Call, account: PassiveResource, body: Json) -> Reply:
    account.body = merged(account.body, body)
    account.version += 1
    return Reply(200, _shown(call, account))


def _account(call: Call) -> PassiveResource:
    group, name = call.backend.group(call.params["group"]).name, call.params["account"]
    found = call.backend.passive_resources.get((KIND.lower(), group.lower(), name.lower()))
    if found is None:
        raise resource_not_found(f"{STORAGE}/{KIND}", name, group)
    return found


def _fault(name: str) -> str | None:
    if _NAME.fullmatch(name):
        return None
    return (
        f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in "
        "length and use numbers and lower-case letters only."
    )


def _shown(call: Call, account: PassiveResource) -> Json:
    group = f"/subscriptions/{call.backend.scenario.subscription_id}/resourceGroups/{account.group}"
    written: Json = account.body
    blobs = call.backend.blob_endpoint
    return {
        "sku": {"tier": "Standard", **written.get("sku", {"name": "Standard_LRS"})},
        "kind": written.get("kind", "StorageV2"),
        "id": f"{group}/providers/{account.kind}/{account.name}",
        "name": account.name,
        "type": account.kind,
        "location": written["location"],
        "tags": written.get("tags", {}),
        "properties": {
            **written["properties"],
            "provisioningState": "Succeeded",
            "primaryEndpoints": {"blob": f"{blobs}/{account.name}/"} if blobs else {},
            "primaryLocation": written["location"],
            "statusOfPrimary": "available",
        },
    }
