"""What seeding 1,000 jobs costs against a stand-in for Jenkins that takes its time for each answer.

    python -m benchmarks.seed [--jobs 1000] [--delay 0.003] [--connections 8]

Created, checked unchanged after a run of each job, and checked with one of them changed by hand. The stand-in runs
as a part of this process, so that its own work is in the times; the requests are what does not depend on the machine.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

from tests.fake_jenkins import FakeJenkins
from vmss_jenkins.jobs import Create, JobSpec, Unchanged, Update
from vmss_jenkins.seed import Options, SeedResult, seed_jobs

MOST_TO_CREATE = 2
"""Requests a job; those of the whole run come on top."""
MOST_UNCHANGED = 1
FOR_THE_RUN = 30
"""Requests for the whole run: who, list, plugins, credentials, permission, a crumb for each connection, folders."""
CONFIG = """<flow-definition><description>Job {number}</description><properties/>
<definition class="org.jenkinsci.plugins.workflow.cps.CpsFlowDefinition"><script>{script}</script>
<sandbox>true</sandbox></definition></flow-definition>"""


def wanted(count: int) -> list[JobSpec]:
    scripts = [f"pipeline {{ agent any\n stages {{ stage('{n}') {{ steps {{ sh 'x' }} }} }} }}" for n in range(count)]
    return [
        JobSpec(
            f"vmss/set-{number // 2}-{('canary', 'full')[number % 2]}",
            CONFIG.format(number=number, script=script),
            script,
            {"workflow-job": "1300"},
            "azure-sp",
            "vmss.yaml",
        )
        for number, script in enumerate(scripts)
    ]


def measured(fake: FakeJenkins, what: str, run: Callable[[], SeedResult]) -> tuple[SeedResult, int]:
    fake.asked.clear()
    began = time.monotonic()
    result = run()
    seconds = time.monotonic() - began
    asked = len(fake.asked)
    print(f"{what:<28}{seconds:7.2f} s{asked:7d} requests{asked / len(result.plan.actions):7.3f} a job")
    return result, asked


def story(count: int, delay: float, connections: int) -> bool:
    """Play it; tell whether the goals are met."""
    jobs = wanted(count)
    with FakeJenkins(delay=delay) as fake:

        def run() -> SeedResult:
            options = Options(connections=connections)
            return seed_jobs(jobs, fake.url, fake.user, fake.token, options, on_event=lambda _: None)

        created, to_create = measured(fake, "created", run)
        for each in jobs:
            fake.run(each.path)
        unchanged, to_check = measured(fake, "unchanged, after their runs", run)
        fake.save(jobs[count // 2].path, lambda config: config.replace("sh ", "bat "))
        drifted, _ = measured(fake, "one changed by hand", run)
    return (
        all(isinstance(each, Create) for each in created.plan.actions)
        and all(isinstance(each, Unchanged) for each in unchanged.plan.actions)
        and sum(isinstance(each, Update) for each in drifted.plan.actions) == 1
        and to_create <= MOST_TO_CREATE * count + FOR_THE_RUN
        and to_check <= MOST_UNCHANGED * count + FOR_THE_RUN
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--delay", type=float, default=0.003, help="seconds before each answer")
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {given.delay * 1000:g} ms an answer, {given.connections} connections")
    good = story(given.jobs, given.delay, given.connections)
    print("goals met" if good else "GOALS MISSED")
    return int(not good)


if __name__ == "__main__":
    raise SystemExit(main())
