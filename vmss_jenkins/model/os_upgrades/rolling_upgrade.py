"""The latest rolling upgrade of a scale set, as Azure shows it (`rollingUpgrades/latest`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vmss_jenkins.model.arm_bodies import moment

ENDED = frozenset({"Completed", "Cancelled", "Faulted"})


@dataclass(frozen=True)
class RollingUpgrade:
    """A rolling upgrade by Azure."""

    code: str
    """RollingForward, RollingBack, Completed, Cancelled or Faulted."""
    started: float
    """Seconds UTC."""
    in_progress: int = 0
    pending: int = 0
    error: str = ""
    """Why it ended as Faulted."""

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.code not in ENDED


def upgrade_from(body: Mapping[str, Any]) -> RollingUpgrade:
    """Read a rolling upgrade."""
    properties = body.get("properties") or {}
    status, progress = properties.get("runningStatus") or {}, properties.get("progress") or {}
    error = properties.get("error") or {}
    return RollingUpgrade(
        code=str(status.get("code") or ""),
        started=moment(status.get("startTime")) or 0.0,
        in_progress=progress.get("inProgressInstanceCount") or 0,
        pending=progress.get("pendingInstanceCount") or 0,
        error=": ".join(filter(None, (error.get("code"), error.get("message")))),
    )
