"""What the tests of seeding share: recorded exchanges, jobs, and a run of the engine against the fake Jenkins."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fake_jenkins import FakeJenkins
from tests.support.fakes import FakeClock
from vmss_jenkins.events.base import Event
from vmss_jenkins.jenkins import seeding
from vmss_jenkins.jenkins.plan.jobs import JobSpec
from vmss_jenkins.jenkins.server import JenkinsServer
from vmss_jenkins.report.text import lines
from vmss_jenkins.runtime.waiting import Waiter

RECORDINGS: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "fixtures" / "jenkins_recordings.json").read_text(encoding="utf-8")
)
POSTED: str = RECORDINGS["job_create_read_update"][1]["request"]["body"]
READ: str = RECORDINGS["job_create_read_update"][3]["response"]["body"]
AFTER_A_RUN: str = RECORDINGS["build_with_parameters"][0]["response"]["body"]
SCRIPT = "pipeline { agent any\n stages { stage('a') { steps { sh 'x' } } } }"


def job(path: str = "vmss/web-canary", **facts: Any) -> JobSpec:
    given: dict[str, Any] = {
        "config_xml": POSTED,
        "jenkinsfile": SCRIPT,
        "plugins": {"workflow-job": "1300"},
        "credentials_id": "azure-sp",
        "source": "vmss.yaml",
        **facts,
    }
    return JobSpec(path, **given)


@dataclass
class Seeder:
    """Runs the engine and the real adapter against the fake Jenkins, on a clock that moves only while code waits."""

    fake: FakeJenkins
    clock: FakeClock = field(default_factory=FakeClock)
    events: list[Event] = field(default_factory=list)
    user: str = ""
    token: str = ""

    def __call__(self, jobs: Iterable[JobSpec], **options: Any) -> seeding.SeedResult:
        self.fake.asked.clear()
        self.events.clear()
        waiter = Waiter.starting(self.clock, 3600, self.events.append)
        server = JenkinsServer(self.fake.url, self.user or self.fake.user, self.token or self.fake.token)
        with closing(server):
            return seeding.seed(server, jobs, seeding.Options(**options), waiter)

    @property
    def lines(self) -> list[str]:
        return [lines.line(event) for event in self.events]

    def config(self, path: str = "vmss/web-canary") -> str:
        return self.fake.state.items[path].config
