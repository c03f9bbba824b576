"""Applications of galleries on instances: installed in their order, updated, removed, and how failures are told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.emulator.conftest import Azure, Emulate, error_of, latest, profile
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS

AT = ("canary-rg", "apps", "site")
URL = "http://127.0.0.1:9/package"
INSTALL = "sed -i 's/Welcome to nginx/{}/' /var/www/html/index.html"


def application(azure: Azure, version: str, install: str, name: str = "site", **actions: str) -> str:
    """Publish a version of an application and return its id; the package is not looked into."""
    azure.backend.download = lambda _: "package"
    azure.compute.galleries.begin_create_or_update(*AT[:2], {"location": "westeurope"})
    body = {"location": "westeurope", "properties": {"supportedOSType": "Linux"}}
    azure.compute.gallery_applications.begin_create_or_update(*AT[:2], name, body)
    manage = {"install": install, "remove": "rm -r site"} | actions
    publishing = {"source": {"mediaLink": URL}, "manageActions": manage}
    body = {"location": "westeurope", "properties": {"publishingProfile": publishing}}
    azure.compute.gallery_application_versions.begin_create_or_update(*AT[:2], name, version, body)
    azure.settle()
    found = azure.compute.gallery_application_versions.get(*AT[:2], name, version, expand="ReplicationStatus")
    assert found.properties.replication_status.aggregated_state == "Completed"
    return str(found.id)


def use(azure: Azure, *wanted: dict[str, Any] | str) -> Any:
    """Give the model applications."""
    listed = [{"packageReferenceId": one} if isinstance(one, str) else one for one in wanted]
    answer = azure.ask("PATCH", body=profile({"applicationProfile": {"galleryApplications": listed}}))
    azure.settle()
    return answer


def upgrade(azure: Azure, *ids: str) -> str:
    """Update instances by hand, and return how that ended."""
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": list(ids or ("0",))})
    azure.settle()
    return azure.status(answer)


def page(azure: Azure, key: str = "0") -> str:
    """What an instance serves."""
    return azure.backend.scale_sets["canary-rg", "web"].instances[key].release.page


def states(azure: Azure, key: str = "0") -> tuple[str, dict[str, tuple[str, str]]]:
    """The state of the extension on an instance, and the version and result of each application."""
    extensions = azure.instances()[key]["properties"]["instanceView"]["extensions"]
    found = next(one for one in extensions if one["name"] == "VMAppExtension")["statuses"][0]
    current = json.loads(found["message"].partition(": ")[2])["CurrentState"]
    return found["code"], {one["applicationName"]: (one["version"], one["result"]) for one in current}


def test_an_application_is_installed_on_the_instances_that_are_updated(azure: Azure) -> None:
    one = application(azure, "1.0.0", INSTALL.format("One"))
    assert use(azure, one).status_code == 200
    assert latest(azure) == []
    assert "One" not in page(azure)
    assert upgrade(azure) == "Succeeded"
    assert (latest(azure), "One" in page(azure), "One" in page(azure, "1")) == (["0"], True, False)
    assert states(azure) == ("ProvisioningState/succeeded", {"site": ("1.0.0", "Install SUCCESS")})
    summary = azure.ask("GET", "instanceView").json()["extensions"]
    assert {"code": "ProvisioningState/succeeded", "count": 1} in summary[-1]["statusesSummary"]


def test_an_instance_stays_up_while_an_application_is_installed(azure: Azure) -> None:
    use(azure, application(azure, "1.0.0", INSTALL.format("One")))
    upgrade(azure)
    changes = [change for change in azure.backend.availability.changes() if change.act == "update"]
    assert [change.up for change in changes] == [True, True]


def test_a_new_instance_has_the_applications_of_the_model(azure: Azure) -> None:
    use(azure, application(azure, "1.0.0", INSTALL.format("One")))
    azure.ask("PATCH", body={"sku": {"capacity": 4}})
    azure.settle()
    assert "One" in page(azure, "3")


def test_another_version_replaces_the_first_by_its_update_command_or_by_an_installation(azure: Azure) -> None:
    use(azure, application(azure, "1.0.0", INSTALL.format("One")))
    upgrade(azure)
    use(azure, application(azure, "1.1.0", INSTALL.format("Two")))
    upgrade(azure)
    assert "Two" in page(azure)
    assert states(azure)[1] == {"site": ("1.1.0", "Install SUCCESS")}
    use(azure, application(azure, "1.2.0", "false", update=INSTALL.format("Three")))
    upgrade(azure)
    assert "Three" in page(azure)
    assert states(azure)[1] == {"site": ("1.2.0", "Update SUCCESS")}


def test_the_way_back_is_the_version_before_and_an_application_can_be_removed(azure: Azure) -> None:
    one, two = (application(azure, f"{n}.0.0", INSTALL.format(text)) for n, text in ((1, "One"), (2, "Two")))
    for wanted in (one, two, one):
        use(azure, wanted)
        upgrade(azure)
    assert "One" in page(azure)
    use(azure)
    upgrade(azure)
    assert "One" not in page(azure)
    extensions = azure.instances()["0"]["properties"]["instanceView"].get("extensions", [])
    assert "VMAppExtension" not in {extension["name"] for extension in extensions}


@pytest.mark.parametrize(("fatal", "ended"), [(False, "Succeeded"), (True, "Failed")])
def test_a_failure_counts_only_if_the_model_says_so(azure: Azure, fatal: bool, ended: str) -> None:
    bad = application(azure, "1.0.0", "exit 3")
    use(azure, {"packageReferenceId": bad, "treatFailureAsDeploymentFailure": fatal})
    assert upgrade(azure) == ended
    code, found = states(azure)
    assert code == f"ProvisioningState/{ended.lower()}"
    version, result = found["site"]
    assert (version, "command terminated with exit status=3" in result) == ("1.0.0", True)
    assert azure.instances()["0"]["properties"]["provisioningState"] == ended


def test_a_failed_update_leaves_the_version_before(azure: Azure) -> None:
    use(azure, application(azure, "1.0.0", INSTALL.format("One")))
    upgrade(azure)
    use(azure, application(azure, "1.1.0", "exit 1"))
    upgrade(azure)
    assert "One" in page(azure)


def test_applications_of_a_higher_order_wait_for_those_before(azure: Azure) -> None:
    first = application(azure, "1.0.0", "exit 1", "first")
    second = application(azure, "1.0.0", INSTALL.format("Two"), "second")
    other = application(azure, "1.0.0", INSTALL.format("Other"), "other")
    use(azure, {"packageReferenceId": second, "order": 2}, {"packageReferenceId": first, "order": 1}, other)
    upgrade(azure)
    assert set(states(azure)[1]) == {"other", "first"}
    assert "Other" in page(azure)


def test_a_fault_lets_one_application_fail_on_one_instance(azure: Azure) -> None:
    one = application(azure, "1.0.0", INSTALL.format("One"))
    use(azure, {"packageReferenceId": one, "treatFailureAsDeploymentFailure": True})
    azure.emulator.inject("fail application=site instance=1")
    assert upgrade(azure, "0") == "Succeeded"
    assert upgrade(azure, "1") == "Failed"
    assert upgrade(azure, "2") == "Succeeded"
    assert "VMAppExtension" in azure.instances()["1"]["properties"]["instanceView"]["extensions"][-1]["name"]


def test_the_package_may_be_a_script_that_the_command_runs(azure: Azure) -> None:
    azure.backend.download = lambda _: INSTALL.format("Packaged")
    one = application(azure, "1.0.0", "true")
    azure.backend.download = lambda _: INSTALL.format("Packaged")
    body = azure.compute.gallery_application_versions.get(*AT, "1.0.0").as_dict()
    body["properties"]["publishingProfile"]["manageActions"]["install"] = "bash site"
    azure.compute.gallery_application_versions.begin_create_or_update(*AT, "1.1.0", body)
    azure.settle()
    use(azure, one.replace("1.0.0", "1.1.0"))
    upgrade(azure)
    assert "Packaged" in page(azure)


def test_latest_is_the_newest_version_when_it_is_installed(azure: Azure) -> None:
    one = application(azure, "1.0.0", INSTALL.format("One"))
    use(azure, one.replace("1.0.0", "latest"))
    upgrade(azure, "0")
    application(azure, "1.1.0", INSTALL.format("Two"))
    upgrade(azure, "1")
    assert ("One" in page(azure), "Two" in page(azure, "1")) == (True, True)


GALLERY = "{group}/providers/Microsoft.Compute/galleries/apps"


@pytest.mark.parametrize(
    ("wanted", "error", "text"),
    [
        (f"{GALLERY}/applications/none/versions/1.0.0", (404, "PlatformImageNotFound"), "is not available. Verify"),
        (f"{GALLERY}/applications/site/versions/9.9.9", (404, "PlatformImageNotFound"), "is not available. Verify"),
        (f"{GALLERY}/images/site/versions/1.0.0", (400, "InvalidParameter"), "packageReferenceId"),
        (f"{GALLERY}/applications/site", (400, "InvalidParameter"), "packageReferenceId"),
        ("site", (400, "InvalidParameter"), "packageReferenceId"),
    ],
)
def test_an_application_that_does_not_exist_is_refused(
    azure: Azure, wanted: str, error: tuple[int, str], text: str
) -> None:
    application(azure, "1.0.0", "true")
    answer = use(azure, wanted.format(group=azure.group))
    assert error_of(answer) == error
    assert text in answer.json()["error"]["message"]
    assert "applicationProfile" not in azure.ask("GET").json()["properties"]["virtualMachineProfile"]


def test_an_application_twice_too_many_of_another_system_or_region_are_refused(azure: Azure) -> None:
    one, two = application(azure, "1.0.0", "true"), application(azure, "1.1.0", "true")
    assert "More than one VM Application" in use(azure, one, two).text
    assert "(max=25, current=26)" in use(azure, *[one] * 26).text
    assert "not emulated" in use(azure, {"packageReferenceId": one, "enableAutomaticUpgrade": True}).text
    windows = {"location": "westeurope", "properties": {"supportedOSType": "Windows"}}
    azure.compute.gallery_applications.begin_create_or_update(*AT[:2], "windows", windows)
    other = application_of(azure, "windows")
    assert "supports OS Windows, while current OSDisk's OS is Linux" in use(azure, other).text
    azure.emulator.inject("stuck region=westeurope")
    late = application_of(azure, "site", "2.0.0")
    assert error_of(use(azure, late)) == (404, "GalleryImageNotFound")


def application_of(azure: Azure, name: str, version: str = "1.0.0") -> str:
    """Publish a version of an application that exists."""
    manage = {"install": "true", "remove": "true"}
    publishing = {"source": {"mediaLink": URL}, "manageActions": manage}
    body = {"location": "westeurope", "properties": {"publishingProfile": publishing}}
    azure.compute.gallery_application_versions.begin_create_or_update(*AT[:2], name, version, body)
    azure.settle()
    return f"{azure.group}/providers/Microsoft.Compute/galleries/apps/applications/{name}/versions/{version}"


@pytest.mark.parametrize(
    ("publishing", "text"),
    [
        ({}, "source.mediaLink"),
        ({"source": {"mediaLink": URL}}, "manageActions.install"),
        ({"source": {"mediaLink": URL}, "manageActions": {"install": "true"}}, "manageActions.remove"),
        (
            {"source": {"mediaLink": "http://example.com/x"}, "manageActions": {"install": "true", "remove": "true"}},
            "cannot be accessed due to the following error",
        ),
    ],
)
def test_a_version_without_commands_or_package_is_refused(azure: Azure, publishing: Any, text: str) -> None:
    download = azure.backend.download
    application(azure, "1.0.0", "true")
    azure.backend.download = download
    path = f"{GALLERY}/applications/site/versions/2.0.0".format(group=azure.group)
    body = {"location": "westeurope", "properties": {"publishingProfile": publishing}}
    answer = azure.ask("PUT", path, body)
    assert error_of(answer) == (400, "InvalidParameter")
    assert text in answer.json()["error"]["message"]


def test_the_commands_of_a_version_are_fixed(azure: Azure) -> None:
    one = application(azure, "1.0.0", "true")
    change = {"properties": {"publishingProfile": {"manageActions": {"install": "false"}}}}
    answer = azure.ask("PATCH", one, change)
    assert error_of(answer) == (409, "PropertyChangeNotAllowed")
    assert "publishingProfile.manageActions.install' is not allowed" in answer.json()["error"]["message"]


def test_a_scenario_publishes_applications_and_installs_those_of_the_model(emulate: Emulate) -> None:
    azure = emulate(**vars(SCENARIOS["nginx-application"]))
    assert {page(azure, key).partition("<h1>")[2].partition("<")[0] for key in "012"} == {"Welcome to site 1.0.0!"}
    assert latest(azure) == ["0", "1", "2"]
    assert states(azure)[1] == {"site": ("1.0.0", "Install SUCCESS")}
    listed = azure.compute.gallery_application_versions.list_by_gallery_application(*AT)
    assert [one.name for one in listed] == ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]
    ends = {}
    for version in ("1.1.0", "1.2.0", "1.3.0"):
        use(
            azure,
            {
                "packageReferenceId": azure.emulator.scenario.application_id(f"apps/site/{version}"),
                "treatFailureAsDeploymentFailure": True,
            },
        )
        ends[version] = (upgrade(azure), azure.backend.scale_sets["canary-rg", "web"].instances["0"].release.serves)
    assert ends == {"1.1.0": ("Succeeded", True), "1.2.0": ("Failed", True), "1.3.0": ("Succeeded", False)}
