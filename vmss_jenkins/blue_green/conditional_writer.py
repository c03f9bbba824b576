"""Changing a load balancer that others may change at the same time: read, edit, write only what was read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from vmss_jenkins.blue_green.plan.switch import pool_name, pool_of_rule, with_rule_pointing_at
from vmss_jenkins.blue_green.ports import LoadBalancerStore
from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.model.network import Body
from vmss_jenkins.runtime.waiting import Waiter

ATTEMPTS = 4
"""Writes of a load balancer that somebody else changes at the same time."""
CHANGED_MEANWHILE = 412


class _RaceError(AzureError):
    """Somebody else changed the load balancer between our read and our write."""


@dataclass(frozen=True)
class ConditionalWriter:
    """Changes one load balancer."""

    store: LoadBalancerStore
    resource_group: str
    name: str
    waiter: Waiter

    def read(self) -> Body:
        """Read it.

        Raises:
            AzureError: where it cannot be read.
        """
        return self.waiter.retry(lambda: self.store.read(self.resource_group, self.name))

    def write(self, edit: Callable[[Body], Mapping[str, Any]]) -> None:
        """Write what an edit makes of it; read it again where somebody else was quicker.

        Raises:
            AzureError: where Azure refuses, or somebody else always is.
        """
        for _ in range(ATTEMPTS - 1):
            with suppress(_RaceError):
                self._write_once(edit)
                return
        self._write_once(edit)

    def point(self, rule: str, before: str, after: str) -> None:
        """Point a rule at another pool, only where it leads to the one expected.

        Raises:
            AzureError: with the code `ChangedMeanwhile` where it leads to a third one; as `write`.
        """

        def edit(body: Body) -> Mapping[str, Any]:
            rules = (body.get("properties") or {}).get("loadBalancingRules") or []
            found = next((pool_of_rule(one) for one in rules if one["name"] == rule), "")
            if found.lower() not in (before.lower(), after.lower()):
                failure = Failure("ChangedMeanwhile", f"rule {rule} leads to {pool_name(found) or 'nothing'} by now")
                raise AzureError(f"switch {self.name}", failure, "look who changed it, then run it again")
            return with_rule_pointing_at(body, rule, after)

        self.write(edit)

    def _write_once(self, edit: Callable[[Body], Mapping[str, Any]]) -> None:
        body = edit(self.read())
        try:
            self.waiter.retry(partial(self.store.write, body))
        except AzureError as error:
            if error.failure.status == CHANGED_MEANWHILE:
                raise _RaceError(error.action, error.failure, error.next_step) from error
            raise
