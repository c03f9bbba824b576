"""Rollouts in random worlds in which Azure replaces instances too: by repairs, and to balance zones."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.rollout.test_engine import Judge, Pool, Said, roll
from tests.rollout.test_engine_random import SETTINGS, Setting, to_its_end, world
from tests.support.cloud import Cloud, CloudOperation
from tests.support.fakes import NEW, OLD
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.instances import Health
from vmss_jenkins.rollout.ending import Outcome
from vmss_jenkins.rollout.engine import Order
from vmss_jenkins.rollout.plan.actions import OnFailure
from vmss_jenkins.rollout.plan.selection import Amount

REPAIRS, BALANCE = "AutomaticRepairs", "AutomaticZoneRebalancing"
LOOKS_EVERY, GRACE = 15.0, 40.0
"""Seconds; Azure's own are at least ten minutes, so these services are worse than Azure's."""


@dataclass
class Watched(Cloud):
    """A scale set on which it is noted who had the new release before it was judged."""

    judged: bool = False
    most_unjudged: int = 0
    """How many had it at a time."""
    released: bool = False
    """Whether a run ended: from then on the services may act again, also if it halts and leaves the release there."""
    acts: Callable[[], bool] = lambda: False
    """Whether a service acts that the run is to suspend."""
    excused: set[str] = field(default_factory=set)
    """Instances that were down when they were updated: they go before the canary."""

    def add(self, key: str, zone: str | None = None, domain: int | None = None, **changes: object) -> None:
        super().add(key, zone, domain, **changes)
        self._note()

    def change(self, key: str, **changes: object) -> None:
        super().change(key, **changes)
        self._note()

    def _begin_update(self, key: str, operation: CloudOperation) -> float:
        if not self.there[key].is_healthy:
            self.excused.add(key)
        assert not self.acts(), "an instance is updated while Azure may replace others"
        return super()._begin_update(key, operation)

    def _note(self) -> None:
        if not self.judged and not self.released:
            having = sum(one.image is NEW for key, one in self.there.items() if key not in self.excused)
            self.most_unjudged = max(self.most_unjudged, having)


@dataclass
class Gates(Judge):
    """Gates after whose good verdict every instance may have the release."""

    cloud: Watched | None = None

    def assess(self, stage: str, instance_ids: Sequence[str], *before: object) -> Said:
        assert self.cloud
        self.cloud.judged |= self.says is Consequence.GO_ON
        return super().assess(stage, instance_ids)


@dataclass
class AzureReplaces:
    """The services of a scale set by which Azure replaces instances; satisfies `Services`."""

    cloud: Watched
    on: frozenset[str]
    off: set[str]
    """Those that are suspended."""
    ill: dict[str, float] = field(default_factory=dict)
    """Since when."""
    replaced: list[str] = field(default_factory=list)
    number: itertools.count[int] = field(default_factory=lambda: itertools.count(500))

    def suspended(self) -> tuple[str, ...]:
        self.cloud._call("services")
        return tuple(sorted(self.off))

    def begin_set_suspended(self, service: str, *, suspended: bool) -> CloudOperation:
        self.cloud._call("begin_set_suspended")
        (self.off.add if suspended else self.off.discard)(service)
        self.cloud.released |= not suspended
        operation = CloudOperation(f"suspend {service}", "r", service)
        self.cloud.clock.after(1.0, lambda: setattr(operation, "ended", True))
        self.cloud._fault("begin_set_suspended answer")
        return operation

    def poll(self, operation: CloudOperation) -> None:
        self.cloud.poll(operation)

    def look(self) -> None:
        """What Azure does by itself, again and again."""
        there, now = self.cloud.there, self.cloud.clock.time
        ill = [
            key
            for key, one in there.items()
            if one.health in {Health.UNHEALTHY, Health.UNKNOWN}
            and one.provisioning_state == "Succeeded"
            and not one.protected_from_scale_set_actions
        ]
        self.ill = {key: self.ill.get(key, now) for key in ill}
        runs = self.on - self.off
        if REPAIRS in runs and (due := [key for key, since in self.ill.items() if now >= since + GRACE]):
            self._replace(due[0])
        elif BALANCE in runs and (key := self._doubled()):
            self._replace(key)
        self.cloud.clock.after(LOOKS_EVERY, self.look)

    def _doubled(self) -> str | None:
        """An instance of the fullest zone, if that has two more than another one."""
        movable = {key: one for key, one in self.cloud.there.items() if one.is_healthy and one.zone}
        zones = Counter(one.zone for one in movable.values())
        if not zones or max(zones.values()) < min(zones.values()) + 2:
            return None
        fullest = max(sorted(zones), key=lambda zone: zones[zone])  # type: ignore[type-var]
        free = (key for key, one in movable.items() if one.zone == fullest)
        return next((key for key in free if not there_protected(self.cloud, key)), None)

    def _replace(self, key: str) -> None:
        """Delete one, and make one of the model in the emptiest zone."""
        self.replaced.append(key)
        self.cloud.delete(key)
        self.cloud._create(CloudOperation("replace", None, "replace"))


def there_protected(cloud: Cloud, key: str) -> bool:
    return cloud.there[key].protected_from_scale_set_actions


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    SETTINGS,
    st.sets(st.sampled_from([REPAIRS, BALANCE]), min_size=1).map(frozenset),
    st.sets(st.sampled_from([REPAIRS, BALANCE]), max_size=1).map(frozenset),
)
def test_nobody_gives_an_unjudged_release_to_an_instance_outside_the_canary(
    setting: Setting, on: frozenset[str], by_hand: frozenset[str]
) -> None:
    incidents = [each for each in setting.incidents if each[1] in {"falls ill", "third release"}]
    trouble = {call: kind for call, kind in setting.trouble.items() if kind != "refused"}
    setting = replace(setting, canary=setting.canary or 1, incidents=incidents, trouble=trouble)
    cloud = world(setting, Watched)
    cloud.scale_set = replace(cloud.scale_set, services=tuple(sorted(on)))
    services = AzureReplaces(cloud, on, set(by_hand & on))
    cloud.acts = lambda: bool(on - services.off)
    cloud.clock.after(LOOKS_EVERY, services.look)
    gates = Gates(Consequence.FAIL if setting.judged_bad else Consequence.GO_ON, cloud=cloud)
    result = to_its_end(cloud, setting, Pool(cloud), services=services, gates=gates)
    event(result.outcome.value)
    event(f"replaced: {bool(services.replaced)}")
    assert cloud.peak <= setting.limit, "more that served were taken than allowed"
    assert services.off == by_hand & on, "the services are not as they were"
    assert cloud.most_unjudged <= (setting.canary or 1), "an instance outside the canary had an unjudged release"
    if result.outcome is Outcome.ROLLED_OUT:
        assert cloud.judged


def test_the_watch_over_the_promise_sees_it_broken() -> None:
    """Without the suspension the services give the release to others: the world itself is tested."""
    cloud = Watched.of(6, zones=3)
    services = AzureReplaces(cloud, frozenset({REPAIRS}), set())
    cloud.set_model(NEW)
    cloud.change("5", health=Health.UNHEALTHY)
    cloud.clock.after(LOOKS_EVERY, services.look)
    cloud.clock.sleep(GRACE + 4 * LOOKS_EVERY)
    assert services.replaced == ["5"]
    assert cloud.most_unjudged == 1


@dataclass
class ReplacesAtOnce(AzureReplaces):
    """Repairs that replace instance 0 as soon as they run again."""

    def begin_set_suspended(self, service: str, *, suspended: bool) -> CloudOperation:
        if not suspended and "0" in self.cloud.there:
            self.cloud.clock.after(0.5, lambda: self._replace("0"))
        return super().begin_set_suspended(service, suspended=suspended)


def test_a_run_that_failed_stays_halted_if_a_repair_takes_the_failed_instance_away() -> None:
    cloud = Watched.of(4)
    cloud.scale_set = replace(cloud.scale_set, services=(REPAIRS,))
    cloud.behaviour.healthy_after = lambda key, image: None if key == "0" and image is NEW else 3.0
    services = ReplacesAtOnce(cloud, frozenset({REPAIRS}), set())
    result = roll(
        cloud, services=services, gates=Gates(cloud=cloud), canary=Amount(1), on_failure=OnFailure.STOP,
        instance_timeout=100.0, claims=cloud, owner="job", run="run1",
    )  # fmt: skip
    assert services.replaced == ["0"]
    assert (result.outcome, services.off) == (Outcome.HALTED, set())
    assert "0: not healthy after 100 s" in result.reason
    assert result.states.keys() == cloud.there.keys(), "the states are those of the last look"
    assert [key for _, key, _ in cloud.updates] == ["0"]


def test_a_run_that_only_waits_at_first_suspends_the_services_if_others_lack_the_release_of_the_model() -> None:
    for model, wanted in ((NEW, {REPAIRS}), (OLD, set())):
        cloud = Watched.of(3)
        cloud.scale_set = replace(cloud.scale_set, services=(REPAIRS,))
        cloud.set_model(model)
        cloud.join("9", 60.0)  # somebody scales out: what is there now is waited for
        services, seen = AzureReplaces(cloud, frozenset({REPAIRS}), set()), list[set[str]]()
        cloud.clock.after(30.0, lambda services=services, seen=seen: seen.append(set(services.off)))  # type: ignore[misc]
        roll(cloud, order=Order(model), services=services, gates=Gates(cloud=cloud), claims=cloud, owner="job", run="1")
        assert seen == [wanted]
        assert services.off == set()
