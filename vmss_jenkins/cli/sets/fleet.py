"""All scale sets of a file at one moment, for `vmss-jenkins status --all`."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.options import log_line, print_json
from vmss_jenkins.cli.report_files import write
from vmss_jenkins.cli.tables import show
from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.report import fleet

if TYPE_CHECKING:
    from vmss_jenkins.config import Target


def status(file: Path, endpoint: str | None, output: str, html: Path | None) -> int:
    """Show every scale set of a file; one that cannot be read does not hide the others.

    Returns:
        1 if one could not be read, else 0.
    """
    from vmss_jenkins import config  # noqa: PLC0415 - pydantic takes its time

    try:
        wanted = config.parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), [f"cannot be read: {error}"]) from error
    rows = [_row(one, endpoint) for one in wanted.targets]
    if html:
        from vmss_jenkins.report.html.page import fleet_pages  # noqa: PLC0415 - Jinja2 takes its time

        write(fleet_pages(rows, file.name, f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M UTC}"), html)
    if output == "json":
        print_json(rows)
    else:
        show(fleet.HEADINGS, [row.cells for row in rows])
    return int(any(row.error for row in rows))


def _row(one: Target, endpoint: str | None) -> fleet.Row:
    from vmss_jenkins.library.steps import observe  # noqa: PLC0415 - as above

    try:
        found = observe(
            one.resource_group, one.name, connection=Connection(one.subscription, endpoint=endpoint), on_event=log_line
        )
    except AzureError as error:
        return fleet.Row(f"{one.resource_group}/{one.name}", error=str(error).splitlines()[0])
    return fleet.row_of(*found, _last(one, endpoint))


def _last(one: Target, endpoint: str | None) -> str:
    """How the last rollout ended; empty if nobody wrote it down, or if the tags may not be read."""
    from vmss_jenkins.library.rollouts import last_rollout  # noqa: PLC0415

    try:
        connection = Connection(one.subscription, endpoint=endpoint)
        return str(last_rollout(one.resource_group, one.name, connection=connection, on_event=log_line) or "")
    except AzureError:
        return ""
