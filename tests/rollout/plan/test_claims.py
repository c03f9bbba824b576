"""The claim of a run, as a tag's value, and which claims are in force."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import NEW, OLD
from vmss_jenkins.rollout.plan.claims import (
    LONGEST_OWNER,
    AnotherRollout,
    Claim,
    Ended,
    expired,
    fingerprint,
    fitting,
    others,
)


@given(
    st.text("abcdef0123456789", min_size=1, max_size=8),
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=150),
    st.integers(0, 10**11),
    st.sampled_from(["", fingerprint(NEW, OLD)]),
    st.sampled_from(["", "0123456789ab-4194304-99999999999"]),
    st.sampled_from([(), ("AutomaticRepairs",), ("AutomaticRepairs", "AutomaticZoneRebalancing", "Autoscale")]),
)
def test_a_claim_reads_as_it_was_written(
    run: str, owner: str, until: int, back: str, process: str, suspended: tuple[str, ...]
) -> None:
    claim = Claim(run, owner, float(until), back, process, suspended)
    assert Claim.parse(run, claim.text()) == claim


@pytest.mark.parametrize("text", ["", "until=x back= owner=me", "until=5", "owner=me", "until=5 back= owner="])
def test_what_is_no_claim_is_none(text: str) -> None:
    assert Claim.parse("run", text) is None


def test_a_claim_fits_into_a_tag_whoever_runs_it() -> None:
    assert len(Claim("run", "x" * 1000, 1e9, fingerprint(NEW, OLD)).text()) == 256


def test_a_claim_without_a_process_is_still_understood() -> None:
    """Versions before this one wrote claims that did not name their process."""
    assert Claim.parse("run", "until=5 back= owner=me: rollout of v2") == Claim("run", "me: rollout of v2", 5.0)
    assert Claim.parse("run", "until=5 back=a>b owner=me process=x") == Claim("run", "me process=x", 5.0, "a>b")


@given(st.text(min_size=1, max_size=400), st.text(min_size=1, max_size=400))
def test_an_owner_that_fits_is_read_as_it_was_written_and_is_nobody_elses(owner: str, other: str) -> None:
    kept = fitting(owner)
    services = ("AutomaticRepairs", "AutomaticZoneRebalancing")
    claim = Claim("run", kept, 4102444800.0, fingerprint(NEW, OLD), "0123456789ab-4194304-99999999999", services)
    assert Claim.parse("run", claim.text()) == claim
    assert (fitting(other) == kept) == (other == owner)
    assert fitting(kept) == kept
    assert len(owner) > LONGEST_OWNER or kept == owner


@pytest.mark.parametrize(("length", "kept"), [(LONGEST_OWNER, LONGEST_OWNER), (LONGEST_OWNER + 1, LONGEST_OWNER)])
def test_only_an_owner_that_is_too_long_is_cut_and_marked(length: int, kept: int) -> None:
    found = fitting("x" * length)
    assert len(found) == kept
    assert found.endswith("x" if length == LONGEST_OWNER else hashlib.sha256(b"x" * length).hexdigest()[:8])


def test_another_rollout_is_told_with_its_owner_and_when_its_lock_expires() -> None:
    other = Claim("run-1", "me: rollout of v2", 200.0)
    error = AnotherRollout(other, 80.4)
    assert (error.claim, error.seconds, error.args) == (other, 80.4, (other, 80.4))
    assert str(error) == (
        "another rollout of this scale set is under way: me: rollout of v2 (run run-1). Wait for its end, or stop it; "
        "if it was killed, its lock expires in 80 s"
    )


@given(
    st.integers(0, 10**11),
    st.sampled_from(["rolled out", "rolled back", "halted"]),
    st.text(st.characters(categories=["L", "N"]), max_size=60),
)
def test_how_a_rollout_ended_is_read_as_it_was_written(at: int, outcome: str, owner: str) -> None:
    ended = Ended(float(at), outcome, "nginx-base-image", owner)
    assert Ended.parse(ended.text()) == ended


@pytest.mark.parametrize("text", ["", "at=x outcome=a release=b owner=c", "until=5 back= owner=me", "at=5 outcome=a"])
def test_what_is_no_end_is_none(text: str) -> None:
    assert Ended.parse(text) is None


def test_an_end_is_told_with_its_time_in_utc_and_fits_into_a_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    ended = Ended(1795784400.4, "rolled out", "nginx-base-image", "me: rollout of v2")
    assert str(ended) == "2026-11-27 13:00 UTC rolled out (nginx-base-image) by me: rollout of v2"
    assert ended.text() == "at=1795784400 outcome=rolled out release=nginx-base-image owner=me: rollout of v2"
    assert len(Ended(1e9, "x" * 300, "y", "z").text()) == 256
    monkeypatch.undo()
    time.tzset()


def test_claims_in_force_are_those_of_others_that_have_not_expired() -> None:
    claims = [Claim("mine", "a", 200.0), Claim("live", "b", 200.0), Claim("dead", "c", 100.0)]
    assert [claim.run for claim in others(claims, "mine", 100.0)] == ["live"]
    assert [claim.run for claim in expired(claims, 100.0)] == ["dead"]


def test_a_fingerprint_tells_the_way_and_not_the_case_of_ids() -> None:
    assert fingerprint(NEW, OLD) != fingerprint(OLD, NEW)
    assert fingerprint(None, OLD) != fingerprint(NEW, OLD)
    assert len(fingerprint(NEW, OLD)) == 25
    assert fingerprint(replace(NEW, id=str(NEW.id).upper()), OLD) == fingerprint(NEW, OLD)
    digests = (hashlib.sha256(str(image).lower().encode()).hexdigest()[:12] for image in (NEW, OLD))
    assert fingerprint(NEW, OLD) == ">".join(digests), "claims that were written before stay readable"
