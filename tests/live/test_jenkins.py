"""Seeding on a real Jenkins. Each test creates one folder with a random name, and deletes only that folder."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_socket

from tests.support.jenkins_cases import SCRIPT, job
from vmss_jenkins import config
from vmss_jenkins.jenkins import seeding
from vmss_jenkins.jenkins.plan.jobs import JobSpec, Update
from vmss_jenkins.jenkins.ports import JobState
from vmss_jenkins.jenkins.server import JenkinsServer
from vmss_jenkins.pipelines import jobs_of
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.waiting import Waiter

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "vmss.yaml"
NAMES = tuple(f"VMSS_JENKINS_TEST_JENKINS_{part}" for part in ("URL", "USER", "TOKEN"))
MISSING = [name for name in NAMES if not os.environ.get(name)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"no Jenkins to test against: set {', '.join(MISSING)}")


@dataclass
class Live:
    server: JenkinsServer
    folder: str

    def seed(self, count: int, **options: Any) -> seeding.SeedResult:
        needs = {"plugins": {"workflow-job": ""}, "credentials_id": None, "source": self.folder}
        return self.seed_jobs(
            (job(f"{self.folder}/nested/j{n}", jenkinsfile=SCRIPT, **needs) for n in range(count)), **options
        )

    def seed_jobs(self, jobs: Iterable[JobSpec], **options: Any) -> seeding.SeedResult:
        waiter = Waiter.starting(SystemClock(), 600, lambda _: None)
        return seeding.seed(self.server, jobs, seeding.Options(**options), waiter)


@pytest.fixture
def live() -> Iterator[Live]:
    url, user, token = (os.environ[name] for name in NAMES)
    pytest_socket.socket_allow_hosts([urlsplit(url).hostname or ""], allow_unix_socket=True)
    folder = f"vmss-jenkins-test-{secrets.token_hex(6)}"
    with closing(JenkinsServer(url, user, token)) as server:
        yield Live(server, folder)
        if folder in server.items():
            server.delete(folder)


def test_jobs_are_created_unchanged_put_right_and_pruned(live: Live) -> None:
    assert len(live.seed(3, check=True).plan.pending) == 3
    assert live.seed(3).applied
    assert live.seed(3).plan.pending == ()
    changed = f"{live.folder}/nested/j1"
    live.server.update(changed, live.server.config(changed).replace("echo", "printf"))
    assert [type(each) for each in live.seed(3).plan.pending] == [Update]
    assert live.seed(3).plan.pending == ()
    assert [each.path for each in live.seed(2, prune=True).plan.pending] == [f"{live.folder}/nested/j2"]
    assert f"{live.folder}/nested/j2" not in live.server.items()


def test_a_disabled_job_is_enabled_again(live: Live) -> None:
    live.seed(1)
    path = f"{live.folder}/nested/j0"
    live.server.disable(path)
    assert live.server.state(path) == JobState(has_builds=False, is_disabled=True)
    assert [type(each) for each in live.seed(1).plan.pending] == [Update]
    assert live.server.state(path) == JobState(has_builds=False, is_disabled=False)


def test_the_generated_jobs_pass_the_linter_and_stay_as_they_are_written(live: Live) -> None:
    """No build starts. The linter refuses the option `lock` without its plugin, so it is used only with the plugin."""
    wanted = config.parse(EXAMPLE.read_text(), "vmss.yaml")
    installed = live.server.plugins() or {}
    inside = wanted.jenkins.model_copy(update={"folder": live.folder, "lock": "lockable-resources" in installed})
    jobs = [
        replace(one, plugins={}, credentials_id=None)
        for one in jobs_of(wanted.model_copy(update={"jenkins": inside}), live.folder)
    ]
    assert live.seed_jobs(jobs).applied
    assert live.seed_jobs(jobs).plan.pending == ()


def test_two_hundred_jobs_are_created_and_checked_in_seconds(live: Live) -> None:
    clock = SystemClock()
    began = clock.now()
    live.seed(200)
    created = clock.now()
    assert live.seed(200).plan.pending == ()
    assert created - began < 3
    assert clock.now() - created < 1
