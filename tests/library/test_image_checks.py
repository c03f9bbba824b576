"""What is refused of an exact image before anything is changed, and how long its copy is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from tests.support.fakes import WEB, FakeClock
from vmss_jenkins.errors import AzureError, ConfigError, Failure
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.library.image_checks import fit, refuse_missing, why_missing
from vmss_jenkins.library.releases import Found, look_up
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.galleries.image_fit import ImageDefinition
from vmss_jenkins.model.galleries.image_versions import Choice, ImageVersion, Replica
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.machines import Machine
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.runtime.waiting import Waiter

T = TypeVar("T")
NAMED = ImageReference(
    id="/subscriptions/5ca1e5e7-0000-4000-8000-000000000001/resourceGroups/g/providers/Microsoft.Compute/galleries/apps"
    "/images/nginx"
)
OLD, NEW = NAMED.at_version("1.0.0"), NAMED.at_version("1.0.1")
SET = ScaleSet(WEB, NAMED, location="westeurope", machine=Machine("Standard_D2s_v5", system="Linux"))
LINUX = ImageDefinition("Linux", generation="V1", architecture="x64")
ARM = replace(LINUX, architecture="Arm64")


def copy(percent: int = 100, state: str = "", region: str = "West Europe") -> ImageVersion:
    state = state or ("Completed" if percent == 100 else "Replicating")
    return ImageVersion("1.0.1", replicas=(Replica(region, state, percent),))


@dataclass
class Versions:
    """What Azure tells of 1.0.1 at each read, the last answer for ever; and of its definition."""

    answers: Sequence[ImageVersion | AzureError] = (copy(),)
    told_of_definition: ImageDefinition | AzureError | None = LINUX
    reads: int = 0
    oldest: str | None = "1.0.0"

    def newest(self, image: ImageReference, region: str, now: float) -> Choice:
        found = self.answers[min(self.reads, len(self.answers) - 1)]
        if isinstance(found, ImageVersion) and found.missing_in(region) is None:
            return Choice("1.0.1", {}, None, "1.0.1")
        coming = isinstance(found, ImageVersion) and found.is_coming_to(region)
        return Choice(self.oldest, {"1.0.1": "missing"}, "1.0.1" if coming else None, self.oldest)

    def version(self, image: ImageReference, region: str) -> ImageVersion | None:
        assert (image, region) == (NEW, "westeurope")
        self.reads += 1
        return told(self.answers[min(self.reads, len(self.answers)) - 1])

    def definition(self, image: ImageReference, region: str) -> ImageDefinition | None:
        return told(self.told_of_definition)


def told(answer: T | AzureError) -> T:
    if isinstance(answer, AzureError):
        raise answer
    return answer


def error(status: int) -> AzureError:
    return AzureError("read version 1.0.1 of nginx", Failure("Code", "no\nmore", status))


@dataclass
class World:
    """A clock and what was told."""

    clock: FakeClock = field(default_factory=FakeClock)
    events: list[Event] = field(default_factory=list)

    @property
    def waiter(self) -> Waiter:
        return Waiter.starting(self.clock, 3600.0, self.events.append)

    @property
    def notes(self) -> list[str]:
        found = [each.finding for each in self.events if isinstance(each, PreflightFound)]
        return [f"{each.severity.value}: {each.text}" for each in found]


@pytest.fixture
def world() -> World:
    return World()


def refuse(world: World, versions: Versions, wait: float | None = None) -> None:
    refuse_missing(NEW, "westeurope", versions, world.waiter, wait)


def test_a_version_that_is_in_the_region_is_read_once_and_nothing_is_said(world: World) -> None:
    versions = Versions()
    refuse(world, versions, 600.0)
    assert (versions.reads, world.notes, world.clock.slept) == (1, [], [])


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (copy(50), "not replicated yet (West Europe: Replicating, 50%): no instance can be made of it there; wait for"),
        (copy(50, "Failed"), "not replicated yet (West Europe: Failed, 50%): no instance can be made of it there"),
        (copy(region="northeurope"), "not replicated to westeurope (its regions: northeurope)"),
    ],
)
def test_a_version_that_is_not_in_the_region_is_refused_with_region_and_percentage(
    world: World, found: ImageVersion, text: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        refuse(world, Versions([found]))
    assert f"nginx/1.0.1 is {text}" in str(raised.value)
    assert ("--wait-for-replication 30m" in str(raised.value)) is found.is_coming_to("westeurope")
    assert world.clock.slept == []


def test_a_copy_is_waited_for_with_its_progress(world: World) -> None:
    versions = Versions([copy(0), copy(4), copy(8), copy(52), copy(57), copy()])
    refuse(world, versions, 600.0)
    start = "note: waiting for the copy of nginx/1.0.1 in West Europe"
    assert world.notes == [f"{start}: Replicating, {percent}%" for percent in (4, 52)] + [f"{start}: Completed, 100%"]
    assert versions.reads == 6
    assert 0 < world.clock.time < 600


@pytest.mark.parametrize("found", [copy(50, "Failed"), copy(region="northeurope")])
def test_a_copy_that_is_not_coming_is_not_waited_for(world: World, found: ImageVersion) -> None:
    with pytest.raises(ConfigError):
        refuse(world, Versions([found]), 600.0)
    assert world.clock.slept == []


def test_a_copy_that_fails_while_it_is_waited_for_is_refused(world: World) -> None:
    with pytest.raises(ConfigError, match="Failed, 60%"):
        refuse(world, Versions([copy(50), copy(60), copy(60, "Failed")]), 600.0)
    assert world.clock.time < 60


def test_a_copy_that_takes_too_long_is_refused_with_its_last_percentage(world: World) -> None:
    with pytest.raises(ConfigError, match=r"Replicating, 60%\).*--wait-for-replication"):
        refuse(world, Versions([copy(50), copy(60)]), 600.0)
    assert world.clock.time == 600
    waited = "waited 600 s for the copy of nginx/1.0.1, which is not replicated yet (West Europe: Replicating, 60%)"
    assert world.notes[-1] == f"warning: {waited}"


def test_a_version_that_is_deleted_while_it_is_waited_for_is_an_error(world: World) -> None:
    with pytest.raises(AzureError, match="no"):
        refuse(world, Versions([copy(50), error(404)]), 600.0)


def test_a_missing_role_is_a_warning_since_azure_checks_the_image_itself(world: World) -> None:
    refuse(world, Versions([error(403)]))
    assert len(world.notes) == 1
    assert world.notes[0].startswith("warning: whether nginx/1.0.1 is in westeurope is not known: ")
    assert fit(NEW, SET, Versions(told_of_definition=error(403)), world.waiter) == ()
    assert world.notes[1].startswith("warning: whether nginx/1.0.1 fits the set is not known: ")


def test_a_version_that_does_not_exist_is_an_error(world: World) -> None:
    with pytest.raises(AzureError):
        refuse(world, Versions([error(404)]))
    with pytest.raises(AzureError):
        fit(NEW, SET, Versions(told_of_definition=error(404)), world.waiter)


def test_a_report_on_its_safety_is_a_warning(world: World) -> None:
    refuse(world, Versions([replace(copy(), violations=("ImageFlaggedUnsafe",))]))
    reported = "reported to Microsoft for a policy violation (ImageFlaggedUnsafe)"
    assert world.notes == [f"warning: nginx/1.0.1 was {reported}"]


def test_an_image_that_does_not_fit_is_impossible(world: World) -> None:
    assert fit(NEW, SET, Versions(), world.waiter) == ()
    found = fit(NEW, SET, Versions(told_of_definition=ARM), world.waiter)
    assert [(each.severity, "Arm64" in each.text) for each in found] == [(Severity.IMPOSSIBLE, True)]


def test_of_an_image_in_no_gallery_and_a_set_without_profile_nothing_is_known(world: World) -> None:
    assert fit(NEW, SET, Versions(told_of_definition=None), world.waiter) == ()
    assert fit(NEW, replace(SET, machine=None), Versions(told_of_definition=ARM), world.waiter) == ()


def found(world: World, versions: Versions, image: ImageReference | None, wait: float | None = None) -> Found:
    return look_up(image, RolloutSpec(wait_for_replication=wait), lambda: SET, lambda: versions, world.waiter)


@pytest.mark.parametrize("image", [None, NAMED, NEW])
def test_the_release_is_looked_up_with_its_misfits(world: World, image: ImageReference | None) -> None:
    assert found(world, Versions(), image).misfits == ()
    looked_up = found(world, Versions(told_of_definition=ARM), image)
    assert (looked_up.image, len(looked_up.misfits)) == (NEW, 1)


def test_a_moving_name_waits_for_the_copy_of_its_newest_version(world: World) -> None:
    coming = [copy(0), copy(50), copy()]
    assert found(world, Versions(coming), NAMED).image == OLD
    assert world.clock.slept == []
    assert found(world, Versions(coming), NAMED, 600.0).image == NEW
    assert 0 < world.clock.time < 600


@pytest.mark.parametrize("last", [copy(60), copy(60, "Failed"), error(404)])
def test_a_moving_name_means_an_older_version_if_the_copy_does_not_come(
    world: World, last: ImageVersion | AzureError
) -> None:
    assert found(world, Versions([copy(50), copy(50), last]), NAMED, 600.0).image == OLD
    assert (world.clock.time == 600) is (last == copy(60))
    assert ("warning: waited 600 s for the copy" in "\n".join(world.notes)) is (last == copy(60))


def test_a_moving_name_without_any_usable_version_names_the_option_that_waits(world: World) -> None:
    for versions, step in (
        (Versions([copy(50)]), "--wait-for-replication 30m"),
        (Versions([copy(0, "Failed")]), "publish"),
    ):
        versions.oldest = None
        with pytest.raises(ConfigError, match=step):
            found(world, versions, NAMED)


def test_an_exact_version_is_waited_for_too(world: World) -> None:
    assert found(world, Versions([copy(50), copy()]), NEW, 600.0).image == NEW
    assert world.clock.slept


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (copy(), None),
        (copy(40), "not replicated yet (West Europe: Replicating, 40%)"),
        (AzureError("read it", Failure("ResourceNotFound", "", 404)), "does not exist"),
        (AzureError("read it", Failure("AuthorizationFailed", "", 403)), None),
    ],
)
def test_why_no_instance_can_be_made_of_a_version_and_that_a_role_may_not_read_it(
    answer: ImageVersion | AzureError, why: str | None
) -> None:
    waiter = Waiter.starting(FakeClock(), 60.0, lambda _: None)
    assert why_missing(NEW, "westeurope", Versions((answer,)), waiter) == why
    assert why_missing(NAMED, "westeurope", Versions(()), waiter) is None
