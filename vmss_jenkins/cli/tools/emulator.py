"""`vmss-jenkins emulator`: the emulator of Azure, until it is interrupted."""

from __future__ import annotations

import json
import shlex
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from cloup import option_group

from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import FILE, MOST_USED, output_options

if TYPE_CHECKING:
    from types import FrameType

    from vmss_jenkins.emulator.scenario.scenario import Scenario


EXAMPLES = """\
# Ten times as fast as Azure; in another shell, the printed lines lead commands to it.
vmss-jenkins emulator --time-scale 10 --env-file emulator.env
. ./emulator.env
# Four instances, a rolling upgrade policy, and three refused requests.
vmss-jenkins emulator --instances 4 --set mode=Rolling --fault '503 GET */virtualMachines count=3'
"""


@make("emulator", examples=EXAMPLES)
@option_group(
    MOST_USED,
    click.option(
        "--time-scale",
        type=click.FloatRange(min=0, min_open=True),
        default=1.0,
        show_default=True,
        help="How much faster than real time Azure works.",
    ),
    click.option("--instances", type=click.IntRange(0, 1000), help="Number of instances of the first scale set."),
    click.option(
        "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port of ARM; 0: any free port."
    ),
    click.option("--tls", is_flag=True, help="Serve https with its own certificate authority, and require tokens."),
    click.option(
        "--state",
        type=FILE,
        help="Keep the state in this file, and continue from it; give the same other options again.",
    ),
)
@option_group(
    "Scenario",
    click.option("--scenario", default="nginx-canary", show_default=True, help="What the emulator starts with."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="A setting of the first scale set or of Azure, such as mode=Rolling; may be given again. "
        "See docs/emulator-settings.md.",
    ),
    click.option(
        "--fault",
        "faults",
        multiple=True,
        metavar="FAULT",
        help="A fault, such as '503 GET */virtualMachines count=3'; may be given again. See docs/emulator-faults.md.",
    ),
    click.option(
        "--role",
        type=click.File(),
        help="Role definition as JSON; what it does not allow is answered with 403. See `azure-role`.",
    ),
    click.option("--azurite", default="", metavar="URL", help="An Azurite that serves the blobs of storage accounts."),
    click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random durations and ids."),
)
@output_options(
    click.option(
        "--env-file", type=click.Path(dir_okay=False), metavar="FILE", help="Write the lines to this file too."
    ),
    means="text: `export` lines.",
    loudness=False,
)
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
    output: str,
) -> None:
    """Run an emulator of Azure scale sets on 127.0.0.1 until Ctrl-C or SIGTERM.

    It prints `export` lines for the shell that is to use it; with --tls also the commands that register it as a cloud
    of `az`.
    """
    try:
        from vmss_jenkins.emulator import Emulator  # noqa: PLC0415 - not loaded for --help
        from vmss_jenkins.emulator.arm.role import Role  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        remedy = "in a clone of the repository run: pip install '.[demo]'"
        message = f"the emulator needs {error.name}, which is not installed; {remedy}"
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
            click.echo(json.dumps(variables) if output == "json" else "\n".join(lines))
            click.echo(f"Emulating Azure ({scenario}) at {emulator.endpoint}; Ctrl-C stops it.", err=True)
            stopped.wait()
    except (ValueError, OSError) as error:
        raise click.ClickException(f"the emulator did not start: {error}") from error


def _write(path: Path, lines: list[str]) -> None:
    """Write a file that only its owner can read: it has a secret, although a made-up one."""
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
