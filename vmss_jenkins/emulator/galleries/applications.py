"""Which applications of galleries a model may have, and which versions they mean now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, gateway, invalid_parameter
from vmss_jenkins.emulator.galleries import references
from vmss_jenkins.emulator.state.download import DownloadError

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.galleries.references import GalleryId
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.gallery import Version

LIMIT = 25
"""The most applications that an instance may have."""
_PATH = "applicationProfile.galleryApplications"
_PROFILE = "galleryApplicationVersion.properties.publishingProfile"


@dataclass(frozen=True)
class Application:
    """An application of a model, with the version that it means now."""

    wanted: Json
    """As the client wrote it."""
    parsed: GalleryId
    version: Version | None

    @property
    def key(self) -> str:
        """The same for every version of the application."""
        return f"{self.parsed.group}/{self.parsed.gallery}/{self.parsed.name}".lower()

    @property
    def is_fatal(self) -> bool:
        """Whether an instance fails if the application does."""
        return bool(self.wanted.get("treatFailureAsDeploymentFailure"))

    @property
    def order(self) -> int:
        """Its place among those that have one; 0 if it has none."""
        return int(self.wanted.get("order", 0))


def of_profile(backend: Backend, profile: Json, location: str) -> list[Application]:
    """Return the applications of a checked model, those without an order first, the others in their order."""
    found = []
    for wanted in profile.get("applicationProfile", {}).get("galleryApplications", []):
        parsed = references.gallery_id(str(wanted.get("packageReferenceId", "")))
        if parsed:
            found.append(Application(wanted, parsed, references.find_version(backend, parsed, location)))
    return sorted(found, key=lambda one: one.order)


def check(backend: Backend, profile: Json, location: str) -> None:
    """Refuse applications that a model cannot have, as Azure does; raises ``ArmError`` 400 or 404."""
    listed = profile.get("applicationProfile", {}).get("galleryApplications", [])
    if len(listed) > LIMIT:
        raise invalid_parameter(
            f"The maximum number of VM applications (max={LIMIT}, current={len(listed)}) has been exceeded. Use fewer "
            "applications and retry the request.",
            _PATH,
        )
    for wanted in listed:
        _check_one(backend, wanted, profile, location)
    keys = [application.key for application in of_profile(backend, profile, location)]
    if len(set(keys)) < len(keys):
        text = "More than one VM Application was specified with the same packageReferenceId."
        raise invalid_parameter(text, f"{_PATH}.packageReferenceId")


def _check_one(backend: Backend, wanted: Json, profile: Json, location: str) -> None:
    reference = str(wanted.get("packageReferenceId", ""))
    parsed = references.gallery_id(reference)
    if parsed is None or parsed.kind.lower() != "applications" or not parsed.version:
        text = f"The value '{reference}' of parameter 'packageReferenceId' is not the id of an application's version."
        raise invalid_parameter(text, f"{_PATH}.packageReferenceId")
    if wanted.get("enableAutomaticUpgrade"):
        raise invalid_parameter("enableAutomaticUpgrade of an application is not emulated.", _PATH)
    definition = references.find_definition(backend, parsed)
    if definition is None or not (parsed.moves or parsed.version in definition.versions):
        raise ArmError(
            404,
            "PlatformImageNotFound",
            f"The platform image '{reference}' is not available. Verify that all fields in the storage profile are "
            "correct. For more details about storage profile information, please refer to "
            "https://aka.ms/storageprofile",
            target=_PATH,
        )
    version = references.find_version(backend, parsed, location)
    if version is None:
        raise references.not_in_region(reference, location, _PATH)
    supported = definition.body["properties"]["supportedOSType"]
    system = "Windows" if "windowsConfiguration" in profile.get("osProfile", {}) else "Linux"
    if supported != system:
        text = (
            f"Current VM Application Version {version.name} supports OS {supported}, while current OSDisk's OS is "
            f"{system}."
        )
        raise ArmError(400, "BadRequest", text, target=_PATH)


def package_of(backend: Backend, body: Json) -> str:
    """Return the package of a new version; raises ``ArmError`` 400 if it lacks commands or cannot be fetched."""
    profile = body.get("properties", {}).get("publishingProfile", {})
    for path in ("source.mediaLink", "manageActions.install", "manageActions.remove"):
        holder, _, key = path.partition(".")
        if not profile.get(holder, {}).get(key):
            raise invalid_parameter(f"Required parameter '{_PROFILE}.{path}' is missing (null).", f"{_PROFILE}.{path}")
    url = str(profile["source"]["mediaLink"])
    try:
        return backend.download(url)
    except DownloadError as reason:
        text = (
            f"The gallery application version url {url} cannot be accessed due to the following error: {reason}. "
            "Ensure that the blob exists and that it's either publicly accessible or is a SAS url with read privileges."
        )
        raise gateway(400, "InvalidParameter", text) from None


def fixed_change(known: Version, body: Json) -> str | None:
    """Return the path of a field that a body would change although it is fixed, or None."""
    profile = body.get("properties", {}).get("publishingProfile", {})
    for holder in ("manageActions", "settings", "source"):
        for key, value in profile.get(holder, {}).items():
            if value != known.profile.get(holder, {}).get(key):
                return f"{_PROFILE}.{holder}.{key}"
    return None
