"""`vmss-jenkins blue-green`: release to the idle one of two scale sets and switch to it, step by step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import click

from vmss_jenkins.blue_green.plan.gates import check_gates, watch_gates
from vmss_jenkins.cli.listeners import listener
from vmss_jenkins.cli.pairs.options import connection_of, pair_of, release_options
from vmss_jenkins.errors import ConfigError, VmssJenkinsError
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.report import json

if TYPE_CHECKING:
    from vmss_jenkins.azure.operations import AzureOperation
    from vmss_jenkins.blue_green.release import PairRelease, StepResult
    from vmss_jenkins.blue_green.switch import SwitchResult
    from vmss_jenkins.library.blue_green import Pair

    Release = PairRelease[AzureOperation]


@click.command("blue-green")
@click.argument("step", type=click.Choice(["plan", "deploy", "check", "switch", "scale-in", "release"]))
@release_options
def command(step: str, **given: Any) -> int:  # noqa: ANN401 - as click gives them
    """Release an image to the idle one of two scale sets behind one load balancer, and switch to it.

    \b
    plan      tell which set serves, and what would be done; change nothing
    deploy    bring the release to all of the idle set, scaled out before
    check     ask the gates about it, by --test-port or on each instance
    switch    ask them, point the rule at it, watch, and back if it is bad
    scale-in  leave --idle instances of the set that serves no more
    release   all of it, in this order

    Each step looks at Azure first: done again it changes nothing, and after an interruption it goes on. Where the set
    that serves has the image on all its instances, nothing is to be done. Exits 0 where the step came out as wanted, 1
    where a gate refused or something stands in the way.
    """  # noqa: D301 - click's mark for lines that stay as they are
    image = _image(given["image_id"], given["image"])
    check_gates(given["check"], given["test_port"])
    watch_gates(given["watch"])
    pair = pair_of(given)
    from vmss_jenkins.library.blue_green import release_to_pair  # noqa: PLC0415 - bad input is told before it is loaded

    with (
        _leaving(given["summary"], keeps=step == "scale-in"),
        listener(given["events_file"], None) as on_event,
        release_to_pair(
            pair,
            image,
            idle=given["idle"],
            check=given["check"],
            watch=given["watch"],
            allow_fewer=given["allow_fewer"],
            claim=not given["no_claim"],
            connection=connection_of(given),
            timeout=2 * given["timeout"],
            on_event=on_event,
        ) as release,
    ):
        return _Steps(release, pair, image, given).run(step)


class _Steps:
    """Does a step, says how it ended, and leaves what is to be left.

    Args:
        release: the steps.
        pair: what they are done to.
        image: the release.
        given: the options.
    """

    def __init__(self, release: Release, pair: Pair, image: ImageReference, given: dict[str, Any]) -> None:
        self._release, self._pair, self._image, self._given = release, pair, image, given

    def run(self, step: str) -> int:
        """Do a step and return the exit code."""
        steps: dict[str, Callable[[], int]] = {
            "plan": self.plan,
            "deploy": self.deploy,
            "check": lambda: self._switched(self._release.check()),
            "switch": lambda: self._switched(self._release.switch()),
            "scale-in": self.scale_in,
        }
        wanted = ["plan", "deploy", "switch", "scale-in"] if step == "release" else [step]
        return next((code for code in (steps[one]() for one in wanted) if code), 0)

    def plan(self) -> int:
        """Tell what would be done."""
        plan = self._release.plan()
        for line in plan.lines():
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
        from vmss_jenkins.blue_green.release import Pace  # noqa: PLC0415 - not loaded for --help

        pace = Pace(*(self._given[key] for key in ("min_healthy_time", "instance_timeout", "timeout")))
        return self._stepped(self._release.deploy(pace), f"{self._image.short_name} was not brought to")

    def scale_in(self) -> int:
        """Make the other set smaller."""
        return 0 if self._given["idle"] is None else self._stepped(self._release.scale_in(), "not scaled in:")

    def _stepped(self, result: StepResult, failed: str) -> int:
        self._leave(result)
        if not result.reason:
            return 0
        self._say(f"Not switched: {failed} {result.scale_set.name}: {result.reason}")
        click.echo(f"error: {failed} {result.scale_set.name}: {result.reason}", err=True)
        return 1

    def _switched(self, result: SwitchResult) -> int:
        from vmss_jenkins.blue_green.switch import SwitchOutcome  # noqa: PLC0415 - as above

        self._leave(result)
        name, image = result.serves, self._image.short_name
        said = {
            SwitchOutcome.SWITCHED: f"{name} serves {image} now.",
            SwitchOutcome.UNCHANGED: f"{name} serves {image} already: nothing was changed.",
            SwitchOutcome.CHECKED: f"{image} passed its check; {name} serves still.",
            SwitchOutcome.REFUSED: f"Not switched, {name} goes on serving: {result.reason}",
            SwitchOutcome.SWITCHED_BACK: f"Switched back to {name}: {result.reason}",
        }
        there = result.outcome in {SwitchOutcome.SWITCHED, SwitchOutcome.UNCHANGED}
        self._say(said[result.outcome] + (self._way_back(name) if there else ""))
        return int(result.outcome in {SwitchOutcome.REFUSED, SwitchOutcome.SWITCHED_BACK})

    def _way_back(self, serves: str) -> str:
        """Where the way back is, in a build of Jenkins; the plugin build-with-parameters serves the filled-in form.

        Where the other set is scaled in afterwards, it is a release of what that one has: which scales it out first.
        """
        job, parent = self._given["back_job"], os.environ.get("JOB_URL", "").rstrip("/").rpartition("/job/")[0]
        if not job:
            return ""
        parameters = {"TO": "green" if serves.lower() == self._pair.blue.lower() else "blue"}
        if self._given["idle"] is not None:
            image = self._release.plan().other.scale_set.image
            parameters = {"IMAGE_ID" if image and image.id else "IMAGE_URN": str(image or "")}
        return f" Back: {f'{parent}/job/{quote(job)}/parambuild/?{urlencode(parameters)}' if parent else job}"

    def _say(self, line: str) -> None:
        if file := self._given["summary"]:
            file.write_text(f"{line}\n", encoding="utf-8")

    def _leave(self, result: object) -> None:
        if file := self._given["result"]:
            file.write_text(json.document(result) + "\n", encoding="utf-8")


@contextmanager
def _leaving(summary: Path | None, *, keeps: bool) -> Iterator[None]:
    """Say in the summary why a step ended with an error; what was said of the switch before stays where it happened."""
    try:
        yield
    except VmssJenkinsError as error:
        if summary:
            before = summary.read_text(encoding="utf-8") if keeps and summary.exists() else ""
            summary.write_text(f"{before}Stopped: {' '.join(str(error).split())}\n", encoding="utf-8")
        raise


def _image(image_id: str | None, urn: str | None) -> ImageReference:
    if bool(image_id) == bool(urn):
        found = "both" if image_id else "neither"
        reason = f"found {found}; give one of them: by it a set is known to have the release already"
        raise ConfigError("--image-id, --image", [reason])
    return ImageReference.parse_urn(urn) if urn else ImageReference(id=image_id or "")
