"""The commands of the real `az` for galleries, their versions, and sets that follow them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest

from tests.conformance.conftest import Az

GROUP = "--resource-group canary-rg"
IN_GALLERY = f"{GROUP} --gallery-name gal"
IN_IMAGE = f"{IN_GALLERY} --gallery-image-definition web"
NAMES = "--query '[].name' --output tsv"
EXACT = "--query '[].storageProfile.imageReference.exactVersion' --output tsv"
KIND = "--publisher p --offer o --os-type Linux --hyper-v-generation V1 --features SecurityType=Standard"


class _Package(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer every path with the same package."""
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"package")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


@pytest.fixture
def package() -> Iterator[str]:
    """The URL of an application's package."""
    with HTTPServer(("127.0.0.1", 0), _Package) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/site"
        server.shutdown()


def publish(az: Az, version: str, image: str, more: str = "") -> None:
    """Publish a version that is made of a managed image."""
    az(f"sig image-version create {IN_IMAGE} --gallery-image-version {version} --managed-image {image} {more} -o none")


def test_a_set_follows_the_versions_of_a_definition(az: Az) -> None:
    assert az(f"sig create {IN_GALLERY} --query provisioningState -o tsv") == "Succeeded"
    made = az(f"sig image-definition create {IN_IMAGE} {KIND} --sku s --query id --output tsv")
    publish(az, "1.0.0", "nginx-base-image")
    regions = az(
        f"sig image-version show {IN_IMAGE} --gallery-image-version 1.0.0 --expand ReplicationStatus "
        "--query 'replicationStatus.summary[].[region, state, progress]' --output tsv"
    )
    assert regions.split() == ["westeurope", "Completed", "100"]
    kind = f"--image {made} --vm-sku Standard_D2s_v3 --instance-count 2 --admin-username u --generate-ssh-keys"
    az(f"vmss create {GROUP} --name following {kind} --orchestration-mode Uniform --only-show-errors --output none")
    following = f"{GROUP} --name following"
    assert az(f"vmss list-instances {following} {EXACT}").split() == ["1.0.0", "1.0.0"]
    publish(az, "1.0.1", "nginx-updated-image", "--target-regions westeurope northeurope")
    flags = f"vmss list-instances {following} --query '[].latestModelApplied' --output tsv"
    assert az(flags).split() == ["true", "true"]
    path = "virtualMachineProfile.storageProfile.imageReference.id"
    az(f"vmss update {following} --set {path}={made} --output none")
    assert az(flags).split() == ["false", "false"]
    az(f"vmss update-instances {following} --instance-ids \\*")
    assert az(f"vmss list-instances {following} {EXACT}").split() == ["1.0.1", "1.0.1"]
    az(f"vmss delete {following}")


def test_versions_are_listed_updated_and_deleted(az: Az) -> None:
    other = IN_IMAGE.replace("gal ", "other ")
    az(f"sig create {GROUP} --gallery-name other --output none")
    az(f"sig image-definition create {other} {KIND} --sku s --output none")
    for version, regions in (("1.0.0", "westeurope"), ("1.0.1", "westeurope northeurope=2")):
        more = f"--managed-image nginx-base-image --target-regions {regions} --output none"
        az(f"sig image-version create {other} --gallery-image-version {version} {more}")
    assert "other" in az(f"sig list {GROUP} {NAMES}").split()
    assert az(f"sig image-definition list {GROUP} --gallery-name other {NAMES}") == "web"
    assert az(f"sig image-version list {other} {NAMES}").split() == ["1.0.0", "1.0.1"]
    one = f"{other} --gallery-image-version 1.0.1"
    excluded = "publishingProfile.excludeFromLatest"
    assert az(f"sig image-version update {one} --set {excluded}=true --query {excluded}") == "true"
    found = json.loads(az(f"sig image-version show {one} --query 'publishingProfile.targetRegions[].name'"))
    assert found == ["westeurope", "northeurope"]
    assert "nested resources" in az.refused(f"sig delete {GROUP} --gallery-name other")
    for version in ("1.0.0", "1.0.1"):
        az(f"sig image-version delete {other} --gallery-image-version {version}")
    az(f"sig image-definition delete {other}")
    az(f"sig delete {GROUP} --gallery-name other")
    assert "other" not in az(f"sig list {GROUP} {NAMES}").split()


def test_an_application_is_published_and_given_to_a_set(az: Az, package: str) -> None:
    in_apps = f"{GROUP} --gallery-name apps"
    az(f"sig create {in_apps} --output none")
    az(f"sig gallery-application create {in_apps} --name site --os-type Linux --location westeurope --output none")
    one = f"{in_apps} --application-name site --name 1.0.0 --location westeurope"
    commands = "--install-command 'apt-get install -y nginx' --remove-command 'rm -r site'"
    made = az(
        f"sig gallery-application version create {one} --package-file-link {package} {commands} --query id --output tsv"
    )
    assert az(f"sig gallery-application version list {in_apps} --application-name site {NAMES}") == "1.0.0"
    web = f"{GROUP} --name sited"
    kind = "--image Ubuntu2204 --vm-sku Standard_D2s_v3 --instance-count 1 --admin-username u --generate-ssh-keys"
    az(f"vmss create {web} {kind} --orchestration-mode Uniform --only-show-errors --output none")
    missing = made.replace("1.0.0", "9.0.0")
    assert "PlatformImageNotFound" in az.refused(f"vmss application set {web} --app-version-ids {missing}")
    az(f"vmss application set {web} --app-version-ids {made} --treat-deployment-as-failure true --output none")
    listed = json.loads(az(f"vmss application list {web} --query galleryApplications"))
    assert [(one["packageReferenceId"], one["treatFailureAsDeploymentFailure"]) for one in listed] == [(made, True)]
    az(f"vmss update-instances {web} --instance-ids \\*")
    views = (
        f"vmss get-instance-view {web} --instance-id \\* --query '[].extensions[?name==`VMAppExtension`].statuses[0][]'"
    )
    (status,) = json.loads(az(views))
    assert status["code"] == "ProvisioningState/succeeded"
    assert "Install SUCCESS" in status["message"]
    az(f"vmss delete {web}")
