"""Rollouts as the engine tells them, for the tests of what is made of their events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone

from tests.cloud import Cloud
from tests.fakes import NEW, OLD, WEB
from vmss_jenkins import events, rollout_events
from vmss_jenkins.actions import RolloutSpec
from vmss_jenkins.curves import CurvePoint
from vmss_jenkins.engine import Hooks, Order, RolloutResult, run_rollout
from vmss_jenkins.gates import Consequence, Measurement, Outcome, Threshold, Verdict
from vmss_jenkins.protocols import Gates
from vmss_jenkins.report import json, reading
from vmss_jenkins.report.reading import Told
from vmss_jenkins.rollout_events import InstanceSeen, InstanceState
from vmss_jenkins.selection import Amount
from vmss_jenkins.verification import Assessment
from vmss_jenkins.waiting import Patience

BEGAN = datetime(2026, 11, 24, 9, 30, tzinfo=timezone.utc)
BUILD = "https://jenkins.example.com/job/web-canary/7/"
ERRORS = Measurement("errors of the canary", 6.333, "%", 300, Threshold(1.0))
VERDICTS = {
    Consequence.GO_ON: Verdict("compare", Outcome.PASSED, "no worse than stable", (ERRORS,)),
    Consequence.FAIL: Verdict("compare", Outcome.FAILED, "6.3% errors against 0.0%", (ERRORS,), output="curl: (22)"),
    Consequence.HALT: Verdict("compare", Outcome.INCONCLUSIVE, "may be chance", (ERRORS,), 120),
}


class Judge:
    """A gate that measures for twenty seconds, tells it, and says what it is told to."""

    def __init__(self, told: list[Told], cloud: Cloud, *says: Consequence) -> None:
        self._told, self._cloud, self._says = told, cloud, list(says)

    def assess(
        self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None
    ) -> Assessment:
        follows = self._says.pop(0) if len(self._says) > 1 else self._says[0]
        verdict = VERDICTS[follows]
        points = [CurvePoint(at, side, 20, int(at) % 3 if side == "canary" else 0, 0.012, 0.03 + at / 1000)
                  for at in (1.0, 6.0, 11.0, 16.0) for side in ("canary", "stable")]  # fmt: skip
        self._tell(events.GateStarted("compare", stage, tuple(instance_ids)))
        self._cloud.clock.sleep(20)
        self._tell(events.GateSampled("compare", tuple(points)))
        self._tell(events.GateJudged(verdict, follows))
        return Assessment(stage, tuple(instance_ids), (verdict,), follows)

    def _tell(self, event: events.Event) -> None:
        self._told.append(Told(BEGAN + timedelta(seconds=self._cloud.clock.now()), event))


def rollout(
    *says: Consequence, instances: int = 6, spec: RolloutSpec | None = None, owner: str = "web-canary"
) -> tuple[RolloutResult, tuple[Told, ...]]:
    """A rollout by the real engine in virtual time, and its events, read back from their lines."""
    cloud, told = Cloud.of(instances, zones=3), list[Told]()
    judge: Gates | None = Judge(told, cloud, *says) if says else None

    def hear(event: events.Event) -> None:
        told.append(Told(BEGAN + timedelta(seconds=cloud.clock.now()), event))

    hooks = Hooks(gates=judge, owner=owner, build=BUILD)
    wanted = spec or RolloutSpec(canary=Amount(1), max_unavailable=Amount(2))
    result = run_rollout(cloud, WEB, Order(NEW), wanted, hooks, Patience.starting(cloud.clock, 1e6, hear))
    lines = [json.line(one.event, one.at.isoformat()) + "\n" for one in told]
    return result, reading.told(lines, "events")


def thousand() -> Iterator[Told]:
    """A rollout of a thousand instances, fifty at a time, told as the engine would."""
    ids = [str(number) for number in range(1000)]
    seen = tuple(InstanceSeen(key, str(int(key) % 3 + 1), InstanceState.OLD) for key in ids)
    name = rollout_events.RolloutPlanned(
        scale_set=WEB, image_from=OLD, image_to=NEW, going_back=False, owner="web-full", build=BUILD, strategy="waves",
        canary="", max_unavailable="5%", on_failure="rollback", timeout=7200, instances=seen,
    )  # fmt: skip
    yield Told(BEGAN, name)
    for batch in range(0, len(ids), 50):
        at = BEGAN + timedelta(seconds=batch)
        yield Told(at, rollout_events.InstancesUpdating(tuple(ids[batch : batch + 50]), f"request-{batch}"))
        for key in ids[batch : batch + 50]:
            done = at + timedelta(seconds=20 + int(key) % 17)
            yield Told(at, rollout_events.InstanceChanged(key, "1", InstanceState.UPDATING))
            yield Told(done, rollout_events.InstanceChanged(key, "1", InstanceState.NEW))
            yield Told(done, rollout_events.InstanceDone(key, 20))
    yield Told(
        BEGAN + timedelta(seconds=1000), rollout_events.RolloutFinished(WEB, "rolled out", NEW, tuple(ids), 1000)
    )
