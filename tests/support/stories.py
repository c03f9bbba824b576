"""Rollouts by the real engine, for tests of what is made of their events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone

from tests.support.cloud import Cloud
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.gates import GateJudged, GateSampled, GateStarted
from vmss_jenkins.events.rollout import InstanceSeen, InstanceState
from vmss_jenkins.gates.curves import CurvePoint
from vmss_jenkins.gates.verdicts import Consequence, Measurement, Outcome, Threshold, Verdict
from vmss_jenkins.measure.verification import Assessment
from vmss_jenkins.report import json, reading
from vmss_jenkins.report.reading import RecordedEvent
from vmss_jenkins.rollout.ending import RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.selection import Amount
from vmss_jenkins.rollout.ports import Gates
from vmss_jenkins.runtime.waiting import Waiter

BEGAN = datetime(2026, 11, 24, 9, 30, tzinfo=timezone.utc)
BUILD = "https://jenkins.example.com/job/web-canary/7/"
ERRORS = Measurement("errors of the canary", 6.333, "%", 300, Threshold(1.0))
VERDICTS = {
    Consequence.GO_ON: Verdict("compare", Outcome.PASSED, "no worse than stable", (ERRORS,)),
    Consequence.FAIL: Verdict("compare", Outcome.FAILED, "6.3% errors against 0.0%", (ERRORS,), output="curl: (22)"),
    Consequence.HALT: Verdict("compare", Outcome.INCONCLUSIVE, "may be chance", (ERRORS,), 120),
}


class Judge:
    """A fake gate that measures for twenty seconds and returns the given verdicts, one after another."""

    def __init__(self, events: list[RecordedEvent], cloud: Cloud, *verdicts: Consequence) -> None:
        self._events, self._cloud, self._consequences = events, cloud, list(verdicts)

    def assess(
        self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None
    ) -> Assessment:
        consequences = self._consequences
        follows = consequences.pop(0) if len(consequences) > 1 else consequences[0]
        verdict = VERDICTS[follows]
        points = [CurvePoint(at, side, 20, int(at) % 3 if side == "canary" else 0, 0.012, 0.03 + at / 1000)
                  for at in (1.0, 6.0, 11.0, 16.0) for side in ("canary", "stable")]  # fmt: skip
        self._record(GateStarted("compare", stage, tuple(instance_ids)))
        self._cloud.clock.sleep(20)
        self._record(GateSampled("compare", tuple(points)))
        self._record(GateJudged(verdict, follows))
        return Assessment(stage, tuple(instance_ids), (verdict,), follows)

    def _record(self, event: Event) -> None:
        self._events.append(RecordedEvent(BEGAN + timedelta(seconds=self._cloud.clock.now()), event))


def rollout(
    *verdicts: Consequence, instances: int = 6, spec: RolloutSpec | None = None, owner: str = "web-canary"
) -> tuple[RolloutResult, tuple[RecordedEvent, ...]]:
    """Run a rollout by the real engine in virtual time; return the result and the events as a file has them."""
    cloud, events = Cloud.of(instances, zones=3), list[RecordedEvent]()
    judge: Gates | None = Judge(events, cloud, *verdicts) if verdicts else None

    def on_event(event: Event) -> None:
        events.append(RecordedEvent(BEGAN + timedelta(seconds=cloud.clock.now()), event))

    context = RunContext(gates=judge, owner=owner, build=BUILD)
    wanted = spec or RolloutSpec(canary=Amount(1), max_unavailable=Amount(2))
    result = run_rollout(cloud, WEB, Order(NEW), wanted, context, Waiter.starting(cloud.clock, 1e6, on_event))
    lines = [json.line(one.event, one.at.isoformat()) + "\n" for one in events]
    return result, reading.read_events(lines, "events")


def thousand() -> Iterator[RecordedEvent]:
    """The events of a rollout of a thousand instances, fifty at a time."""
    ids = [str(number) for number in range(1000)]
    seen = tuple(InstanceSeen(key, str(int(key) % 3 + 1), InstanceState.OLD) for key in ids)
    name = rollout_events.RolloutPlanned(
        scale_set=WEB, image_from=OLD, image_to=NEW, rolling_back=False, owner="web-full", build=BUILD,
        strategy="waves", canary="", max_unavailable="5%", on_failure="rollback", timeout=7200, instances=seen,
    )  # fmt: skip
    yield RecordedEvent(BEGAN, name)
    for batch in range(0, len(ids), 50):
        at = BEGAN + timedelta(seconds=batch)
        yield RecordedEvent(at, rollout_events.InstancesUpdating(tuple(ids[batch : batch + 50]), f"request-{batch}"))
        for key in ids[batch : batch + 50]:
            done = at + timedelta(seconds=20 + int(key) % 17)
            yield RecordedEvent(at, rollout_events.InstanceChanged(key, "1", InstanceState.UPDATING))
            yield RecordedEvent(done, rollout_events.InstanceChanged(key, "1", InstanceState.NEW))
            yield RecordedEvent(done, rollout_events.InstanceDone(key, 20))
    yield RecordedEvent(
        BEGAN + timedelta(seconds=1000), rollout_events.RolloutFinished(WEB, "rolled out", NEW, tuple(ids), 1000)
    )
