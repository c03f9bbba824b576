"""The preview of a blue-green switch, from values alone: the dry run of `vmss-jenkins switch`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmss_jenkins.blue_green.plan.rules import pool_name
from vmss_jenkins.blue_green.plan.switch import Side, SwitchOrder, SwitchPlan
from vmss_jenkins.model.findings import Finding, Severity


@dataclass(frozen=True)
class SwitchPreview:
    """What would happen, and what prevents it."""

    rule: str
    """Empty if the rule was not found."""
    changes: bool
    """False if the set gets the traffic already."""
    pool_before: str
    """The names of the backend pools; empty if unknown."""
    pool_after: str
    to: Side
    other: Side
    test_port: int | None
    """The port of the test rule; None for no such rule."""
    check: tuple[str, ...]
    """The gates before the switch."""
    watch: tuple[str, ...]
    """The gates after the switch."""
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether the switch would be refused."""
        return any(one.severity in {Severity.IMPOSSIBLE, Severity.UNSAFE} for one in self.findings)

    def lines(self) -> Iterator[str]:
        """The preview as lines of text."""
        if self.rule and self.pool_before and not self.changes:
            active = f"{self.pool_after} ({_state(self.to)})"
            yield f"rule {self.rule} sends traffic to {active} already: nothing would change"
        elif self.rule and self.pool_before:
            if self.test_port is not None:
                yield f"would open port {self.test_port} to {self.pool_after} for the check"
            if self.check:
                yield f"would check {self.to.name.name} first: {'; '.join(self.check)}"
            before, after = f"{self.pool_before} ({_state(self.other)})", f"{self.pool_after} ({_state(self.to)})"
            yield f"would point rule {self.rule} from {before} to {after}"
            if self.watch:
                yield f"would watch then, and switch back on a failure: {'; '.join(self.watch)}"
        for one in self.findings:
            yield f"{one.severity.value}: {one.text}" + (f" Allowed by {one.flag}." if one.flag else "")


def preview(
    order: SwitchOrder, plan: SwitchPlan, check: tuple[str, ...], watch: tuple[str, ...], findings: tuple[Finding, ...]
) -> SwitchPreview:
    """Make the preview of a plan.

    Args:
        order: what is wanted.
        plan: how.
        check: the gates before.
        watch: the gates after.
        findings: findings in addition to those of the plan.
    """
    before, after = pool_name(plan.pool_before), pool_name(plan.pool_after)
    found = (*plan.findings, *findings)
    return SwitchPreview(
        plan.rule, plan.changes, before, after, plan.to, plan.other, order.test_port, check, watch, found
    )


def _state(side: Side) -> str:
    return f"{side.name.name}, {side.healthy} of {len(side.instance_ids)} healthy"
