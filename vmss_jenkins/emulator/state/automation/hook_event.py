"""An event of a lifecycle hook, as plain state; ``compute.automation.hooks`` has the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = Literal["Waiting", "Approved", "Rejected"]


@dataclass
class HookEvent:
    """A question of Azure to the customer: may it go on with these targets?"""

    name: str
    kind: str
    """UpgradeAutoOSScheduling or UpgradeAutoOSRollingBatchStarting."""
    created: float
    wait_until: float
    """When the default action answers for the targets that still wait."""
    max_wait_until: float
    """The latest time to which a client may move that."""
    default_action: Literal["Approve", "Reject"]
    targets: dict[str, Answer]
    """The answers, by the instance's id, or by an empty text for the set."""
    on_end: Callable[[HookEvent], None]
    """Called once all targets have their answers."""

    @property
    def waits(self) -> bool:
        """Whether a target still waits for its answer."""
        return "Waiting" in self.targets.values()

    @property
    def approved(self) -> list[str]:
        """The targets that are approved."""
        return [key for key, answer in self.targets.items() if answer == "Approved"]
