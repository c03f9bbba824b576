"""Which of the wanted instances have a release at the end of a run, counted from one last read of Azure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from vmss_jenkins.model.instances import Instance

MANY = 12
"""How many instances a sentence names; the others are counted."""


@dataclass(frozen=True)
class FinalState:
    """The instances of a scale set at the end of a run; each is in one of the first three fields."""

    have_it: tuple[str, ...] = ()
    """Ids of the instances that have the release."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Ids of the instances that the run did not update, with the reason."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Ids of the other instances without the release, with the release that each runs."""
    gone: tuple[str, ...] = ()
    """Ids that were chosen, and that no instance has any more."""
    lacking: tuple[str, ...] = ()
    """Ids from the last three fields that were wanted with the release: the run is complete if there are none."""

    @property
    def complete(self) -> bool:
        """Whether every wanted instance has the release."""
        return not self.lacking

    def __str__(self) -> str:
        total = len(self.have_it) + len(self.left_out) + len(self.others)
        instances = _counted(total)
        if not total:
            parts = ["the set has no instances"]
        elif len(self.have_it) == total > 1:
            parts = [f"all {instances} have it"]
        else:
            parts = [f"{len(self.have_it)} of {instances} {'has' if len(self.have_it) == 1 else 'have'} it"]
        parts += [f"{run(ids)} {release}" for release, ids in grouped(self.others)]
        parts += [f"left out: {ids} ({reason})" for reason, ids in grouped(self.left_out)]
        return "; ".join([*parts, *([f"gone: {names(self.gone)}"] if self.gone else [])])


def run(ids: str) -> str:
    """Write the instances that run something."""
    return f"{ids} {'run' if ',' in ids else 'runs'}"


def grouped(texts: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Group ids by their texts, each text once with the names of its ids."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, text in texts.items():
        found[text].append(key)
    return [(text, names(ids)) for text, ids in found.items()]


def counted(ids: Collection[object]) -> str:
    """Count instances."""
    return _counted(len(ids))


def _counted(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


def names(ids: Collection[str]) -> str:
    """Name instances, or the first of many."""
    shown = ", ".join(tuple(ids)[:MANY])
    return shown if len(ids) <= MANY else f"{shown} and {len(ids) - MANY} more"


def final_state(
    instances: Iterable[Instance],
    has_it: Callable[[Instance], bool | None],
    left_out: Mapping[str, str],
    wanted: Callable[[Instance], bool],
    release_of: Callable[[Instance], str],
    gone: Iterable[str] = (),
) -> FinalState:
    """Count instances after the last action of a run.

    Args:
        instances: the chosen ones, as the last read shows them.
        has_it: whether an instance has the release; None if Azure does not show it.
        left_out: why instances were not updated.
        wanted: whether an instance must have the release for the run to be complete.
        release_of: names the release that an instance runs.
        gone: chosen ids that no instance has any more; they were wanted.
    """
    have_it, left, others, lacking = [], {}, {}, []
    for instance in instances:
        if has_it(instance):
            have_it.append(instance.id)
            continue
        if instance.id in left_out:
            left[instance.id] = left_out[instance.id]
        else:
            others[instance.id] = release_of(instance)
        if wanted(instance):
            lacking.append(instance.id)
    return FinalState(tuple(have_it), left, others, tuple(gone), (*lacking, *gone))
