"""The calls that seeding makes to a Jenkins server; the adapter in `server` implements them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from vmss_jenkins.jenkins.plan.jobs import ExistingJob


@dataclass(frozen=True)
class JobState:
    """What matters before a job is pruned."""

    has_builds: bool
    is_disabled: bool


class JenkinsJobs(Protocol):
    """Reads and changes the jobs of a server.

    Several threads may use it. Each method sends its request once and raises `JenkinsError` if that fails.
    """

    @property
    def url(self) -> str:
        """The server's address."""
        ...

    def whoami(self) -> str:
        """Return the user's id; this proves that the server answers and accepts the token."""
        ...

    def plugins(self) -> Mapping[str, str] | None:
        """Return the active plugins and their versions; None if the user may not see them."""
        ...

    def items(self) -> Mapping[str, ExistingJob]:
        """List all items by path, without their config.xml, in one request."""
        ...

    def config(self, path: str) -> str:
        """Read a job's config.xml."""
        ...

    def credentials(self, folder: str) -> frozenset[str] | None:
        """Return the ids of a folder's credentials, of the server's for ""; None if the user may not see them."""
        ...

    def may_create(self, folder: str) -> bool:
        """Ask whether the user may create jobs in a folder, at the root for ""; this creates nothing."""
        ...

    def lint(self, jenkinsfile: str) -> tuple[str, ...] | None:
        """Return the faults of a declarative pipeline; None if the server has no linter."""
        ...

    def shows_html(self) -> bool | None:
        """Ask whether tags in descriptions are shown as HTML, not as text; None if the server does not tell."""
        ...

    def create(self, path: str, config_xml: str) -> None:
        """Create a job in a folder that exists."""
        ...

    def create_folder(self, path: str) -> None:
        """Create a folder in a folder that exists."""
        ...

    def update(self, path: str, config_xml: str) -> None:
        """Replace a job's config.xml."""
        ...

    def state(self, path: str) -> JobState:
        """Read whether a job is disabled, and whether it has builds."""
        ...

    def disable(self, path: str) -> None:
        """Disable a job; it keeps its builds and starts no more."""
        ...

    def delete(self, path: str) -> None:
        """Delete a job with its builds."""
        ...
