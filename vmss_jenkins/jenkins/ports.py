"""What seeding needs of a Jenkins server; the adapter in `server` and the fakes of the tests satisfy it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from vmss_jenkins.jenkins.plan.jobs import ExistingJob


class JenkinsJobs(Protocol):
    """Reads and changes the jobs of a server, for several threads; each call is made once; raises `JenkinsError`."""

    @property
    def url(self) -> str:
        """Where the server is."""
        ...

    def whoami(self) -> str:
        """Name the user, which proves that the server is there and knows them."""
        ...

    def plugins(self) -> Mapping[str, str] | None:
        """Name the active plugins and their versions; None where the user may not see them."""
        ...

    def items(self) -> Mapping[str, ExistingJob]:
        """List all items by path, without their config.xml, in one request."""
        ...

    def config(self, path: str) -> str:
        """Read a job's config.xml."""
        ...

    def credentials(self, folder: str) -> frozenset[str] | None:
        """Name the credentials of a folder, or of the server for ""; None where they cannot be seen."""
        ...

    def may_create(self, folder: str) -> bool:
        """Ask whether the user may create jobs in a folder, or on top for ""; nothing is created."""
        ...

    def lint(self, jenkinsfile: str) -> tuple[str, ...] | None:
        """Name the faults of a declarative pipeline; None where the server has no linter."""
        ...

    def create(self, path: str, config_xml: str) -> None:
        """Create a job in a folder that is there."""
        ...

    def create_folder(self, path: str) -> None:
        """Create a folder in one that is there."""
        ...

    def update(self, path: str, config_xml: str) -> None:
        """Replace a job's config.xml."""
        ...

    def delete(self, path: str) -> None:
        """Delete a job with its builds."""
        ...
