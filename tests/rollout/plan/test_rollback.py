"""Which release a rollback goes to, and how a run begins or goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rollout.plan.test_decision import OLDER, instance
from tests.rollout.plan.test_moving_target import FLOATS, NAMED
from tests.rollout.plan.test_moving_target import V1 as GALLERY_V1
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.model.applications import PACKAGE
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, ScaleSet
from vmss_jenkins.model.release_log import FULLY_OUT, ROLLED_BACK, Record
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.claims import fingerprint
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.rollback import (
    REQUESTED,
    RESUMED,
    missing_release,
    missing_target,
    other_images,
    previous_releases,
    recorded_rollback,
    resume_rollback,
    rollback_target,
    rolled_back_before,
    start,
    state_of,
)
from vmss_jenkins.rollout.plan.selection import Target

SET = ScaleSet(WEB, NEW)
V1, V2 = (ExtensionSettings.of({"commandToExecute": f"bash {name}.sh"}, name="app") for name in ("v1", "v2"))
SCRIPTED = replace(SET, scripts=(V2,), extension=V2, extension_before=V1)
NEW_ONE, OLD_ONE, OLDER_ONE = instance("0", NEW), instance("1", OLD), instance("2", OLDER)


def observed(*instances: Instance, scale_set: ScaleSet = SET) -> Observed:
    return Observed(scale_set, instances, {})


@pytest.mark.parametrize(
    ("to", "bad", "there", "previous", "found", "obstacle"),
    [
        (OLDER, NEW, (NEW_ONE, OLD_ONE), (), OLDER, ""),
        (None, NEW, (NEW_ONE, OLD_ONE), (OLDER,), OLD, ""),
        (None, NEW, (NEW_ONE,), (OLDER,), OLDER, ""),
        (
            None, NEW, (NEW_ONE,), (), None,
            "no instance runs another image: give the image to roll back to with --to IMAGE_ID",
        ),
        (
            None, NEW, (NEW_ONE, OLDER_ONE, OLD_ONE), (), None,
            f"the instances run 2 other images ({OLD}, {OLDER}): give the one wanted with --to IMAGE_ID",
        ),
        (None, V2, (OLD_ONE,), (V1,), V1, ""),
        (
            None, V2, (OLD_ONE,), (), None,
            "the previous script is not recorded: give its settings with --to-settings FILE",
        ),
        (
            None, ExtensionSettings.no_application("apps/site"), (OLD_ONE,), (), None,
            "the previous application is not recorded: give it with --application GALLERY/APPLICATION/VERSION",
        ),
    ],
)  # fmt: skip
def test_the_release_to_roll_back_to(
    to: Release | None,
    bad: Release,
    there: tuple[Instance, ...],
    previous: tuple[Release, ...],
    found: Release | None,
    obstacle: str,
) -> None:
    history = History(0.0, Target(bad), previous=previous)
    assert rollback_target(RolloutSpec(rollback_to=to), observed(*there), history) == (found, obstacle)


def test_where_no_other_image_runs_the_first_script_of_the_set_is_named() -> None:
    there = observed(NEW_ONE, scale_set=replace(SET, scripts=(V2, replace(V1, name="other"))))
    assert rollback_target(RolloutSpec(), there, History(0.0, Target(NEW)))[1] == (
        "no instance runs another image: give the image to roll back to with --to IMAGE_ID; to roll back its script, "
        "add --extension app"
    )


def test_where_no_other_image_runs_the_applications_of_the_set_are_named() -> None:
    names = (
        "apps/site",
        "/subscriptions/a/resourcegroups/b/providers/microsoft.compute/galleries/apps/applications/site",
    )
    listed = tuple(ExtensionSettings.of({PACKAGE: "id"}, name=name) for name in names)
    there = observed(NEW_ONE, scale_set=replace(SET, scripts=(V2,), applications=listed))
    obstacle = rollback_target(RolloutSpec(), there, History(0.0, Target(NEW)))[1]
    assert obstacle.split("; ")[1:] == [
        "to roll back its script, add --extension app",
        *(f"to roll back its application, add --application {name}" for name in names),
    ]


def test_an_image_is_one_whatever_its_spelling() -> None:
    loud = ImageReference(id=str(OLD).replace("nginx", "NGINX"))
    assert other_images((OLD_ONE, instance("2", loud)), NEW) == (OLD,)
    assert other_images((OLD_ONE, replace(NEW_ONE, image=None)), None) == (OLD,)
    assert other_images((instance("2", loud),), OLD) == ()


def test_the_previous_releases_of_an_image_run_and_that_of_a_script_is_recorded() -> None:
    assert previous_releases(observed(NEW_ONE, OLD_ONE), NEW) == (OLD,)
    assert previous_releases(observed(NEW_ONE, OLD_ONE, scale_set=SCRIPTED), V2) == (V1,)
    assert previous_releases(observed(OLD_ONE, scale_set=SET), V2) == ()


AT = 7.0
ANOTHER = Target(NEW, by_image=True, named=True)
"""The model gets another image than it has."""


@pytest.mark.parametrize(
    ("scale_set", "image", "to", "rolling_back", "history"),
    [
        (replace(SET, image=OLD), NEW, None, False, History(AT, ANOTHER, previous=(OLD,))),
        (SET, NEW, None, False, History(AT, Target(NEW, named=True), previous=(OLD,))),
        (SET, None, None, False, History(AT, Target(NEW), previous=(OLD,))),
        (SET, OLDER, OLD, False, History(AT, replace(ANOTHER, image=OLDER), previous=(OLD, NEW))),
        (SET, None, None, True, History(AT, Target(NEW), previous=(OLD,), cause=REQUESTED)),
        (SET, None, OLD, True, History(AT, Target(NEW), previous=(OLD,), cause=REQUESTED)),
        (SET, None, NEW, True, History(AT, Target(None)).begin_rollback(NEW, REQUESTED, AT)),
        (SCRIPTED, None, None, True, History(AT, Target(V2), previous=(V1,), cause=REQUESTED)),
        (
            replace(SCRIPTED, extension_before=V2),
            None, None, True,
            History(AT, Target(None)).begin_rollback(V2, REQUESTED, AT),
        ),
        (replace(SCRIPTED, extension_before=V2), None, None, False, History(AT, Target(V2))),
        (replace(SCRIPTED, extension_before=V2), None, V1, True, History(AT, Target(V2), cause=REQUESTED)),
    ],
)  # fmt: skip
def test_how_a_run_begins(
    scale_set: ScaleSet, image: Release | None, to: Release | None, rolling_back: bool, history: History
) -> None:
    there = observed(NEW_ONE, OLD_ONE, scale_set=scale_set)
    assert start(there, RolloutSpec(rollback_to=to), image, AT, rolling_back=rolling_back) == history


@pytest.mark.parametrize(
    ("scale_set", "image", "bad", "target", "goes_on"),
    [
        (replace(SET, image=OLD), NEW, NEW, OLD, True),
        (replace(SET, image=OLD), NEW, OLDER, OLD, False),  # this command rolls out another release
        (replace(SET, image=OLD), NEW, NEW, OLDER, True),
        (SET, None, OLD, NEW, True),
        (replace(SET, image=None), None, OLD, OLDER, True),
        (SET, None, NEW, V1, False),
        (SCRIPTED, V2, V2, V1, True),
        (SCRIPTED, None, V2, V1, True),
    ],
)
def test_a_killed_rollback_goes_on(
    scale_set: ScaleSet, image: Release | None, bad: Release, target: Release, goes_on: bool
) -> None:
    there = observed(NEW_ONE, OLD_ONE, OLDER_ONE, scale_set=scale_set)
    wanted = History(AT, Target(bad)).begin_rollback(target, RESUMED, AT) if goes_on else None
    assert resume_rollback(there, fingerprint(bad, target), image, AT) == wanted
    assert resume_rollback(there, "", image, AT) is None


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (NEW_ONE, "runs nginx-updated-image, latest model, Succeeded, running, health healthy"),
        (
            replace(OLD_ONE, provisioning_state="Failed", error="no quota", power=None),
            "runs nginx-base-image, not the latest model, Failed, power unknown, health healthy, no quota",
        ),
        (
            replace(OLD_ONE, image=None, latest_model_applied=None, health=Health.UNKNOWN),
            "runs an unknown image, latest model unknown, Succeeded, running, health unknown",
        ),
    ],
)
def test_the_state_of_an_instance_in_words(one: Instance, state: str) -> None:
    assert state_of(one, SET) == state


OUT = Record("1", 0.0, FULLY_OUT, str(NEW), str(OLD), "ann")
"""NEW was rolled out over OLD."""
TOLD = "the release before nginx-updated-image was nginx-base-image (rolled out 1970-01-01T00:00:00Z by ann)"
SEVERAL = "0 runs nginx-updated-image; 1, 3 run nginx-base-image; 2 runs nginx-older-image"
THREE_RELEASES = (NEW_ONE, OLD_ONE, OLDER_ONE, replace(OLD_ONE, id="3"), replace(NEW_ONE, id="4", image=None))


@pytest.mark.parametrize(
    ("scale_set", "to", "known", "there", "found", "notes"),
    [
        (SET, None, (OUT,), (NEW_ONE,), OLD, [TOLD]),
        (SET, OLDER, (OUT,), (NEW_ONE,), OLDER, []),  # what is given counts
        (SCRIPTED, None, (OUT,), (NEW_ONE,), None, []),  # the log is of images
        (replace(SET, image=OLDER), None, (OUT,), (OLDER_ONE,), None, []),  # somebody set the model since
        (SET, None, (), (NEW_ONE, OLD_ONE, OLDER_ONE), None, []),  # to nowhere: refused elsewhere
        (SET, OLD, (), (NEW_ONE, OLD_ONE), OLD, []),
        (SET, OLD, (), THREE_RELEASES, OLD, [SEVERAL]),
        (SET, None, (OUT,), THREE_RELEASES, OLD, [TOLD, SEVERAL]),
        (SET, OLDER, (), (NEW_ONE, OLDER_ONE), OLDER, []),
        (SCRIPTED, V1, (), THREE_RELEASES, V1, []),
    ],
)
def test_a_rollback_goes_where_the_log_says_and_names_what_runs_if_there_are_several(
    scale_set: ScaleSet,
    to: Release | None,
    known: tuple[Record, ...],
    there: tuple[Instance, ...],
    found: Release | None,
    notes: list[str],
) -> None:
    spec, told = recorded_rollback(RolloutSpec(rollback_to=to), observed(*there, scale_set=scale_set), known)
    assert spec == RolloutSpec(rollback_to=found)
    assert told == tuple(Finding(Severity.NOTE, text) for text in notes)


def test_two_more_releases_than_the_target_are_named() -> None:
    _, told = recorded_rollback(RolloutSpec(rollback_to=OLD), observed(NEW_ONE, OLDER_ONE), ())
    assert [one.text for one in told] == ["0 runs nginx-updated-image; 2 runs nginx-older-image"]


def test_a_rollout_of_a_moving_name_keeps_it_in_the_model_and_a_rollback_from_it_does_not() -> None:
    spec, there = RolloutSpec(resolved=FLOATS), observed(OLD_ONE, scale_set=replace(SET, image=NAMED))
    target = start(there, spec, GALLERY_V1, 5.0, rolling_back=False).target
    assert (target.image, target.floats_as, target.by_image) == (GALLERY_V1, NAMED, True)
    assert start(there, spec, None, 5.0, rolling_back=True).target == Target(NAMED)


def test_a_version_that_is_gone_stops_a_rollback_to_it_and_names_who_still_runs_it() -> None:
    there = observed(NEW_ONE, OLD_ONE, replace(OLD_ONE, id="3"), replace(OLD_ONE, id="4", image=None))
    assert missing_target(OLD, None, there) == missing_target(OLD, "", there) == ()
    end = "`vmss-jenkins history` shows earlier releases, give one with --to IMAGE_ID"
    for why, release, text in (
        ("does not exist", OLD, f"it does not exist; it still runs on 1, 3; {end}"),
        ("not replicated yet", OLDER, f"it is not replicated yet; {end}"),
    ):
        (found,) = missing_target(release, why, there)
        assert found == Finding(Severity.IMPOSSIBLE, f"no instance can go back to {release.short_name}: {text}")


@pytest.mark.parametrize(
    ("instances", "model", "wanted", "severity"),
    [
        ((NEW_ONE, OLD_ONE), NEW, True, Severity.IMPOSSIBLE),
        ((NEW_ONE, OLD_ONE), NEW, False, Severity.WARNING),
        ((OLD_ONE,), OLD, True, Severity.WARNING),
        ((OLD_ONE,), NEW, True, Severity.IMPOSSIBLE),
        ((NEW_ONE, OLD_ONE), OLD, True, Severity.IMPOSSIBLE),
        ((OLD_ONE, replace(OLD_ONE, id="4", image=None)), OLD, True, Severity.IMPOSSIBLE),
    ],
)
def test_a_version_that_is_gone_is_only_warned_of_if_nobody_wants_it_or_all_have_it(
    instances: tuple[Instance, ...], model: ImageReference, wanted: bool, severity: Severity
) -> None:
    there = observed(*instances, scale_set=replace(SET, image=model))
    (found,) = missing_target(OLD, "does not exist", there, wanted=wanted)
    assert found.severity is severity


def test_a_version_that_is_gone_stops_a_rollout_of_it() -> None:
    assert missing_release(NEW, None) == missing_release(None, "does not exist") == ()
    end = "; roll out another image with --image-id, or roll back"
    for why, says in (("does not exist", "does not exist"), ("not replicated yet", "is not replicated yet")):
        (found,) = missing_release(NEW, why)
        assert found == Finding(Severity.IMPOSSIBLE, f"no instance can get {NEW.short_name}: it {says}{end}")


def test_a_release_that_was_rolled_back_is_warned_of() -> None:
    back = Record("1", 0.0, ROLLED_BACK, str(OLD), str(NEW), "ada", back=True)
    warning = Finding(Severity.WARNING, f"{NEW.short_name} was rolled back {back.when} by ada")
    assert rolled_back_before((back,), NEW) == (warning,)
    assert rolled_back_before((back,), OLD) == rolled_back_before((back,), None) == rolled_back_before((), NEW) == ()
    assert rolled_back_before((back,), V1) == ()
