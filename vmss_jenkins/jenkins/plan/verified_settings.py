"""The release of a hand-off record that is no image: the script of an extension, or an application."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.releases import ExtensionSettings

KINDS = ("script", "application")
"""The kinds of releases beside images, and their keys in a record."""


@dataclass(frozen=True)
class VerifiedSettings:
    """The script or application that was verified; a script is too long for the record, which has its digest."""

    extension: str
    """The name of the extension, or the key of the application."""
    name: str
    """The name that people use."""
    digest: str
    kind: str = "script"
    """Its key in the record: `script` or `application`."""

    @classmethod
    def of(cls, release: ExtensionSettings) -> VerifiedSettings:
        """Describe the script in an extension's settings, or an application."""
        return cls(release.name, release.short_name, release.digest, release.kind)

    def is_in(self, scale_set: ScaleSet) -> bool:
        """Whether a set's model has this script or application."""
        present = (*scale_set.scripts, *scale_set.applications)
        return any(self.is_of(one) and one.digest == self.digest for one in present)

    def is_of(self, chosen: ExtensionSettings) -> bool:
        """Whether it is of the same extension or application; only keys of applications have a slash."""
        return self.extension.lower() == chosen.name.lower()

    @property
    def version(self) -> str:
        """The version of an application."""
        return self.name.rpartition("/")[2]

    @property
    def place(self) -> str:
        """Where the model has it."""
        return "the model" if self.kind == "application" else f"the extension {self.extension} in the model"

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}"
