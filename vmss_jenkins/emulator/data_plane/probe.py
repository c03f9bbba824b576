"""The health probe of a load balancer, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Probe:
    """How a load balancer finds out which of its backends may get connections.

    Azure documents that `probeThreshold` counts successes in a row and failures in a row alike. It lists as a known
    issue that the older `numberOfProbes` is ignored, so that a single probe decides.

    Raises:
        ValueError: The interval is not positive, a threshold under 1, or the path has no leading slash.
    """

    interval: float = 5.0
    """Seconds of the emulated clock from one round of probes to the next."""
    threshold: int = 2
    """Failures in a row until a backend is down: a status other than 200, no connection, no answer in time."""
    recovery: int = 1
    """Successes in a row until a backend that is down, as each is at first, is up."""
    path: str = "/"
    """The path of the GET request. The answer must be 200; a redirection is not followed."""
    kind: Literal["http", "tcp", "none"] = "http"
    """`tcp` only connects; with `none` every backend counts as up."""

    def __post_init__(self) -> None:
        if self.interval <= 0:
            raise ValueError(f"a probe's interval is {self.interval} s; it must be above 0")
        if (least := min(self.threshold, self.recovery)) < 1:
            raise ValueError(f"a probe's threshold is {least}; it must be at least 1")
        if not self.path.startswith("/"):
            raise ValueError(f"a probe's path is {self.path!r}; it must begin with a slash")
