"""Seeding servers that are in trouble, or closed in part: what is told, what is left, and how the next run ends."""

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
    """Has the server restart when so many jobs are written."""

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
def test_a_server_that_restarts_while_jobs_are_written_is_waited_for(fake: FakeJenkins, connections: int) -> None:
    seeder = Seeder(fake, told=Restarting(fake, after=3, requests=6))
    seeder.token = fake.password  # its session ends with the server
    assert seeder(many(8), connections=connections).applied
    assert len(fake.state.items) == 9
    assert sum(isinstance(event, CallRetried) for event in seeder.told) == 6


def test_a_server_that_does_not_come_back_leaves_jobs_whole_and_the_next_run_finishes(fake: FakeJenkins) -> None:
    seeder = Seeder(fake, told=Restarting(fake, after=3, requests=1000))
    with pytest.raises(SeedingFailed, match="HTTP 503") as caught:
        seeder(many(8), connections=2)
    fake.unavailable = 0
    assert set(caught.value.done) == set(fake.state.items)
    assert {*caught.value.failed, *caught.value.not_done} == {each.path for each in many(8)} - set(fake.state.items)
    seeder.told = []
    assert len(seeder(many(8)).plan.pending) == len(caught.value.failed) + len(caught.value.not_done)
    assert seeder(many(8)).plan.pending == ()


def test_a_folder_in_which_the_user_may_not_create_is_named_before_anything_is_written(fake: FakeJenkins) -> None:
    seeder = Seeder(fake)
    seeder([job("mine/a"), job("theirs/a")])
    fake.closed.add("theirs")
    with pytest.raises(SeedRefused, match="the user may not create jobs in theirs: the permission Job/Create"):
        seeder([job("mine/b"), job("theirs/b")])
    assert "mine/b" not in fake.state.items


def test_a_folder_that_the_user_may_not_see_is_told_from_one_that_is_not_there(fake: FakeJenkins) -> None:
    seeder = Seeder(fake)
    seeder([job("theirs/a")])
    fake.state.hidden.add("theirs")
    with pytest.raises(SeedingFailed, match=r"theirs\n.*something of that name is there that this user may not"):
        seeder([job("theirs/b")])


def test_an_authority_of_one_s_own_is_trusted_by_its_file_and_not_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with FakeJenkins(tls=context) as fake:
        monkeypatch.setenv("JENKINS_API_TOKEN", fake.token)
        words = ["-g", "rg", "-n", "web", "--url", fake.url, "--user", fake.user]
        assert seed.main(words) == 1
        told = capsys.readouterr().err
        assert "the certificate is not trusted" in told
        assert "REQUESTS_CA_BUNDLE=FILE" in told
        assert fake.asked == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        assert seed.main(words) == 0
        assert sorted(fake.state.items) == ["web-canary", "web-full", "web-rollback"]


def test_one_set_is_seeded_by_options_alone_and_a_second_time_nothing_changes(
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
