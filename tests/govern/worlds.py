"""An emulator whose sets get OS upgrades by themselves, with a clock that moves when somebody waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.rollout.test_steps_emulated import WEB, Session, session
from tests.support.cloud import Killed
from vmss_jenkins.azure.connection import AzureClients
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.os_upgrades.upgrades import AzureOsUpgrades
from vmss_jenkins.emulator import Release, Scenario
from vmss_jenkins.events.base import Event
from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.govern.governor import GovernContext, govern
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.library.image_checks import newest_of
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.rollout.ending import RolloutResult

IMAGE = "apps/nginx"
RELEASES = {f"{IMAGE}/1.0.{n}": Release(f"release {n}") for n in range(3)}
SCHEDULING = {"type": "UpgradeAutoOSScheduling", "defaultAction": "Reject"}
BATCH = {"type": "UpgradeAutoOSRollingBatchStarting", "defaultAction": "Reject"}
LOOK = 30.0


@dataclass(frozen=True)
class Verdicts:
    """What the gates conclude."""

    consequence: Consequence
    verdicts: tuple[Verdict, ...] = ()


@dataclass
class Judge:
    """Gates that note what they measure, and measure for some time."""

    azure: Session
    verdict: Callable[[int, tuple[str, ...]], Consequence] = lambda _run, _ids: Consequence.GO_ON
    seconds: float = 20.0
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def assess(
        self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None
    ) -> Verdicts:
        self.asked.append((stage, tuple(instance_ids)))
        before(self.seconds)
        self.azure.clock.sleep(self.seconds)
        return Verdicts(self.verdict(len(self.asked), tuple(instance_ids)))


@dataclass
class Life:
    """A clock that ends the program at one of its waits, as `kill -9` does."""

    azure: Session
    waits: int

    def now(self) -> float:
        return self.azure.clock.now()

    def sleep(self, seconds: float) -> None:
        self.waits -= 1
        if self.waits < 0:
            raise Killed
        self.azure.clock.sleep(seconds)


@dataclass
class World:
    """An emulator with one set, and runs of the governor on it."""

    azure: Session
    model: ScaleSet

    def publish(self, version: str = "1.0.1") -> None:
        """Publish a version, let it be replicated, and let Azure begin."""
        self.azure.emulator.inject(f"publish image={IMAGE}/{version}")
        self.azure.sets.get(WEB)
        self.pass_time(2000)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.azure.clock.sleep(seconds)
        self.azure.emulator.backend.advance()

    def govern(
        self, judge: Judge | None = None, clock: Any = None, owner: str = "job", **spec: Any
    ) -> RolloutResult | None:
        """Run the governor once."""
        upgrades, emulator = AzureOsUpgrades(self.azure.sets, WEB), self.azure.emulator
        clients = AzureClients(Endpoint(emulator.subscription_id, emulator.endpoint), None, lambda _: None)
        waiter = replace(self.azure.waiter(), clock=clock or self.azure.clock)
        context = GovernContext(
            gates=judge, claims=self.azure.sets.claims(WEB), services=self.azure.sets.services(WEB), owner=owner,
            newest=newest_of(clients, self.model), run=f"run-{len(self.azure.events)}",
        )  # fmt: skip
        return govern(upgrades, self.azure.sets, WEB, GovernSpec(**spec), context, waiter)

    @property
    def versions(self) -> dict[str, str]:
        """The version of each instance."""
        return {one.id: (one.image and one.image.exact_version) or "" for one in self.azure.instances()}

    @property
    def events(self) -> Any:
        """The events of the hooks."""
        return AzureOsUpgrades(self.azure.sets, WEB).events()[1]

    def told(self, kind: type[Event]) -> list[Any]:
        """The events of one kind that were told."""
        return [one for one in self.azure.events if isinstance(one, kind)]


@contextmanager
def world(*hooks: dict[str, str], **options: Any) -> Iterator[World]:
    """A set that follows a definition of a gallery, of which two versions are not published yet."""
    fixed: dict[str, Any] = {
        "instances": 5,
        "image": IMAGE,
        "releases": RELEASES,
        "unpublished": frozenset(list(RELEASES)[1:]),
        "automatic_os_upgrade": True,
        "hooks": hooks or (SCHEDULING, BATCH),
        "zones": (),
    }
    with session(Scenario(**{**fixed, **options})) as azure:
        yield World(azure, azure.sets.get(WEB))
