"""`vmss-jenkins emulator`: the emulator of Azure, until it is interrupted."""

from __future__ import annotations

import shlex
import signal
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from types import FrameType


@click.command("emulator")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port of ARM; 0: any free.")
@click.option("--tls", is_flag=True, help="Serve https with a certificate authority of its own, and ask for tokens.")
@click.option("--scenario", default="nginx-canary", show_default=True, help="What the emulator starts with.")
@click.option(
    "--time-scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How much faster than real time Azure works.",
)
@click.option("--instances", type=click.IntRange(0, 1000), help="How many the first scale set has at the start.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="What goes wrong, such as '503 GET */virtualMachines count=3'; may be given again. See the README.",
)
@click.option(
    "--role",
    type=click.File(),
    help="Role definition as JSON; what it does not allow answers 403. See `azure-role`.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the drawn durations and ids.")
def command(
    port: int,
    tls: bool,
    scenario: str,
    time_scale: float,
    instances: int | None,
    faults: tuple[str, ...],
    role: TextIO | None,
    seed: int,
) -> None:
    """Serve an emulator of Azure scale sets on 127.0.0.1.

    It prints `export` lines to paste into the shell that is to use it, and runs until Ctrl-C or SIGTERM.
    """
    try:
        from vmss_jenkins.emulator import Emulator  # noqa: PLC0415 - not loaded for --help
        from vmss_jenkins.emulator.roles import Role  # noqa: PLC0415 - as above
        from vmss_jenkins.emulator.scenario import named  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        message = f"the emulator needs {error.name}, which is not installed: pip install 'vmss-jenkins[demo]'"
        raise click.ClickException(message) from error

    stopped = threading.Event()
    _stop_on_signals(stopped)
    try:
        start = named(scenario, instances)
        if role:
            start = replace(start, role=Role.parse(role.read()))
        with Emulator(start, port=port, tls=tls, time_scale=time_scale, seed=seed, faults=faults) as emulator:
            for name, value in emulator.environment.items():
                click.echo(f"export {name}={shlex.quote(value)}")
            click.echo(f"Emulating Azure ({scenario}) at {emulator.endpoint}; Ctrl-C stops it.", err=True)
            stopped.wait()
    except (ValueError, OSError) as error:
        raise click.ClickException(f"the emulator did not start: {error}") from error


def _stop_on_signals(stopped: threading.Event) -> None:
    def stop(signal_number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's signature
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
