"""The health probe of a load balancer, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Probe:
    """How a load balancer finds out which of its backends may get connections.

    Azure documents for `probeThreshold` that it takes as many successes in a row as failures; of the older
    `numberOfProbes` it lists as a known issue that it is not respected, and one probe decides either way.

    Raises:
        ValueError: The interval is not positive, a threshold under 1, or the path has no leading slash.
    """

    interval: float = 5.0
    """Seconds of the emulated clock from one round of probes to the next."""
    threshold: int = 2
    """Failures in a row until a backend is out: another status than 200, no connection, no answer in time."""
    recovery: int = 1
    """Successes in a row until a backend that is out, as it is at first, is in."""
    path: str = "/"
    """What is asked for, by GET. The answer must be 200; a redirection is not followed."""
    kind: Literal["http", "tcp", "none"] = "http"
    """`tcp` asks for nothing but a connection, `none` takes every backend for up."""

    def __post_init__(self) -> None:
        if self.interval <= 0:
            raise ValueError(f"a probe's interval is {self.interval} s; it must be above 0")
        if (least := min(self.threshold, self.recovery)) < 1:
            raise ValueError(f"a probe's threshold is {least}; it must be at least 1")
        if not self.path.startswith("/"):
            raise ValueError(f"a probe's path is {self.path!r}; it must begin with a slash")
