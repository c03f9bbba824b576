"""What `render` and the seeder share: which jobs, by a file or by options for one scale set, and a user's templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from vmss_jenkins.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

_JENKINS = ("folder", "agent")
_SCRIPT = ("extension", "container", "access")
_OPTIONS = (
    click.argument("file", required=False, type=click.Path()),
    click.option("-g", "--resource-group", help="Instead of a file, for one scale set: its resource group."),
    click.option("-n", "--name", help="Its name."),
    click.option("--subscription", help="Its subscription GUID.  [default: the credentials']"),
    click.option("--image", help="What the image is filled in with: an id, or publisher:offer:sku:version."),
    click.option("--extension", metavar="NAME", help="The release is the script of this CustomScript extension."),
    click.option("--container", metavar="URL", help="Where such a script is uploaded to.  [default: its settings]"),
    click.option("--access", help="How instances read it: public or managed-identity.  [default: public]"),
    click.option("--canary", metavar="COUNT|PERCENT%", help="How many instances go first.  [default: 1]"),
    click.option("--instance-ids", help="Ids of the instances that go first."),
    click.option("--gate", "gates", multiple=True, metavar="'KIND KEY=VALUE ...'", help="As for `verify`; repeatable."),
    click.option("--promotion", help="manual, approval or automatic.  [default: manual]"),
    click.option("--flavour", help="command or plugin.  [default: command]"),
    click.option("--folder", help="Jenkins folder of its jobs."),
    click.option("--agent", help="Label of the agents."),
    click.option("--credentials-id", help="Id of its Azure service principal in Jenkins."),
    click.option(
        "--templates",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Directory of your own *.j2, which stand in for those of the same name.",
    ),
)


def job_options(function: F) -> F:
    """Add `FILE`, the options of one set, and `--templates`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def one_set(file: str | None, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The one set that options describe, as under `sets` and `jenkins` of vmss.yaml; None where a file does.

    Raises:
        ConfigError: for both, or neither.
    """
    given = {name: value for name, value in options.items() if value not in {None, ()}}
    if file is not None:
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given).replace("--gates", "--gate")
            raise ConfigError("arguments", [f"found a file and {names}; wanted a file, or one set by options"])
        return None
    if "name" not in given or "resource_group" not in given:
        raise ConfigError("arguments", ["found no file; wanted one, or one set by --resource-group and --name"])
    jenkins = {name: given.pop(name) for name in _JENKINS if name in given}
    if "credentials_id" in given:
        jenkins["credentials"] = {"id": given.pop("credentials_id")}
    if script := {name: given.pop(name) for name in _SCRIPT if name in given}:
        given["script"] = script
    if "gates" in given:
        given["gates"] = list(given["gates"])
    return given, jenkins


def templates_in(directory: Path | None) -> dict[str, str]:
    """Read a user's templates, by name."""
    return {file.name: file.read_text(encoding="utf-8") for file in directory.glob("*.j2")} if directory else {}
