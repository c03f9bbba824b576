"""Jenkins jobs as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class JobSpec:
    """One Jenkins job as it should be."""

    path: str
    """Its full name: `folder/name`."""
    config_xml: str
    jenkinsfile: str
    plugins: Mapping[str, str]
    """Jenkins plugin short name -> least version."""
    credentials_id: str | None
    source: str
    """The mark: which file it came from."""


def mark(source: str) -> str:
    """Make the line that says where a job came from."""
    return f"Seeded by vmss-jenkins from {' '.join(source.split())}: change it there, not here."
