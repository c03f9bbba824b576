"""The kinds of releases of a set's jobs: an image, and in files of their own a script and an application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vmss_jenkins.config import ScaleSetConfig
from vmss_jenkins.pipelines.model import Parameter, Secret, Title

IMAGE = '${IMAGE_ID:+--image-id="$IMAGE_ID"} ${IMAGE_URN:+--image="$IMAGE_URN"}'


@dataclass(frozen=True)
class Arguments:
    """The arguments that give a release to a command, and the secrets that the command needs for it."""

    words: tuple[str, ...] = ()
    """Quoted for the shell."""
    secrets: tuple[Secret, ...] = ()


def either(
    image: str, otherwise: str = "Empty: the image in IMAGE_URN.", *, required: bool = True
) -> tuple[Parameter, Parameter]:
    """Return the two parameters of an image: its id, or its URN.

    Args:
        image: the default of one of them.
        otherwise: what an empty id means.
        required: whether one of them must have a value.
    """
    names = ("IMAGE_ID", "IMAGE_URN") if required else ()
    by_id, by_urn = (image, "") if "/" in image else ("", image)
    urn = "A marketplace image instead, as publisher:offer:sku:version."
    return (
        Parameter("IMAGE_ID", by_id, f"Id of the new image. {otherwise}", required=names),
        Parameter("IMAGE_URN", by_urn, urn, required=names),
    )


class ReleaseKind(Protocol):
    """What the jobs need to know about a kind of release."""

    @property
    def noun(self) -> str:
        """Its name, for people."""

    @property
    def title(self) -> Title:
        """What a build of the canary job is called."""

    @property
    def update(self) -> str:
        """The command that sets it in the model."""

    @property
    def set_up_lines(self) -> tuple[str, ...]:
        """Shell lines for the set-up of the canary job."""

    @property
    def moves(self) -> bool:
        """Whether its name may move, so that the exact release has to be found first."""

    @property
    def canary(self) -> Arguments:
        """The release that the canary job rolls out."""

    @property
    def full(self) -> Arguments:
        """The release that the full job rolls out."""

    @property
    def recorded(self) -> Arguments:
        """The release in the hand-off record that the canary job writes."""

    @property
    def checked(self) -> Arguments:
        """The release that the full job expects in the hand-off record."""

    @property
    def rollback(self) -> Arguments:
        """The release that the rollback job rolls back to."""

    def canary_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the canary job."""

    def full_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the full job."""

    def rollback_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the rollback job."""

    @property
    def passed_on(self) -> tuple[str, ...]:
        """Parameters of the canary job that the full job gets too."""


class ImageRelease:
    """The release is an image.

    Args:
        scale_set: the settings of the set.
    """

    noun = "image"
    update = "update"
    set_up_lines: tuple[str, ...] = ()
    title = Title(("IMAGE_ID", "IMAGE_URN"))
    canary = full = checked = Arguments((IMAGE,))
    recorded = Arguments()
    rollback = Arguments(('${IMAGE_ID:+--to="$IMAGE_ID"}',))

    def __init__(self, scale_set: ScaleSetConfig) -> None:
        self._image = scale_set.image or ""
        self._plugin = scale_set.flavour == "plugin"
        self.moves = not self._plugin

    def canary_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the canary job: an image by its id or its URN."""
        if self._plugin:
            return (Parameter("IMAGE_ID", self._image, "Id of the new image.", required=("IMAGE_ID",)),)
        return either(self._image)

    def full_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the full job: the same two; if both are empty, the image in the scale set's model."""
        return () if self._plugin else either("", "Empty: the image in the scale set's model.", required=False)

    def rollback_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the rollback job."""
        what = "Image to roll back to: an id, or publisher:offer:sku:version."
        return (Parameter("IMAGE_ID", "", f"{what} Empty: the release before."),)

    @property
    def passed_on(self) -> tuple[str, ...]:
        """The image; the plugin's step takes it from the model."""
        return () if self._plugin else ("IMAGE_ID", "IMAGE_URN")
