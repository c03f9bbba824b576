"""What a blue-green switch would do, decided from values: the dry run of `vmss-jenkins switch`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmss_jenkins.blue_green.plan.switch import Side, SwitchOrder, SwitchPlan, pool_name
from vmss_jenkins.model.findings import Finding, Severity


@dataclass(frozen=True)
class SwitchPreview:
    """What would happen, and what stands in the way."""

    rule: str
    """Empty where it was not found."""
    changes: bool
    """False where the rule leads there already."""
    pool_before: str
    """The backend pools' names; empty where they are not known."""
    pool_after: str
    to: Side
    other: Side
    test_port: int | None
    """The port that would lead to the idle set for the check; None for no such rule."""
    check: tuple[str, ...]
    """The gates that would be asked before."""
    watch: tuple[str, ...]
    """Those that would be asked after."""
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether the switch would be refused."""
        return any(one.severity in {Severity.IMPOSSIBLE, Severity.UNSAFE} for one in self.findings)

    def lines(self) -> Iterator[str]:
        """Say it, a line each."""
        if self.rule and self.pool_before and not self.changes:
            yield f"rule {self.rule} leads to {self.pool_after} ({_state(self.to)}) already: nothing would change"
        elif self.rule and self.pool_before:
            if self.test_port is not None:
                yield f"would let port {self.test_port} lead to {self.pool_after} for the check"
            if self.check:
                yield f"would ask {self.to.name.name} first: {'; '.join(self.check)}"
            before, after = f"{self.pool_before} ({_state(self.other)})", f"{self.pool_after} ({_state(self.to)})"
            yield f"would point rule {self.rule} from {before} to {after}"
            if self.watch:
                yield f"would ask then, and switch back where it fails: {'; '.join(self.watch)}"
        for one in self.findings:
            yield f"{one.severity.value}: {one.text}" + (f" Allowed by {one.flag}." if one.flag else "")


def preview(
    order: SwitchOrder, plan: SwitchPlan, check: tuple[str, ...], watch: tuple[str, ...], findings: tuple[Finding, ...]
) -> SwitchPreview:
    """Say what a plan comes to.

    Args:
        order: what is wanted.
        plan: how.
        check: the gates before.
        watch: the gates after.
        findings: what stands in the way beside what the plan found.
    """
    before, after = pool_name(plan.pool_before), pool_name(plan.pool_after)
    found = (*plan.findings, *findings)
    return SwitchPreview(
        plan.rule, plan.changes, before, after, plan.to, plan.other, order.test_port, check, watch, found
    )


def _state(side: Side) -> str:
    return f"{side.name.name}, {side.healthy} of {len(side.instance_ids)} healthy"
