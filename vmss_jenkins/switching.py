"""A blue-green switch, carried out: look, check the idle set, point the rule at it, watch, and back where it is bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Generic

from vmss_jenkins import switch_events as events
from vmss_jenkins.claims import LEASE
from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.gates import Consequence
from vmss_jenkins.holding import Hold
from vmss_jenkins.instances import ScaleSetName
from vmss_jenkins.network import Body
from vmss_jenkins.protocols import Claims, Gates, OperationT, ScaleSets, Switchboard
from vmss_jenkins.switch_plan import (
    Side,
    SwitchOrder,
    SwitchPlan,
    has_test_rule,
    plan_switch,
    pointed,
    pool_of_rule,
    with_test_rule,
    without_test_rule,
)
from vmss_jenkins.waiting import Patience

ATTEMPTS = 4
"""Writes of a load balancer that somebody else changes at the same time."""
CHANGED_MEANWHILE = 412


class SwitchOutcome(Enum):
    """How a switch ended."""

    SWITCHED = "switched"
    UNCHANGED = "unchanged"
    """The rule led there already."""
    REFUSED = "refused"
    """The gates refused the idle set; the rule was never touched."""
    SWITCHED_BACK = "switched back"
    """The gates refused it in production."""


@dataclass(frozen=True)
class SwitchResult:
    """What a switch came to."""

    outcome: SwitchOutcome
    rule: str
    pool: str
    """The name of the backend pool that the rule leads to in the end."""
    reason: str
    """Why it was not switched, or switched back; empty where all went well."""


@dataclass(frozen=True)
class SwitchHooks:
    """What a switch uses beside Azure; None for none."""

    check: Gates | None = None
    """Asked before the switch."""
    watch: Gates | None = None
    """Asked after it."""
    claims: Claims | None = None
    run: str = "run"
    owner: str = "vmss-jenkins"


def run_switch(
    sets: ScaleSets[OperationT], board: Switchboard, order: SwitchOrder, hooks: SwitchHooks, patience: Patience
) -> SwitchResult:
    """Switch a pair, or find that it is switched already.

    Args:
        sets: the scale sets.
        board: the load balancer.
        order: what is wanted.
        hooks: gates and claims.
        patience: clock and listener.

    Raises:
        AnotherRollout: where another switch of the load balancer is under way; nothing was changed.
        ConfigError: for a pair that cannot be switched; nothing was changed.
        UnsafeRollout: where fewer instances are healthy there than serve now; nothing was changed.
        AzureError: where Azure refuses, or cannot be reached.
    """
    hold = Hold(hooks.claims, hooks.run, hooks.owner, patience)
    hold.take()
    try:
        return _Switch(sets, board, order, hooks, hold, patience).run()
    finally:
        hold.release()


class _RaceError(AzureError):
    """Somebody else changed the load balancer between our read and our write."""


@dataclass
class _Switch(Generic[OperationT]):
    sets: ScaleSets[OperationT]
    board: Switchboard
    order: SwitchOrder
    hooks: SwitchHooks
    hold: Hold
    patience: Patience

    def run(self) -> SwitchResult:
        """Read like the steps that it is."""
        to, away = self._side(self.order.to), self._side(self.order.away)
        body = self._read()
        plan = plan_switch(self.order, body, to, away, self._skus(to, away))
        if not plan.changes:
            if has_test_rule(body):
                self._write(without_test_rule)
            self.patience.on_event(events.SwitchUnchanged(plan.rule, _name(plan.pool_after)))
            return self._result(SwitchOutcome.UNCHANGED, plan, plan.pool_after)
        if refusal := self._checked(plan, to):
            self.patience.on_event(events.NotSwitched(refusal))
            return self._result(SwitchOutcome.REFUSED, plan, plan.pool_before, refusal)
        self._point(plan, plan.pool_before, plan.pool_after)
        self.patience.on_event(events.Switched(plan.rule, _name(plan.pool_before), _name(plan.pool_after)))
        if reason := self._judged(self.hooks.watch, "production", to):
            self._point(plan, plan.pool_after, plan.pool_before)
            self.patience.on_event(events.SwitchedBack(plan.rule, _name(plan.pool_before), reason))
            return self._result(SwitchOutcome.SWITCHED_BACK, plan, plan.pool_before, reason)
        return self._result(SwitchOutcome.SWITCHED, plan, plan.pool_after)

    def _checked(self, plan: SwitchPlan, to: Side) -> str:
        """Ask the gates of the check, with the test rule meanwhile; where they pass it goes with the switch itself."""
        port = self.order.test_port
        if port is None:
            return self._judged(self.hooks.check, "idle", to)
        self._write(lambda body: with_test_rule(body, plan.rule, plan.pool_after, port))
        self.patience.on_event(events.TestRuleOpened(self.order.load_balancer, port, _name(plan.pool_after)))
        passed = False
        try:
            refusal = self._judged(self.hooks.check, "idle", to)
            passed = not refusal
        finally:
            if not passed:
                self._write(without_test_rule)
        return refusal

    def _judged(self, gates: Gates | None, stage: str, to: Side) -> str:
        """Why the gates refuse; empty where they pass, or there are none."""
        if gates is None:
            return ""
        found = gates.assess(stage, to.instance_ids, lambda seconds: self.hold.renew(lease=LEASE + seconds))
        said = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in found.verdicts)
        return "" if found.consequence is Consequence.GO_ON else " ".join(said.split())

    def _point(self, plan: SwitchPlan, before: str, after: str) -> None:
        """Point the rule at another pool, only where it leads to the one expected."""

        def edit(body: Body) -> Mapping[str, Any]:
            rules = (body.get("properties") or {}).get("loadBalancingRules") or []
            found = next((pool_of_rule(rule) for rule in rules if rule["name"] == plan.rule), "")
            if found.lower() not in (before.lower(), after.lower()):
                failure = Failure("ChangedMeanwhile", f"rule {plan.rule} leads to {_name(found) or 'nothing'} by now")
                raise AzureError(
                    f"switch {self.order.load_balancer}", failure, "look who changed it, then run it again"
                )
            return pointed(body, plan.rule, after)

        self._write(edit)

    def _write(self, edit: Callable[[Body], Mapping[str, Any]]) -> None:
        """Write what an edit makes of the load balancer; read it again where somebody else was quicker."""
        for _ in range(ATTEMPTS - 1):
            with suppress(_RaceError):
                self._write_once(edit)
                return
        self._write_once(edit)

    def _write_once(self, edit: Callable[[Body], Mapping[str, Any]]) -> None:
        body = edit(self._read())
        try:
            self.patience.retry(partial(self.board.write, body))
        except AzureError as error:
            if error.failure.status == CHANGED_MEANWHILE:
                raise _RaceError(error.action, error.failure, error.next_step) from error
            raise

    def _read(self) -> Body:
        group, name = self.order.to.resource_group, self.order.load_balancer
        return self.patience.retry(lambda: self.board.read(group, name))

    def _side(self, name: ScaleSetName) -> Side:
        scale_set = self.patience.retry(lambda: self.sets.get(name))
        instances = self.patience.retry(lambda: self.sets.instances(scale_set))
        ids = tuple(instance.id for instance in instances)
        pools = self.patience.retry(lambda: self.board.pools(scale_set, ids)) if ids else ()
        return Side(name, ids, sum(instance.is_healthy for instance in instances), pools)

    def _skus(self, *sides: Side) -> Mapping[str, str]:
        """The sku of each other load balancer that a set stands behind: what a person needs to know of a wrong one."""
        own = self.order.load_balancer.lower()
        ids = {pool.partition("/backendAddressPools/")[0] for side in sides for pool in side.pools}
        named = {one.rpartition("/")[2]: one.partition("/resourceGroups/")[2].partition("/")[0] for one in ids}
        found = {}
        for name, group in named.items():
            if name.lower() != own:
                body = self.patience.retry(partial(self.board.read, group, name))
                found[name] = str((body.get("sku") or {}).get("name", "Basic"))
        return found

    def _result(self, outcome: SwitchOutcome, plan: SwitchPlan, pool: str, reason: str = "") -> SwitchResult:
        return SwitchResult(outcome, plan.rule, _name(pool), reason)


def _name(arm_id: str) -> str:
    return arm_id.rpartition("/")[2]
