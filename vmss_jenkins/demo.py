"""`python -m vmss_jenkins.demo`: a canary deployment of a scale set, played on the embedded emulator.

Each command line is printed and then run as a process of its own, just as a Jenkins job would; only
the requests to the load balancer are this program's. It exits 1 where the story did not come out.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import requests

OLD_PAGE = "Welcome to nginx!"
NEW_PAGE = "Welcome to nginx on Azure VMSS!"
TARGET = ("--resource-group", "canary-rg", "--name", "web")
UPDATED_IMAGE = "/subscriptions/{}/resourceGroups/canary-rg/providers/Microsoft.Compute/images/nginx-updated-image"
TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.md"
"""There in a clone of the repository only."""
PAUSE = 0.02
"""Seconds between two requests of the client that runs all along."""


@dataclass
class Client:
    """A visitor of the page: a new connection a request, a refused one tried once more, as browsers do."""

    url: str
    pages: Counter[str] = field(default_factory=Counter)
    """Answers by page title."""
    refused: int = 0
    """Requests whose first connection was refused or reset."""
    failed: int = 0
    """Requests that got no page, though tried twice."""

    def visit(self) -> str:
        """Ask for the page once; the title, or why there is none."""
        try:
            return self._ask()
        except requests.ConnectionError:
            self.refused += 1
        try:
            return self._ask()
        except requests.ConnectionError as error:
            self.failed += 1
            return f"no page: {error}"

    def _ask(self) -> str:
        answer = requests.get(self.url, headers={"Connection": "close"}, timeout=10)
        found = re.search("<title>(.*)</title>", answer.text)
        title = found[1] if found else f"HTTP {answer.status_code}"
        self.pages[title] += 1
        self.failed += not answer.ok
        return title

    @contextmanager
    def visiting_throughout(self) -> Iterator[None]:
        """Send requests until the block is left."""
        over = threading.Event()

        def visit_on() -> None:
            while not over.wait(PAUSE):
                self.visit()

        thread = threading.Thread(target=visit_on)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@dataclass
class Story:
    """The commands run so far and the environment that they run in."""

    environment: dict[str, str]
    commands: int = 0
    faults: list[str] = field(default_factory=list)
    """What differed from the story."""

    def run(self, *arguments: str) -> str:
        """Print a command line, run it as a process, show and return what it wrote to standard output."""
        self.commands += 1
        click.secho(f"\n$ {shlex.join(['vmss-jenkins', *arguments])}", bold=True)
        done = subprocess.run(  # noqa: S603 - our own command with our own arguments
            ["vmss-jenkins", *arguments],  # noqa: S607 - found on PATH, just as printed
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        click.echo(done.stdout, nl=False)
        if done.returncode:
            self.faults.append(f"{arguments[0]} exited with {done.returncode}")
        return done.stdout.strip()

    def expect(self, what: str, *, true: bool) -> None:
        """Record a fault if this part of the story is not true."""
        if not true:
            self.faults.append(what)


def six_requests(client: Client) -> list[str]:
    """Send six requests and show the titles."""
    click.secho(f"\nSix requests to {client.url}", bold=True)
    titles = [client.visit() for _ in range(6)]
    for title in titles:
        click.echo(f"  {title}")
    return titles


@contextmanager
def emulator(time_scale: float, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run the emulator as a process; yields the environment with what it exports."""
    command = ["vmss-jenkins", "emulator", "--time-scale", f"{time_scale:g}"]
    click.secho(f"\n$ {shlex.join(command)}", bold=True)
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    exported = dict(environment)
    try:
        for line in process.stdout or ():
            click.echo(line, nl=False)
            name, _, value = line.removeprefix("export ").partition("=")
            exported[name] = shlex.split(value)[0]
            if name == "VMSS_JENKINS_EMULATOR_FRONTEND":
                break
        if "VMSS_JENKINS_EMULATOR_FRONTEND" not in exported:
            raise click.ClickException("the emulator did not start; run `vmss-jenkins emulator` to see why")
        yield exported
    finally:
        process.terminate()
        process.communicate()


