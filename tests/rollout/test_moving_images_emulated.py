"""Rollouts of images that are named by a definition, while versions are published: against the emulator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rollout.test_steps_emulated import WEB, Session, session
from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.image_versions import AzureImageVersions
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS
from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.library import image_checks as checks
from vmss_jenkins.library.releases import look_up, resolve_image
from vmss_jenkins.library.rollout_preview import look_before_rollout, look_before_surge
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.galleries.image_fit import ImageDefinition
from vmss_jenkins.model.galleries.image_versions import Choice, ImageVersion
from vmss_jenkins.model.images import ImageReference, MovingImage
from vmss_jenkins.model.instances import InstanceIds
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.preview import preview
from vmss_jenkins.rollout.plan.selection import Amount, Scope

GOOD = SCENARIOS["nginx-gallery"].releases["apps/nginx/1.0.1"]
SCENARIO = replace(
    SCENARIOS["nginx-gallery"], releases={**SCENARIOS["nginx-gallery"].releases, "apps/nginx/1.0.2": GOOD}
)
PUBLISHED = 120.0
"""Seconds after which a version is in its region."""


@contextmanager
def gallery(orchestration: Any = "Uniform", **changes: Any) -> Iterator[Session]:
    with session(replace(SCENARIO, orchestration=orchestration, **changes)) as azure:
        yield azure


def definition(azure: Session) -> ImageReference:
    image = azure.sets.get(WEB).image
    assert image is not None
    assert image.moves
    return image


def publish(azure: Session, version: str) -> None:
    azure.emulator.inject(f"publish image=apps/nginx/{version}")
    azure.sets.get(WEB)
    azure.clock.sleep(PUBLISHED)


def roll(azure: Session, image: ImageReference | None, **changes: Any) -> RolloutResult:
    """Roll out as a command does that a user types: the version is looked up first."""
    waiter = azure.waiter()
    spec = RolloutSpec(**{"max_unavailable": Amount(1), "instance_timeout": 300.0, **changes})
    versions = versions_in(azure)
    found = look_up(image, spec, lambda: azure.sets.get(WEB), lambda: versions, waiter)
    return run_rollout(azure.sets, WEB, Order(found.image), found.spec, context(azure, newest=found.newest), waiter)


def versions_in(azure: Session) -> AzureImageVersions:
    """What shows the versions of images."""
    endpoint = Endpoint(azure.emulator.subscription_id, azure.emulator.endpoint)
    return AzureImageVersions(endpoint, None, azure.events.append)


def back(azure: Session, **changes: Any) -> RolloutResult:
    spec = RolloutSpec(**{"max_unavailable": Amount(1), "instance_timeout": 300.0, **changes})
    return run_rollout(azure.sets, WEB, Order(rolling_back=True), spec, context(azure), azure.waiter())


def context(azure: Session, **changes: Any) -> RunContext:
    known: Mapping[str, Any] = {
        "claims": azure.sets.claims(WEB), "log": azure.sets.log(WEB), "headcounts": azure.sets.headcounts(WEB),
        "run": f"run-{len(azure.sets.log(WEB).read())}", "owner": "job", "by": "ada",
    }  # fmt: skip
    return RunContext(**{**known, **changes})


def running(azure: Session) -> dict[str, int]:
    names = [one.image.short_name for one in azure.instances() if one.image]
    return {name: names.count(name) for name in sorted(set(names))}


@pytest.mark.parametrize("moving", MovingImage)
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize(("orchestration", "named"), [("Uniform", True), ("Flexible", False)])
def test_a_set_that_follows_a_definition_is_rolled_out_again_and_again(
    orchestration: Any, named: bool, strategy: Strategy, moving: MovingImage
) -> None:
    with gallery(orchestration) as azure:
        image = definition(azure)
        for version in ("1.0.1", "1.0.2"):
            publish(azure, version)
            found = roll(azure, image if named or version == "1.0.2" else None, strategy=strategy, moving_image=moving)
            assert (found.outcome, running(azure)) == (Outcome.ROLLED_OUT, {f"nginx/{version}": 3})
            assert len(found.updated) == 3
            wanted = image if moving is MovingImage.FLOAT else image.at_version(version)
            assert wanted.same_as(azure.sets.get(WEB).image)
            again = roll(azure, image, strategy=strategy, moving_image=moving)
            assert (again.outcome, again.updated, again.removed) == (Outcome.ROLLED_OUT, (), ())
        assert back(azure, strategy=strategy).outcome is Outcome.ROLLED_BACK
        assert running(azure) == {"nginx/1.0.1": 3}
        assert image.at_version("1.0.1").same_as(azure.sets.get(WEB).image)


@pytest.mark.parametrize("exact", [False, True])
def test_without_a_newer_version_only_the_text_of_the_model_is_pinned_and_no_instance_changes(exact: bool) -> None:
    """However often: each instance runs the version, though Azure does not take it for up to date any more."""
    with gallery() as azure:
        image = definition(azure).at_version("1.0.0") if exact else definition(azure)
        shown = preview(RolloutSpec(), image.at_version("1.0.0"), azure.sets.get(WEB), azure.instances())
        assert (shown.have_it, shown.canary, shown.others) == (("0", "1", "2"), (), ())
        found = roll(azure, image)
        assert (found.outcome, found.updated, running(azure)) == (Outcome.ROLLED_OUT, (), {"nginx/1.0.0": 3})
        before = len(azure.changes())
        assert roll(azure, image).updated == ()
        assert {"PATCH", "POST", "DELETE"} & set(azure.changes()[before:]) <= {"PATCH"}
        told = [one.finding.text for one in azure.events if isinstance(one, PreflightFound)]
        rest = "0, 1, 2: the image is there, not the latest model; `vmss-jenkins rollout` with no image brings it"
        assert rest in told
        assert len(roll(azure, None).updated) == 3


def test_an_instance_that_autoscale_made_of_the_new_version_already_is_not_updated_again() -> None:
    with gallery() as azure:
        image = definition(azure)
        publish(azure, "1.0.1")
        azure.sets.begin_set_capacity(azure.sets.get(WEB), 4)
        azure.clock.sleep(PUBLISHED)
        assert running(azure) == {"nginx/1.0.0": 3, "nginx/1.0.1": 1}
        found = roll(azure, image)
        assert (found.outcome, sorted(found.updated)) == (Outcome.ROLLED_OUT, ["0", "1", "2"])


def test_a_pinned_canary_is_not_widened_by_a_version_that_is_published_later() -> None:
    with gallery() as azure:
        image = definition(azure)
        publish(azure, "1.0.1")
        assert roll(azure, image, canary_only=True).outcome is Outcome.CANARY
        publish(azure, "1.0.2")
        azure.sets.begin_set_capacity(azure.sets.get(WEB), 4)
        azure.clock.sleep(PUBLISHED)
        assert running(azure) == {"nginx/1.0.0": 2, "nginx/1.0.1": 2}
        rest = roll(azure, None)
        assert (rest.outcome, running(azure)) == (Outcome.ROLLED_OUT, {"nginx/1.0.1": 4})


def test_a_floating_rollout_halts_when_a_version_is_published_and_names_both() -> None:
    with gallery() as azure:
        image = definition(azure)
        publish(azure, "1.0.1")
        azure.emulator.inject("publish POST */manualupgrade image=apps/nginx/1.0.2")
        found = roll(azure, image, moving_image=MovingImage.FLOAT, pause=PUBLISHED)
        assert found.outcome is Outcome.HALTED
        assert "nginx/1.0.2 was published while nginx/1.0.1 was rolled out" in found.reason
        assert running(azure) == {"nginx/1.0.0": 2, "nginx/1.0.1": 1}
        assert back(azure).outcome is Outcome.ROLLED_BACK
        assert running(azure) == {"nginx/1.0.0": 3}


def test_an_instance_that_got_a_version_nobody_chose_is_named() -> None:
    with gallery() as azure:
        image = definition(azure)
        publish(azure, "1.0.1")
        assert roll(azure, image, moving_image=MovingImage.FLOAT, canary_only=True).outcome is Outcome.CANARY
        publish(azure, "1.0.2")
        azure.sets.begin_set_capacity(azure.sets.get(WEB), 4)
        azure.clock.sleep(PUBLISHED)
        pinned = RolloutSpec(moving_image=MovingImage.FLOAT, canary=None)
        found = look_up(image, pinned, lambda: azure.sets.get(WEB), lambda: versions_of(azure, "1.0.1"), azure.waiter())
        latest = look_up(image, pinned, lambda: azure.sets.get(WEB), lambda: versions_in(azure), azure.waiter())
        result = run_rollout(
            azure.sets, WEB, Order(found.image), found.spec, context(azure, newest=latest.newest), azure.waiter()
        )
        assert result.outcome is Outcome.HALTED
        assert "nginx/1.0.2 was published while nginx/1.0.1 was rolled out" in result.reason
        assert "it is on 3" in result.reason


@pytest.mark.parametrize("moving", MovingImage)
def test_a_version_that_was_excluded_since_it_was_rolled_out_is_replaced_by_the_one_before(moving: MovingImage) -> None:
    """It was excluded since it is bad; the name means the version before again."""
    with gallery() as azure:
        image = definition(azure)
        publish(azure, "1.0.1")
        assert roll(azure, image, moving_image=moving).outcome is Outcome.ROLLED_OUT
        url = f"{azure.emulator.endpoint}{image.at_version('1.0.1')}?api-version=2024-03-03"
        profile = {"excludeFromLatest": True, "targetRegions": [{"name": "westeurope"}]}
        body = {"location": "westeurope", "properties": {"publishingProfile": profile}}
        assert requests.patch(url, json=body, timeout=10).status_code == 200
        azure.clock.sleep(PUBLISHED)
        found = roll(azure, image, moving_image=moving)
        assert (found.outcome, running(azure)) == (Outcome.ROLLED_OUT, {"nginx/1.0.0": 3})


class versions_of:  # noqa: N801 - reads as a sentence where it is used
    """A look-up from before a version was published, by the version that it found."""

    def __init__(self, azure: Session, version: str) -> None:
        self._now, self._version = versions_in(azure), version

    def newest(self, image: ImageReference, region: str, now: float) -> Choice:
        return replace(self._now.newest(image, region, now), version=self._version, chosen_by_azure=self._version)

    def version(self, image: ImageReference, region: str) -> ImageVersion | None:
        return self._now.version(image, region)

    def definition(self, image: ImageReference, region: str) -> ImageDefinition | None:
        return self._now.definition(image, region)


@settings(deadline=None, max_examples=15)
@given(
    strategy=st.sampled_from(Strategy),
    moving=st.sampled_from(MovingImage),
    orchestration=st.sampled_from(["Uniform", "Flexible"]),
    moment=st.integers(0, 80),
    stop=st.booleans(),
)
def test_whenever_a_version_is_published_no_unchosen_one_goes_further_and_a_rollback_finds_the_way(
    strategy: Strategy, moving: MovingImage, orchestration: Any, moment: int, stop: bool
) -> None:
    with gallery(orchestration) as azure:
        image = definition(azure)
        publish(azure, "1.0.1")
        azure.emulator.inject(f"publish * * skip={moment} image=apps/nginx/1.0.2")
        how = {"strategy": strategy, "on_failure": OnFailure.STOP if stop else OnFailure.ROLLBACK}
        found = roll(azure, image, moving_image=moving, pause=40.0, **how)
        there = running(azure)
        if found.outcome is Outcome.HALTED:
            assert moving is MovingImage.FLOAT
            assert all(name in found.reason for name in ("nginx/1.0.1", "nginx/1.0.2"))
            assert there.get("nginx/1.0.2", 0) <= 1
        else:
            assert found.outcome is Outcome.ROLLED_OUT
            assert found.image is not None
            assert there == {found.image.short_name: 3}
        assert back(azure, strategy=strategy).outcome is Outcome.ROLLED_BACK
        assert running(azure) == {"nginx/1.0.0": 3}


def test_what_the_name_means_is_told_before_anything_is_changed() -> None:
    with gallery() as azure:
        image = definition(azure)
        publish(azure, "1.0.1")
        roll(azure, image)
        told = [one.finding.text for one in azure.events if isinstance(one, PreflightFound)]
        assert told[0] == (
            "the newest version of nginx that can be used is nginx/1.0.1; the model gets exactly this version"
        )


def why_missing(azure: Session) -> Any:
    """Tells why an image is missing, as the library does."""
    versions = versions_in(azure)
    return lambda image: checks.why_missing(image, azure.sets.get(WEB).location, versions, azure.waiter())


def rolled_out_then_deleted(azure: Session) -> ImageReference:
    """1.0.0 -> 1.0.1, and 1.0.0 is deleted: no rollback can go there."""
    named = definition(azure)
    publish(azure, "1.0.1")
    assert roll(azure, named).outcome is Outcome.ROLLED_OUT
    azure.emulator.inject("withdraw image=apps/nginx/1.0.0")
    azure.sets.get(WEB)
    return named.at_version("1.0.0")


@pytest.mark.parametrize("named", [True, False])
def test_a_rollback_to_a_version_that_was_deleted_is_refused_before_anything_is_changed(named: bool) -> None:
    with gallery() as azure:
        named_by, gone = definition(azure), rolled_out_then_deleted(azure)
        spec = RolloutSpec(rollback_to=gone if named else None)
        with pytest.raises(ConfigError, match=r"go back to nginx/1.0.0: it does not exist; `vmss-jenkins hist"):
            run_rollout(
                azure.sets, WEB, Order(rolling_back=True), spec, context(azure, why_missing=why_missing(azure)),
                azure.waiter(),
            )  # fmt: skip
        assert [one.outcome for one in azure.sets.log(WEB).read()] == ["rolled out"]
        assert azure.sets.get(WEB).image == named_by.at_version("1.0.1")
        assert running(azure) == {"nginx/1.0.1": 3}


def test_a_run_whose_first_change_azure_refuses_is_recorded_as_refused_and_sends_no_rollback_anywhere() -> None:
    with gallery() as azure:
        named = definition(azure)
        gone = rolled_out_then_deleted(azure)
        with pytest.raises(AzureError, match="GalleryImageNotFound"):
            back(azure, rollback_to=gone)
        assert [one.outcome for one in azure.sets.log(WEB).read()] == ["refused", "rolled out"]
        publish(azure, "1.0.2")
        assert roll(azure, named).outcome is Outcome.ROLLED_OUT
        result = back(azure)
        assert (result.outcome, running(azure)) == (Outcome.ROLLED_BACK, {"nginx/1.0.1": 3})


def test_a_rollout_that_could_only_be_rolled_back_to_a_deleted_version_says_so_first_and_goes_on() -> None:
    with gallery() as azure:
        named = definition(azure)
        publish(azure, "1.0.1")
        azure.emulator.inject("withdraw image=apps/nginx/1.0.0")
        azure.sets.get(WEB)
        told: list[Any] = []
        waiter = replace(azure.waiter(), on_event=told.append)
        result = run_rollout(
            azure.sets, WEB, Order(named.at_version("1.0.1")), RolloutSpec(max_unavailable=Amount(1)),
            context(azure, why_missing=why_missing(azure)), waiter,
        )  # fmt: skip
        (warning,) = (one.finding for one in told if isinstance(one, PreflightFound) and "1.0.0" in one.finding.text)
        assert warning.severity is Severity.WARNING
        assert "go back to nginx/1.0.0: it does not exist; it still runs on 0, 1, 2" in warning.text
        assert result.outcome is Outcome.ROLLED_OUT


def test_a_rollout_of_a_version_that_was_deleted_is_refused_before_an_instance_is_lost() -> None:
    """Without an image the release is what the model has: an exact version, which may be gone since the canary."""
    with gallery() as azure:
        named = definition(azure)
        publish(azure, "1.0.1")
        assert roll(azure, named, canary=Amount(1), canary_only=True).outcome is Outcome.CANARY
        azure.emulator.inject("withdraw image=apps/nginx/1.0.1")
        azure.sets.get(WEB)
        for image in (None, named.at_version("1.0.1")):
            with pytest.raises(ConfigError, match=r"no instance can get nginx/1.0.1: it does not exist; roll"):
                run_rollout(
                    azure.sets, WEB, Order(image), RolloutSpec(max_unavailable=Amount(1)),
                    context(azure, why_missing=why_missing(azure)), azure.waiter(),
                )  # fmt: skip
        assert running(azure) == {"nginx/1.0.0": 2, "nginx/1.0.1": 1}
        connection = Connection(azure.emulator.subscription_id, endpoint=azure.emulator.endpoint)
        surge = RolloutSpec(strategy=Strategy.SURGE)
        for plan in (
            look_before_rollout(WEB.resource_group, WEB.name, None, RolloutSpec(), connection=connection),
            look_before_surge(WEB.resource_group, WEB.name, None, surge, connection=connection),
        ):
            assert plan.refused(allow_automatic_rollout=True)
            assert "no instance can get nginx/1.0.1" in plan.findings[0].text
        alone = RolloutSpec(scope=Scope(InstanceIds.parse(["0"])))
        found = run_rollout(
            azure.sets, WEB, Order(), alone, context(azure, why_missing=why_missing(azure)), azure.waiter()
        )
        assert (found.outcome, found.updated) == (Outcome.ROLLED_OUT, ())


def test_a_rollout_of_a_version_that_was_rolled_back_says_when_and_by_whom_and_goes_on() -> None:
    with gallery() as azure:
        named = definition(azure)
        publish(azure, "1.0.1")
        assert roll(azure, named).outcome is Outcome.ROLLED_OUT
        assert back(azure).outcome is Outcome.ROLLED_BACK
        azure.events.clear()
        assert roll(azure, named).outcome is Outcome.ROLLED_OUT
        warnings = [one.finding for one in azure.events if isinstance(one, PreflightFound)]
        (found,) = (one for one in warnings if one.severity is Severity.WARNING)
        assert re.fullmatch(r"nginx/1.0.1 was rolled back \S+Z by ada", found.text)


def test_a_dry_run_warns_of_a_version_that_was_rolled_back() -> None:
    with gallery() as azure:
        named = definition(azure)
        connection = Connection(azure.emulator.subscription_id, endpoint=azure.emulator.endpoint)
        publish(azure, "1.0.1")
        assert roll(azure, named).outcome is Outcome.ROLLED_OUT
        assert back(azure).outcome is Outcome.ROLLED_BACK
        for image in (named, named.at_version("1.0.1")):
            plan = look_before_rollout(WEB.resource_group, WEB.name, image, RolloutSpec(), connection=connection)
            (warning,) = (one.text for one in plan.findings if one.severity is Severity.WARNING)
            assert re.fullmatch(r"nginx/1.0.1 was rolled back \S+Z by ada", warning)


@pytest.mark.parametrize("strategy", [Strategy.WAVES, Strategy.SURGE])
def test_a_managed_image_that_does_not_exist_is_refused_in_the_dry_run_and_before_anything_is_recorded(
    strategy: Strategy,
) -> None:
    with session(SCENARIOS["nginx-canary"]) as azure:
        gone = ImageReference(id=azure.emulator.scenario.image_id("gone"))
        connection = Connection(azure.emulator.subscription_id, endpoint=azure.emulator.endpoint)
        look = look_before_surge if strategy is Strategy.SURGE else look_before_rollout
        spec = RolloutSpec(strategy=strategy)
        plan = look(WEB.resource_group, WEB.name, gone, spec, connection=connection)
        assert plan.refused(allow_automatic_rollout=True)
        wanted = "no instance can get gone: it does not exist; roll out another image with --image-id, or roll back"
        assert plan.findings[0].text == wanted
        with pytest.raises(ConfigError, match=wanted):
            resolve_image(WEB.resource_group, WEB.name, gone, connection=connection)
        with pytest.raises(ConfigError, match=wanted):
            run_rollout(
                azure.sets, WEB, Order(gone), spec, context(azure, why_missing=why_missing(azure)), azure.waiter()
            )
        assert azure.sets.log(WEB).read() == ()


def test_a_rollback_to_a_deleted_version_that_model_and_instances_have_changes_nothing_and_is_no_fault() -> None:
    with gallery() as azure:
        named = definition(azure)
        publish(azure, "1.0.1")
        assert roll(azure, named).outcome is Outcome.ROLLED_OUT
        azure.emulator.inject("withdraw image=apps/nginx/1.0.1")
        azure.sets.get(WEB)
        spec = RolloutSpec(rollback_to=named.at_version("1.0.1"))
        there = context(azure, why_missing=why_missing(azure))
        result = run_rollout(azure.sets, WEB, Order(rolling_back=True), spec, there, azure.waiter())
        assert (result.outcome, result.final.complete, result.rolled_back) == (Outcome.ROLLED_BACK, True, ())
