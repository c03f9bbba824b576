"""The key `application` of a set in vmss.yaml: its release is a version of an application in a compute gallery."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from vmss_jenkins.config.parts import Value
from vmss_jenkins.config.values import checked, shortened
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.applications import MOST_ORDER, VERSION, GalleryApplication


def _no_name(value: str) -> str | None:
    wanted = "wanted GALLERY/APPLICATION, or the ARM id of an application"
    try:
        found = GalleryApplication.parse(value)
    except ConfigError:
        return f"found {shortened(value)}; {wanted}"
    return f"found {shortened(value)} with a version; {wanted}, and the version as version" if found.version else None


def _no_version(value: str) -> str | None:
    fits = re.fullmatch(VERSION, value, re.ASCII)
    return None if fits else f"found {shortened(value)}; wanted an exact version in quotes, such as '1.1.0'"


class ApplicationRelease(Value):
    """A release that is a version of an application."""

    name: Annotated[str, checked(_no_name)] = ""
    """GALLERY/APPLICATION, for a gallery in the resource group of the set; for another one the application's ARM id."""
    version: Annotated[str, checked(_no_version)] | None = None
    """Default of the parameter APPLICATION_VERSION."""
    order: Annotated[int, Field(ge=0, le=MOST_ORDER)] | None = None
    """Its place among the applications of the set; by default what the model has."""
    failure: Literal["fail", "ignore"] | None = None
    """Whether an instance fails if the installation does; by default what the model has, and `fail` if it is new."""

    @model_validator(mode="after")
    def _fits(self) -> ApplicationRelease:
        if not self.name:  # the defaults may have it, so the schema cannot ask for it
            raise ValueError("needs a name, GALLERY/APPLICATION, here or under defaults")
        return self
