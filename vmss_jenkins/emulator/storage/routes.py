"""The paths and methods of the storage provider that the emulator serves."""

from __future__ import annotations

from vmss_jenkins.emulator.arm.providers import STORAGE
from vmss_jenkins.emulator.calls.route import GROUP, SUBSCRIPTION, Route
from vmss_jenkins.emulator.storage import account_responses as storage

_ALL = f"{SUBSCRIPTION}/providers/{STORAGE}"
_IN_GROUP = f"{GROUP}/providers/{STORAGE}"
_ACCOUNT = f"{_IN_GROUP}/storageAccounts/{{account}}"

STORAGE_ROUTES: tuple[Route, ...] = (
    Route("POST", f"{_ALL}/checkNameAvailability", storage.check_name),
    Route("GET", f"{_ALL}/locations/{{location}}/asyncoperations/{{operation}}", storage.get_operation),
    Route("GET", f"{_ALL}/storageAccounts", storage.list_accounts),
    Route("GET", f"{_IN_GROUP}/storageAccounts", storage.list_accounts),
    Route("GET", _ACCOUNT, storage.get_account),
    Route("PUT", _ACCOUNT, storage.put_account),
    Route("PATCH", _ACCOUNT, storage.patch_account),
    Route("DELETE", _ACCOUNT, storage.delete_account),
    Route("POST", f"{_ACCOUNT}/listKeys", storage.list_keys),
)
