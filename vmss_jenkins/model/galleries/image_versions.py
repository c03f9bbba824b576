"""Which version an image that moves means: the newest one that can be used in a region, and why newer ones cannot.

Azure passes over versions that are excluded from `latest`, and those that are not replicated to the region
(https://learn.microsoft.com/azure/virtual-machines/azure-compute-gallery). A version past its end of life is still
usable for Azure; a rollout does not choose it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.images import ImageReference, MovingImage, ResolvedImage, version_key

COMPLETED, FAILED = "completed", "failed"


@dataclass(frozen=True)
class Replica:
    """The copy of a version in one region."""

    region: str
    state: str
    """`Replicating`, `Completed`, `Failed` or `Unknown`."""
    percent: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether instances can be made of it."""
        return self.state.lower() == COMPLETED

    def __str__(self) -> str:
        return f"{self.region}: {self.state}, {self.percent}%"


@dataclass(frozen=True)
class ImageVersion:
    """A version of an image, as Azure shows it."""

    number: str
    excluded: bool = False
    """`excludeFromLatest`."""
    end_of_life: float | None = None
    """Seconds UTC; None for none."""
    replicas: tuple[Replica, ...] | None = None
    """Its copies; None if Azure tells of none: a version of somebody else's is in each region that lists it."""
    violations: tuple[str, ...] = ()
    """Why it was reported to Microsoft, such as `ImageFlaggedUnsafe`; empty if it was not."""

    @property
    def reported(self) -> str | None:
        """What people should know of its safety; None for nothing."""
        return (
            f"reported to Microsoft for a policy violation ({', '.join(self.violations)})" if self.violations else None
        )

    def unwanted(self, now: float) -> str | None:
        """Why nobody should choose it; None if one may.

        Args:
            now: seconds UTC.
        """
        if self.excluded:
            return "excluded from latest"
        if self.end_of_life is not None and self.end_of_life <= now:
            return f"past its end of life ({datetime.fromtimestamp(self.end_of_life, timezone.utc):%Y-%m-%d})"
        return self.reported

    def copy_in(self, region: str) -> Replica | None:
        """Its copy in a region."""
        wanted = canonical(region)
        return next((one for one in self.replicas or () if canonical(one.region) == wanted), None)

    def is_coming_to(self, region: str) -> bool:
        """Whether its copy in a region only takes its time."""
        found = self.copy_in(region)
        return found is not None and not found.is_ready and found.state.lower() != FAILED

    def missing_in(self, region: str) -> str | None:
        """Why no instance can be made of it in a region; None if it can."""
        if self.replicas is None:
            return None
        found = self.copy_in(region)
        if found is None:
            there = ", ".join(one.region for one in self.replicas) or "no region"
            return f"not replicated to {canonical(region)} (its regions: {there})"
        return None if found.is_ready else f"not replicated yet ({found})"


@dataclass(frozen=True)
class Choice:
    """What an image that moves means in a region."""

    version: str | None
    """The number; None if no version can be used."""
    left_out: dict[str, str] = field(default_factory=dict)
    """The newer versions that are passed over, newest first, with the reason of each."""
    coming: str | None = None
    """The newest of them that only waits for its copy in the region."""
    chosen_by_azure: str | None = None
    """The version that Azure would choose now, which looks at no end of life."""

    @property
    def passed_over(self) -> str:
        """The newer versions, for people; empty for none."""
        return "; ".join(f"{number} is {reason}" for number, reason in self.left_out.items())


def choose(
    versions: Iterable[ImageVersion], region: str, now: float, look: Callable[[str], ImageVersion | None]
) -> Choice:
    """Choose the newest version that can be used.

    Args:
        versions: all versions, as a list shows them: without their copies.
        region: where the instances are.
        now: seconds UTC.
        look: reads one version with its copies; None if it is gone by now.
    """
    left_out: dict[str, str] = {}
    coming: str | None = None
    by_azure: str | None = None
    for listed in sorted(versions, key=lambda one: version_key(one.number), reverse=True):
        unwanted = listed.unwanted(now)
        if listed.excluded and unwanted:
            left_out[listed.number] = unwanted
            continue
        seen = look(listed.number)
        if seen is None:
            continue
        if missing := seen.missing_in(region):
            left_out[listed.number] = missing
            waits = coming is None and by_azure is None and not unwanted and seen.is_coming_to(region)
            coming = listed.number if waits else coming
            continue
        by_azure = by_azure or listed.number
        if unwanted is None:
            return Choice(listed.number, left_out, coming, by_azure)
        left_out[listed.number] = unwanted
    return Choice(None, left_out, coming, by_azure)


def resolved(named: ImageReference, choice: Choice, region: str, moving: MovingImage) -> ResolvedImage:
    """The exact image that a moving name means in a rollout.

    Args:
        named: the moving name.
        choice: its newest version in the region.
        region: where the instances are.
        moving: what the model gets.

    Raises:
        ConfigError: no version can be used, or Azure would choose another one for a model that keeps the name.
    """
    reasons = choice.passed_over or "it has no versions"
    if choice.version is None:
        where = f"no version of {named.short_name} can be used in {canonical(region)}: {reasons}"
        step = "publish a version there, or give --image-id of an exact one"
        if choice.coming:
            step = "let `vmss-jenkins rollout` wait for it with --wait-for-replication 30m"
        raise ConfigError(f"image {named}", [f"{where}; {step}"])
    floats = moving is MovingImage.FLOAT
    if floats and choice.chosen_by_azure != choice.version:
        ignored = "Azure looks at no end of life and no report"
        text = f"{ignored}: instances of {named.short_name} would get {choice.chosen_by_azure}"
        raise ConfigError(f"image {named}", [f"{text}: {reasons}; exclude it from latest, or give --moving-image pin"])
    return ResolvedImage(named, named.at_version(choice.version), floats, choice.passed_over)


def canonical(region: str) -> str:
    """The name of a region as Azure's ids have it: `West Europe` is `westeurope`."""
    return "".join(region.split()).lower()
