"""What `az` needs of a cloud besides scale sets: groups, platform images, storage accounts, and its set-up."""

from __future__ import annotations

import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.emulator.conftest import EXACT, Azure, Emulate, error_of
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.emulator.front.identity import TOKEN_SECONDS, Identity
from vmss_jenkins.emulator.server import az_setup
from vmss_jenkins.emulator.storage.account_responses import KEY

UBUNTU = "publishers/Canonical/artifacttypes/vmimage/offers/UbuntuServer/skus/16.04-LTS/versions"


def subscription(azure: Azure, rest: str) -> str:
    return f"{azure.group.partition('/resourceGroups')[0]}/{rest}"


def test_deleting_a_group_deletes_all_its_resources(azure: Azure) -> None:
    gone = azure.ask("DELETE", azure.group)
    assert gone.status_code == 202
    assert azure.ask("GET", azure.group).json()["properties"]["provisioningState"] == "Deleting"
    assert error_of(azure.ask("DELETE", azure.group)) == (409, "ResourceGroupBeingDeleted")
    assert azure.ask("GET", gone.headers["Location"]).status_code == 202
    azure.settle(EXACT.delete)
    assert azure.ask("GET", gone.headers["Location"]).status_code == 200
    assert error_of(azure.ask("GET", azure.group)) == (404, "ResourceGroupNotFound")
    assert azure.ask("GET", subscription(azure, "resources")).json()["value"] == []


def test_resources_of_every_type_are_listed_and_filtered(azure: Azure) -> None:
    def names(written: str = "") -> list[str]:
        answer = azure.ask("GET", subscription(azure, "resources"), params={"$filter": written} if written else {})
        assert answer.status_code == 200, answer.text
        return [one["name"] for one in answer.json()["value"]]

    assert {"web", "webLB", "webLBPublicIP", "webVNET", "nginx-base-image"} <= set(names())
    assert names("resourceType eq 'microsoft.network/loadbalancers'") == ["webLB"]
    assert names("name eq 'WEB' and resourceGroup eq 'canary-rg'") == ["web"]
    assert names("resourceGroup eq 'other'") == []
    wrong = azure.ask("GET", subscription(azure, "resources"), params={"$filter": "tagName eq 'x'"})
    assert error_of(wrong) == (400, "InvalidFilterInQueryString")


def test_the_versions_of_a_platform_image_are_listed(azure: Azure) -> None:
    path = subscription(azure, f"providers/Microsoft.Compute/locations/westus/{UBUNTU}")
    (version,) = azure.ask("GET", path, params={"$top": "1", "$orderby": "name desc"}).json()
    assert version["id"].endswith(f"/Versions/{version['name']}")
    shown = azure.ask("GET", f"{path}/{version['name']}").json()
    assert shown["properties"]["osDiskImage"]["operatingSystem"] == "Linux"
    assert error_of(azure.ask("GET", f"{path}/0.0.0")) == (404, "NotFound")
    assert error_of(azure.ask("GET", path.replace("16.04", "14.04"))) == (404, "NotFound")
    assert error_of(azure.ask("GET", path, params={"$top": "x"})) == (400, "InvalidParameter")


def test_only_existing_images_have_short_names(azure: Azure, emulate: Emulate) -> None:
    def aliases(one: Azure) -> Any:
        url = f"{one.emulator.endpoint}/_emulator/vm-image-aliases"
        return requests.get(url, timeout=10).json()["outputs"]["aliases"]["value"]["Linux"]

    assert aliases(azure)["UbuntuLTS"]["sku"] == "16.04-LTS"
    assert "Ubuntu2204" in aliases(azure)
    assert aliases(emulate(releases={"nginx-base-image": azure.emulator.scenario.releases["nginx-base-image"]})) == {}


def account(azure: Azure, name: str = "canaryscripts") -> str:
    return f"{azure.group}/providers/Microsoft.Storage/storageAccounts/{name}"


def test_a_storage_account_is_created_shown_changed_and_deleted(azure: Azure) -> None:
    body = {"location": "westus", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    made = azure.ask("PUT", account(azure), body)
    assert made.status_code == 202
    assert azure.ask("GET", made.headers["Location"]).status_code == 202
    azure.settle()
    assert azure.ask("GET", made.headers["Location"]).json()["name"] == "canaryscripts"
    shown = azure.ask("PATCH", account(azure), {"tags": {"a": "b"}}).json()
    assert (shown["tags"], shown["sku"]["name"]) == ({"a": "b"}, "Standard_LRS")
    assert azure.ask("PUT", account(azure), body).status_code == 200
    keys = azure.ask("POST", f"{account(azure)}/listKeys").json()["keys"]
    assert [(one["keyName"], one["value"]) for one in keys] == [("key1", KEY), ("key2", KEY)]
    for scope in (azure.group, subscription(azure, "").rstrip("/")):
        listed = azure.ask("GET", f"{scope}/providers/Microsoft.Storage/storageAccounts").json()["value"]
        assert [one["name"] for one in listed] == ["canaryscripts"]
    assert [azure.ask("DELETE", account(azure)).status_code for _ in range(2)] == [200, 204]
    assert error_of(azure.ask("GET", account(azure))) == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("name", "reason"), [("free1", None), ("Not-Allowed", "AccountNameInvalid"), ("canaryscripts", "AlreadyExists")]
)
def test_the_name_of_a_new_account_can_be_checked(azure: Azure, name: str, reason: str | None) -> None:
    azure.ask("PUT", account(azure), {"location": "westus"})
    path = subscription(azure, "providers/Microsoft.Storage/checkNameAvailability")
    answer = azure.ask("POST", path, {"name": name, "type": "Microsoft.Storage/storageAccounts"}).json()
    assert (answer["nameAvailable"], answer.get("reason")) == (reason is None, reason)


