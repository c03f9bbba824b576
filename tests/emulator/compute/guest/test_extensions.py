"""The extensions of a set's model: Azure's answers, and runs on instances that change their pages."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.emulator.conftest import Azure, Emulate, error_of
from vmss_jenkins.emulator import Fault
from vmss_jenkins.emulator.runtime.http_download import download
from vmss_jenkins.emulator.scenario.release import UBUNTU
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS
from vmss_jenkins.emulator.state.download import DownloadError

INSTALL = "apt-get update && apt-get install -y nginx"
EDIT = INSTALL + " && sed -i -e 's/nginx/nginx on Azure VMSS/' /var/www/html/index*.html"
HANDLER = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}


def script(settings: Any = None, **properties: Any) -> dict[str, Any]:
    return {"properties": {**HANDLER, "settings": settings or {"commandToExecute": EDIT}, **properties}}


@pytest.fixture
def ubuntu(emulate: Emulate) -> Azure:
    """Three instances of a platform image on which a script installs nginx."""
    return emulate(image=UBUNTU, extensions=SCENARIOS["nginx-extension"].extensions)


def put(azure: Azure, body: dict[str, Any], name: str = "CustomScript") -> None:
    answer = azure.ask("PUT", f"extensions/{name}", body)
    assert answer.status_code in (200, 201), answer.text
    azure.settle(60)


def update(azure: Azure, *ids: str) -> dict[str, Any]:
    """Update instances to the latest model, and return the status of the ended operation."""
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": list(ids) or ["*"]})
    assert answer.status_code == 202, answer.text
    azure.settle(600)
    found: dict[str, Any] = azure.ask("GET", answer.headers["Azure-AsyncOperation"]).json()
    return found


def titles(azure: Azure) -> dict[str, str]:
    """What each instance serves."""
    found = azure.backend.scale_set("canary-rg", "web").instances.values()
    pages = {i.id: i.release.page if i.up else "<title>refused</title>" for i in found}
    return {key: page.partition("<title>")[2].partition("</title>")[0] for key, page in pages.items()}


# The resource


def test_the_real_sdk_creates_changes_lists_and_deletes_an_extension(azure: Azure) -> None:
    client = azure.compute.virtual_machine_scale_set_extensions
    client.begin_create_or_update("canary-rg", "web", "CustomScript", script({"commandToExecute": "true"}))
    azure.settle()
    assert [one.name for one in client.list("canary-rg", "web")] == ["healthExtension", "CustomScript"]
    client.begin_update("canary-rg", "web", "CustomScript", {"properties": {"forceUpdateTag": "2"}})
    azure.settle()
    shown = client.get("canary-rg", "web", "customscript")
    assert (shown.force_update_tag, shown.settings) == ("2", {"commandToExecute": "true"})
    assert (shown.properties.type, shown.provisioning_state) == ("CustomScript", "Succeeded")
    client.begin_delete("canary-rg", "web", "CustomScript")
    azure.settle()
    with pytest.raises(ResourceNotFoundError):
        client.get("canary-rg", "web", "CustomScript")
    assert azure.ask("DELETE", "extensions/CustomScript").status_code == 204


def test_writing_one_is_a_long_running_operation(azure: Azure) -> None:
    made = azure.ask("PUT", "extensions/x", script())
    assert (made.status_code, azure.status(made)) == (201, "InProgress")
    assert made.json()["properties"]["provisioningState"] == "Updating"
    azure.settle()
    again = azure.ask("PUT", "extensions/x", script())
    assert (again.status_code, azure.status(made)) == (200, "Succeeded")
    azure.settle()
    gone = azure.ask("DELETE", "extensions/x")
    assert (gone.status_code, "monitor=true" in gone.headers["Location"]) == (202, True)


def test_protected_settings_are_accepted_and_never_shown(azure: Azure) -> None:
    put(azure, script({"fileUris": []}, protectedSettings={"commandToExecute": "hunter2"}))
    shown = [azure.ask("GET", path).text for path in ("extensions/CustomScript", "extensions", "")]
    assert not any("hunter2" in text or "protected" in text for text in shown)
    assert '"fileUris"' in shown[0]


def test_the_array_in_the_set_and_the_extension_resources_are_the_same(azure: Azure) -> None:
    put(azure, script(provisionAfterExtensions=["healthExtension"]))
    body = azure.ask("GET").json()
    array = body["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    assert [one["name"] for one in array] == ["healthExtension", "CustomScript"]
    assert azure.ask("PATCH", body={"properties": {"virtualMachineProfile": {"extensionProfile": {"extensions": []}}}})
    azure.settle()
    assert azure.ask("GET", "extensions").json() == {"value": []}


def test_a_put_of_the_whole_set_loses_protected_settings_as_in_azure(azure: Azure) -> None:
    put(azure, script(protectedSettings={"script": base64.b64encode(b"true").decode()}))
    update(azure)
    body = azure.ask("GET").json()
    azure.ask("PUT", body={key: body[key] for key in ("location", "sku", "properties")})
    azure.settle()
    assert {one["properties"]["latestModelApplied"] for one in azure.instances().values()} == {False}


def test_a_patch_keeps_protected_settings_and_replaces_settings_whole(azure: Azure) -> None:
    put(azure, script({"commandToExecute": "true", "timestamp": 1}, protectedSettings={"fileUris": []}))
    azure.ask("PATCH", "extensions/CustomScript", {"properties": {"settings": {"commandToExecute": "false"}}})
    model = azure.backend.scale_set("canary-rg", "web").model
    kept = model.extensions[-1]["properties"]
    assert (kept["settings"], kept["protectedSettings"]) == ({"commandToExecute": "false"}, {"fileUris": []})


@pytest.mark.parametrize(
    ("name", "body", "wanted"),
    [
        ("x", {"properties": {"publisher": "p", "type": "t"}}, (400, "InvalidParameter")),
        ("x", script(provisionAfterExtensions=["nothing"]), (400, "InvalidParameter")),
        ("x", script(provisionAfterExtensions=["x"]), (400, "InvalidParameter")),
        ("x", {"properties": {**HANDLER, "type": "applicationhealthlinux", "publisher": "Microsoft.ManagedServices"}},
         (400, "BadRequest")),
        ("x", script("text"), (400, "InvalidRequestContent")),
    ],
)  # fmt: skip
def test_extensions_that_azure_refuses_are_refused_and_change_nothing(
    azure: Azure, name: str, body: dict[str, Any], wanted: tuple[int, str]
) -> None:
    assert error_of(azure.ask("PUT", f"extensions/{name}", body)) == wanted
    assert len(azure.ask("GET", "extensions").json()["value"]) == 1


def test_an_extension_that_others_come_after_cannot_be_deleted(azure: Azure) -> None:
    put(azure, script(provisionAfterExtensions=["healthExtension"]))
    assert error_of(azure.ask("DELETE", "extensions/healthExtension")) == (400, "InvalidParameter")


def test_an_extension_takes_tokens_from_the_buckets_of_its_set(emulate: Emulate) -> None:
    azure = emulate(throttling=True)
    codes = []
    for number in range(13):
        codes.append(azure.ask("PUT", f"extensions/{number % 2}", script(forceUpdateTag=str(number))).status_code)
        azure.clock.advance(4)
    assert codes[-1] == 429 or 429 in codes


# On instances


def test_a_platform_image_serves_nothing_until_an_extension_installs_nginx(emulate: Emulate) -> None:
    azure = emulate(image=UBUNTU, data_plane=True)
    emulator = azure.emulator
    port = emulator.data_plane.port("canary-rg/web_0")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}", timeout=5)
    put(azure, script({"commandToExecute": INSTALL}))
    update(azure, "0")
    assert "Welcome to nginx!" in requests.get(f"http://127.0.0.1:{port}", timeout=5).text
    health = [one["properties"]["instanceView"]["vmHealth"]["status"]["code"] for one in azure.instances().values()]
    assert health == ["HealthState/healthy", "HealthState/unhealthy", "HealthState/unhealthy"]


def test_a_new_script_is_a_newer_model_and_runs_when_an_instance_is_updated(ubuntu: Azure) -> None:
    put(ubuntu, script())
    assert [one["properties"]["latestModelApplied"] for one in ubuntu.instances().values()] == [False] * 3
    assert update(ubuntu, "1")["status"] == "Succeeded"
    assert titles(ubuntu) == {
        "0": "Welcome to nginx!",
        "1": "Welcome to nginx on Azure VMSS!",
        "2": "Welcome to nginx!",
    }


def test_an_instance_stays_up_while_its_script_runs(ubuntu: Azure) -> None:
    put(ubuntu, script())
    ubuntu.ask("POST", "manualupgrade", {"instanceIds": ["0"]})
    assert ubuntu.backend.scale_set("canary-rg", "web").instances["0"].up
    assert ubuntu.instances()["0"]["properties"]["provisioningState"] == "Updating"


def test_the_page_depends_on_the_image_and_the_script(ubuntu: Azure) -> None:
    """A reimaged or new instance gets both; rolling back a script means setting the older script."""
    put(ubuntu, script())
    ubuntu.ask("PATCH", body={"sku": {"capacity": 4}})
    ubuntu.settle()
    assert titles(ubuntu)["3"] == "Welcome to nginx on Azure VMSS!"
    put(ubuntu, script({"commandToExecute": INSTALL}))
    update(ubuntu)
    assert set(titles(ubuntu).values()) == {"Welcome to nginx!"}
    ubuntu.ask("POST", "reimage", {"instanceIds": ["2"]})
    ubuntu.settle()
    assert titles(ubuntu)["2"] == "Welcome to nginx!"


def test_a_script_runs_again_only_if_its_settings_changed(ubuntu: Azure) -> None:
    fetched: list[str] = []
    ubuntu.backend.download = lambda url: fetched.append(url) or EDIT  # type: ignore[func-returns-value]
    settings = {"fileUris": ["http://127.0.0.1/a.sh"], "commandToExecute": "./a.sh"}
    put(ubuntu, script(settings))
    update(ubuntu, "0")
    put(ubuntu, script(settings, autoUpgradeMinorVersion=True))
    update(ubuntu, "0")
    ubuntu.ask("POST", "restart", {"instanceIds": ["0"]})
    ubuntu.settle()
    assert len(fetched) == 1
    put(ubuntu, script(settings, forceUpdateTag="again"))
    update(ubuntu, "0")
    assert len(fetched) == 2


def test_a_release_of_the_scenario_may_replace_a_script(ubuntu: Azure) -> None:
    put(ubuntu, script({"release": "nginx-broken-image"}))
    update(ubuntu, "0")
    assert (
        ubuntu.instances()["0"]["properties"]["instanceView"]["vmHealth"]["status"]["code"] == "HealthState/unhealthy"
    )
    assert titles(ubuntu)["0"] == "500 Internal Server Error"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"commandToExecute": "exit 3"}, "command terminated with exit status=3"),
        ({"fileUris": ["http://127.0.0.1:9/a.sh"], "commandToExecute": "./a.sh"}, "failed to download file[0]"),
        ({"fileUris": ["https://example.com/a.sh"], "commandToExecute": "./a.sh"}, "from this machine only"),
        ({"fileUris": ["file:///etc/passwd"], "commandToExecute": "./a.sh"}, "from this machine only"),
        ({"script": "not base64"}, "failed to decode script"),
        ({"release": "nothing"}, "no release 'nothing'"),
        ({"timestamp": 1}, "'commandToExecute' is not specified"),
    ],
)
def test_a_failed_extension_leaves_its_instance_failed_with_azures_error(
    ubuntu: Azure, settings: dict[str, Any], reason: str
) -> None:
    put(ubuntu, script(settings))
    ended = update(ubuntu, "0")
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "VMExtensionProvisioningError")
    assert reason in ended["error"]["message"]
    found = ubuntu.instances()
    assert [one["properties"]["provisioningState"] for one in found.values()] == ["Failed", "Succeeded", "Succeeded"]
    views = found["0"]["properties"]["instanceView"]["extensions"]
    assert [(one["name"], one["statuses"][0]["code"]) for one in views] == [
        ("healthExtension", "ProvisioningState/succeeded"),
        ("CustomScript", "ProvisioningState/failed"),
    ]
    assert reason in views[1]["statuses"][0]["message"]
    summary = ubuntu.ask("GET", "instanceView").json()["extensions"][1]["statusesSummary"]
    assert summary == [
        {"code": "ProvisioningState/failed", "count": 1},
        {"code": "ProvisioningState/succeeded", "count": 2},
    ]


def test_a_fault_makes_the_extension_of_one_instance_fail(ubuntu: Azure) -> None:
    ubuntu.emulator.inject(Fault("fail", instance="1"))
    put(ubuntu, script())
    ended = update(ubuntu)
    assert ended["error"]["code"] == "VMExtensionProvisioningError"
    assert "extension 'CustomScript'" in ended["error"]["message"]
    assert titles(ubuntu)["1"] == "Welcome to nginx!"
    put(ubuntu, script(forceUpdateTag="again"))
    assert update(ubuntu)["status"] == "Succeeded"
    assert set(titles(ubuntu).values()) == {"Welcome to nginx on Azure VMSS!"}


def test_extensions_run_in_their_order_and_none_after_one_that_failed(ubuntu: Azure) -> None:
    put(ubuntu, script({"commandToExecute": "exit 1"}))
    after = {**HANDLER, "publisher": "Somebody.Else", "provisionAfterExtensions": ["CustomScript"]}
    put(ubuntu, {"properties": {**after, "settings": {"release": "nginx-updated-image"}}}, "second")
    update(ubuntu, "0")
    assert [one["name"] for one in ubuntu.instances()["0"]["properties"]["instanceView"]["extensions"]] == [
        "healthExtension",
        "CustomScript",
    ]
    put(ubuntu, script({"commandToExecute": INSTALL}))
    update(ubuntu, "0")
    assert titles(ubuntu)["0"] == "Welcome to nginx on Azure VMSS!"


def test_in_automatic_mode_azure_updates_the_instances(emulate: Emulate) -> None:
    azure = emulate(mode="Automatic", image=UBUNTU)
    put(azure, script())
    assert set(titles(azure).values()) == {"Welcome to nginx on Azure VMSS!"}


# Files


@pytest.fixture
def files(tmp_path: Path) -> Iterator[str]:
    """The URL of a web server of this folder."""
    (tmp_path / "a.sh").write_text(INSTALL)
    handler = partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass


def test_files_come_from_this_machine_only(files: str) -> None:
    assert download(f"{files}/a.sh?sig=x") == INSTALL
    with pytest.raises(DownloadError, match="actual=404 expected=200"):
        download(f"{files}/nothing.sh")
    for url in ("http://192.0.2.1/a.sh", "ftp://127.0.0.1/a.sh", "http://[x/a.sh", "a.sh"):
        with pytest.raises(DownloadError, match="this machine only"):
            download(url)


def test_a_script_of_a_url_is_read_when_an_instance_is_provisioned(ubuntu: Azure, files: str, tmp_path: Path) -> None:
    put(ubuntu, script({"fileUris": [f"{files}/a.sh"], "commandToExecute": "./a.sh"}))
    (tmp_path / "a.sh").write_text(EDIT)
    update(ubuntu)
    assert set(titles(ubuntu).values()) == {"Welcome to nginx on Azure VMSS!"}


def test_a_deleted_set_has_no_extensions(azure: Azure) -> None:
    with pytest.raises(HttpResponseError):
        azure.compute.virtual_machine_scale_set_extensions.get("canary-rg", "other", "x")


# Handlers

WINDOWS = {"publisher": "Microsoft.Compute", "type": "CustomScriptExtension", "typeHandlerVersion": "1.10"}


@pytest.mark.parametrize(
    ("handler", "settings", "protected", "reason"),
    [
        (HANDLER, {"commandToExecute": "true", "colour": "red"}, {}, "Additional property colour is not allowed"),
        (HANDLER, {"commandToExecute": "true"}, {"timestamp": 1}, "invalid protected settings JSON"),
        (WINDOWS, {"script": "ZXhpdCAw"}, {}, "'commandToExecute' is not specified"),
        (WINDOWS, {}, {"script": "ZXhpdCAw"}, "'commandToExecute' is not specified"),
        (WINDOWS, {"commandToExecute": "a"}, {"commandToExecute": "b"}, "it must be specified only once"),
    ],
)
def test_settings_that_the_handler_does_not_know_fail_the_instance(
    emulate: Emulate, handler: dict[str, str], settings: dict[str, Any], protected: dict[str, Any], reason: str
) -> None:
    azure = emulate(image=UBUNTU)
    put(azure, {"properties": {**handler, "settings": settings, "protectedSettings": protected}})
    ended = update(azure, "0")
    assert ended["error"]["code"] == "VMExtensionProvisioningError"
    assert reason in ended["error"]["message"]
    system = "Windows" if handler is WINDOWS else "Linux"
    assert f"https://aka.ms/VMExtensionCSE{system}Troubleshoot" in ended["error"]["message"]


def test_the_handler_of_windows_runs_its_command_and_passes_over_a_script(emulate: Emulate) -> None:
    azure = emulate(image=UBUNTU)
    fails = base64.b64encode(b"exit 1").decode()
    put(azure, {"properties": {**WINDOWS, "settings": {"commandToExecute": EDIT, "script": fails}}})
    assert update(azure, "0")["status"] == "Succeeded"
    assert titles(azure)["0"] == "Welcome to nginx on Azure VMSS!"
