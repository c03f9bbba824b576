"""Answers about images of other people's galleries that are shared or a community's: what the scenario has of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.arm.values import timestamp
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.galleries import references
from vmss_jenkins.emulator.galleries.compatibility import ELSEWHERE

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

Sharing = Literal["Shared", "Community"]
PAGE = 1000


def get_image(call: Call, sharing: Sharing) -> Reply:
    """An image definition."""
    _versions(call, sharing)
    properties: Json = {
        **ELSEWHERE,
        "identifier": {"publisher": call.params["gallery"], "offer": call.params["image"], "sku": "nginx"},
    }
    return Reply(200, _shown(call, sharing, call.params["image"], _image(call, sharing), properties))


def list_versions(call: Call, sharing: Sharing) -> Reply:
    """The versions of an image."""
    found, more = call.page(sorted(_versions(call, sharing), key=references.number), PAGE)
    return Reply(200, {"value": [_version(call, sharing, name) for name in found], **more})


def get_version(call: Call, sharing: Sharing) -> Reply:
    """A version of an image."""
    if call.params["version"] not in _versions(call, sharing):
        raise _not_found(call, f"{_image(call, sharing)}/Versions/{call.params['version']}")
    return Reply(200, _version(call, sharing, call.params["version"]))


def _image(call: Call, sharing: Sharing) -> str:
    return f"/{sharing}Galleries/{call.params['gallery']}/Images/{call.params['image']}"


def _versions(call: Call, sharing: Sharing) -> list[str]:
    kind = f"{sharing.lower()}GalleryImageId"
    found = list(references.versions_elsewhere(call.backend, kind, _image(call, sharing)))
    if not found:
        raise _not_found(call, _image(call, sharing))
    return found


def _version(call: Call, sharing: Sharing, name: str) -> Json:
    properties = {
        "publishedDate": timestamp(0.0),
        "excludeFromLatest": False,
        "storageProfile": {"osDiskImage": {"diskSizeGB": 30, "hostCaching": "ReadWrite"}},
    }
    return _shown(call, sharing, name, f"{_image(call, sharing)}/Versions/{name}", properties)


def _shown(call: Call, sharing: Sharing, name: str, unique: str, properties: Json) -> Json:
    head = {"name": name, "location": call.params["location"], "identifier": {"uniqueId": unique}}
    kind = {"type": "Microsoft.Compute/Locations/CommunityGalleries/Images"} if sharing == "Community" else {}
    return head | kind | {"properties": properties}


def _not_found(call: Call, image: str) -> ArmError:
    return references.not_in_region(image, call.params["location"])
