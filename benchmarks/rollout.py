"""How long a rollout takes, and what it asks of Azure: `window`, `waves`, a plain loop, and the lower bound.

    python benchmarks/rollout.py [--sizes 10 100 1000] [--seed 1] [--sigma 0.6]

One scale set in virtual time (`tests/cloud.py`), whose buckets refill once a minute as Azure's do. All
strategies see the same update times: lognormal, median 20 s. The bound is list scheduling: an instance
starts the moment that another one ends. The loop is `az vmss update-instances` of one instance after the
other, which asks every 30 s. What setting the model takes is left out of all.
"""

from __future__ import annotations

import argparse
import heapq
import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.cloud import Cloud, lognormal
from tests.fakes import NEW, WEB
from vmss_jenkins import events
from vmss_jenkins.actions import RolloutSpec, Strategy
from vmss_jenkins.engine import Hooks, Order, Outcome, run_rollout
from vmss_jenkins.rollout_events import RolloutStarted
from vmss_jenkins.selection import Amount
from vmss_jenkins.waiting import Patience

SHARE = Amount(10, is_percent=True)
SDK_POLLING = 30.0


def bound(seconds: Sequence[float], slots: int) -> float:
    """The time of list scheduling."""
    free = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def waves_bound(seconds: Sequence[float], slots: int) -> float:
    """The instances' own time in batches: the slowest of each."""
    return sum(max(seconds[start : start + slots]) for start in range(0, len(seconds), slots))


def loop(seconds: Sequence[float]) -> float:
    """One call after the other, each noticed at the SDK's next question."""
    return sum(math.ceil(each / SDK_POLLING) * SDK_POLLING for each in seconds)


def run(size: int, strategy: Strategy, times: Callable[..., float]) -> tuple[float, Cloud, float]:
    """Roll out once; the seconds from the first update, the world, and the engine's own seconds of CPU."""
    cloud = Cloud.of(size)
    cloud.behaviour.seconds = times
    began: list[float] = []

    def on_event(event: events.Event) -> None:
        if isinstance(event, RolloutStarted):
            began.append(cloud.clock.now())

    spec = RolloutSpec(max_unavailable=SHARE, strategy=strategy)
    cpu = time.process_time()
    result = run_rollout(cloud, WEB, Order(NEW), spec, Hooks(), Patience.starting(cloud.clock, 1e6, on_event))
    if result.outcome is not Outcome.ROLLED_OUT:
        raise SystemExit(f"{strategy.value} at {size}: {result.outcome.value}: {result.reason}")
    return cloud.clock.now() - began[0], cloud, time.process_time() - cpu


def report(size: int, seed: int, sigma: float) -> None:
    times = lognormal(seed, sigma=sigma)
    seconds = [times(str(n), NEW) for n in range(size)]
    slots = SHARE.rounded_down(size)
    least, own = bound(seconds, slots), waves_bound(seconds, slots)
    window, in_window, window_cpu = run(size, Strategy.WINDOW, times)
    waves, in_waves, waves_cpu = run(size, Strategy.WAVES, times)
    print(f"\n{size} instances, {slots} at a time, updates of {min(seconds):.0f} to {max(seconds):.0f} s, seed {seed}")
    print(f"  lower bound   {least:9.1f} s")
    print(f"  window        {window:9.1f} s   {window / least - 1:+.1%} over the bound, {window_cpu:.1f} s CPU")
    print(f"  waves         {waves:9.1f} s   {waves / own - 1:+.1%} over its instances' own, {waves_cpu:.1f} s CPU")
    print(f"  loop of az    {loop(seconds):9.1f} s   window is {waves / window:.2f} times faster than waves")
    for name, cloud in (("window", in_window), ("waves", in_waves)):
        drained = ", ".join(f"{kind} {share:.1%}" for kind, share in sorted(cloud.drained_share().items()))
        calls = {call: cloud.calls.count(call) for call in sorted(set(cloud.calls)) if " " not in call}
        print(f"  {name}: 429s: {cloud.throttled}; drained of the subscription's buckets: {drained}")
        print(f"    calls: {', '.join(f'{call} {count}' for call, count in calls.items())}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sigma", type=float, default=0.6, help="spread of the update times")
    given = parser.parse_args()
    for size in given.sizes:
        report(size, given.seed, given.sigma)
    print(f"\nmemory at its most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
