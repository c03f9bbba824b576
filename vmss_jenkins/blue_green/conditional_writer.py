"""Change a load balancer that others may change too: read, edit, and write only if nobody else wrote meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from vmss_jenkins.blue_green.plan.rules import pool_name, pool_of_rule, with_rule_pointing_at
from vmss_jenkins.blue_green.ports import LoadBalancerStore
from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.model.network import Body
from vmss_jenkins.runtime.waiting import Waiter

ATTEMPTS = 4
"""Attempts to write a load balancer that somebody else changes too."""
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
        """Read the load balancer.

        Raises:
            AzureError: if it cannot be read.
        """
        return self.waiter.retry(lambda: self.store.read(self.resource_group, self.name))

    def write(self, edit: Callable[[Body], Mapping[str, Any]]) -> None:
        """Edit and write the load balancer; start again if somebody else changed it meanwhile.

        Raises:
            AzureError: if Azure refuses, or if somebody else changed it each time.
        """
        for _ in range(ATTEMPTS - 1):
            with suppress(_RaceError):
                self._write_once(edit)
                return
        self._write_once(edit)

    def point(self, rule: str, before: str, after: str) -> None:
        """Point a rule at another backend pool, if it sends traffic to the expected one.

        Raises:
            AzureError: with the code `ChangedMeanwhile` if the rule sends traffic to a third pool; as `write`.
        """

        def edit(body: Body) -> Mapping[str, Any]:
            rules = (body.get("properties") or {}).get("loadBalancingRules") or []
            found = next((pool_of_rule(one) for one in rules if one["name"] == rule), "")
            if found.lower() not in (before.lower(), after.lower()):
                failure = Failure(
                    "ChangedMeanwhile", f"rule {rule} now sends traffic to {pool_name(found) or 'no pool'}"
                )
                raise AzureError(f"switch {self.name}", failure, "find out who changed it, then run the command again")
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
