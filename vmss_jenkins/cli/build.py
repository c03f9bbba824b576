"""What a command does for the Jenkins build that runs it, as its environment says."""

from __future__ import annotations

import os
from pathlib import Path

import click

from vmss_jenkins.jenkins.plan.next_job import NextJob

ERROR_FILE = "VMSS_JENKINS_ERROR_FILE"
"""Environment variable: the file for the reason of a failure, for the build's description."""
LINK_FILE = "VMSS_JENKINS_LINK_FILE"
"""Environment variable: the file for the link to the next job; without it the link is printed.

A build prints that file after its credentials are unbound: Jenkins masks the subscription in what a command prints, and
a link with `****` in it leads nowhere.
"""
PREFILLED = "VMSS_JENKINS_BUILD_WITH_PARAMETERS"
"""Environment variable: `true` if the server has the plugin build-with-parameters."""
LONGEST_REASON = 300
"""Most characters of a reason: a description is short."""


def keep_reason(reason: str) -> None:
    """Write why a command failed into the file that the environment names, if it names one; the first reason stays."""
    if not (name := os.environ.get(ERROR_FILE)):
        return
    file, line = Path(name), " ".join(reason.split())
    short = line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 3]}..."
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as writing:
            writing.write(f"{short}\n")
    except OSError:
        return  # the console has the reason; that the file cannot be written must not hide it


def tell_next_job(job: NextJob) -> None:
    """Write or print the link to the next job, and its parameters if the link cannot fill them in."""
    lines = job.lines(os.environ.get("JOB_URL", ""), prefilled=os.environ.get(PREFILLED) == "true")
    text = "\n".join(lines)
    if name := os.environ.get(LINK_FILE):
        Path(name).write_text(f"{text}\n", encoding="utf-8")
    else:
        click.echo(text, err=True)
