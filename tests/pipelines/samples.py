"""Configurations for the tests of the pipelines."""

from __future__ import annotations

from typing import Any

import yaml

from vmss_jenkins.config import Config, parse
from vmss_jenkins.pipelines import JobSpec, jobs_of

HOSTILE = (
    "'",
    '"',
    "'''",
    "\\",
    "\\'",
    "\\u0027); evil(); //",
    "${evil()}",
    "$evil",
    "$(touch evil)",
    "`touch evil`",
    "]]>",
    "</script><evil/>",
    "--><evil/>",
    "&evil;",
    "*/ evil() /*",
    "{{ evil }}",
    "{% evil %}",
    "; touch evil",
    "a\nevil()",
    "\u2028evil()",
    "Zürich 東京 🚀",
    "\u202eevil",
    "x" * 10_000,
)
SET: dict[str, Any] = {"name": "web", "resource_group": "canary-rg"}


def config_of(one: dict[str, Any] | None = None, jenkins: dict[str, Any] | None = None) -> Config:
    """One set, through YAML as a user writes it."""
    text = yaml.safe_dump({"jenkins": jenkins or {}, "sets": [{**SET, **(one or {})}]}, allow_unicode=True)
    return parse(text, "vmss.yaml")


def jobs(one: dict[str, Any] | None = None, jenkins: dict[str, Any] | None = None) -> dict[str, JobSpec]:
    """The jobs of one set by the end of their names."""
    return {job.path.rpartition("-")[2]: job for job in jobs_of(config_of(one, jenkins))}
