"""What `render` and `seed` share: the jobs, of a file or of one scale set by options, and a user's templates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import cloup
from cloup import option_group
from cloup.typing import Decorator

from vmss_jenkins.cli.options import GATE
from vmss_jenkins.errors import ConfigError

_JENKINS = ("folder", "agent")
_SCRIPT = ("extension", "container", "access")
FILE_ARGUMENT = cloup.argument("file", required=False, type=click.Path(), help="The configuration: vmss.yaml.")
TEMPLATES = click.option(
    "--templates",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of your own *.j2; each is used in place of the template of the same name.",
)
_ONE_SET = (
    click.option("-g", "--resource-group", help="Its resource group."),
    click.option("-n", "--name", help="Its name."),
    click.option("-s", "--subscription", help="Its subscription GUID.  [default: that of the credentials]"),
    click.option(
        "--image", metavar="IMAGE", help="Default of the image parameter: an id, or publisher:offer:sku:version."
    ),
    click.option("--extension", metavar="NAME", help="The release is the script of this CustomScript extension."),
    click.option(
        "--application", metavar="NAME", help="The release is this application of a gallery: GALLERY/APPLICATION."
    ),
    click.option(
        "--container", metavar="URL", help="Blob container for the script.  [default: the script is in the settings]"
    ),
    click.option("--access", help="How instances read the script: public or managed-identity.  [default: public]"),
    click.option("--canary", metavar="COUNT|PERCENT%", help="How many instances are updated first.  [default: 1]"),
    click.option("--instance-ids", metavar="IDS", help="Ids of the instances that are updated first."),
    click.option("--gate", "gates", multiple=True, metavar=GATE, help="A gate, as for `verify`; may be given again."),
    click.option("--promotion", help="manual, approval or automatic.  [default: manual]"),
    click.option("--flavour", help="command or plugin.  [default: command]"),
    click.option("--folder", help="Jenkins folder of its jobs."),
    click.option("--agent", help="Label of the agents."),
    click.option("--credentials-id", help="Id of its Azure service principal in Jenkins."),
)


one_set_options: Decorator = option_group("One scale set, instead of a file", *_ONE_SET)
"""Adds the group of options that describe one scale set."""


def one_set(file: str | None, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The scale set that options describe, as under `sets` and `jenkins` of vmss.yaml; None if a file is given.

    Raises:
        ConfigError: for both, or neither.
    """
    given = {name: value for name, value in options.items() if value not in {None, ()}}
    if file is not None:
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given).replace("--gates", "--gate")
            raise ConfigError(
                "arguments", [f"found a file and {names}; give either a file or options of one scale set"]
            )
        return None
    if "name" not in given or "resource_group" not in given:
        raise ConfigError(
            "arguments", ["found no file; give one such as vmss.yaml, or one scale set by --resource-group and --name"]
        )
    jenkins = {name: given.pop(name) for name in _JENKINS if name in given}
    if "credentials_id" in given:
        jenkins["credentials"] = {"id": given.pop("credentials_id")}
    if script := {name: given.pop(name) for name in _SCRIPT if name in given}:
        given["script"] = script
    if "application" in given:
        given["application"] = {"name": given["application"]}
    if "gates" in given:
        given["gates"] = list(given["gates"])
    return given, jenkins


def templates_in(directory: Path | None) -> dict[str, str]:
    """Read a user's templates, by name."""
    return {file.name: file.read_text(encoding="utf-8") for file in directory.glob("*.j2")} if directory else {}
