"""Who runs a command, and in which build, as the environment says."""

from __future__ import annotations

import socket
from collections.abc import Mapping


def build_of(environ: Mapping[str, str]) -> str:
    """The build in Jenkins, by its URL, else by its tag; empty outside Jenkins."""
    return environ.get("BUILD_URL") or environ.get("BUILD_TAG", "")


def machine_or_job(environ: Mapping[str, str]) -> str:
    """The job in Jenkins, else the user and the machine."""
    return environ.get("JOB_NAME") or f"{environ.get('USER') or 'somebody'}@{socket.gethostname()}"


def started_by(environ: Mapping[str, str]) -> str:
    """The person who started the build, if `BUILD_USER` says so; else the job, or the user and the machine."""
    return environ.get("BUILD_USER") or machine_or_job(environ)
