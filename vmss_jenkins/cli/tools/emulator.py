"""`vmss-jenkins emulator`: the emulator of Azure, until it is interrupted."""

from __future__ import annotations

import shlex
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from types import FrameType

    from vmss_jenkins.emulator.scenario.scenario import Scenario


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
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="How the first scale set or Azure is, such as mode=Rolling; repeatable. See docs/emulator-settings.md.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="What goes wrong, such as '503 GET */virtualMachines count=3'; repeatable. See docs/emulator-faults.md.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the state in this file, and go on with what it has; the same options are needed again.",
)
@click.option(
    "--role",
    type=click.File(),
    help="Role definition as JSON; what it does not allow answers 403. See `azure-role`.",
)
@click.option("--azurite", default="", metavar="URL", help="An Azurite that serves the blobs of storage accounts.")
@click.option("--env-file", type=click.Path(dir_okay=False), metavar="FILE", help="Write the printed lines there too.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the drawn durations and ids.")
def command(
    port: int,
    tls: bool,
    scenario: str,
    time_scale: float,
    instances: int | None,
    settings: tuple[str, ...],
    faults: tuple[str, ...],
    state: Path | None,
    role: TextIO | None,
    azurite: str,
    env_file: str | None,
    seed: int,
) -> None:
    """Serve an emulator of Azure scale sets on 127.0.0.1.

    It prints `export` lines to paste into the shell that is to use it, with --tls also the commands by which
    `az` takes it for its cloud, and runs until Ctrl-C or SIGTERM.
    """
    try:
        from vmss_jenkins.emulator import Emulator  # noqa: PLC0415 - not loaded for --help
        from vmss_jenkins.emulator.arm.role import Role  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        message = f"the emulator needs {error.name}, which is not installed: pip install 'vmss-jenkins[demo]'"
        raise click.ClickException(message) from error

    stopped = threading.Event()
    _stop_on_signals(stopped)
    try:
        start = _scenario(scenario, instances, settings)
        if role:
            start = replace(start, role=Role.parse(role.read()))
        emulator = Emulator(
            start, port=port, tls=tls, time_scale=time_scale, seed=seed, azurite=azurite, faults=faults, state=state
        )
        with emulator:
            variables = emulator.environment | emulator.az_environment
            lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
            lines += emulator.az_commands
            if env_file:
                _write(Path(env_file), lines)
            click.echo("\n".join(lines))
            click.echo(f"Emulating Azure ({scenario}) at {emulator.endpoint}; Ctrl-C stops it.", err=True)
            stopped.wait()
    except (ValueError, OSError) as error:
        raise click.ClickException(f"the emulator did not start: {error}") from error


def _write(path: Path, lines: list[str]) -> None:
    """Write a file that only its owner reads: it has a secret, if a made-up one."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("\n".join(lines) + "\n")


def _scenario(name: str, instances: int | None, settings: tuple[str, ...]) -> Scenario:
    from vmss_jenkins.emulator.scenario.scenario import named_scenario  # noqa: PLC0415 - not loaded for --help

    scenario = named_scenario(name, instances)
    if not settings:
        return scenario
    from vmss_jenkins.emulator.scenario.settings import with_settings  # noqa: PLC0415 - loads pydantic

    return with_settings(scenario, settings)


def _stop_on_signals(stopped: threading.Event) -> None:
    def stop(signal_number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's signature
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
