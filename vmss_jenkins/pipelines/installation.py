"""How a stage runs the command: with the agent's Python, or with a virtual environment in the workspace."""

from __future__ import annotations

import shlex

from vmss_jenkins.config.parts import Install
from vmss_jenkins.pipelines.model import DATA, RESULTS, VERSION

VENV = ".vmss-jenkins"
ISOLATED = "-I"
"""Python ignores the modules of the workspace: a `requests.py` there would get the Azure credentials."""


def command_of(install: Install) -> str:
    """Return the first words of each command line."""
    python = f"{VENV}/bin/python" if install.how == "pip" else shlex.quote(install.python)
    return f"{python} {ISOLATED} -m vmss_jenkins"


def set_up(install: Install, *prepared: str) -> str:
    """Make an empty results directory, run the given lines, and install the command."""
    lines = [f"rm -rf {RESULTS}", f"mkdir -p {DATA}", *prepared]
    if install.how == "pip":
        lines += [
            f"{shlex.quote(install.python)} {ISOLATED} -m venv {VENV}",
            f"{VENV}/bin/python {ISOLATED} -m pip install --quiet {shlex.quote(install.requirement or '')}",
        ]
    return "\n".join([*lines, f"{command_of(install)} --version > {VERSION}", f"cat {VERSION}"])
