"""`vmss-jenkins update-extension`: set the script of the CustomScript extension in a scale set's model."""

from __future__ import annotations

from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import (
    MOST_USED,
    azure_options,
    dry_run,
    log_line,
    name,
    output_options,
    resource_group,
    timeout,
)
from vmss_jenkins.cli.sets.script_options import ScriptOptions, script_options
from vmss_jenkins.cli.sets.update import allow_automatic_rollout, show
from vmss_jenkins.errors import ConfigError

EXAMPLES = """\
vmss-jenkins update-extension -g canary-rg -n web --script-url https://example.com/install-v2.sh --dry-run
vmss-jenkins update-extension -g canary-rg -n web --script install.sh
"""


@make("update-extension", examples=EXAMPLES, changes=True)
@option_group(MOST_USED, resource_group(), name(), dry_run)
@script_options()
@azure_options(allow_automatic_rollout, timeout(3600.0, "Longest time to wait for Azure."))
@output_options()
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    script: ScriptOptions,
    allow_automatic_rollout: bool,
    dry_run: bool,
    timeout: float,
    output: str,
) -> int:
    """Set the script of the CustomScript extension in a scale set's model.

    The script runs on no instance until `update-instances` or `rollout` updates it. Secrets come from a file or the
    environment, and are never printed. Exits 1 if a dry run finds something that blocks the update.
    """
    wanted = script.read(upload=not dry_run)
    if wanted.release.absent:
        raise ConfigError("script", ["found none; give --script-url, --script or --settings"])
    from vmss_jenkins.library.steps import update_extension  # noqa: PLC0415 - bad input is refused before it is loaded

    result = update_extension(
        resource_group,
        name,
        wanted,
        extension=script.extension or None,
        connection=Connection(subscription, endpoint=endpoint),
        allow_automatic_rollout=allow_automatic_rollout,
        dry_run=dry_run,
        timeout=timeout,
        on_event=log_line,
    )
    return show(result, "script", output, dry_run=dry_run, allow_automatic_rollout=allow_automatic_rollout)
