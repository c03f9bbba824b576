"""The paths and methods of compute galleries that the emulator serves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.calls.route import COMPUTE_IN_GROUP, SUBSCRIPTION, Route
from vmss_jenkins.emulator.galleries.api import gallery_responses as galleries
from vmss_jenkins.emulator.galleries.api import shared_responses as shared
from vmss_jenkins.emulator.galleries.api import version_responses as versions

if TYPE_CHECKING:
    from vmss_jenkins.emulator.galleries.api.shared_responses import Sharing
    from vmss_jenkins.emulator.state.gallery import Kind

_LOCATION = f"{SUBSCRIPTION}/providers/{COMPUTE}/locations/{{location}}"
_GALLERY = f"{COMPUTE_IN_GROUP}/galleries/{{gallery}}"


def _of(kind: Kind) -> tuple[Route, ...]:
    all_of_them = f"{_GALLERY}/{kind}"
    one = f"{all_of_them}/{{definition}}"
    version = f"{one}/versions/{{version}}"
    return (
        Route("GET", all_of_them, partial(galleries.list_definitions, kind=kind)),
        Route("GET", one, partial(galleries.get_definition, kind=kind)),
        Route("PUT", one, partial(galleries.put_definition, kind=kind)),
        Route("PATCH", one, partial(galleries.patch_definition, kind=kind)),
        Route("DELETE", one, partial(galleries.delete_definition, kind=kind)),
        Route("GET", f"{one}/versions", partial(versions.list_versions, kind=kind)),
        Route("GET", version, partial(versions.get_version, kind=kind)),
        Route("PUT", version, partial(versions.put_version, kind=kind)),
        Route("PATCH", version, partial(versions.patch_version, kind=kind)),
        Route("DELETE", version, partial(versions.delete_version, kind=kind)),
    )


def _elsewhere(sharing: Sharing) -> tuple[Route, ...]:
    image = f"{_LOCATION}/{sharing.lower()}Galleries/{{gallery}}/images/{{image}}"
    return (
        Route("GET", image, partial(shared.get_image, sharing=sharing)),
        Route("GET", f"{image}/versions", partial(shared.list_versions, sharing=sharing)),
        Route("GET", f"{image}/versions/{{version}}", partial(shared.get_version, sharing=sharing)),
    )


GALLERY_ROUTES: tuple[Route, ...] = (
    Route("GET", f"{SUBSCRIPTION}/providers/{COMPUTE}/galleries", galleries.list_galleries),
    Route("GET", f"{COMPUTE_IN_GROUP}/galleries", galleries.list_galleries),
    Route("GET", _GALLERY, galleries.get_gallery),
    Route("PUT", _GALLERY, galleries.put_gallery),
    Route("PATCH", _GALLERY, galleries.patch_gallery),
    Route("DELETE", _GALLERY, galleries.delete_gallery),
    *_of("images"),
    *_of("applications"),
    *_elsewhere("Shared"),
    *_elsewhere("Community"),
)
