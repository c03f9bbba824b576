"""A fleet at one moment: every scale set of a file, a row each."""

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
    """How many run, provisioned without failure, and are not known to be unhealthy."""
    others: str = ""
    """The images that instances run beside the model's, with their number."""
    last: str = ""
    """How the last rollout ended."""
    note: str = ""
    error: str = ""
    """Why nothing is known of it; empty where something is."""

    @property
    def well(self) -> bool:
        """Whether nothing of it asks for a look."""
        return not self.error and self.latest == self.healthy == self.instances

    @property
    def cells(self) -> tuple[str, ...]:
        """What a table shows, in the order of `HEADINGS`."""
        if self.error:
            return (self.name, "unknown", "", "", "", "", self.error)
        share = f"{self.latest} of {self.instances}"
        return (self.name, self.image, share, f"{self.healthy} of {self.instances}", self.others, self.last, self.note)


HEADINGS = ("scale set", "image", "latest model", "healthy", "other images", "last rollout", "note")


def row_of(scale_set: ScaleSet, instances: Sequence[Instance], last: str = "") -> Row:
    """Sum a set up."""
    image = scale_set.image
    others = Counter(one.image.short_name for one in instances if one.image and not one.image.same_as(image))
    notes = [
        f"upgrade mode {scale_set.upgrade_mode.value}" if scale_set.upgrade_mode.value != "Manual" else "",
        scale_set.provisioning_state if scale_set.provisioning_state != "Succeeded" else "",
        "no health is reported" if instances and all(one.health is Health.NOT_REPORTED for one in instances) else "",
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
