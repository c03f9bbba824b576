"""The claim of a run, as a tag's value, and which claims are in force."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import NEW, OLD
from vmss_jenkins.rollout.plan.claims import LONGEST_OWNER, Claim, expired, fingerprint, fitting, others


@given(
    st.text("abcdef0123456789", min_size=1, max_size=8),
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=150),
    st.integers(0, 10**11),
    st.sampled_from(["", fingerprint(NEW, OLD)]),
    st.sampled_from(["", "0123456789ab-4194304-99999999999"]),
)
def test_a_claim_reads_as_it_was_written(run: str, owner: str, until: int, back: str, process: str) -> None:
    claim = Claim(run, owner, float(until), back, process)
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
    claim = Claim("run", kept, 4102444800.0, fingerprint(NEW, OLD), "0123456789ab-4194304-99999999999")
    assert Claim.parse("run", claim.text()) == claim
    assert (fitting(other) == kept) == (other == owner)
    assert fitting(kept) == kept
    assert len(owner) > LONGEST_OWNER or kept == owner


def test_claims_in_force_are_those_of_others_that_have_not_expired() -> None:
    claims = [Claim("mine", "a", 200.0), Claim("live", "b", 200.0), Claim("dead", "c", 100.0)]
    assert [claim.run for claim in others(claims, "mine", 100.0)] == ["live"]
    assert [claim.run for claim in expired(claims, 100.0)] == ["dead"]


def test_a_fingerprint_tells_the_way_and_not_the_case_of_ids() -> None:
    assert fingerprint(NEW, OLD) != fingerprint(OLD, NEW)
    assert fingerprint(None, OLD) != fingerprint(NEW, OLD)
    assert len(fingerprint(NEW, OLD)) == 25
