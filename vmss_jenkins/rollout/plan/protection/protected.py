"""The instances that rollouts protect from scale set actions: a value, and the record of it in tags.

With the upgrade policy Rolling or Automatic, Azure brings a new model to every instance that is not protected from
scale set actions. A rollout protects the instances itself and releases them batch by batch. What they were before is
recorded first, in tags of the resource group: a claim has no room for so many ids, it is gone at the end of its run,
and the protection must hold from a canary until the rollout of the others, which is a run of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vmss_jenkins.model.instances import Instance

LONGEST_VALUE, MOST_PARTS = 256, 8
"""The most characters of a tag's value, and the most tags of one record."""
_END = ";"
"""Ends a record: tags of a longer one before may follow."""
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?(s?)", re.ASCII)


@dataclass(frozen=True)
class Protected:
    """The instances that rollouts protect, by id, and whether each was protected from scale-in before.

    None of them was protected from scale set actions before: such an instance is left alone.
    """

    before: Mapping[str, bool] = field(default_factory=dict)

    def adding(self, instances: Iterable[Instance]) -> Protected:
        """All unprotected instances too; those that are gone are dropped.

        Args:
            instances: all instances of the set, as Azure shows them.
        """
        kept = {}
        for one in instances:
            if one.id in self.before:
                kept[one.id] = self.before[one.id]
            elif not one.protected_from_scale_set_actions:
                kept[one.id] = one.protected_from_scale_in
        return Protected(kept)

    def texts(self) -> tuple[str, ...]:
        """The values of the tags: ranges of ids, with `s` for those that were protected from scale-in."""
        ranges: list[tuple[int, int, bool]] = []
        for number, scale_in in sorted((int(key), scale_in) for key, scale_in in self.before.items()):
            first, last, same = ranges[-1] if ranges else (-1, -1, scale_in)
            if ranges and number == last + 1 and scale_in == same:
                ranges[-1] = (first, number, same)
            else:
                ranges.append((number, number, scale_in))
        shown = (
            f"{first}{f'-{last}' if last > first else ''}{'s' if scale_in else ''}" for first, last, scale_in in ranges
        )
        text = ",".join(shown) + _END if ranges else ""
        return tuple(text[at : at + LONGEST_VALUE] for at in range(0, len(text), LONGEST_VALUE))

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Protected:
        """Read the values of the tags, in their order; what is not a range of ids is dropped."""
        before: dict[str, bool] = {}
        for part in "".join(texts).partition(_END)[0].split(","):
            if found := _RANGE.fullmatch(part):
                first, last = int(found[1]), int(found[2] or found[1])
                before |= {str(number): bool(found[3]) for number in range(first, last + 1)}
        return cls(before)
