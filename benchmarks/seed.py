"""The time of seeding 1,000 jobs on a fake Jenkins with a delay before each answer.

    python -m benchmarks.seed [--jobs 1000] [--delay 0.003] [--connections 8] [--peer jenkins-jobs]

Created, checked unchanged after a run of each job, and checked with one of them changed by hand. The alternative,
measured in the same run on a fifth of the jobs, is a loop of python-jenkins' `upsert_job`, which writes every job every
time. The fake Jenkins runs in this process, so that its work is part of the times; the number of requests does not
depend on the machine.

Then whole commands, from the start of the process: `vmss-jenkins seed` for 201 jobs that do not exist yet, and
jenkins-job-builder for as many, if it is installed.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import jenkins

from tests.fake_jenkins import FakeJenkins
from vmss_jenkins.jenkins.plan.jobs import Create, JobSpec, Unchanged, Update
from vmss_jenkins.seed import Options, SeedResult, seed_jobs

T = TypeVar("T")
MOST_TO_CREATE = 2
"""Requests a job; those of the whole run come on top."""
MOST_UNCHANGED = 1
FOR_THE_RUN = 30
"""Requests for the whole run: who, list, plugins, credentials, permission, a crumb for each connection, folders."""
SETS, JOBS_OF_A_SET = 67, 3
GOAL = 4.0
"""How many times faster than jenkins-job-builder the whole command should be."""
PEER_JOBS = """- job-template:
    name: 'set{{n}}'
    project-type: pipeline
    sandbox: true
    dsl: |
      pipeline {{{{ agent any
       stages {{{{ stage('{{n}}') {{{{ steps {{{{ sh 'x' }}}} }}}} }}}} }}}}
- project:
    name: all
    n: [{numbers}]
    jobs: ['set{{n}}']
"""
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


def measured(fake: FakeJenkins, what: str, jobs: int, run: Callable[[], T]) -> tuple[T, int, float]:
    """Run, print a row, and return the result, the requests and the milliseconds a job."""
    fake.asked.clear()
    began = time.monotonic()
    result = run()
    seconds = time.monotonic() - began
    asked = len(fake.asked)
    print(f"{what:<36}{jobs:6d}{seconds:9.2f} s{1000 * seconds / jobs:9.2f} ms{asked:9d}{asked / jobs:8.3f}")
    return result, asked, 1000 * seconds / jobs


def ours(jobs: Sequence[JobSpec], delay: float, connections: int) -> tuple[bool, float, float]:
    """Seed three times; return whether the goals are met, and the milliseconds a job of the first and second run."""
    count = len(jobs)
    with FakeJenkins(delay=delay) as fake:

        def run() -> SeedResult:
            options = Options(connections=connections)
            return seed_jobs(jobs, fake.url, fake.user, fake.token, options, on_event=lambda _: None)

        created, to_create, first = measured(fake, "created", count, run)
        for each in jobs:
            fake.run(each.path)
        unchanged, to_check, second = measured(fake, "unchanged, after a run of each", count, run)
        fake.save(jobs[count // 2].path, lambda config: config.replace("sh ", "bat "))
        drifted, _, _ = measured(fake, "one changed by hand, put right", count, run)
    good = (
        all(isinstance(each, Create) for each in created.plan.actions)
        and all(isinstance(each, Unchanged) for each in unchanged.plan.actions)
        and sum(isinstance(each, Update) for each in drifted.plan.actions) == 1
        and to_create <= MOST_TO_CREATE * count + FOR_THE_RUN
        and to_check <= MOST_UNCHANGED * count + FOR_THE_RUN
    )
    return good, first, second


def alternative(jobs: Sequence[JobSpec], delay: float) -> tuple[float, float]:
    """The milliseconds a job of a first and a second run of the plain loop."""
    with FakeJenkins(delay=delay) as fake:
        client = jenkins.Jenkins(fake.url, fake.user, fake.token)
        client.create_job("vmss", jenkins.EMPTY_FOLDER_XML)

        def loop() -> None:
            for each in jobs:
                client.upsert_job(each.path, each.config_xml)

        return (
            measured(fake, "upsert_job in a loop, first run", len(jobs), loop)[2],
            measured(fake, "upsert_job in a loop, second run", len(jobs), loop)[2],
        )


def processes(delay: float, peer: str | None) -> None:
    """Print how long whole commands take for 201 new jobs, and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        sets = "\n".join(f"  - name: set{number}" for number in range(SETS))
        (directory / "vmss.yaml").write_text(f"defaults: {{resource_group: canary-rg}}\nsets:\n{sets}\n")
        numbers = ", ".join(f"'{number}'" for number in range(JOBS_OF_A_SET * SETS))
        (directory / "jobs.yaml").write_text(PEER_JOBS.format(numbers=numbers))
        ours = [sys.executable, "-m", "vmss_jenkins", "seed", "vmss.yaml", "--source", "benchmark"]
        seconds = process(directory, "vmss-jenkins seed, whole command", ours, delay)
        if peer is None:
            print("jenkins-job-builder is not on PATH: pip install jenkins-job-builder, or give --peer PATH")
            return
        words = [peer, "--conf", "peer.ini", "update", "--workers", "0", "jobs.yaml"]
        others = process(directory, "jenkins-job-builder, whole command", words, delay)
        print(
            f"the whole command is {others / seconds:.1f} times faster than jenkins-job-builder; the goal is {GOAL:g}"
        )


def process(directory: Path, what: str, words: Sequence[str], delay: float) -> float:
    """Run a command against a server without jobs, and return its seconds."""
    with FakeJenkins(delay=delay) as fake:
        (directory / "peer.ini").write_text(
            f"[job_builder]\nignore_cache=True\n[jenkins]\nurl={fake.url}\nuser={fake.user}\n"
            f"password={fake.token}\nquery_plugins_info=False\n"
        )
        server = {"JENKINS_URL": fake.url, "JENKINS_USER_ID": fake.user, "JENKINS_API_TOKEN": fake.token}
        count = JOBS_OF_A_SET * SETS

        def run() -> None:
            subprocess.run(words, cwd=directory, env={**os.environ, **server}, check=True, capture_output=True)

        milliseconds = measured(fake, what, count, run)[2]
        if len(fake.state.items) != count:
            raise SystemExit(f"{what}: found {len(fake.state.items)} jobs; wanted {count}")
    return milliseconds * count / 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--delay", type=float, default=0.003, help="seconds before each answer")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--peer", default=shutil.which("jenkins-jobs"), help="path of jenkins-job-builder's command")
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {given.delay * 1000:g} ms an answer, {given.connections} connections")
    print(f"{'':<36}{'jobs':>6}{'time':>11}{'a job':>12}{'requests':>9}{'a job':>8}")
    jobs = wanted(given.jobs)
    good, first, second = ours(jobs, given.delay, given.connections)
    loop_first, loop_second = alternative(jobs[: max(1, given.jobs // 5)], given.delay)
    print(
        f"a first run is {loop_first / first:.1f} times faster than the loop, a second {loop_second / second:.1f} times"
    )
    processes(given.delay, given.peer)
    print("goals of the plans and requests met" if good else "GOALS MISSED")
    return int(not good)


if __name__ == "__main__":
    raise SystemExit(main())
