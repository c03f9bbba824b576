"""The answer to a request, before it becomes HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_jenkins.emulator.state.operation import Operation


@dataclass(frozen=True)
class Reply:
    """An answer; None is an empty body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    operation: Operation | None = None
    """The operation that the request began."""
