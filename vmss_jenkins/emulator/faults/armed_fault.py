"""Faults that wait for their occasions, and which of them strike on one. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_jenkins.emulator.faults.fault import Fault, Moment


@dataclass(frozen=True)
class ArmedFault:
    """A fault that waits for its occasions."""

    number: int
    fault: Fault
    seen: int = 0
    """How many occasions matched."""

    @property
    def struck(self) -> int:
        """On how many of them it struck."""
        past = max(0, self.seen - self.fault.skip)
        return past if self.fault.count is None else min(past, self.fault.count)


def strike(
    armed: Sequence[ArmedFault], moment: Moment, method: str, path: str, instance: str = "", zone: str = ""
) -> tuple[list[ArmedFault], list[Fault]]:
    """Return the faults as they are after an occasion, and those that strike on it, in their order.

    A fault that ends what it strikes is the last one to strike; those after it do not see the occasion.
    """
    after: list[ArmedFault] = []
    struck: list[Fault] = []
    for one in armed:
        over = bool(struck) and not struck[-1].goes_on
        if over or not one.fault.matches(moment, method, path, instance, zone):
            after.append(one)
            continue
        seen = replace(one, seen=one.seen + 1)
        if seen.struck > one.struck:
            struck.append(one.fault)
        after.append(seen)
    return after, struck
