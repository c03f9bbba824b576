"""The one place where errors become exit codes.

0 done; 1 a failure that is understood; 2 usage or configuration; 3 unexpected, with the traceback;
130 interrupted.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from types import FrameType

import click

from vmss_jenkins._version import VERSION
from vmss_jenkins.cli.build import keep_reason
from vmss_jenkins.errors import VmssJenkinsError

UNEXPECTED = 3
PENDING = 4
"""Something would change, where only a check was asked for."""
INTERRUPTED = 130
MEANINGS = {
    0: "done",
    1: "a failure that is understood: a gate failed, it was rolled back or halted, Azure or Jenkins said no",
    2: "usage or configuration; nothing was changed",
    UNEXPECTED: "unexpected; the traceback is shown",
    PENDING: "changes are pending, under `--check`",
    INTERRUPTED: "interrupted by Ctrl-C or SIGTERM; the same command again goes on",
}
"""What each exit code means."""


def run(command: click.Command, argv: Sequence[str] | None, program: str) -> int:
    """Run a command and return its exit code.

    Args:
        command: what to run; an integer that it returns is the exit code.
        argv: the words after the program's name; those of the process by default.
        program: the program's name, for its help.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    # The SDK's warnings would stand beside the error that this command ends with and say the same.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    try:
        outcome = command.main(list(argv) if argv is not None else None, prog_name=program, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        keep_reason(error.format_message())
        return error.exit_code
    except VmssJenkinsError as error:
        click.echo(f"error: {error}", err=True)
        keep_reason(str(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, it ends here with all that a report needs
        keep_reason(f"unexpected: {type(error).__name__}: {error}")
        return _report()
    return outcome if isinstance(outcome, int) else 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Jenkins aborts a build by SIGTERM: end as Ctrl-C does, telling what Azure goes on doing."""
    raise KeyboardInterrupt


def _report() -> int:
    import platform  # noqa: PLC0415 - needed only when all else failed
    import traceback  # noqa: PLC0415

    traceback.print_exc()
    click.echo(
        f"error: unexpected; please report the traceback above with: vmss-jenkins {VERSION}, "
        f"Python {platform.python_version()}, {platform.platform()}",
        err=True,
    )
    return UNEXPECTED
