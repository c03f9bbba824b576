"""What a release is to the jobs of a set: an image, or a script (`script_release`). Each says it in its own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vmss_jenkins.config import ScaleSetConfig
from vmss_jenkins.pipelines.model import Parameter, Secret

IMAGE = '${IMAGE_ID:+--image-id="$IMAGE_ID"} ${IMAGE_URN:+--image="$IMAGE_URN"}'


@dataclass(frozen=True)
class Words:
    """How a command is told the release, and the secrets that it takes out of the environment for it."""

    words: tuple[str, ...] = ()
    """Of the shell, quoted."""
    secrets: tuple[Secret, ...] = ()


class ReleaseKind(Protocol):
    """What `commands` and `building` ask a kind of release for."""

    @property
    def noun(self) -> str:
        """What a person calls it."""

    @property
    def update(self) -> str:
        """The command that sets it in the model."""

    @property
    def prepared(self) -> tuple[str, ...]:
        """Lines of the canary job's set-up."""

    @property
    def new(self) -> Words:
        """The release that the canary's job was given."""

    @property
    def rest(self) -> Words:
        """The release that the full job takes to the others."""

    @property
    def recorded(self) -> Words:
        """The release of which the hand-off record is written."""

    @property
    def checked(self) -> Words:
        """The release that the hand-off record must be of."""

    @property
    def back(self) -> Words:
        """The release that the rollback job goes to."""

    def asked(self) -> tuple[Parameter, ...]:
        """Parameters of the canary's job."""

    def asked_again(self) -> tuple[Parameter, ...]:
        """Parameters of the full job."""

    def asked_back(self) -> tuple[Parameter, ...]:
        """Parameters of the rollback job."""

    @property
    def handed_on(self) -> tuple[str, ...]:
        """The canary job's parameters that the full job gets as they are."""


class ImageRelease:
    """The release is the image of the model.

    Args:
        scale_set: the settings of the set.
    """

    noun = "image"
    update = "update"
    prepared: tuple[str, ...] = ()
    new = rest = checked = Words((IMAGE,))
    recorded = Words()
    back = Words(('${IMAGE_ID:+--to="$IMAGE_ID"}',))

    def __init__(self, scale_set: ScaleSetConfig) -> None:
        self._image = scale_set.image or ""
        self._plugin = scale_set.flavour == "plugin"

    def asked(self) -> tuple[Parameter, ...]:
        """Parameters of the canary's job: an image by its id or its URN."""
        if self._plugin:
            return (Parameter("IMAGE_ID", self._image, "Id of the new image."),)
        return self._either(self._image, "Empty: what IMAGE_URN says.")

    def asked_again(self) -> tuple[Parameter, ...]:
        """Parameters of the full job: the same ones, but what the model has where they are empty."""
        return () if self._plugin else self._either("", "Empty: what the scale set's model has.")

    def asked_back(self) -> tuple[Parameter, ...]:
        """Parameters of the rollback job."""
        what = "Image to go back to: an id, or publisher:offer:sku:version."
        return (Parameter("IMAGE_ID", "", f"{what} Empty: the other one that instances run."),)

    @property
    def handed_on(self) -> tuple[str, ...]:
        """The image, but the plugin's step has it from the model."""
        return () if self._plugin else ("IMAGE_ID", "IMAGE_URN")

    def _either(self, image: str, otherwise: str) -> tuple[Parameter, ...]:
        is_id = "/" in image
        urn = "The same for a marketplace image, as publisher:offer:sku:version."
        return (
            Parameter("IMAGE_ID", image if is_id else "", f"Id of the new image. {otherwise}"),
            Parameter("IMAGE_URN", "" if is_id else image, urn),
        )
