"""The state of a fleet: one row for each scale set of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vmss_jenkins.model.instances import Health, Instance, ScaleSet, has_latest_model


@dataclass(frozen=True)
class Row:
    """A scale set."""

    name: str
    image: str = ""
    instances: int = 0
    latest: int = 0
    """How many have the latest model."""
    healthy: int = 0
    """How many run, are provisioned without failure and are not reported as unhealthy."""
    others: str = ""
    """The images other than the model's that instances run, with the number of instances."""
    last: str = ""
    """How the last rollout ended."""
    note: str = ""
    error: str = ""
    """Why the set could not be read; empty if it could."""

    @property
    def is_healthy_and_updated(self) -> bool:
        """Whether all instances are healthy and have the latest model."""
        return not self.error and self.latest == self.healthy == self.instances

    @property
    def urgency(self) -> tuple[bool, bool, float, float]:
        """Sorts the worst first: unreadable, then not up to date and healthy, then by the share that is neither."""
        whole = self.instances or 1
        return (not self.error, self.is_healthy_and_updated, self.healthy / whole, self.latest / whole)

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of a table, in the order of `HEADINGS`."""
        if self.error:
            return (self.name, "unknown", "", "", "", "", self.error)
        share = f"{self.latest} of {self.instances}"
        return (self.name, self.image, share, f"{self.healthy} of {self.instances}", self.others, self.last, self.note)


HEADINGS = ("scale set", "image", "latest model", "healthy", "other images", "last rollout", "note")


def row_of(scale_set: ScaleSet, instances: Sequence[Instance], last: str = "") -> Row:
    """Summarize a scale set."""
    image = scale_set.image
    others = Counter(one.image.short_name for one in instances if one.image and not one.image.same_as(image))
    notes = [
        f"upgrade mode {scale_set.upgrade_mode.value}" if scale_set.upgrade_mode.value != "Manual" else "",
        scale_set.provisioning_state if scale_set.provisioning_state != "Succeeded" else "",
        "no instance health reported"
        if instances and all(one.health is Health.NOT_REPORTED for one in instances)
        else "",
    ]
    return Row(
        str(scale_set.name),
        image.short_name if image else "unknown",
        len(instances),
        sum(has_latest_model(one, scale_set) is True for one in instances),
        sum(one.is_healthy for one in instances),
        ", ".join(f"{number} {name}" for name, number in others.most_common()),
        last,
        "; ".join(filter(None, notes)),
    )
