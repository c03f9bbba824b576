"""`vmss-jenkins blue-green`: release to the idle one of two scale sets and switch to it, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cloup import option_group

from vmss_jenkins.cli.build import tell_next_job
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.listeners import listener
from vmss_jenkins.cli.options import (
    FILE,
    MOST_USED,
    azure_options,
    dry_run,
    image_options,
    output_options,
    print_json,
    timeout,
)
from vmss_jenkins.cli.pairs.options import BALANCING, GATES, NO_LOCK, PAIR, SUMMARY, connection_of, pair_of
from vmss_jenkins.cli.sets.release_file import read_release, write_release
from vmss_jenkins.cli.sets.rollout_options import MIN_HEALTHY_TIME
from vmss_jenkins.errors import ConfigError, VmssJenkinsError
from vmss_jenkins.jenkins.plan.next_job import NextJob

if TYPE_CHECKING:
    from vmss_jenkins.azure.operations import AzureOperation
    from vmss_jenkins.blue_green.release import PairRelease, StepResult
    from vmss_jenkins.blue_green.switch import SwitchResult
    from vmss_jenkins.library.blue_green import Pair
    from vmss_jenkins.model.images import ImageReference

    Release = PairRelease[AzureOperation]

EXAMPLES = """\
# Show which scale set serves, and what a release would do.
vmss-jenkins blue-green plan -g shop-rg --load-balancer shop-lb --blue shop-blue --green shop-green \\
    --image-id "$IMAGE_ID"
# All steps; check the idle scale set on port 8081, and leave one instance of the old one.
vmss-jenkins blue-green release -g shop-rg --load-balancer shop-lb --blue shop-blue --green shop-green \\
    --image-id "$IMAGE_ID" --test-port 8081 --gate 'http path=/' --idle 1
