"""Writes the protection of instances: several at a time, and again while Azure works on one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic

from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.model.final_state import counted
from vmss_jenkins.rollout.plan.protection.decision import Policy
from vmss_jenkins.rollout.ports import Protector
from vmss_jenkins.rollout.refusals import CONFLICT
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter, next_poll

AT_A_TIME = 20
"""Instances whose protection is changed at a time."""
AGAIN = 5.0
"""Seconds until a refused change is tried again."""
_NOT_FOUND, _FORBIDDEN = 404, 403
_WRITE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/write"


@dataclass(frozen=True)
class Refused:
    """Changes that Azure refused as long as they were tried, since it works on the instances."""

    left: Mapping[str, Policy]
    error: AzureError
    """The last refusal."""


@dataclass
class PolicyWriter(Generic[OperationT]):
    """Writes the protection of the instances of one set.

    Args:
        protector: Azure.
        waiter: clock and listener.
        beat: called in each wait.
    """

    protector: Protector[OperationT]
    waiter: Waiter
    beat: Callable[[], None] = field(default=lambda: None)

    def write(self, wanted: Mapping[str, Policy], patience: float) -> Refused | None:
        """Write the protection of instances; one that is gone needs none.

        Args:
            wanted: the protection, by the id of the instance.
            patience: seconds for which a refusal is tried again while Azure works on an instance.

        Returns:
            What was refused to the end; None if all of it is written.

        Raises:
            ConfigError: the role does not allow it.
            AzureError: Azure refuses, or cannot be reached.
        """
        left, since = dict(wanted), self.waiter.clock.now()
        while left:
            begun, refused = self._begin(left)
            if begun:
                self._await(begun)
                since = self.waiter.clock.now()
            elif refused and self.waiter.clock.now() - since >= patience:
                return Refused(left, refused)
            elif refused:
                self.waiter.clock.sleep(AGAIN)
                self.beat()
        return None

    def _begin(self, left: dict[str, Policy]) -> tuple[list[OperationT], AzureError | None]:
        """Begin some changes, which are then no longer left; with the last refusal, if Azure works on an instance."""
        begun: list[OperationT] = []
        refused: AzureError | None = None
        for key in list(left):
            if len(begun) == AT_A_TIME:
                break
            answer = self.waiter.retry(lambda key=key: self._ask(key, left[key]))  # type: ignore[misc]
            if isinstance(answer, AzureError) and answer.failure.status == CONFLICT:
                refused = answer
                continue
            if not isinstance(answer, AzureError):
                begun.append(answer)
            del left[key]
        return begun, refused

    def _ask(self, key: str, policy: Policy) -> OperationT | AzureError:
        """Begin a change; a refusal is an answer if Azure works on the instance, or if it is gone."""
        try:
            return self.protector.begin_protect(key, policy)
        except AzureError as error:
            if error.failure.status in {CONFLICT, _NOT_FOUND}:
                return error
            raise _without(error) from error

    def _await(self, begun: Sequence[OperationT]) -> None:
        def ended() -> bool:
            self.beat()
            for operation in begun:
                if not operation.done:
                    self.waiter.retry(lambda operation=operation: self.protector.poll(operation))  # type: ignore[misc]
            return all(operation.done for operation in begun)

        what = f"change the protection of {counted(begun)}"
        self.waiter.until(what, ended, lambda gone: next_poll(gone, None))


def _without(error: AzureError) -> AzureError | ConfigError:
    """The error of a refused change: if the role does not allow it, with the action that it lacks."""
    if error.failure.status != _FORBIDDEN:
        return error
    reasons = [
        f"found no permission for {_WRITE}, by which the instances are protected from Azure's own upgrades",
        "add it to the role, or set the upgrade policy to Manual: `az vmss update --set upgradePolicy.mode=Manual`",
    ]
    return ConfigError("upgrade policy", reasons)
