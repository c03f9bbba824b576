"""A scale set that a scenario starts with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class SetSpec:
    """One scale set behind a load balancer of its own."""

    scale_set: str = "web"
    """Its name."""
    instances: int = 3
    """Its capacity at the start; ids count up from 0, with gaps where it overprovisions."""
    mode: Literal["Manual", "Automatic", "Rolling"] = "Manual"
    """Its upgrade policy."""
    orchestration: Literal["Uniform", "Flexible"] = "Uniform"
    """Uniform instances have numbers for ids, Flexible ones the names of virtual machines."""
    zones: tuple[str, ...] = ("1", "2", "3")
    """Availability zones, filled in turn; none for a regional set."""
    image: str = "nginx-base-image"
    """The key of the release that all instances run at the start."""
    extensions: tuple[Mapping[str, Any], ...] = ()
    """Further extensions of its model, as clients write them: ``name`` and ``properties``."""
    health_source: Literal["extension", "probe", "none"] = "extension"
    """What reports each instance's health to Azure: one source a set."""
    rich_health: bool = False
    """Whether the extension tells four states (its version 2, which reads them from `/health`) or healthy and
    unhealthy alone."""
    automatic_os_upgrade: bool = False
    """Whether Azure installs new platform images by itself."""
    automatic_rollback: bool = True
    """Whether an upgrade of the operating system takes each instance back on which it failed."""
    rolling_policy: Mapping[str, Any] = field(default_factory=dict)
    """Changes to Azure's rolling upgrade policy (batch, unhealthy percent 20 each, no pause)."""
    overprovision: bool = False
    """Whether Azure makes more instances than wanted and deletes the slowest: ids have gaps then."""
    spot: Literal["", "Deallocate", "Delete"] = ""
    """What becomes of evicted instances; where it is empty, they are regular ones, which are never evicted."""
    probe_interval: float = 5.0
    """Seconds between two probes of the load balancer."""
    probe_threshold: int = 2
    """Probes in a row that change the load balancer's mind."""
    autoscale: tuple[str, ...] = ()
    """The names of enabled autoscale settings that target it."""
    probe_path: str = "/"
    """What the load balancer's probe asks an instance for."""
    behind: str = ""
    """The name of another set: this one stands behind that one's load balancer, in a backend pool of its own to which
    no rule leads yet, as the idle half of a blue-green pair; empty for a load balancer of its own."""
    nat: Literal["pool", "rule", "none"] = "pool"
    """How the load balancer gives each instance a port of its own: by an inbound NAT pool, which makes a rule for
    each instance, or by one NAT rule with a range of ports, the only way of Flexible sets. Both lead to port 80."""