def test_an_invalid_account_is_refused(azure: Azure) -> None:
    assert error_of(azure.ask("PUT", account(azure, "No-No"), {"location": "x"})) == (400, "AccountNameInvalid")
    assert error_of(azure.ask("PUT", account(azure), {})) == (400, "LocationRequired")
    azure.ask("PUT", account(azure), {"location": "x"})
    other = azure.group.replace("canary-rg", "other")
    azure.ask("PUT", other, {"location": "x"})
    taken = azure.ask("PUT", account(azure).replace(azure.group, other), {"location": "x"})
    assert error_of(taken) == (409, "StorageAccountAlreadyTaken")


def test_blobs_are_served_by_azurite_and_not_without_it(azure: Azure) -> None:
    azure.ask("PUT", account(azure), {"location": "x"})
    assert azure.ask("GET", account(azure)).json()["properties"]["primaryEndpoints"] == {}
    azure.backend.blob_endpoint = "http://127.0.0.1:10000"
    found = azure.ask("GET", account(azure)).json()["properties"]["primaryEndpoints"]
    assert found == {"blob": "http://127.0.0.1:10000/canaryscripts/"}


def test_the_commands_register_a_cloud_and_show_no_secret() -> None:
    register, choose, login = az_setup.commands("https://127.0.0.1:1")
    words = shlex.split(register)
    assert words[:5] == ["az", "cloud", "register", "--name", "Emulator"]
    assert words[words.index("--endpoint-resource-manager") + 1] == "https://127.0.0.1:1"
    assert words[words.index("--suffix-storage-endpoint") + 1].endswith(".invalid")
    assert choose == "az cloud set --name Emulator"
    assert '--password "$AZURE_CLIENT_SECRET"' in login


def test_az_has_its_own_configuration_folder_and_needs_tls() -> None:
    with Emulator(tls=True, data_plane=False) as emulator:
        folder = Path(emulator.az_environment["AZURE_CONFIG_DIR"])
        assert folder.parent == Path(emulator.environment["REQUESTS_CA_BUNDLE"]).parent
        assert emulator.client_secret not in " ".join(emulator.az_commands)
    with Emulator(data_plane=False) as emulator:
        assert (emulator.az_environment, emulator.az_commands) == ({}, [])


@pytest.mark.parametrize("tls", [True, False])
def test_the_env_file_has_the_printed_variables_and_only_its_owner_reads_it(tmp_path: Path, tls: bool) -> None:
    file = tmp_path / "emulator.env"
    file.touch(mode=0o644)
    command = [sys.executable, "-m", "vmss_jenkins", "emulator", "--env-file", str(file), *(["--tls"] if tls else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "Emulating Azure" in process.stderr.readline()
        process.terminate()
        printed, _ = process.communicate(timeout=30)
    assert file.read_text() == printed
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ("\naz login --service-principal" in printed) == tls


def test_a_token_lasts_for_its_lifetime_in_the_clients_time() -> None:
    fast = Identity(time_scale=100.0)
    form = {"grant_type": "client_credentials", "client_id": fast.client_id, "client_secret": fast.client_secret}
    token = fast.token(fast.tenant_id, form, "http://x", 0.0).body["access_token"]
    fast.check(f"Bearer {token}", 100 * (TOKEN_SECONDS - 1))


@pytest.mark.parametrize(("scale", "wait"), [(1.0, None), (10.0, "3"), (1000.0, "1")])
def test_an_operation_has_a_retry_after_only_if_time_runs_faster(azure: Azure, scale: float, wait: str | None) -> None:
    azure.backend.time_scale = scale
    answer = azure.ask("POST", "restart", {"instanceIds": ["0"]})
    assert "Retry-After" not in answer.headers
    url = answer.headers["Azure-AsyncOperation"]
    assert azure.ask("GET", url).headers.get("Retry-After") == wait
    azure.settle()
    assert "Retry-After" not in azure.ask("GET", url).headers
