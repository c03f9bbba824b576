"""Images of the scenario that are published or withdrawn: versions of galleries, platform images, managed images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.image_reference import image_key
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.galleries import references, replication, resources
from vmss_jenkins.emulator.galleries.references import GalleryId
from vmss_jenkins.emulator.state.gallery import Definition, Gallery, Version
from vmss_jenkins.emulator.state.image import Image

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend


def populate(backend: Backend) -> None:
    """Make the managed images of the scenario, and its galleries with the versions that are published."""
    for key in backend.scenario.releases:
        published = key not in backend.scenario.unpublished
        parsed = _own(backend, key)
        if parsed is not None:
            definition = _definition(backend, parsed)
            if published and not parsed.moves:
                replication.complete(backend, _add_version(backend, definition, key, parsed.version))
        elif published:
            _publish_elsewhere(backend, key)
    for key, install in backend.scenario.published_applications.items():
        _add_application(backend, key, install)


def publish(backend: Backend, key: str) -> None:
    """Publish an image of the scenario; a version of a gallery is then replicated. One that exists stays as it is."""
    parsed = _own(backend, key)
    if parsed is None:
        _publish_elsewhere(backend, key)
        return
    definition = _definition(backend, parsed)
    if parsed.version not in definition.versions:
        replication.start(backend, _add_version(backend, definition, key, parsed.version))


def withdraw(backend: Backend, key: str) -> None:
    """Take an image of the scenario back; instances that were made from it keep running."""
    parsed, reference = _own(backend, key), backend.scenario.reference(key)
    if parsed is not None:
        _definition(backend, parsed).versions.pop(parsed.version, None)
        return
    backend.published.pop(image_key(reference), None)
    backend.images.pop((backend.scenario.resource_group.lower(), key.lower()), None)


def _own(backend: Backend, key: str) -> GalleryId | None:
    """Return the id of a version in a gallery of the subscription, or None for another image."""
    parsed = references.gallery_id(backend.scenario.reference(key).get("id", ""))
    return parsed if parsed and parsed.subscription.lower() == backend.scenario.subscription_id.lower() else None


def _publish_elsewhere(backend: Backend, key: str) -> None:
    scenario = backend.scenario
    backend.published[image_key(scenario.reference(key))] = scenario.releases[key]
    if scenario.reference(key).get("id") == scenario.image_id(key):
        body: Json = {"location": scenario.location, "tags": {}, "properties": {}}
        backend.images[scenario.resource_group.lower(), key.lower()] = Image(key, scenario.resource_group, body)


def _gallery(backend: Backend, group: str, name: str) -> Gallery:
    body: Json = {"location": backend.scenario.location, "tags": {}, "properties": {}}
    made = Gallery(name, group, body, provisioning="Succeeded")
    return backend.galleries.setdefault((group.lower(), name.lower()), made)


def _add_application(backend: Backend, key: str, install: str) -> None:
    """Publish a version of an application; the command that installs it does not need its package."""
    scenario = backend.scenario
    gallery, name, number = key.split("/")
    body: Json = {"location": scenario.location, "tags": {}}
    definition = _gallery(backend, scenario.resource_group, gallery).definitions.setdefault(
        ("applications", name.lower()),
        Definition(name, {**body, "properties": {"supportedOSType": "Linux"}}, provisioning="Succeeded"),
    )
    actions = {"install": install, "remove": f"rm -r {name}"}
    source = {"mediaLink": f"https://packages.blob.core.windows.net/{name}/{number}"}
    properties = {"publishingProfile": {"source": source, "manageActions": actions}}
    version = resources.new_version(
        backend, "applications", number, {**body, "properties": properties}, None, "package"
    )
    version.provisioning = "Succeeded"
    definition.versions[number] = version
    replication.complete(backend, version)


def _definition(backend: Backend, parsed: GalleryId) -> Definition:
    body: Json = {"location": backend.scenario.location, "tags": {}}
    gallery = _gallery(backend, parsed.group, parsed.gallery)
    properties = {
        "osType": "Linux",
        "osState": "Generalized",
        "hyperVGeneration": "V1",
        "architecture": "x64",
        "identifier": {"publisher": parsed.gallery, "offer": parsed.name, "sku": "nginx"},
    }
    return gallery.definitions.setdefault(
        ("images", parsed.name.lower()),
        Definition(parsed.name, {**body, "properties": properties}, provisioning="Succeeded"),
    )


def _add_version(backend: Backend, definition: Definition, key: str, name: str) -> Version:
    scenario = backend.scenario
    source = {"storageProfile": {"source": {"id": scenario.image_id(key.replace("/", "-"))}}}
    body: Json = {"location": scenario.location, "properties": source}
    version = resources.new_version(backend, "images", name, body, scenario.releases[key])
    version.provisioning = "Succeeded"
    definition.versions[name] = version
    return version
