"""Releasing the lock that a killed run left: through the real Azure SDK, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.rollout.claims.test_suspension_emulated import NEW, REPAIRS, Life, repaired, roll, suspended
from tests.rollout.protection import test_protected_sets_emulated as protection
from tests.rollout.test_steps_emulated import WEB, Session
from tests.support.cloud import Killed
from vmss_jenkins.__main__ import main
from vmss_jenkins.emulator import Emulator, Scenario
from vmss_jenkins.library.claims import put_protection_back
from vmss_jenkins.rollout.claims.release import ClaimRelease, LockInUse, Owner, look_at_claims, release_claims
from vmss_jenkins.rollout.ending import Outcome
from vmss_jenkins.rollout.plan.claims import AnotherRollout, Claim

MINE = "00000000c0de-4711-1"


@dataclass
class Known:
    """The processes of this machine, as far as they are known."""

    own: str = ""
    alive: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def is_alive(self, name: str) -> bool:
        return name in self.alive

    def is_gone(self, name: str) -> bool:
        return name in self.gone


def release(azure: Session, processes: Known | None = None, clock: Any = None, **how: Any) -> ClaimRelease:
    waiter = replace(azure.waiter(), clock=clock or azure.clock)
    services = azure.sets.services(WEB)
    return release_claims(WEB, azure.sets.claims(WEB), services, "mine", "me", waiter, processes, **how)


def killed(azure: Session, waits: int = 6) -> None:
    with pytest.raises(Killed):
        roll(azure, NEW, Life(azure, waits))
    azure.emulator.withdraw()
    assert suspended(azure)


def left(azure: Session) -> list[str]:
    return [one.owner for one in azure.sets.claims(WEB).read()[1]]


def test_a_lock_that_expired_is_released_and_repairs_run_again() -> None:
    with repaired() as azure:
        killed(azure)
        azure.clock.sleep(130)
        found = release(azure)
        assert [one.owner for one in found.found] == [Owner.GONE]
        assert (found.resumed, found.complete) == ((REPAIRS,), True)
        assert not suspended(azure)
        assert left(azure) == []
        assert roll(azure, NEW, owner="another").outcome is Outcome.ROLLED_OUT


def test_a_lock_in_force_is_kept_unless_it_is_forced() -> None:
    with repaired() as azure:
        killed(azure)
        with pytest.raises(LockInUse) as refused:
            release(azure)
        text = str(refused.value)
        assert "the lock of canary-rg/web is in use" in text
        assert "job (run run-" in text
        assert "not known whether it still runs; expires in " in text
        assert "suspended: automatic repairs" in text
        assert "give --force" in text
        assert (left(azure), suspended(azure)) == (["job"], True)
        assert release(azure, force=True).complete
        assert (left(azure), suspended(azure)) == ([], False)


@pytest.mark.parametrize("force", [False, True])
def test_the_lock_of_a_process_that_runs_here_is_kept_even_if_it_is_forced(force: bool) -> None:
    with repaired() as azure:
        now, _ = azure.sets.claims(WEB).read()
        azure.sets.claims(WEB).write(Claim("theirs", "job", now + 100, process=MINE))
        with pytest.raises(LockInUse, match=r"its process runs on this machine.*`kill 4711`"):
            release(azure, Known(alive=(MINE,)), force=force)
        assert left(azure) == ["job"]


def test_the_lock_of_a_process_that_ended_here_is_released_at_once() -> None:
    with repaired() as azure:
        now, _ = azure.sets.claims(WEB).read()
        azure.sets.claims(WEB).write(Claim("theirs", "job", now + 100, process=MINE))
        assert release(azure, Known(gone=(MINE,))).released == ("theirs",)
        assert left(azure) == []


def test_a_run_that_renews_its_forced_lock_meanwhile_keeps_it() -> None:
    with repaired() as azure:
        killed(azure)
        claims = azure.sets.claims(WEB)
        (theirs,) = claims.read()[1]
        real, writes = claims.write, []

        def write(claim: Claim) -> None:
            writes.append(claim.run)
            real(claim)
            if len(writes) == 1:
                real(theirs)  # the other run renews its claim

        claims.write = write  # type: ignore[method-assign]
        with pytest.raises(AnotherRollout):
            release_claims(WEB, claims, azure.sets.services(WEB), "mine", "me", azure.waiter(), force=True)
        assert (left(azure), suspended(azure)) == (["job"], True)


def test_without_a_lock_nothing_is_changed() -> None:
    with repaired() as azure:
        azure.sets.services(WEB).begin_set_suspended(REPAIRS, suspended=True)
        azure.clock.sleep(60)
        before = len(azure.emulator.calls)
        assert release(azure) == ClaimRelease(WEB, ())
        assert [call["method"] for call in azure.emulator.calls[before:]] == ["GET"]
        assert suspended(azure), "somebody else suspended it"


def test_if_azure_refuses_to_resume_the_next_release_does_it() -> None:
    with repaired() as azure:
        killed(azure)
        azure.clock.sleep(130)
        azure.emulator.inject("409 POST */setOrchestrationServiceState count=50")
        found = release(azure)
        assert (found.complete, found.resumed) == (False, ())
        assert suspended(azure)
        azure.emulator.withdraw()
        assert release(azure).resumed == (REPAIRS,)
        assert not suspended(azure)


@pytest.mark.parametrize("waits", range(4))
def test_a_release_that_is_killed_itself_is_done_by_the_next_one(waits: int) -> None:
    with repaired() as azure:
        killed(azure)
        azure.clock.sleep(130)
        try:
            release(azure, clock=Life(azure, waits))
        except Killed:
            azure.emulator.withdraw()
            azure.clock.sleep(130)
            release(azure)
        assert (left(azure), suspended(azure)) == ([], False)


def test_what_is_known_of_the_owner_is_told() -> None:
    with repaired() as azure:
        now, _ = azure.sets.claims(WEB).read()
        for name, until in (("old", now - 5), ("new", now + 50)):
            azure.sets.claims(WEB).write(Claim(name, f"job {name}", until, rolling_back="a>b"))
        shown = [str(one) for one in look_at_claims(azure.sets.claims(WEB), Known(), azure.waiter())]
        assert min(shown).startswith("job new (run new): not known whether it still runs; expires in ")
        assert max(shown) == "job old (run old): its run has ended; it was rolling back"


HERE = ("-g", "canary-rg", "-n", "web")


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(Scenario(instances=3, repairs="Replace"), data_plane=False, time_scale=1000) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def tag(emulator: Emulator, text: str, run: str = "dead") -> None:
    group = emulator.backend.groups["canary-rg"]
    group.tags[f"vmss-jenkins.web.{run}"] = text


def test_the_command_shows_and_releases(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    tag(emulator, "until=1 back=a>b suspended=R owner=web-canary: rollout of x")
    assert main(["release-claim", *HERE, "--dry-run"]) == 0
    said = "the lock of web-canary: rollout of x (run dead): its run has ended; it was rolling back; suspended: "
    out = capsys.readouterr().out.splitlines()
    assert out == [
        f"canary-rg/web: would release {said}automatic repairs",
        "canary-rg/web: the rollback is unfinished: run `vmss-jenkins rollback`",
    ]
    assert main(["release-claim", *HERE, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["released"], found["resumed"], found["complete"]) == (["dead"], ["AutomaticRepairs"], True)
    assert main(["release-claim", *HERE]) == 0
    assert capsys.readouterr().out == "canary-rg/web: no lock is held\n"


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_the_command_refuses_a_lock_in_force(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], dry_run: tuple[str, ...]
) -> None:
    tag(emulator, "until=99999999999 back= owner=web-canary")
    assert main(["release-claim", *HERE, *dry_run]) == 1
    assert "give --force" in capsys.readouterr().err
    assert main(["release-claim", *HERE, *dry_run, "--force"]) == 0
    assert bool(dry_run) == any("vmss-jenkins.web." in name for name in emulator.backend.groups["canary-rg"].tags)


def test_a_set_that_does_not_exist_is_an_error_and_no_free_lock(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["release-claim", "-g", "canary-rg", "-n", "wep"]) == 1
    assert "ResourceNotFound" in capsys.readouterr().err
    assert main(["release-claim", "-g", "canary-rg", "-n", ""]) == 2


@pytest.mark.parametrize("waits", range(0, 14, 2))
def test_the_protection_of_a_killed_run_is_put_back_only_if_azure_would_upgrade_nothing_then(waits: int) -> None:
    """Mode Rolling: without the protection Azure would bring the release of the model to all instances."""
    with protection.following() as azure:
        life = Life(azure, waits)
        with pytest.raises(Killed):
            protection.roll(azure, NEW, life)
        azure.emulator.withdraw()
        azure.clock.sleep(2000)
        release(azure, put_back=lambda: put_protection_back(azure.sets, WEB, azure.waiter()))
        azure.clock.sleep(60)
        changed = azure.sets.get(WEB).image == azure.image(NEW)
        assert (protection.policies(azure) == protection.BEFORE) == (not changed)
        protection.scaled(azure)
        assert len(protection.having(azure, NEW)) <= 1, "nothing but the canary has the release"
        assert protection.roll(azure, NEW, owner="another").outcome is Outcome.ROLLED_OUT
        assert protection.policies(azure) == protection.BEFORE
