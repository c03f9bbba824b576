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
    """Its capacity at the start; ids count up from 0, with gaps if it overprovisions."""
    mode: Literal["Manual", "Automatic", "Rolling"] = "Manual"
    """Its upgrade policy."""
    orchestration: Literal["Uniform", "Flexible"] = "Uniform"
    """Uniform instances have numbers for ids, Flexible ones the names of virtual machines."""
    zones: tuple[str, ...] = ("1", "2", "3")
    """Availability zones, filled in turn; none for a regional set."""
    image: str = "nginx-base-image"
    """The key of the release that all instances run at the start."""
    applications: tuple[str, ...] = ()
    """The keys of the applications in its model, installed on all instances at the start."""
    extensions: tuple[Mapping[str, Any], ...] = ()
    """Further extensions of its model in Azure's form: ``name`` and ``properties``."""
    health_source: Literal["extension", "probe", "none"] = "extension"
    """What reports the health of its instances to Azure; a set has one source."""
    rich_health: bool = False
    """Whether the extension reports four states (its version 2, which reads them from `/health`) or only healthy and
    unhealthy."""
    automatic_os_upgrade: bool = False
    """Whether Azure installs new platform images automatically."""
    automatic_rollback: bool = True
    """Whether an upgrade of the operating system rolls back each instance on which it failed."""
    os_upgrade_deferral: bool = False
    """Whether an automatic upgrade of the operating system waits for the approval of each instance."""
    hooks: tuple[Mapping[str, Any], ...] = ()
    """Its lifecycle hooks in Azure's form: ``type``, ``waitDuration`` and ``defaultAction``."""
    terminate_notification: str = ""
    """For how long deletions are held, PT5M to PT15M; if empty, they are not."""
    zone_balance: bool = False
    """Whether Azure moves instances from full zones to empty ones; it then repairs instances too."""
    resilient_creation: bool = False
    """Whether Azure makes another instance if a new one does not come up."""
    repairs: Literal["", "Replace", "Restart", "Reimage"] = ""
    """What automatic repairs do with an instance that stays ill; none if empty."""
    rolling_policy: Mapping[str, Any] = field(default_factory=dict)
    """Changes to Azure's default rolling upgrade policy (20% a batch, 20% unhealthy, no pause)."""
    overprovision: bool = False
    """Whether Azure makes more instances than wanted and deletes the slowest, so that ids have gaps."""
    spot: Literal["", "Deallocate", "Delete"] = ""
    """What happens to evicted instances; if empty, the instances are regular ones, which are never evicted."""
    probe_interval: float = 5.0
    """Seconds between two probes of the load balancer."""
    probe_threshold: int = 2
    """How many probes in a row change the state of a backend."""
    autoscale: tuple[str, ...] = ()
    """The names of enabled autoscale settings that target it."""
    probe_path: str = "/"
    """The path that the load balancer's probe requests."""
    behind: str = ""
    """The name of another set, if this set has no load balancer of its own: it is in a second backend pool of that
    set's load balancer, and no rule sends traffic to the pool yet, as for the idle set of a blue-green pair."""
    nat: Literal["pool", "rule", "none"] = "pool"
    """How the load balancer gives each instance a port of its own: by an inbound NAT pool, which makes a rule for
    each instance, or by one NAT rule with a range of ports, the only way for Flexible sets. Both forward to port 80."""
