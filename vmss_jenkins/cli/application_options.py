"""What `update`, `rollout` and `rollback` share: the application of a gallery that is the release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from cloup.typing import Decorator

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.applications import GalleryApplication

INSTALLATION = (
    click.option("--application-order", type=int, metavar="NUMBER", help="Its place among the set's applications."),
    click.option(
        "--application-failure",
        type=click.Choice(["fail", "ignore"]),
        help="Whether an instance fails if the installation does.  [default: as the model has it; fail for a new one]",
    ),
)
"""Add the options about how an application is installed."""
_NAMES = {"application_order": "--application-order", "application_failure": "--application-failure"}


def application(without_version: str = "") -> Decorator:
    """Add `--application`.

    Args:
        without_version: what an application without a version means; empty if it has no meaning.
    """
    what = "An application of a gallery: GALLERY/APPLICATION/VERSION, or the id of a version."
    also = f" Without the version: {without_version}." if without_version else ""
    return click.option("--application", metavar="NAME", help=what + also)


def application_from(values: Mapping[str, Any]) -> GalleryApplication | None:
    """The application that was typed; None if none was.

    Args:
        values: of the options, by the names of their parameters; `rollback` has those about the installation not.

    Raises:
        ConfigError: for a bad name, and for options about an application without one.
    """
    text = values.get("application")
    if text is None:
        if alone := [option for key, option in _NAMES.items() if values.get(key) is not None]:
            raise ConfigError("application", [f"found {', '.join(alone)}, but no application; give --application"])
        return None
    order, failure = values.get("application_order"), values.get("application_failure")
    counts = None if failure is None else failure == "fail"
    return GalleryApplication.parse(text, order=order, failure_counts=counts)
