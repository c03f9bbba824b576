"""What the engine needs of the world; adapters and fakes satisfy it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from vmss_jenkins.claims import Claim, Ended
from vmss_jenkins.gate_specs import CommandGate, Expectation, ProbingGate, Via
from vmss_jenkins.gates import CommandResult, Consequence, Sample, Verdict
from vmss_jenkins.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.jobs import ExistingJob
from vmss_jenkins.network import Address, Body, Unreachable
from vmss_jenkins.releases import Release


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> float:
        """Seconds since some moment; never runs backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Operation(Protocol):
    """A long-running operation that Azure accepted."""

    @property
    def action(self) -> str:
        """What it does, as a phrase."""
        ...

    @property
    def request_id(self) -> str | None:
        """`x-ms-request-id` of the request that began it."""
        ...

    @property
    def done(self) -> bool:
        """Whether it ended well; a bad end is raised."""
        ...

    @property
    def retry_after(self) -> float | None:
        """Seconds that Azure asked to wait before it is asked again."""
        ...


OperationT = TypeVar("OperationT", bound=Operation)


class ScaleSets(Protocol[OperationT]):
    """Reads and changes scale sets; each call is made once and raises `AzureError`."""

    @property
    def remaining(self) -> Mapping[str, int]:
        """Requests left by token bucket, as the last answers told."""
        ...

    def get(self, name: ScaleSetName) -> ScaleSet:
        """Read a set's model."""
        ...

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        """Read all its instances."""
        ...

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        """Read one of its instances."""
        ...

    def autoscale_settings(self, scale_set: ScaleSet) -> tuple[str, ...] | None:
        """Name the enabled autoscale settings that target it; None where they cannot be read."""
        ...

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> OperationT:
        """Set the image of the model."""
        ...

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> OperationT:
        """Bring instances to the latest model."""
        ...

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> OperationT:
        """Set the wanted number of instances; new ones come with the model of this moment."""
        ...

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> OperationT:
        """Delete instances; the wanted number is lowered by as many."""
        ...

    def poll(self, operation: OperationT) -> None:
        """Ask once how an operation stands."""
        ...


@dataclass(frozen=True)
class ProbeRequest:
    """One HTTP request to send, and what a good answer is."""

    url: str
    expect: Expectation
    timeout: float
    """Seconds for the whole answer."""
    instance_id: str | None = None
    """The instance that it reaches; None through a load balancer."""
    host: str | None = None
    """The name to ask for, where it is not the URL's."""


class Prober(Protocol):
    """Sends HTTP requests."""

    def probe(self, asked: Sequence[ProbeRequest], interval: float) -> tuple[Sample, ...]:
        """Send requests in their order, the starts `interval` seconds apart; what fails is a value."""
        ...


class LoadBalancers(Protocol):
    """Finds addresses; each call is made once and raises `AzureError`."""

    def addresses(
        self, scale_set: ScaleSet, ids: Sequence[str], via: Via, port: int
    ) -> Mapping[str, Address | Unreachable]:
        """Find where a port of each instance is reached."""
        ...

    def frontends(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[Address, ...]:
        """Find the load-balanced addresses before instances."""
        ...


class TunnelError(Exception):
    """A tunnel that could not be opened: the check could not measure."""


class Drainer(Protocol):
    """Takes instances out of their load balancers."""

    def drain(self, scale_set: ScaleSet, ids: Sequence[str]) -> Mapping[str, str]:
        """Let no new connection reach instances; give the reason for each that still gets them."""
        ...

    def restore(self, scale_set: ScaleSet, ids: Sequence[str]) -> None:
        """Leave instances to the health probes again; raises `AzureError`."""
        ...


class Switchboard(Protocol):
    """Reads and writes load balancers whole; each call is made once and raises `AzureError`."""

    def read(self, resource_group: str, name: str) -> Body:
        """Read a load balancer."""
        ...

    def write(self, body: Mapping[str, Any]) -> None:
        """Put it in the place of the one that was read, only if nobody changed it since: else the status 412."""
        ...

    def pools(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[str, ...]:
        """The ARM ids of the backend pools that instances are in."""
        ...


class Tunnels(Protocol):
    """Opens SSH tunnels."""

    def open(self, gate: ProbingGate, server: Address) -> AbstractContextManager[Address]:
        """Forward a local port to the gate's port on an instance; raises `TunnelError`."""
        ...


class CommandRunner(Protocol):
    """Runs programs of the user."""

    def run(self, gate: CommandGate, facts: Mapping[str, str]) -> CommandResult:
        """Run a gate's program to its end; how it ended is a value."""
        ...


class Judgement(Protocol):
    """What the gates came to."""

    @property
    def consequence(self) -> Consequence:
        """Whether the rollout goes on, has failed, or halts."""
        ...

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """What each gate said."""
        ...


class Gates(Protocol):
    """Judges a release."""

    def assess(self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = ...) -> Judgement:
        """Measure the new release on these instances.

        Args:
            stage: what is judged.
            instance_ids: the instances.
            before: told before each measurement how many seconds it takes at the most.
        """
        ...


class Ends(Protocol):
    """How the last rollout of a scale set ended; each call raises `AzureError`."""

    def write(self, ended: Ended) -> None:
        """Write down how one ended."""
        ...


class Claims(Protocol):
    """The marks in Azure by which rollouts of one scale set see each other; each call raises `AzureError`."""

    @property
    def ends(self) -> Ends:
        """Where the end of a rollout is written down."""
        ...

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        """The server's time (seconds, UTC) and the claims there are, lapsed ones too."""
        ...

    def write(self, claim: Claim) -> None:
        """Add a claim, or replace the one of the same run; the others stay."""
        ...

    def remove(self, runs: Sequence[str]) -> None:
        """Take away the claims of these runs."""
        ...


class JenkinsJobs(Protocol):
    """Reads and changes the jobs of a server, for several threads; each call is made once; raises `JenkinsError`."""

    @property
    def url(self) -> str:
        """Where the server is."""
        ...

    def whoami(self) -> str:
        """Name the user, which proves that the server is there and knows them."""
        ...

    def plugins(self) -> Mapping[str, str] | None:
        """Name the active plugins and their versions; None where the user may not see them."""
        ...

    def items(self) -> Mapping[str, ExistingJob]:
        """List all items by path, without their config.xml, in one request."""
        ...

    def config(self, path: str) -> str:
        """Read a job's config.xml."""
        ...

    def credentials(self, folder: str) -> frozenset[str] | None:
        """Name the credentials of a folder, or of the server for ""; None where they cannot be seen."""
        ...

    def may_create(self, folder: str) -> bool:
        """Ask whether the user may create jobs in a folder, or on top for ""; nothing is created."""
        ...

    def lint(self, jenkinsfile: str) -> tuple[str, ...] | None:
        """Name the faults of a declarative pipeline; None where the server has no linter."""
        ...

    def create(self, path: str, config_xml: str) -> None:
        """Create a job in a folder that is there."""
        ...

    def create_folder(self, path: str) -> None:
        """Create a folder in one that is there."""
        ...

    def update(self, path: str, config_xml: str) -> None:
        """Replace a job's config.xml."""
        ...

    def delete(self, path: str) -> None:
        """Delete a job with its builds."""
        ...
