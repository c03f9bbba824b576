"""Values of options that are read where they are typed, so that a fault is reported with the option's name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.model.images import ImageReference
    from vmss_jenkins.rollout.plan.selection import Amount

NONE = "none"
"""What is typed for no canary."""


class AmountType(click.ParamType["Amount | None"]):
    """A count of instances or a percentage of them.

    Args:
        or_none: whether `none` is allowed too.
    """

    def __init__(self, *, or_none: bool = False) -> None:
        self._or_none = or_none
        self.name = "COUNT|PERCENT%|none" if or_none else "COUNT|PERCENT%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Amount | None:  # noqa: ANN401 - click's
        """Read what was typed."""
        from vmss_jenkins.rollout.plan.selection import Amount  # noqa: PLC0415 - not loaded for --help

        if isinstance(value, Amount) or (self._or_none and value == NONE):
            return value if isinstance(value, Amount) else None
        try:
            return Amount.parse(str(value))
        except ConfigError as error:
            also = f", or {NONE}" if self._or_none else ""
            self.fail("; ".join(error.reasons) + also, param, ctx)


class OutputFileType(click.Path):
    """A file that the command writes at its end: whether it can be written is found out before anything is changed.

    Its directory is created, as that of a report is.
    """

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401 - click's
        """Read what was typed."""
        file = Path(str(super().convert(value, param, ctx)))
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.fail(f"{str(file)!r} cannot be written: {error.strerror}: {str(file.parent)!r}", param, ctx)
        if not os.access(file if file.exists() else file.parent, os.W_OK):
            self.fail(f"{str(file)!r} cannot be written: permission denied", param, ctx)
        return file


class DurationType(click.ParamType["float"]):
    """A time, such as 30m, in seconds."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401 - click's
        """Read what was typed."""
        from vmss_jenkins.gates.parsing import seconds_of  # noqa: PLC0415 - not loaded for --help

        try:
            found = seconds_of(value)
        except ValueError as error:
            self.fail(f"found {value!r}; wanted {error}", param, ctx)
        if found < 0:
            self.fail(f"found {value!r}; wanted no less than 0", param, ctx)
        return found


class ImageType(click.ParamType["ImageReference"]):
    """An image: its id, or what the marketplace knows it by.

    Args:
        ids: whether an id is allowed.
        urns: whether publisher:offer:sku:version is allowed.
    """

    name = "IMAGE"

    def __init__(self, *, ids: bool = False, urns: bool = False) -> None:
        self._ids = ids
        self._urns = urns

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ImageReference:  # noqa: ANN401 - click's
        """Read what was typed."""
        from vmss_jenkins.model.images import ImageReference  # noqa: PLC0415 - not loaded for --help

        if isinstance(value, ImageReference):
            return value
        text = str(value)
        is_urn = self._urns and (not self._ids or (":" in text and "/" not in text))
        try:
            return ImageReference.parse_urn(text) if is_urn else ImageReference(id=text)
        except ConfigError as error:
            self.fail("; ".join(error.reasons), param, ctx)


class ReleaseType(click.ParamType["ImageReference | str"]):
    """An image, or the name of an application with its version, which stays a text."""

    name = "RELEASE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ImageReference | str:  # noqa: ANN401 - click's
        """Read what was typed."""
        from vmss_jenkins.model.applications import GalleryApplication  # noqa: PLC0415 - not loaded for --help

        try:
            found = GalleryApplication.parse(str(value))
        except ConfigError:
            return IMAGE.convert(value, param, ctx)
        if not found.version:
            self.fail(f"found {value!r} without a version; wanted GALLERY/APPLICATION/VERSION, or an image", param, ctx)
        return str(value)


IMAGE_ID = ImageType(ids=True)
IMAGE_URN = ImageType(urns=True)
IMAGE = ImageType(ids=True, urns=True)
RELEASE = ReleaseType()
DURATION = DurationType()
