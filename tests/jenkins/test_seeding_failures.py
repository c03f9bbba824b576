"""Seeding a server that restarts or refuses a part: the message, what is left, and the next run."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.fake_jenkins import FakeJenkins
from tests.support.jenkins_cases import SCRIPT, Seeder, job
from vmss_jenkins import seed
from vmss_jenkins.errors import SeedingFailed, SeedRefused
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.events.seeding import JobChanged
from vmss_jenkins.jenkins.plan.jobs import JobSpec


@pytest.fixture
def fake() -> Iterator[FakeJenkins]:
    with FakeJenkins() as running:
        yield running


class Restarting(list[Event]):
    """A list of events that restarts the server after a number of changed jobs."""

    def __init__(self, fake: FakeJenkins, after: int, requests: int) -> None:
        self.fake, self.after, self.requests = fake, after, requests
        super().__init__()

    def append(self, event: Event) -> None:
        super().append(event)
        if isinstance(event, JobChanged) and event.done == self.after:
            self.fake.unavailable = self.requests
            self.fake.forget_sessions()


def many(count: int) -> list[JobSpec]:
    return [job(f"vmss/j{n}", jenkinsfile=f"{SCRIPT} // {n}") for n in range(count)]


@pytest.mark.parametrize("connections", [1, 4])
def test_a_restart_of_the_server_is_waited_for(fake: FakeJenkins, connections: int) -> None:
    seeder = Seeder(fake, events=Restarting(fake, after=3, requests=6))
    seeder.token = fake.password  # its session ends with the server
    assert seeder(many(8), connections=connections).applied
    assert len(fake.state.items) == 9
    assert sum(isinstance(event, CallRetried) for event in seeder.events) == 6


def test_after_a_restart_that_takes_too_long_each_job_is_whole_and_the_next_run_finishes(fake: FakeJenkins) -> None:
    seeder = Seeder(fake, events=Restarting(fake, after=3, requests=1000))
    with pytest.raises(SeedingFailed, match="HTTP 503") as caught:
        seeder(many(8), connections=2)
    fake.unavailable = 0
    assert set(caught.value.done) == set(fake.state.items)
    assert {*caught.value.failed, *caught.value.not_done} == {each.path for each in many(8)} - set(fake.state.items)
    seeder.events = []
    assert len(seeder(many(8)).plan.pending) == len(caught.value.failed) + len(caught.value.not_done)
    assert seeder(many(8)).plan.pending == ()


def test_a_folder_in_which_the_user_may_not_create_is_named_before_anything_is_written(fake: FakeJenkins) -> None:
    seeder = Seeder(fake)
    seeder([job("mine/a"), job("theirs/a")])
    fake.closed.add("theirs")
    with pytest.raises(SeedRefused, match="the user may not create jobs in theirs: the permission Job/Create"):
        seeder([job("mine/b"), job("theirs/b")])
    assert "mine/b" not in fake.state.items


def test_the_message_for_an_invisible_folder_asks_for_the_permission_to_see_it(fake: FakeJenkins) -> None:
    seeder = Seeder(fake)
    seeder([job("theirs/a")])
    fake.state.hidden.add("theirs")
    with pytest.raises(SeedingFailed, match=r"theirs\n.*an item with that name exists, and this user may not see it"):
        seeder([job("theirs/b")])


def test_a_private_certificate_authority_is_trusted_only_with_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with FakeJenkins(tls=context) as fake:
        monkeypatch.setenv("JENKINS_API_TOKEN", fake.token)
        words = ["-g", "rg", "-n", "web", "--url", fake.url, "--user", fake.user]
        assert seed.main(words) == 1
        error = capsys.readouterr().err
        assert "the certificate is not trusted" in error
        assert "REQUESTS_CA_BUNDLE=FILE" in error
        assert fake.asked == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        assert seed.main(words) == 0
        assert sorted(fake.state.items) == ["web-canary", "web-full", "web-rollback"]


def test_one_set_is_seeded_by_options_and_a_second_run_changes_nothing(
    fake: FakeJenkins, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JENKINS_API_TOKEN", fake.token)
    words = ["-g", "rg", "-n", "web", "--folder", "a/b", "--credentials-id", "azure-sp"]
    words += ["--url", fake.url, "--user", fake.user]
    assert seed.main([*words, "--check"]) == 4
    assert "create a/b/web-canary: Updates the image of the scale set" in capsys.readouterr().out
    assert seed.main(words) == 0
    assert seed.main([*words, "--check"]) == 0
    assert capsys.readouterr().out == "unchanged: 3\n"
    assert "azureServicePrincipal('azure-sp')" in fake.state.script("a/b/web-canary")
