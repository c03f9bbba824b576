"""The release of a set's jobs is a version of an application in a compute gallery."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from vmss_jenkins.config.application import ApplicationRelease as Settings
from vmss_jenkins.model.applications import GalleryApplication
from vmss_jenkins.pipelines.model import Parameter, Title
from vmss_jenkins.pipelines.releases import Arguments

VERSION = "APPLICATION_VERSION"


class ApplicationRelease:
    """The release is a version: a person types it into the form of the build, the application is fixed.

    The full job takes the version of the scale set's model if its form has none. How the application is installed is
    set by the canary job alone, so that the full job rolls out exactly what was verified.

    Args:
        application: the settings of the release.
    """

    noun = "application"
    update = "update"
    set_up_lines: tuple[str, ...] = ()
    moves = False
    passed_on = (VERSION,)

    def __init__(self, application: Settings) -> None:
        self._application = application
        named = GalleryApplication.parse(application.name)
        self.title = Title((VERSION,), before=f"{named.name} ")
        self._name = f"--application={shlex.quote(application.name)}"
        self._version = f"/{'versions/' if named.group else ''}"
        self.recorded = Arguments((self._name,))
        self.full = self.checked = self.rollback = Arguments((self._any_version(),))

    @property
    def canary(self) -> Arguments:
        """The version in the form."""
        return Arguments((f'{self._name}{self._version}"${VERSION}"', *self._installation()))

    def canary_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the canary job."""
        what = f"Exact version of the application {self._application.name}, such as 1.1.0."
        return (Parameter(VERSION, self._application.version or "", what, required=(VERSION,)),)

    def full_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the full job."""
        what = "Version of the application, which must be the canary's. Empty: the one in the scale set's model."
        return (Parameter(VERSION, "", what),)

    def rollback_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of the rollback job."""
        return (Parameter(VERSION, "", "Version to roll back to. Empty: the version before."),)

    def _any_version(self) -> str:
        return f'{self._name}${{{VERSION}:+{self._version}"${VERSION}"}}'

    def _installation(self) -> Iterable[str]:
        if self._application.order is not None:
            yield f"--application-order={self._application.order}"
        if self._application.failure:
            yield f"--application-failure={self._application.failure}"
