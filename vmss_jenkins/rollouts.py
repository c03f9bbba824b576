"""Rollouts as a library: `vmss_jenkins.roll_out` and `vmss_jenkins.roll_back`."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmss_jenkins import events
from vmss_jenkins.actions import RolloutSpec, Strategy
from vmss_jenkins.api import TIMEOUT, log
from vmss_jenkins.claims import Ended
from vmss_jenkins.clock import SystemClock
from vmss_jenkins.engine import Hooks, Order, RolloutResult, run_rollout
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gate_parsing import gates_from
from vmss_jenkins.gate_specs import AnyGate
from vmss_jenkins.heartbeat import Heartbeat
from vmss_jenkins.images import ImageReference
from vmss_jenkins.instances import ScaleSetName
from vmss_jenkins.measuring import connected_means
from vmss_jenkins.protocols import Drainer
from vmss_jenkins.reach import Azure, Reach
from vmss_jenkins.releases import Scripted
from vmss_jenkins.verification import Verification
from vmss_jenkins.waiting import Patience

if TYPE_CHECKING:
    from vmss_jenkins.scale_sets import AzureScaleSets


def roll_out(  # noqa: PLR0913 - what, where, how, and who is told, each by its name
    resource_group: str,
    name: str,
    image_reference: ImageReference | Mapping[str, str] | None = None,
    spec: RolloutSpec | None = None,
    *,
    scripted: Scripted | None = None,
    gates: Iterable[str | Mapping[str, object]] = (),
    claim: bool = True,
    allow_automatic_rollout: bool = False,
    reach: Reach | None = None,
    on_event: events.OnEvent = log,
) -> RolloutResult:
    """Roll a release out: the canary first, then in small steps, judged by gates, and back if it is bad.

    The state of a rollout is in Azure: where one was stopped, the same call goes on with it.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        image_reference: the release, as `vmss_jenkins.update` takes it; None for what the model has.
        spec: how; see `RolloutSpec`.
        scripted: the release is a script; no image is given then.
        gates: as `vmss_jenkins.verify` takes them; they are asked after the canary and after each batch.
        claim: refuse where another rollout of the set is under way, and make others refuse; takes the permission
            `Microsoft.Resources/tags/write` on the resource group.
        allow_automatic_rollout: go on although Azure takes the image to every instance by itself.
        reach: how Azure is reached.
        on_event: told each thing that happens; by default it is logged.

    Raises:
        AnotherRollout: where one is under way; nothing was changed.
        ConfigError: for parameters that cannot be used; nothing was changed.
        UnsafeRollout: for a set whose upgrade policy leaves no canary; nothing was changed.
        AzureError: where Azure refuses, or cannot be reached.
    """
    given = image_reference
    image = ImageReference.from_mapping(given) if isinstance(given, Mapping) else given
    hooks = Hooks(allow_automatic_rollout=allow_automatic_rollout)
    if image and scripted:
        raise ConfigError("release", ["found both an image and a script; give one of them"])
    run = _Connected(ScaleSetName(resource_group, name), spec or RolloutSpec(), _some(gates), claim, reach, scripted)
    return run(Order(image), hooks, on_event)


def roll_back(
    resource_group: str,
    name: str,
    spec: RolloutSpec | None = None,
    *,
    scripted: Scripted | None = None,
    claim: bool = True,
    allow_automatic_rollout: bool = False,
    reach: Reach | None = None,
    on_event: events.OnEvent = log,
) -> RolloutResult:
    """Take a scale set back: the model first, then the instances that were updated.

    It goes to `RolloutSpec.rollback_to`, or to the one other image that instances still run, or to the script that was
    written down before the one that there is.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        spec: how; see `RolloutSpec`.
        scripted: the release is a script; its `protected_before` are the protected settings to go back to.
        claim: as `roll_out`.
        allow_automatic_rollout: as `roll_out`.
        reach: how Azure is reached.
        on_event: told each thing that happens; by default it is logged.

    Raises:
        AnotherRollout: where one is under way; nothing was changed.
        ConfigError: for parameters that cannot be used; nothing was changed.
        UnsafeRollout: for a set whose upgrade policy leaves no canary; nothing was changed.
        AzureError: where Azure refuses, or cannot be reached.
    """
    hooks = Hooks(allow_automatic_rollout=allow_automatic_rollout)
    run = _Connected(ScaleSetName(resource_group, name), spec or RolloutSpec(), (), claim, reach, scripted)
    return run(Order(going_back=True), hooks, on_event)


def last_rollout(
    resource_group: str, name: str, *, reach: Reach | None = None, on_event: events.OnEvent = log
) -> Ended | None:
    """How the last rollout that changed something of a scale set ended; None where none wrote it down.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        reach: how Azure is reached.
        on_event: told each thing that happens; by default it is logged.

    Raises:
        ConfigError: for parameters that cannot be used.
        AzureError: where the tags of the resource group cannot be read.
    """
    with closing((reach or Reach()).connect(on_event).scale_sets()) as sets:
        ends = sets.claims(ScaleSetName(resource_group, name)).ends
        return Patience.starting(SystemClock(), TIMEOUT, on_event).retry(ends.read)


def _some(gates: Iterable[str | Mapping[str, object]]) -> tuple[AnyGate, ...]:
    """Read the gates, where there are any: a rollout may have none."""
    given = tuple(gates)
    return gates_from(given) if given else ()


@dataclass
class _Connected:
    """The engine, connected to Azure for one run."""

    name: ScaleSetName
    spec: RolloutSpec
    gates: tuple[AnyGate, ...]
    claim: bool
    reach: Reach | None
    scripted: Scripted | None

    def __call__(self, order: Order, hooks: Hooks, on_event: events.OnEvent) -> RolloutResult:
        clock = Heartbeat(SystemClock(), on_event)
        patience = Patience.starting(clock, 2 * self.spec.timeout, clock.on_event)
        azure, surges = (self.reach or Reach()).connect(on_event), self.spec.strategy is Strategy.SURGE
        with (
            closing(azure.scale_sets()) as sets,
            connected_means(sets, azure, clock) as means,
            _drainer(self.spec, azure) as pool,
        ):
            connected = replace(
                hooks,
                gates=Verification(self.name, self.gates, means, patience) if self.gates else None,
                drainer=pool,
                claims=sets.claims(self.name) if self.claim else None,
                headcounts=sets.headcounts(self.name) if self.claim or surges else None,
                run=secrets.token_hex(4),
                owner=owner(os.environ, order),
                build=os.environ.get("BUILD_URL", ""),
            )
            if self.scripted is None:
                return run_rollout(sets, self.name, order, self.spec, connected, patience)
            return _run_scripted(sets, self.name, order, self.spec, connected, patience, self.scripted)


def _run_scripted(
    sets: AzureScaleSets,
    name: ScaleSetName,
    order: Order,
    spec: RolloutSpec,
    hooks: Hooks,
    patience: Patience,
    scripted: Scripted,
) -> RolloutResult:
    """Roll a script out or back."""
    from vmss_jenkins.script_sets import ScriptSets  # noqa: PLC0415 - the SDK takes 0.3 s

    steps_back = order.going_back and spec.rollback_to is None
    memory, script = sets.memory(name), scripted.script
    script_sets = ScriptSets(sets, memory, patience.on_event, scripted.extension, script, steps_back)
    release = patience.retry(lambda: script_sets.adopt(name))
    known = replace(order, image=release)
    return run_rollout(script_sets, name, known, spec, replace(hooks, owner=owner(os.environ, known)), patience)


@contextmanager
def _drainer(spec: RolloutSpec, azure: Azure) -> Iterator[Drainer | None]:
    """What takes instances out of their load balancers, where that is wanted."""
    if spec.drain is None:
        yield None
        return
    from vmss_jenkins.draining import AzureDrainer  # noqa: PLC0415 - the SDK takes half a second

    with closing(azure.load_balancers()) as balancers:
        yield AzureDrainer(balancers, SystemClock())


def owner(environ: Mapping[str, str], order: Order) -> str:
    """Who runs which command: the job in Jenkins, else the user and the machine."""
    who = environ.get("JOB_NAME") or f"{environ.get('USER') or 'somebody'}@{socket.gethostname()}"
    what = "rollback" if order.going_back else f"rollout of {order.image.short_name if order.image else 'the model'}"
    return f"{who}: {what}"