def play(story: Story, client: Client, report: Path) -> None:
    """Play the story from the first request to the last instance; the rollout's report is written to `report`."""
    click.echo("\nA scale set of 3 instances of nginx-base-image stands behind a load balancer.")
    story.expect("six old pages at first", true=six_requests(client) == [OLD_PAGE] * 6)

    click.echo("\nThe model gets the new image; no instance changes.")
    image = UPDATED_IMAGE.format(story.environment["AZURE_SUBSCRIPTION_ID"])
    story.run("update", *TARGET, "--image-id", image)
    story.expect("six old pages after the update of the model", true=six_requests(client) == [OLD_PAGE] * 6)

    click.echo("\nThe canary: one instance is taken down, updated and brought up, while a client sends requests.")
    with client.visiting_throughout():
        story.run("update-instances", *TARGET, "--instance-ids", "0", "--await-healthy")
        story.run("status", *TARGET)
        story.expect("both pages beside the canary", true={*six_requests(client)} == {OLD_PAGE, NEW_PAGE})

        click.echo("\nThe rest in one command: one instance after another, a gate, and a report in HTML.")
        outdated = story.run("status", *TARGET, "--outdated", "--output", "ids")
        story.expect("two outdated instances beside the canary", true=outdated == "1,2")
        judged = ("--gate", "instance-health steady=1s", "--report", str(report))
        story.run("rollout", *TARGET, "--image-id", image, *judged)
    story.run("status", *TARGET)
    story.expect("six new pages at last", true=six_requests(client) == [NEW_PAGE] * 6)


def summary(story: Story, client: Client, seconds: float) -> None:
    """Say what ran, for how long, and how the visitors fared."""
    calls = requests.get(f"{story.environment['VMSS_JENKINS_ENDPOINT']}/_emulator/calls", timeout=10).json()
    total = sum(client.pages.values()) + client.failed
    click.secho("\nSummary", bold=True)
    click.echo(f"  commands run             {story.commands}, in {seconds:.0f} s")
    click.echo(f"  calls made to Azure      {len(calls)}")
    click.echo(f"  requests of visitors     {total}, failed: {client.failed}")
    click.echo(
        f"  refused at first try     {client.refused} (a load balancer notices a dead instance only by its probe)"
    )
    for title, count in client.pages.most_common():
        click.echo(f"  {title:<32} {count}")
    story.expect("no failed request", true=client.failed == 0)


def next_steps(report: Path) -> Iterator[tuple[str, str]]:
    """What a reader can do now: what to type or to open, and what it does."""
    activate = Path(sys.prefix) / "bin" / "activate"
    if activate.exists():
        yield f". {_short(activate)}", "puts the command vmss-jenkins on your PATH"
    if TUTORIAL.exists():
        yield _short(TUTORIAL), "the same story, typed by you"
    yield _short(report / "index.html"), "the report of the rollout above: open it in a browser"


def _short(path: Path) -> str:
    """Return a path as a reader would type it here."""
    whole = path.absolute()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole)


@click.command()
@click.option(
    "--time-scale", type=click.FloatRange(min=1), default=10.0, show_default=True, help="Speed of the emulator."
)
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    default="demo-report",
    show_default=True,
    help="Directory for the report of the rollout.",
)
def demo(time_scale: float, report: Path) -> None:
    """Play a canary deployment of a scale set on the embedded emulator."""
    here = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    began = time.monotonic()
    with emulator(time_scale, here) as environment:
        story = Story(environment)
        client = Client(environment["VMSS_JENKINS_EMULATOR_FRONTEND"])
        play(story, client, report)
        summary(story, client, time.monotonic() - began)
    if story.faults:
        raise click.ClickException("the demo failed: " + "; ".join(story.faults))
    click.secho("\nAll instances run the new release, and no request failed.", fg="green")
    click.secho("\nWhat to do next", bold=True)
    for step, what in next_steps(report):
        click.echo(f"  {step:<27} {what}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the demo."""
    demo.main(list(argv) if argv is not None else None, prog_name="python -m vmss_jenkins.demo")


if __name__ == "__main__":
    main()
