"""Injected faults with their counts, and which of them strike on an occasion. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_jenkins.emulator.faults.fault import Fault, Moment


@dataclass(frozen=True)
class ArmedFault:
    """An injected fault, with how often it matched."""

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
    armed: Sequence[ArmedFault], moment: Moment, method: str, path: str, instance: str = "", place: str = ""
) -> tuple[list[ArmedFault], list[Fault]]:
    """Return the faults with their new counts, and the faults that strike on this occasion, in order.

    A fault that ends the request or action is the last one to strike; faults after it do not count the occasion.
    """
    after: list[ArmedFault] = []
    struck: list[Fault] = []
    for one in armed:
        over = bool(struck) and not struck[-1].request_continues
        if over or not one.fault.matches(moment, method, path, instance, place):
            after.append(one)
            continue
        seen = replace(one, seen=one.seen + 1)
        if seen.struck > one.struck:
            struck.append(one.fault)
        after.append(seen)
    return after, struck
