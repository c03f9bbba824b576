"""The time, calls and memory of a rollout, compared with its alternatives in the same run.

    python benchmarks/rollout.py [--sizes 10 100 1000]

The real engine and the real SDK talk to the emulator over HTTP. The emulated time moves when a
program waits, so that an hour of Azure takes seconds and all programs get the same instance times (lognormal, median
20 s, spread 0.8). Requests take none of that time.
"""

from __future__ import annotations

import argparse
import heapq
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.scale_sets import AzureScaleSets
from vmss_jenkins.emulator import Emulator, ManualClock, Scenario, Timings
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import InstanceIds, ScaleSetName
from vmss_jenkins.rollout import steps
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import RolloutSpec, Strategy
from vmss_jenkins.runtime.waiting import Waiter

WEB = ScaleSetName("canary-rg", "web")
TIMES = Timings(accept=0.1, model=0.1, update=20.0, health=0.0, spread=0.8)
SIZES = {
    "VMScaleSetActionsSubscriptionMaximum": 1500,
    "VMScaleSetBatchedVMRequestsSubscriptionMaximum": 6000,
    "GetOperationSubscriptionMaximum": 15000,
    "GetVMScaleSetSubscriptionMaximum": 2400,
    "GetVMScaleSetVMSubscriptionMaximum": 6000,
    "HighCostGetVMScaleSetSubscriptionMaximum": 1080,
    "VMScaleSetVMViewsSubscriptionMaximum": 30000,
}
"""Tokens in each bucket of a subscription (Azure's "Compute throttling limits")."""
SDK_INTERVAL = 30.0
"""Seconds between two questions of `az` and of the SDK."""


class Lowest(dict[str, int]):
    """The tokens left in each bucket, and the smallest number so far."""

    def __init__(self) -> None:
        super().__init__()
        self.least: dict[str, int] = {}

    def __setitem__(self, bucket: str, left: int) -> None:
        super().__setitem__(bucket, left)
        self.least[bucket] = min(left, self.least.get(bucket, left))


@dataclass
class SteppingClock:
    """The emulated time, moved by each program that waits."""

    time: ManualClock

    def now(self) -> float:
        return self.time.now()

    def sleep(self, seconds: float) -> None:
        self.time.advance(seconds)


@dataclass
class Run:
    """The figures of one program on one set."""

    seconds: float = 0.0
    updates: dict[str, float] = field(default_factory=dict)
    """How long each instance was down, in the order in which they went down."""
    batches: dict[str, float] = field(default_factory=dict)
    """How long the slowest instance of each operation was down."""
    calls: int = 0
    throttled: int = 0
    drained: dict[str, float] = field(default_factory=dict)
    """The largest share of each subscription bucket that was ever used up."""
    down: int = 0
    """The most instances down at one time."""


Program = Callable[[AzureScaleSets, SteppingClock, ImageReference], None]


def rollout(strategy: Strategy) -> Program:
    def program(sets: AzureScaleSets, clock: SteppingClock, image: ImageReference) -> None:
        waiter = Waiter.starting(clock, 1e6, lambda _: None)
        spec = RolloutSpec(canary=None, strategy=strategy, timeout=1e6, instance_timeout=1e5)
        run_rollout(sets, WEB, Order(image), spec, RunContext(), waiter)

    return program


def plain_loop(sets: AzureScaleSets, clock: SteppingClock, image: ImageReference) -> None:
    """One `update-instances` after another, each asked at once and then every 30 s, as `az` in a shell loop."""
    waiter = Waiter.starting(clock, 1e6, lambda _: None)
    steps.update(sets, WEB, image, steps.Options(), waiter)
    scale_set = sets.get(WEB)
    for instance in InstanceIds.parse("*").choose(sets.instances(scale_set)):
        operation = sets.begin_update_instances(scale_set, [instance.id])
        sets.poll(operation)
        while not operation.done:
            clock.sleep(SDK_INTERVAL)
            sets.poll(operation)


