"""Which instances a rollout updates, in which order, and which it skips.

Amounts are counts or percentages. A percentage of a small set is the trap of Azure's own rolling policy, whose default
of 20% is 0 of two instances; so these amounts are rounded, and never to 0 while there is an instance:

| of instances | `--canary 10%` (up) | `--max-unavailable 20%` (down, at least 1) |
|---|---|---|
| 1 | 1 | 1 |
| 2 | 1 | 1 |
| 9 | 1 | 1 |
| 10 | 1 | 2 |
| 11 | 2 | 2 |
| 100 | 10 | 20 |

The canary is rounded up, since it must be large enough for the gates; the unavailable instances are rounded down, since
they must not exceed what was allowed. A count larger than the set is the whole set.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, InstanceIds, ScaleSet, has_latest_model
from vmss_jenkins.model.releases import ExtensionSettings, Release

PERCENT = 100


@dataclass(frozen=True)
class Amount:
    """A number of instances, or a percentage of them.

    Raises:
        ConfigError: less than 1, or more than 100%.
    """

    value: int
    is_percent: bool = False

    def __post_init__(self) -> None:
        if self.value < 1 or (self.is_percent and self.value > PERCENT):
            raise ConfigError("amount", [_wanted(str(self))])

    @classmethod
    def parse(cls, given: str) -> Amount:
        """Read `1` or `10%`.

        Raises:
            ConfigError: any other text.
        """
        found = re.fullmatch(r"([0-9]{1,9})\s*(%?)", given.strip(), re.ASCII)
        if not found:
            raise ConfigError("amount", [_wanted(given)])
        return cls(int(found[1]), bool(found[2]))

    @classmethod
    def read(cls, name: str, value: object) -> Amount:
        """Read an amount in any form: `Amount`, 2, "2" or "25%".

        Args:
            name: of the parameter, for the error.
            value: what was given for it.

        Raises:
            ConfigError: for anything else.
        """
        if isinstance(value, Amount):
            return value
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ConfigError(name, [_wanted(value)])
        try:
            return cls.parse(str(value))
        except ConfigError as error:
            raise ConfigError(name, error.reasons) from None

    @classmethod
    def read_optional(cls, name: str, value: object) -> Amount | None:
        """Read an amount that may be left out: None, or "none".

        Raises:
            ConfigError: as `read`.
        """
        return None if value is None or value == "none" else cls.read(name, value)

    def rounded_up(self, total: int) -> int:
        """How many of `total` instances, for a canary: 10% of 11 is 2; 0 only of none."""
        share = -(-total * self.value // PERCENT) if self.is_percent else self.value
        return min(share, total)

    def rounded_down(self, total: int) -> int:
        """How many of `total` instances may be down: 20% of 9 is 1, of 2 is 1 too; 0 only of none."""
        share = total * self.value // PERCENT if self.is_percent else self.value
        return min(max(share, 1), total)

    def __str__(self) -> str:
        return f"{self.value}%" if self.is_percent else str(self.value)


def _wanted(found: object) -> str:
    return f"found {found!r}; wanted a count such as 1, or a percentage from 1% to 100%"


class Include(Enum):
    """Instances that are skipped unless they are included."""

    DEALLOCATED = "deallocated"
    """Those that do not run."""
    FAILED = "failed"
    """Those whose last operation failed."""


@dataclass(frozen=True)
class Scope:
    """The instances that a rollout may update."""

    ids: InstanceIds = field(default_factory=lambda: InstanceIds(()))
    """Some ids, or all. Instances that have the release need no update, so `all` means all outdated ones."""
    include: frozenset[Include] = frozenset()

    @classmethod
    def read(cls, value: object) -> Scope:
        """Read which instances are meant: `Scope`, "*", "0,1" or ["0", "1"].

        Raises:
            ConfigError: for anything else.
        """
        if isinstance(value, Scope):
            return value
        texts = [value] if isinstance(value, str) else list(value if isinstance(value, Iterable) else [])
        if not texts or not all(isinstance(one, str) for one in texts):
            raise ConfigError("scope", [f"found {value!r}; wanted instance ids such as '0,1', or '*' for all"])
        return cls(InstanceIds.parse(texts))


@dataclass(frozen=True)
class Target:
    """The release that the instances get: the one to roll out, or the one to roll back to."""

    image: Release | None
    by_image: bool = False
    """Compare the image alone: in a rollback, since the flag of instances that never changed may stay false after a
    model is restored, and if the model gets another image, or another name of its image. Scripts go by the flag."""
    named: bool = False
    """Somebody named the image: an instance that runs it has it, even if its flag is false. Else the flag counts."""
    floats_as: ImageReference | None = None
    """The moving name that the model keeps; None if the model gets the release itself."""

    @property
    def model(self) -> Release | None:
        """What the model has to have."""
        return self.floats_as or self.image

    def is_in(self, scale_set: ScaleSet) -> bool:
        """Whether the model has it."""
        return self.model is not None and self.model.same_as(scale_set.release)

    def is_on(self, instance: Instance, scale_set: ScaleSet) -> bool | None:
        """Whether an instance has the release; None if that is unknown."""
        same = isinstance(self.image, ImageReference) and self.image.same_as(instance.image)
        latest = has_latest_model(instance, scale_set)
        if not self.by_image or isinstance(self.image, ExtensionSettings):
            return True if self.named and same else latest
        if instance.image and self.image:
            return same
        return latest if self.is_in(scale_set) else (False if latest and self.image else None)


@dataclass(frozen=True)
class Selection:
    """A scope, applied to the instances of one read."""

    have_it: tuple[Instance, ...]
    """Those that have the release, healthy or not."""
    pending: tuple[Instance, ...]
    """Those to update, in a stable order that spreads over zones and fault domains."""
    skipped: Mapping[str, str]
    """Those that are skipped, with the reason."""


def select(scope: Scope, target: Target, scale_set: ScaleSet, instances: Sequence[Instance]) -> Selection:
    """Sort the instances of a scope into those that have the release, those to update and those to skip.

    An id that no instance has any more is dropped; `missing` names such ids.
    """
    wanted = {value.lower() for value in scope.ids.ids}
    have_it, pending, skipped = [], [], {}
    for instance in instances:
        if wanted and instance.id.lower() not in wanted:
            continue
        if has_release := target.is_on(instance, scale_set):
            have_it.append(instance)
        elif reason := reason_to_skip(instance, scope.include, known=has_release is not None):
            skipped[instance.id] = reason
        else:
            pending.append(instance)
    return Selection(tuple(have_it), spread(pending, have_it), skipped)


def reason_to_skip(instance: Instance, include: Collection[Include], *, known: bool = True) -> str | None:
    """Why an instance without the release is skipped; None if it is updated.

    Args:
        instance: the instance.
        include: kinds of instances that are updated though they are skipped by default.
        known: whether it is known what the instance runs.
    """
    if instance.protected_from_scale_set_actions:
        return "protected from scale set actions: Azure does not update it"
    if not known:
        return "neither its image nor its latest-model flag is known"
    if instance.provisioning_state in {"Creating", "Deleting"}:
        return f"is being {'created' if instance.provisioning_state == 'Creating' else 'deleted'}"
    stopped = instance.power not in {None, "running", "starting"} and not instance.is_updating
    if stopped and Include.DEALLOCATED not in include:
        return f"is {instance.power} (--include deallocated updates it anyway)"
    if instance.provisioning_state == "Failed" and Include.FAILED not in include:
        detail = f": {instance.error}" if instance.error else ""
        return f"its last operation failed (--include failed updates it anyway){detail}"
    return None


def reason_to_stay(instance: Instance, include: Collection[Include], *, known: bool = True) -> str | None:
    """Why an instance is not replaced; None if it is.

    Azure deletes by id even a protected instance, so the protection is respected here.
    """
    if instance.protected_from_scale_in:
        return "protected from scale-in: it stays, with the release that it runs"
    return reason_to_skip(instance, include, known=known)


def missing(scope: Scope, instances: Iterable[Instance]) -> tuple[str, ...]:
    """The ids of a scope that no instance has."""
    present = {instance.id.lower() for instance in instances}
    return tuple(value for value in scope.ids.ids if value.lower() not in present)


def choose_canary(amount: Amount, selection: Selection, apart: Collection[str] = ()) -> tuple[Instance, ...]:
    """The instances to update until the canary has this size.

    Instances that have the release count, so a second run never widens the canary: 10% of 20 is 2, and if one has it
    already, one more is chosen. The percentage is of all that have it or can be updated.

    Healthy instances go first: an instance that was down before shows nothing about the release.

    Args:
        amount: the size of the canary.
        selection: the instances of the scope.
        apart: ids of instances that were down when they were updated; they count only if no healthy one is left.
    """
    total = len(selection.have_it) + len(selection.pending)
    counted = sum(instance.id not in apart for instance in selection.have_it)
    missing = max(0, amount.rounded_up(total) - counted)
    healthy = [instance for instance in selection.pending if instance.is_healthy]
    down = [instance for instance in selection.pending if not instance.is_healthy]
    short = missing - len(healthy) - (len(selection.have_it) - counted)
    return (*healthy[:missing], *down[: max(0, short)])


def spread(instances: Iterable[Instance], beside: Iterable[Instance] = ()) -> tuple[Instance, ...]:
    """Order instances so that any first few of them are spread over zones, then over fault domains.

    The order depends on the instances alone, not on the order that Azure lists them in.

    Args:
        instances: those to order.
        beside: those that were taken before; their zones and fault domains come later.
    """
    taken = tuple(beside)
    in_zone = Counter(instance.zone or "" for instance in taken)
    in_domain = Counter(_domain(instance) for instance in taken)
    zones: dict[str, list[tuple[tuple[object, ...], Instance]]] = defaultdict(list)
    for instance in sorted(instances, key=lambda each: natural(each.id)):
        place = _domain(instance)
        zones[place[0]].append(((in_domain[place], place, natural(instance.id)), instance))
        in_domain[place] += 1
    ranked = []
    for zone, members in zones.items():
        in_order = sorted(members, key=lambda member: member[0])
        ranked += [((in_zone[zone] + rank, zone), instance) for rank, (_, instance) in enumerate(in_order)]
    return tuple(instance for _, instance in sorted(ranked, key=lambda pair: pair[0]))


def _domain(instance: Instance) -> tuple[str, int]:
    return (instance.zone or "", -1 if instance.fault_domain is None else instance.fault_domain)


@cache
def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which instance 10 comes after 9, and `web_10` after `web_9`."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text, re.ASCII)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