"""


@make("blue-green", examples=EXAMPLES, changes=True)
@click.argument("step", type=click.Choice(["plan", "deploy", "check", "switch", "scale-in", "release"]))
@option_group(MOST_USED, *PAIR, *image_options(), dry_run)
@option_group(
    "Load balancer",
    *BALANCING,
    click.option(
        "--idle",
        type=click.IntRange(min=0),
        metavar="COUNT",
        help="How many instances `scale-in` leaves of the scale set that no longer serves.  [default: all]",
    ),
)
@option_group("Gates", *GATES, MIN_HEALTHY_TIME)
@option_group(
    "Failure",
    click.option(
        "--instance-timeout",
        type=click.FloatRange(min=1),
        metavar="SECONDS",
        default=900.0,
        show_default=True,
        help="Longest time from the update of an instance until it is healthy; after that its update has failed.",
    ),
    timeout(7200.0, "Longest time for a step."),
)
@azure_options(NO_LOCK)
@output_options(
    SUMMARY,
    click.option(
        "--release-file",
        type=FILE,
        help="Keep the exact version of the image in this file: the first step writes it, the next ones read it.",
    ),
    click.option("--events", "events_file", type=FILE, help="Write each event to this file, one JSON object a line."),
    click.option("--result", type=FILE, help="Write the result as JSON to this file."),
    click.option("--pending", type=FILE, help="`plan` creates this file if there is something to deploy or to switch."),
    click.option(
        "--back-job",
        default="",
        metavar="JOB",
        help="Jenkins job that switches back, beside the one that runs; with --idle the job of releases.",
    ),
)
def command(step: str, **given: Any) -> int:  # noqa: ANN401 - as click gives them
    """Release an image to the idle one of two scale sets behind one load balancer, and switch to it.

    \b
    plan      show which scale set serves, and what would be done; change nothing
    deploy    scale the idle scale set out, and bring the release to all of it
    check     ask the gates about it, by --test-port or on each instance
    switch    ask the gates, switch the rule, watch, and switch back if it is bad
    scale-in  leave --idle instances of the scale set that no longer serves
    release   all of it, in this order

    Each step looks at Azure first: run again it changes nothing, and after an interruption it continues. Exits 0 if
    the step ended as wanted, 1 if a gate refused the release or something blocks the step. With --dry-run every step
    only shows the plan.
    """  # noqa: D301 - click's mark for lines that stay as they are
    from vmss_jenkins.blue_green.plan.gates import check_gates, watch_gates  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.model.images import ResolvedImage  # noqa: PLC0415

    image = _one_image(given["image_id"], given["image"])
    check_gates(given["check"], given["test_port"])
    watch_gates(given["watch"])
    pair, file = pair_of(given), given["release_file"]
    resolved = read_release(file, image) if file and file.exists() else None
    from vmss_jenkins.library.blue_green import release_to_pair  # noqa: PLC0415 - bad input is refused before it is loaded

    with (
        _summarizing(given["summary"], keeps=step == "scale-in"),
        listener(given["events_file"], None) as on_event,
        release_to_pair(
            pair,
            image,
            idle=given["idle"],
            check=given["check"],
            watch=given["watch"],
            allow_fewer=given["allow_fewer"],
            resolved=resolved,
            claim=not given["no_lock"],
            connection=connection_of(given),
            timeout=2 * given["timeout"],
            on_event=on_event,
        ) as release,
    ):
        if file and resolved is None:
            write_release(file, ResolvedImage(image, release.order.image))
        return _Steps(release, pair, release.order.image, given).run("plan" if given["dry_run"] else step)


class _Steps:
    """Does a step, prints how it ended, and writes the files that are wanted.

    Args:
        release: the steps.
        pair: the two scale sets.
        image: the release.
        given: the options.
    """

    def __init__(self, release: Release, pair: Pair, image: ImageReference, given: dict[str, Any]) -> None:
        self._release, self._pair, self._image, self._given = release, pair, image, given
        self._results: dict[str, object] = {}

    def run(self, step: str) -> int:
        """Do a step and return the exit code."""
        steps: dict[str, Callable[[], int]] = {
            "plan": lambda: self.plan(dry_run=step == "plan"),
            "deploy": self.deploy,
            "check": lambda: self._switched(self._release.check()),
            "switch": lambda: self._switched(self._release.switch()),
            "scale-in": self.scale_in,
        }
        wanted = ["plan", "deploy", "switch", "scale-in"] if step == "release" else [step]
        code = next((code for code in (steps[one]() for one in wanted) if code), 0)
        if self._given["output"] == "json":
            print_json(self._results)
        return code

    def plan(self, *, dry_run: bool) -> int:
        """Show what would be done, or what will be."""
        plan = self._release.plan()
        self._results["plan"] = plan
        for line in plan.lines(dry_run=dry_run):
            click.echo(line, err=True)
        if plan.refused:
            self._say("; ".join(one.text for one in plan.findings))
        elif plan.serves:
            self._say(f"{plan.target.name} serves {self._image.short_name} already: nothing to be done.")
        elif self._given["pending"]:
            self._given["pending"].write_text(f"{plan.target.name}\n", encoding="utf-8")
        return int(plan.refused)

    def deploy(self) -> int:
        """Bring the release to the idle set."""
        from vmss_jenkins.blue_green.release import DeployTimes  # noqa: PLC0415 - not loaded for --help

        times = DeployTimes(*(self._given[key] for key in ("min_healthy_time", "instance_timeout", "timeout")))
        return self._stepped("deploy", self._release.deploy(times), f"{self._image.short_name} was not deployed to")

    def scale_in(self) -> int:
        """Scale in the scale set that no longer serves."""
        if self._given["idle"] is None:
            return 0
        return self._stepped("scale-in", self._release.scale_in(), "not scaled in:")

    def _stepped(self, step: str, result: StepResult, failed: str) -> int:
        self._keep(step, result)
        if not result.reason:
            return 0
        self._say(f"Not switched: {failed} {result.scale_set.name}: {result.reason}")
        click.echo(f"error: {failed} {result.scale_set.name}: {result.reason}", err=True)
        return 1

    def _switched(self, result: SwitchResult) -> int:
        from vmss_jenkins.blue_green.switch import SwitchOutcome  # noqa: PLC0415 - as above

        self._keep("switch", result)
        name, image = result.serves, self._image.short_name
        sentences = {
            SwitchOutcome.SWITCHED: f"{name} serves {image} now.",
            SwitchOutcome.UNCHANGED: f"{name} serves {image} already: nothing was changed.",
            SwitchOutcome.CHECKED: f"{image} passed its check; {name} still serves.",
            SwitchOutcome.REFUSED: f"Not switched, {name} still serves: {result.reason}",
            SwitchOutcome.SWITCHED_BACK: f"Switched back to {name}: {result.reason}",
        }
        there = result.outcome in {SwitchOutcome.SWITCHED, SwitchOutcome.UNCHANGED}
        self._say(sentences[result.outcome] + (self._back(name) if there else ""))
        return int(result.outcome in {SwitchOutcome.REFUSED, SwitchOutcome.SWITCHED_BACK})

    def _back(self, serves: str) -> str:
        """Write the link to the job that switches back; return the words about it for the build's description.

        If the other scale set is scaled in afterwards, it is the job of releases with the image of that scale set: a
        release scales it out first.
        """
        if not (job := self._given["back_job"]):
            return ""
        parameters = {"TO": "green" if serves.lower() == self._pair.blue.lower() else "blue"}
        if self._given["idle"] is not None:
            image = self._release.plan().other.scale_set.image
            parameters = {"IMAGE_ID" if image and image.id else "IMAGE_URN": str(image or "")}
        tell_next_job(NextJob(job, parameters))
        return f" To switch back: {job}, link in the console."

    def _say(self, line: str) -> None:
        if file := self._given["summary"]:
            file.write_text(f"{line}\n", encoding="utf-8")

    def _keep(self, step: str, result: object) -> None:
        self._results[step] = result
        if file := self._given["result"]:
            from vmss_jenkins.report import json  # noqa: PLC0415 - not loaded for --help

            file.write_text(json.document(result) + "\n", encoding="utf-8")


@contextmanager
def _summarizing(summary: Path | None, *, keeps: bool) -> Iterator[None]:
    """Write into the summary why a step ended with an error.

    Args:
        summary: the file.
        keeps: whether the file's text stays: after a switch it says how the switch ended.
    """
    try:
        yield
    except VmssJenkinsError as error:
        if summary:
            before = summary.read_text(encoding="utf-8") if keeps and summary.exists() else ""
            summary.write_text(f"{before}Stopped: {' '.join(str(error).split())}\n", encoding="utf-8")
        raise


def _one_image(image_id: ImageReference | None, image: ImageReference | None) -> ImageReference:
    found = image_id or image
    if found is None or (image_id and image):
        reason = f"found {'both' if found else 'neither'}; give one of them: the image that is to be released"
        raise ConfigError("--image-id, --image", [reason])
    return found