def measure(instances: int, program: Program) -> Run:
    now = ManualClock()
    scenario = Scenario(instances=instances)
    with Emulator(scenario, clock=now, data_plane=False, timings=TIMES, page_size=100) as emulator:
        sets = AzureScaleSets(Endpoint(emulator.subscription_id, emulator.endpoint), None)
        lowest = Lowest()
        sets._answer_policy.remaining = lowest  # noqa: SLF001 - only this benchmark needs the smallest number
        began = now.now()
        try:
            program(sets, SteppingClock(now), ImageReference(id=scenario.image_id("nginx-updated-image")))
        finally:
            sets.close()
        record = emulator.availability
        gone: dict[str, float] = {}
        run = Run(calls=len(emulator.calls), throttled=sum(call["status"] == 429 for call in emulator.calls))
        for change in record.changes("web"):
            if change.act == "update" and change.phase == "begin":
                gone[change.instance] = change.time
                run.updates[change.instance] = 0.0
            elif change.act == "update":
                seconds = change.time - gone[change.instance]
                run.updates[change.instance] = seconds
                run.batches[change.operation] = max(seconds, run.batches.get(change.operation, 0.0))
        first = min(gone.values(), default=began)
        run.seconds = now.now() - first
        run.down = record.summary(now.now(), "web").most_down
        run.drained = {b: 1 - lowest.least[b] / size for b, size in SIZES.items() if b in lowest.least}
        return run


def bound(times: Sequence[float], slots: int) -> float:
    """Return the time of list scheduling: each instance starts when a slot is free, and nothing else takes time."""
    free = [0.0] * slots
    for seconds in times:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def compare(instances: int) -> None:
    slots = max(1, instances // 10)
    window = measure(instances, rollout(Strategy.WINDOW))
    waves = measure(instances, rollout(Strategy.WAVES))
    loop = measure(instances, plain_loop)
    times = list(window.updates.values())
    least, ideal = bound(times, slots), sum(waves.batches.values())
    print(f"\n{instances} instances, at most {slots} down at a time; median update {statistics.median(times):.1f} s")
    print(f"{'':<34}{'seconds':>9}{'x window':>10}{'down':>6}{'calls':>7}{'429':>5}")
    for name, run in (("window", window), ("waves", waves), ("one after another, as az", loop)):
        ratio = run.seconds / window.seconds
        print(f"{name:<34}{run.seconds:>9.0f}{ratio:>10.2f}{run.down:>6}{run.calls:>7}{run.throttled:>5}")
    print(f"{'bound: list scheduling':<34}{least:>9.0f}   window is {window.seconds / least - 1:.1%} above it")
    print(f"{'the slowest of each wave, summed':<34}{ideal:>9.0f}   waves are {waves.seconds / ideal - 1:.1%} above it")
    print(f"{'fullest use of each bucket of the subscription':<50}{'window':>8}{'waves':>8}")
    for bucket in SIZES:
        used = "".join(f"{run.drained.get(bucket, 0.0):>8.1%}" for run in (window, waves))
        print(f"  {bucket:<48}{used}")


def memory(instances: int, time_scale: float) -> None:
    """The whole `vmss-jenkins rollout` process, against an emulator in another."""
    program = [sys.executable, "-m", "vmss_jenkins"]
    size = ["--instances", str(instances), "--time-scale", str(time_scale)]
    with subprocess.Popen([*program, "emulator", *size], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as emulator:
        environment = dict(os.environ)
        for line in emulator.stdout or ():
            name, _, value = line.decode().removeprefix("export ").strip().partition("=")
            environment[name] = value
            if name == "VMSS_JENKINS_EMULATOR_FRONTEND":
                break
        group = f"/subscriptions/{environment['AZURE_SUBSCRIPTION_ID']}/resourceGroups/canary-rg"
        image = f"{group}/providers/Microsoft.Compute/images/nginx-updated-image"
        words = ["rollout", "-g", "canary-rg", "-n", "web", "--image-id", image, "--strategy", "window"]
        began = time.perf_counter()
        subprocess.run([*program, *words], env=environment, check=True, stderr=subprocess.DEVNULL)
        took = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        emulator.terminate()
    print(f"\nmemory of `vmss-jenkins rollout` at {instances} instances: {peak:.0f} MB at its peak ({took:.0f} s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000], help="instances")
    parser.add_argument("--time-scale", type=float, default=20.0, help="for the run that measures memory")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    for instances in options.sizes:
        compare(instances)
    memory(max(options.sizes), options.time_scale)


if __name__ == "__main__":
    main()
